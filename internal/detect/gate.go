package detect

import (
	"unicode/utf8"
)

// What the gate notes of a value's bytes.
const (
	hasQuote   uint32 = 1 << iota // ' " `
	hasAngle                      // <
	hasDots                       // ".."
	hasBreak                      // ; | & ` and line breaks: what separates commands
	hasParen                      // (
	hasCompare                    // = < >
	hasComment                    // -- # /*
	hasEscape                     // %XX, \u, &#, overlong UTF-8: another layer
	hasSlash                      // / \
	hasBrace                      // {
	hasDollar                     // $
	hasNUL
	hasSemicolon
	hasColon
	hasPlus
)

// interesting bits let a value through to the detectors' own gates.
const interesting = hasQuote | hasAngle | hasDots | hasBreak | hasComment | hasBrace | hasDollar | hasNUL | hasSlash

// Classes of words.
const (
	wordSQL    uint16 = 1 << iota // seldom in prose
	wordOp                        // or, and, like: common in prose
	wordHTML                      // script, javascript, svg
	wordShell                     // commands
	wordCode                      // functions and classes of languages
	wordFile                      // directories and files of systems
	wordSure                      // names that only exploits send
	wordCommon                    // in none of them, but no plain word either
)

// gateResult is what one pass over a value found.
type gateResult struct {
	bits    uint32
	words   uint16 // classes seen
	plain   int    // words of letters that are in no class
	known   int    // words in a class
	breaks  int    // line breaks
	letters int
}

var byteBits = func() (t [256]uint32) {
	for c, b := range map[byte]uint32{
		'\'': hasQuote, '"': hasQuote, '`': hasQuote | hasBreak, '<': hasAngle | hasCompare, '>': hasCompare, '=': hasCompare,
		';': hasBreak | hasSemicolon, '|': hasBreak, '&': hasBreak, '\n': hasBreak, '\r': hasBreak, '(': hasParen, '#': hasComment,
		'/': hasSlash, '\\': hasSlash, '{': hasBrace, '$': hasDollar, 0: hasNUL, ':': hasColon, '+': hasPlus,
	} {
		t[c] = b
	}
	return t
}()

// wordTable is a small open-addressing table of word hashes: 8 KiB.
type wordTable struct{ slots [1024]wordSlot }

type wordSlot struct {
	hash  uint32
	class uint16
}

func newWordTable() wordTable {
	var t wordTable
	for _, g := range gateWords {
		for _, w := range g.words {
			t.put(hashWord(w), g.class)
		}
	}
	return t
}

func (t *wordTable) put(h uint32, class uint16) {
	for i := h % uint32(len(t.slots)); ; i = (i + 1) % uint32(len(t.slots)) {
		if s := &t.slots[i]; s.hash == h || s.hash == 0 {
			s.hash = h
			s.class |= class
			return
		}
	}
}

func (t *wordTable) class(h uint32) uint16 {
	for i := h % uint32(len(t.slots)); ; i = (i + 1) % uint32(len(t.slots)) {
		if s := &t.slots[i]; s.hash == h || s.hash == 0 {
			return s.class
		}
	}
}

func hashWord(w string) uint32 {
	h := uint32(hashStart)
	for i := 0; i < len(w); i++ {
		h = (h ^ uint32(w[i])) * hashPrime
	}
	return h | 1
}

// FNV-1a (Fowler, Noll, Vo).
const (
	hashStart = 2166136261
	hashPrime = 16777619
)

// gate makes the one pass: byte classes, and the classes of words. A word is a
// run of letters and underscores; collisions of hashes only wake a detector.
func (t *wordTable) gate(s string) gateResult {
	var g gateResult
	h, n := uint32(hashStart), 0
	var last byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if low := c | 0x20; low-'a' < 26 || c == '_' {
			if c != '_' {
				c = low
			}
			h = (h ^ uint32(c)) * hashPrime
			n++
			last = c
			continue
		}
		if n > 0 {
			t.word(&g, h, n)
			h, n = hashStart, 0
		}
		g.bits |= byteBits[c]
		switch c {
		case '.':
			if last == '.' {
				g.bits |= hasDots
			}
		case '-':
			if last == '-' {
				g.bits |= hasComment
			} else if i >= 4 && s[i-3]|0x20 == 'a' && (s[i-4] == '+' || s[i-4] == ' ') {
				if _, n := utf7(s[i-4:]); n > 0 {
					g.bits |= hasEscape
				}
			}
		case '*':
			if last == '/' {
				g.bits |= hasComment
			}
		case '\n':
			g.breaks++
		case '%', '\\', '&':
			if escapeAt(s, i) {
				g.bits |= hasEscape
			}
		default:
			if c == 0xc2 && i+1 < len(s) && s[i+1] == 0xbc || c == 0xc0 || c == 0xc1 || c == 0xc3 && i+3 < len(s) && s[i+1] <= 0x81 && s[i+2] == 0xc2 || c == 0xe0 && i+2 < len(s) && s[i+1] == 0x80 || c == 0xef && i+2 < len(s) && s[i+1] >= 0xbc {
				g.bits |= hasEscape
			}
		}
		last = c
	}
	if n > 0 {
		t.word(&g, h, n)
	}
	return g
}

func (t *wordTable) word(g *gateResult, h uint32, n int) {
	g.letters += n
	if n < 2 {
		return
	}
	if c := t.class(h | 1); c != 0 {
		g.words |= c
		g.known++
	} else {
		g.plain++
	}
}

