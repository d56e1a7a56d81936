package detect

import (
	"strings"
	"unicode/utf8"

	"bartizan/internal/detect/shell"
	"bartizan/internal/detect/sqli"
)

// What the gate notes of a value's bytes.
const (
	hasQuote     uint64 = 1 << iota // ' " `
	hasTick                         // `
	hasAngle                        // <
	hasDots                         // "..", "/.", "./" and "//" behind no colon
	hasBreak                        // ; | & ` and line breaks: what separates commands
	hasLine                         // line breaks
	hasParen                        // (
	hasShut                         // )
	hasBracket                      // [
	hasCompare                      // = < >
	hasComment                      // -- # /*
	hasEscape                       // %XX, \u, &#, overlong UTF-8: another layer
	hasSlash                        // /
	hasBackslash                    // \
	hasBrace                        // {
	hasDollar                       // $
	hasControl                      // below a space, line breaks too
	hasNUL
	hasSemicolon
	hasColon
	hasScope   // ::
	hasScheme  // a colon, then a slash or a digit
	hasPlus    // +
	hasArith   // + - * / % ^ | & ,
	hasStar    // *
	hasPercent // %
	hasHigh    // beyond ASCII
	hasGlob    // ? [
	hasCaret   // ^
	hasBang    // !
	hasAt      // @
	hasHyphen  // -
	hasHash    // #
	hasDigit
	hasHandler // a word of five letters or more that begins "on"
)

// interesting bits let a value through to the detectors' own gates.
const interesting = hasQuote | hasAngle | hasDots | hasBreak | hasControl | hasComment | hasBrace | hasDollar | hasSlash | hasBackslash | hasParen | hasShut | hasCompare | hasScheme | hasScope | hasBang | hasAt | hasStar | hasGlob | hasPercent | hasColon | hasHyphen

// Classes of words.
const (
	wordSQL     uint16 = 1 << iota // seldom in prose
	wordOp                         // or, and, like: common in prose
	wordHTML                       // script, javascript, svg
	wordShell                      // commands
	wordCode                       // functions and classes of languages
	wordCall                       // functions whose names are words, too
	wordFile                       // directories and files of systems
	wordHost                       // parts of hosts that only machines ask
	wordSure                       // names that only exploits send
	wordExploit                    // of published exploits
	wordCommon                     // in none of them, but no plain word either
)

// gateResult is what one pass over a value found.
type gateResult struct {
	bits    uint64
	words   uint16 // classes seen
	plain   int    // words of letters that are in no class
	known   int    // words in a class
	breaks  int    // line breaks
	letters int
}

var byteBits = func() (t [256]uint64) {
	for c, b := range map[byte]uint64{
		'\'': hasQuote, '"': hasQuote, '`': hasQuote | hasBreak | hasTick, '<': hasAngle | hasCompare, '>': hasCompare, '=': hasCompare,
		';': hasBreak | hasSemicolon, '|': hasBreak | hasArith, '&': hasBreak | hasArith, '(': hasParen, ')': hasShut, '[': hasBracket | hasGlob, '?': hasGlob, '#': hasComment | hasHash,
		'/': hasSlash | hasArith, '\\': hasBackslash, '{': hasBrace, '$': hasDollar, ':': hasColon, '+': hasPlus | hasArith, '-': hasArith | hasHyphen, '*': hasArith | hasStar,
		'%': hasArith | hasPercent, '^': hasArith | hasCaret, ',': hasArith, '!': hasBang, '@': hasAt, '~': hasBang,
	} {
		t[c] = b
	}
	for c := range 256 {
		switch {
		case c < ' ':
			t[c] |= hasControl
		case c >= 0x80:
			t[c] |= hasHigh
		case c >= '0' && c <= '9':
			t[c] |= hasDigit
		}
	}
	t['\n'] |= hasBreak | hasLine
	t['\r'] |= hasBreak | hasLine
	t[0] |= hasNUL
	return t
}()

// wordTable is a small open-addressing table of word hashes: 32 KiB.
type wordTable struct {
	slots [4096]wordSlot
	used  int
}

// full reports whether no more words should be put in: lookups would be slow,
// and a table without a free place has no end.
func (t *wordTable) full() bool { return t.used >= len(t.slots)*3/4 }

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
	alone, beside := sqli.Words()
	for _, w := range alone {
		t.longest(w, wordSQL|wordCall)
	}
	for _, w := range beside {
		t.longest(w, wordCall)
	}
	for _, w := range shell.Words() {
		t.longest(w, wordCall)
	}
	return t
}

// learn adds the names of the outside lists.
func (t *wordTable) learn(d *Detector, l Lists) {
	classes, functions := d.names.Words()
	for _, w := range classes {
		t.longest(w, wordCode)
	}
	for _, w := range functions {
		t.longest(w, wordCall)
	}
	for _, f := range systemFiles(l.SystemFiles) {
		first, _, _ := strings.Cut(f, "/")
		t.longest(first, wordFile)
	}
	for _, x := range l.Exploits {
		switch {
		case len(x.Text) == 0:
		case t.full():
			d.exploits.always = true
		default:
			t.longest(inner(x.Text), wordExploit)
		}
	}
}

// inner returns the longest run of letters of the literals that both ends of
// its literal part from what stands beside it.
func inner(text []string) string {
	best := ""
	for _, lit := range text {
		from := 1
		for i := 1; i < len(lit); i++ {
			if c := lit[i]; c|0x20-'a' < 26 || c == '_' {
				continue
			}
			if i-from > len(best) && !(lit[from-1]|0x20-'a' < 26 || lit[from-1] == '_') {
				best = lit[from:i]
			}
			from = i + 1
		}
	}
	return best
}