// gateWords are the words that wake detectors. They decide nothing.
var gateWords = [...]struct {
	class uint16
	words []string
}{
	{wordSQL, []string{"select", "union", "insert", "update", "delete", "drop", "truncate", "alter", "exec", "execute", "declare", "waitfor", "sleep", "pg_sleep", "benchmark",
		"having", "information_schema", "sysobjects", "syscolumns", "sqlite_master", "pg_catalog", "xp_cmdshell", "sp_executesql", "load_file", "outfile", "dumpfile",
		"extractvalue", "updatexml", "concat", "concat_ws", "group_concat", "char", "chr", "nchar", "ascii", "substring", "substr", "mid", "ord", "cast", "convert", "hex", "unhex",
		"dbms_pipe", "dbms_lock", "utl_inaddr", "utl_http", "ctxsys", "rlike", "regexp", "randomblob", "generate_series", "regexp_substring", "make_set", "elt", "procedure", "analyse",
		"isnull", "ifnull", "nullif", "row_count", "schema_name", "table_name", "database", "version", "sysdate", "crypt_key", "rdb", "dual", "msysobjects", "all_users", "bulk", "openrowset", "shutdown", "null", "delay", "receive_message"}},
	{wordOp, []string{"or", "and", "xor", "like", "between", "not", "in", "is", "order", "group", "by", "limit", "from", "where", "case", "when", "if", "div", "mod", "true", "false", "sounds", "as", "then", "else", "end"}},
	{wordHTML, []string{"script", "javascript", "vbscript", "iframe", "svg", "onerror", "onload", "onclick", "onmouseover", "onfocus", "alert", "prompt", "confirm", "document", "eval",
		"fromcharcode", "srcdoc", "img", "embed", "object", "applet", "meta", "base", "link", "style", "expression", "math", "video", "audio", "body", "marquee", "details", "xlink", "formaction",
		"cookie", "window", "location", "xmlhttprequest", "settimeout", "isindex", "input", "button", "textarea", "select", "keygen", "src", "href", "mocha", "livescript", "atob", "import", "console"}},
	{wordShell, []string{"cat", "ls", "id", "whoami", "uname", "ping", "curl", "wget", "nc", "ncat", "netcat", "bash", "sh", "zsh", "ksh", "dash", "nslookup", "dig", "host", "echo", "printf", "ifconfig", "ipconfig", "dir",
		"type", "net", "powershell", "pwsh", "cmd", "python", "perl", "php", "ruby", "rm", "chmod", "chown", "touch", "ps", "netstat", "env", "printenv", "which", "find", "grep", "head", "tail", "less", "more", "sed",
		"awk", "xxd", "telnet", "socat", "tftp", "ftp", "scp", "ssh", "nmap", "kill", "reboot", "sleep", "busybox", "pwd", "passwd", "mkfifo", "lwp", "systeminfo", "tasklist", "reg", "certutil", "bitsadmin",
		"ifs", "sudo", "su", "crontab", "gcc", "node", "exe", "bin", "tac", "nl", "od", "rev", "base", "hostname", "w", "who", "df", "mount", "cp", "mv", "mkdir", "vol", "ver", "set", "start", "timeout", "bash_version"}},
	{wordCode, []string{"jndi", "ldap", "rmi", "runtime", "getruntime", "processbuilder", "classloader", "ognl", "system", "passthru", "shell_exec", "popen", "proc_open", "phpinfo", "base_decode", "assert", "eval",
		"php", "include", "require", "exec", "exit", "die", "print", "echo", "__class__", "__import__", "__globals__", "__proto__", "__mro__", "__subclasses__", "constructor", "subprocess", "os", "java", "javax", "freemarker", "lang", "opensymphony", "xwork", "apache", "corba", "omg", "groovy", "rhino", "springframework", "sun", "clonetransformer", "forclosure", "instantiatefactory", "prototypeclonefactory", "whileclosure", "xmldecoder", "console", "process", "function", "while",
		"request", "config", "self", "cycler", "lipsum", "spring", "entity", "doctype", "where", "ne", "gt", "regex", "file_get_contents", "fwrite", "fopen", "rce", "lower", "upper", "env", "child_process", "md", "response", "write", "gopher", "dict", "expect", "phar", "zip", "glob", "data", "file", "filter", "set", "cookie", "class", "module"}},
	{wordSure, []string{"processbuilder", "getruntime", "ognl", "jndi", "invokertransformer", "instantiatetransformer", "templatesimpl", "unicastremoteobject", "classloader", "ysoserial", "oast", "interact", "interactsh", "burpcollaborator", "oastify", "dnslog", "ceye", "bxss", "ro", "aced"}},
	{wordFile, []string{"etc", "passwd", "shadow", "proc", "environ", "win", "ini", "boot", "windows", "winnt", "web", "inf", "htpasswd", "id_rsa", "hosts", "system"}},
	{wordCommon, []string{"http", "https", "www", "com", "org", "html", "utf", "px", "nbsp", "amp", "lt", "gt", "quot", "apos", "abc", "xss", "test", "admin", "aaa"}},
}

// escapeAt reports whether an encoded byte begins at s[i]: %41, %u0041, \u0041,
// \x41, &#65; or &lt;.
func escapeAt(s string, i int) bool {
	rest := s[i+1:]
	switch {
	case len(rest) < 2:
		return false
	case s[i] == '%':
		return isHex(rest[0]) && isHex(rest[1]) || rest[0]|0x20 == 'u' && len(rest) >= 5
	case s[i] == '\\':
		return (rest[0] == 'u' || rest[0] == 'x') && isHex(rest[1])
	}
	return rest[0] == '#' || rest[0]|0x20-'a' < 26 && len(rest) > 2
}

func isHex(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 6 }

// runeStart reports whether s may be cut before i.
func runeStart(s string, i int) bool { return i >= len(s) || utf8.RuneStart(s[i]) }