func (t *wordTable) put(h uint32, class uint16) {
	if h == 1 {
		return
	}
	for i := h % uint32(len(t.slots)); ; i = (i + 1) % uint32(len(t.slots)) {
		if s := &t.slots[i]; s.hash == h || s.hash == 0 {
			if s.hash == 0 {
				t.used++
			}
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

// longest adds the longest run of letters in a name, by which the gate knows it.
func (t *wordTable) longest(name string, class uint16) {
	best, from := "", 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && (name[i]|0x20-'a' < 26 || name[i] == '_') {
			continue
		}
		if i-from > len(best) {
			best = name[from:i]
		}
		from = i + 1
	}
	if len(best) > 1 {
		t.put(hashWord(strings.ToLower(best)), class)
	}
}

// gate makes the one pass: byte classes, and the classes of words. A word is a
// run of letters and underscores; collisions of hashes only wake a detector.
func (t *wordTable) gate(s string) gateResult {
	var g gateResult
	h, n := uint32(hashStart), 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if low := c | 0x20; low-'a' < 26 || c == '_' {
			if c != '_' {
				c = low
			}
			h = (h ^ uint32(c)) * hashPrime
			n++
			continue
		}
		if n > 0 {
			t.word(&g, s, i, h, n)
			h, n = hashStart, 0
		}
		g.bits |= byteBits[c] | pair(s, i, c)
		if c == '\n' {
			g.breaks++
		}
	}
	if n > 0 {
		t.word(&g, s, len(s), h, n)
	}
	return g
}

// pair returns the bits of what depends on the byte before or behind s[i].
func pair(s string, i int, c byte) (bits uint64) {
	switch c {
	case '.', '/', '-', '*', ':':
		if i+1 < len(s) {
			bits = pairs(s, i, c, s[i+1])
		}
	case '%', '\\', '&':
		if escapeAt(s, i) {
			bits = hasEscape
		}
	case '+', ' ':
		if i+4 < len(s) && s[i+4] == '-' {
			if _, n := utf7(s[i:]); n > 0 {
				bits = hasEscape
			}
		}
	default:
		if c >= 0xc0 && encodedAt(s, i) || c >= 0x80 && eighth(s, i) {
			bits = hasEscape
		}
	}
	return bits
}

func pairs(s string, i int, c, next byte) uint64 {
	switch {
	case c == '.' && (next == '.' || next == '/' || next == '\\'), c == '.' && next == ' ' && i+2 < len(s) && s[i+2] == '.', c == '/' && next == '.', c == '/' && next == '/' && (i == 0 || s[i-1] != ':'):
		return hasDots
	case c == '-' && next == '-', c == '/' && next == '*', c == '*' && next == '/':
		return hasComment
	case c == ':' && next == ':':
		return hasScope
	case c == ':' && (next == '/' || next == '\\' || next-'0' < 10):
		return hasScheme
	}
	return 0
}

// encodedAt reports whether the byte at s[i], beyond ASCII, begins a form that
// some decoder takes for ASCII.
func encodedAt(s string, i int) bool {
	_, n := encoded(s[i:])
	return n > 0
}

func (t *wordTable) word(g *gateResult, s string, end int, h uint32, n int) {
	g.letters += n
	if n < 2 {
		return
	}
	if n >= 5 && s[end-n]|0x20 == 'o' && s[end-n+1]|0x20 == 'n' {
		g.bits |= hasHandler
	}
	c := t.class(h | 1)
	g.words |= c
	if c&^(wordCall|wordHost|wordExploit) != 0 {
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
		"cookie", "window", "location", "xmlhttprequest", "settimeout", "isindex", "input", "button", "textarea", "select", "keygen", "src", "href", "mocha", "livescript", "atob", "import", "console", "msgbox", "execscript", "self", "top", "parent", "frames", "globalthis", "opener", "navigator", "localstorage", "sessionstorage", "reflect", "mhtml", "behavior", "behaviour", "evalasync", "constructor", "setinterval", "btoa"}},
	{wordShell, []string{"cat", "ls", "id", "whoami", "uname", "ping", "curl", "wget", "nc", "ncat", "netcat", "bash", "sh", "zsh", "ksh", "dash", "nslookup", "dig", "host", "echo", "printf", "ifconfig", "ipconfig", "dir",
		"type", "net", "powershell", "pwsh", "cmd", "python", "perl", "php", "ruby", "rm", "chmod", "chown", "touch", "ps", "netstat", "env", "printenv", "which", "find", "grep", "head", "tail", "less", "more", "sed",
		"awk", "xxd", "telnet", "socat", "tftp", "ftp", "scp", "ssh", "nmap", "kill", "reboot", "sleep", "busybox", "pwd", "passwd", "mkfifo", "lwp", "systeminfo", "tasklist", "reg", "certutil", "bitsadmin", "wmic", "mshta", "regsvr32", "rundll32",
		"ifs", "sudo", "su", "crontab", "gcc", "node", "exe", "bin", "tac", "nl", "od", "rev", "base", "hostname", "w", "who", "df", "mount", "cp", "mv", "mkdir", "vol", "ver", "set", "start", "timeout", "bash_version", "exist", "defined", "errorlevel", "cmdextversion", "equ", "neq", "lss", "leq", "gtr", "geq", "alias"}},
	{wordCode, []string{"jndi", "ldap", "rmi", "runtime", "getruntime", "processbuilder", "classloader", "ognl", "system", "passthru", "shell_exec", "popen", "proc_open", "phpinfo", "base_decode", "assert", "eval",
		"php", "include", "require", "exec", "exit", "die", "print", "echo", "__class__", "__import__", "__globals__", "__proto__", "__mro__", "__subclasses__", "constructor", "subprocess", "os", "java", "javax", "freemarker", "lang", "opensymphony", "xwork", "apache", "corba", "omg", "groovy", "rhino", "springframework", "sun", "clonetransformer", "forclosure", "instantiatefactory", "prototypeclonefactory", "whileclosure", "xmldecoder", "console", "process", "function", "while",
		"request", "config", "self", "cycler", "lipsum", "spring", "entity", "doctype", "where", "ne", "gt", "regex", "file_get_contents", "fwrite", "fopen", "rce", "lower", "upper", "env", "child_process", "md", "response", "write", "gopher", "dict", "expect", "phar", "zip", "glob", "data", "file", "filter", "set", "cookie", "class", "module"}},
	{wordSure, []string{"processbuilder", "getruntime", "ognl", "jndi", "invokertransformer", "instantiatetransformer", "templatesimpl", "unicastremoteobject", "classloader", "ysoserial", "clonetransformer", "forclosure", "instantiatefactory", "prototypeclonefactory", "prototypeserializationfactory", "whileclosure", "chainedtransformer", "constanttransformer", "jdbcrowsetimpl", "xmldecoder", "badattributevalueexpexception", "jndiconnectionpooldatasource", "fnstream", "objectdataprovider", "windowsidentity", "typeconfusedelegate", "textformattingrunproperties", "losformatter", "binaryformatter", "netdatacontractserializer", "objectinputstream", "bcelclassloader", "activitysurrogateselector", "psobject", "scriptenginemanager", "newfactory", "getenginebyname", "runtimeexec", "allowstaticmethodaccess", "memberaccess", "_memberaccess", "ognlcontext", "ognlutil", "denymethodexecution", "methodaccessor", "sstoolbox", "groovyshell", "child_process", "__js_function", "__definegetter__", "__definesetter__", "__builtins__", "__base__", "__bases__", "__getattribute__", "__reduce__", "_self", "auto_prepend_file", "auto_append_file", "allow_url_include", "disable_functions", "nd_func", "__schema", "__type", "prototype", "xsl", "xslt", "xalan", "saxon", "xinclude", "transform", "oast", "interact", "interactsh", "burpcollaborator", "oastify", "dnslog", "ceye", "bxss", "ro", "aced"}},
	{wordCall, []string{"external", "this", "content", "function", "throw", "fetch", "with", "while", "string", "new", "constructor", "delete", "void", "typeof", "feed", "view",
		"popen", "spawn", "execsync", "spawnsync", "execfile", "instance_eval", "class_eval", "module_eval", "getclass", "forname", "newinstance", "getmethod", "loadclass", "defineclass", "create_function", "preg_replace", "file_put_contents", "include_once", "require_once",
		"call_user_func", "phpversion", "print_r", "var_dump", "readfile", "show_source", "highlight_file", "unserialize", "decode", "str_rot", "gzinflate", "gzuncompress", "curl_exec", "getcwd", "scandir", "chr", "assert_options", "strip_tags", "usleep", "ini_set", "putenv", "dl", "mail",
		"get_defined_vars", "get_defined_constants", "array_map", "opendir", "move_uploaded_file", "pcntl_exec", "db", "match", "findone", "text", "node", "position", "count", "name", "length"}},
	{wordHost, []string{"metadata", "localtest", "lvh", "vcap", "lacolhost", "nip", "sslip", "xip", "rbndr", "localhost", "localdomain", "loopback", "internal", "docker", "containers", "kubernetes", "cluster", "instance", "rancher", "alibaba", "canarytokens", "requestbin", "localhost"}},
	{wordFile, []string{"winnt", "web", "boot", "win", "system", "proc", "passwd", "issue", "hosts", "shadow", "ini", "var", "usr", "root", "sys", "opt", "inetpub", "xampp", "wamp", "volumes", "users", "home", "mysql", "program", "phpmyadmin", "wp", "config", "htaccess", "bash_history", "ssh", "repair", "drivers", "php", "apache", "httpd", "expect", "phar", "filter", "etc", "passwd", "shadow", "proc", "environ", "win", "ini", "boot", "windows", "winnt", "web", "inf", "htpasswd", "id_rsa", "hosts", "system"}},
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
		return (rest[0] == 'u' || rest[0] == 'x') && isHex(rest[1]) || rest[0] == 'u' && rest[1] == '{' ||
			rest[0] == '0' && rest[1] == '0' || backslashedAt(s[i:])
	}
	return rest[0] == '#' || rest[0]|0x20-'a' < 26 && len(rest) > 2
}

// backslashedAt reports whether an octal escape or one of a filter's stands at the
// start of s.
func backslashedAt(s string) bool {
	_, n := backslashed(s)
	return n > 0
}

func isHex(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 6 }

// runeStart reports whether s may be cut before i.
func runeStart(s string, i int) bool { return i >= len(s) || utf8.RuneStart(s[i]) }
