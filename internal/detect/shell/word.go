package shell

import (
	"strings"

	"bartizan/internal/detect/lex"
)

const (
	maxWord  = 40
	maxMarks = 12 // quotes, escapes and empty variables in a word: each may begin one, too
)

// word reads the word at s[i:] as a shell does: quotes, escapes and empty
// variables inside it are taken out, and tricked says that there were any.
func word(s string, i int, buf *[maxWord]byte) (name []byte, end int, tricked bool) {
	n, marks := 0, 0
	var quote byte // that is open
	for i < len(s) && n < maxWord && marks < maxMarks {
		c := s[i]
		switch {
		case lex.WordByte(c) || c == '-' && n > 0 || c == '.' && n > 0 || c == '+' && n > 0:
			if marks > 0 && n > 0 {
				tricked = true
			}
			buf[n] = c
			n++
			i++
			continue
		case c == '\\' && n > 0 && escapes(s, i) > 0:
			i += escapes(s, i)
		case c == '^' && n > 0:
			i++
		case c == quote && quote != 0:
			quote = 0
			i++
		case (c == '\'' || c == '"') && n > 0 && inside(s, i, c):
			quote = c
			i++
		case c == '`' && lex.Byte(s, i+1) == '`':
			i += 2
		case c == '$' && n > 0:
			k := variable(s, i)
			if k == 0 {
				return buf[:n], i, tricked
			}
			i += k
		default:
			return buf[:n], i, tricked
		}
		marks++
	}
	return buf[:n], i, tricked
}

// inside reports whether a quote at s[i] stands inside a word: another one
// follows soon, and letters after it.
func inside(s string, i int, q byte) bool {
	for j := i + 1; j < len(s) && j < i+12; j++ {
		if s[j] == q {
			return lex.WordByte(lex.Byte(s, j+1)) || j > i+1 || lex.Byte(s, j+1) == q || lex.Byte(s, j+1) == ' '
		}
		if !lex.WordByte(s[j]) {
			return false
		}
	}
	return false
}

// maxUnset is how long a variable's name may be that is taken for an empty one's.
const maxUnset = 3

// escapes returns how many backslashes at s[i:] stand before a letter inside a word: one,
// or two where the value was escaped once more.
func escapes(s string, i int) int {
	n := 1
	switch {
	case s[i:] == "\\n" || s[i:] == "\\r\\n":
		return 0 // the end of a line
	case lex.Byte(s, i+1) == '\\':
		n = 2
	}
	if !lex.WordByte(lex.Byte(s, i+n)) {
		return 0
	}
	return n
}

// variable returns the length of an expansion that is empty: $@, $*, $9, ${x}, $(), $u.
func variable(s string, i int) int {
	switch c := lex.Byte(s, i+1); {
	case c == '@' || c == '*' || c == '!' || lex.Digit(c):
		return 2
	case lex.At(s, i, "$()"):
		return 3
	case lex.Letter(c):
		if w := lex.Word(s, i+1); len(w) <= maxUnset {
			return 1 + len(w)
		}
	case c == '{':
		if j := strings.IndexByte(s[i:min(len(s), i+24)], '}'); j > 0 {
			return j + 1
		}
	}
	return 0
}

// plainWord reads a word without taking anything out.
func plainWord(s string, i int) (name []byte, end int, tricked bool) {
	var buf [maxWord]byte
	n := 0
	for i < len(s) && n < maxWord && lex.WordByte(s[i]) {
		buf[n] = s[i]
		n++
		i++
	}
	return buf[:n], i, false
}

// first judges a value that is a command line from its first word on.
func (c Commands) first(s string) lex.Strength {
	i := lex.Skip(s, 0, " \t'\"\\(@")
	var buf [maxWord]byte
	name, end, tricked := word(s, i, &buf)
	class := c.of(name)
	if class == Unknown {
		return lex.None
	}
	n := lex.Skip(s, end, " \t")
	switch {
	case tricked && len(name) > 2 && class == Telling:
		return lex.Likely
	case len(name) > 5 && strings.IndexByte(string(name[1:]), '-') > 0 && class == Telling: // Invoke-Expression
		if n < len(s) || i > 0 {
			return lex.Likely
		}
		return lex.Hint
	case lex.OneOf(string(name), "bash", "sh", "zsh", "ksh", "busybox", "powershell", "powershell.exe", "pwsh", "cmd", "cmd.exe", "time", "timeout", "sudo", "env", "nohup", "strace", "ltrace", "xargs", "setsid", "stdbuf", "nice") && n > end:
		rest := lex.Ahead(s, n)
		if next, _, _ := plainWord(s, n); (class == Plain || name[0] == 's' && name[1] == 't' || name[0] == 'l') && c.of(next) == Telling && (len(next) > 3 && string(next) != "echo" && string(next) != "touch" && string(next) != "sleep" && string(next) != "ping") {
			return lex.Likely
		}
		if strings.HasPrefix(rest, "-c ") || strings.HasPrefix(rest, "-i ") || strings.HasPrefix(rest, "/c ") || strings.HasPrefix(rest, "-e") || strings.HasPrefix(rest, "-nop") || strings.HasPrefix(rest, "-w ") || strings.Contains(rest, "sh -c") || strings.Contains(rest, ".exe") {
			return lex.Likely
		}
	case class == Telling && end < len(s) && strings.IndexByte(";\x0b", s[end]) >= 0 && (lex.Byte(s, end+1) == '-' || lex.Byte(s, end+1) == '/'): // separators that cmd takes for spaces
		return lex.Likely
	case class == Telling && strings.HasSuffix(s, "#") && n > end && strings.Contains(s, ">"):
		return lex.Likely
	case class == Telling && lex.At(s, n, "http") && !strings.ContainsAny(s[n:], " ;|&`$<>"):
		return lex.Hint // an address, as people look for one
	case class == Telling && argument(s, end) == sureArgument && lex.Byte(s, n) != '-':
		if lex.OneOf(string(name), "cat", "wget", "curl", "nc", "ncat", "zcat", "zstdcat", "tac", "rm", "chmod", "certutil", "certutil.exe", "bitsadmin", "ping", "nslookup") {
			return lex.Likely
		}
		return lex.Hint
	}
	return lex.None
}

// named judges a parameter's name that is a command with its arguments.
func (c Commands) named(s string) lex.Strength {
	var buf [maxWord]byte
	name, end, _ := word(s, 0, &buf)
	if c.of(name) == Telling && end+1 < len(s) && s[end] == ' ' && lex.Prose(s, 5) < 4 {
		return lex.Likely
	}
	return lex.None
}

// leading judges a command behind the separator at s[i] with which a value
// begins, its first bytes aside: whatever its arguments are.
func (c Commands) leading(s string, i, next int) lex.Strength {
	if i > 16 {
		return lex.None
	}
	next = lex.Skip(s, next, " \t'\"\\")
	if !begins(lex.Byte(s, next)) {
		return lex.None
	}
	var buf [maxWord]byte
	name, end, tricked := word(s, next, &buf)
	if lex.Skip(s, 0, " \t'\"0123456789)$`\\};\n|&*/.") < i || len(name) == 0 {
		return lex.None
	}
	class := c.of(name)
	b := lex.Byte(s, end)
	switch {
	case class == Unknown:
		return lex.None
	case tricked:
		return lex.Certain
	case (b == '&' || b == '|' || b == ';') && end+1 == len(s): // &set&
	case b != 0 && b != ' ' && b != '\t' && b != '"' && b != '\'' && b != '+' && b != '<':
		return lex.None
	case class == Plain:
		if argument(s, end) == sureArgument || orders(name, s, end) {
			return lex.Certain
		}
		if len(s)-end < 24 && lex.Prose(s[end:], 3) < 3 && s[i] != '\n' && s[i] != '\r' {
			return lex.Likely
		}
		return lex.Hint
	case strings.Contains(lex.Ahead(s, end), "$(") || b == '\t':
		return lex.Certain
	}
	return lex.Likely
}

// programs are directories of programs, and what runs another one.
var programs = lex.NeedlesOf("/usr/local/bin/", "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "sudo ", "bin/")

// begins reports whether a command's name can begin with c.
func begins(c byte) bool { return lex.WordByte(c) || c == '/' || c == '`' || c == '$' || c == '.' }

// beforeCommand is what a shell passes before a command.
var beforeCommand = lex.SetOf(" \t({'\"\\@!+")

// run judges a command at s[i:]. tight says that the separator before it is
// rare outside shells.
func (c *line) run(s string, i int, tight bool) lex.Strength {
	start := i
	for i < len(s) && i <= start+5 && beforeCommand[s[i]] {
		i++
	}
	if i-start > 5 || !begins(lex.Byte(s, i)) {
		return lex.None
	}
	if tight && (lex.At(s, i, "$0 -") || lex.At(s, i, "$shell -") || lex.At(s, i, "$bash -")) {
		return lex.Likely // the shell itself
	}
	if n := c.prefix(s, i); n > 0 {
		return c.prefixed(s, i, n, tight)
	}
	if programs.At(s, i) {
		return lex.Certain
	}
	if s[i] == '/' {
		return max(glob(s, i), guesses(s, i))
	}
	var buf [maxWord]byte
	name, end, tricked := word(s, i, &buf)
	class := c.of(name)
	if class == Unknown || lex.Byte(s, end) >= 0xc2 && !lex.At(s, end, "\u00a0-") || lex.Byte(s, end) == '=' || lex.Byte(s, end) == ':' || lex.At(s, end, "\":") || len(name) > 0 && lex.Byte(s, end) == '(' {
		return lex.None
	}
	if tricked && len(name) > 2 {
		return lex.Certain
	}
	arg := argument(s, end)
	if arg == textArgument && class == Plain && orders(name, s, end) {
		arg = likelyArgument
	}
	counts := lex.OneOf(string(name), "sleep", "ping", "timeout", "usleep", "ping6", "nc", "ncat", "telnet", "nmap", "traceroute", "nslookup", "kill")
	if arg == likelyArgument && !counts && lex.Digit(lex.Byte(s, lex.Skip(s, end, " \t+"))) {
		arg = textArgument // a version, a quantity
	}
	switch {
	case arg == sureArgument && tight:
		return lex.Certain
	case arg == likelyArgument && tight && counts:
		return lex.Certain
	case arg == likelyArgument && tight:
		return lex.Likely
	case class == Plain && arg == noArgument && tight && s[start] == ' ' && lex.Byte(s, end) != '\'' && lex.Byte(s, end) != '"' &&
		(lex.Byte(s, end) == ';' || start > 1 && lex.Letter(s[start-2]) || lex.At(s, end, " ||") || lex.At(s, end, " &&")): // lists: Java; Python, c && java || go; a sentence: it's over; date
	case class == Plain && arg == noArgument && tight && len(name) > 2:
		return lex.Likely
	case class == Telling && arg == noArgument && tight && idle(string(name)):
		if s[start] == ' ' {
			return lex.Hint
		}
		return lex.Likely
	case class == Telling && arg == noArgument && tight:
		return lex.Certain
	case class == Telling && arg == noArgument && idle(string(name)): // dog & cat
		return lex.None
	case class == Plain && arg == noArgument && len(name) < 3:
		return lex.Hint
	case class == Telling && arg != textArgument, counts && arg == likelyArgument && c.Prose(5) < 4:
		return lex.Likely
	case arg == textArgument && tight && c.goesOn(s, end):
		return lex.Likely
	case class == Telling && tight && start >= 2 && outOf(s, start) && lex.Prose(lex.Ahead(s, end), 5) < 4:
		return lex.Likely
	}
	return lex.None
}

// idle reports whether a command does nothing without an argument.
func idle(name string) bool {
	return lex.OneOf(name, "cat", "tac", "zcat", "bzcat", "xzcat", "zstdcat", "curl", "wget", "nc", "ncat", "netcat", "ping", "nslookup", "rm", "touch", "chmod", "chown", "sleep", "expr", "telnet", "tftp", "echo", "perl", "nmap", "unxz")
}

// outOf reports whether the separator before s[i] follows a quote: the value
// leaves a string there.
func outOf(s string, i int) bool {
	for j := i - 1; j >= 0 && j >= i-4; j-- {
		switch s[j] {
		case ';', '|', '&', ' ':
		case '"', '\'':
			return true
		default:
			return false
		}
	}
	return false
}

// goesOn reports whether words behind a command are arguments: an option, a
// path or another separator follows them soon.
func (c *line) goesOn(s string, i int) bool {
	if c.pipes == 0 {
		c.pipes = min(strings.Count(s, "|"), 3) + 1
	}
	rest := s[i:min(len(s), i+48)]
	if j := strings.IndexAny(rest, ".\n"); j >= 0 && (j+1 == len(rest) || rest[j+1] == ' ') {
		return false
	}
	return strings.Contains(rest, " -") && !strings.Contains(rest, " - ") || strings.Contains(rest, " /") || strings.Contains(rest, "|") && c.pipes < 4 || strings.Contains(rest, " >") && lex.Prose(rest, 4) < 3
}

// What stands behind a command.
type argumentKind uint8

const (
	textArgument   argumentKind = iota // anything: a word of prose
	noArgument                         // the end, or another separator
	likelyArgument                     // an option, an address, a number
	sureArgument                       // a path, ${IFS}, a redirection
)

// domain reports whether s begins with a name of a host.
func domain(s string) bool {
	dots := 0
	for i := 0; i < len(s) && i < 100; i++ {
		switch c := s[i]; {
		case c == '.' && i > 0 && i+1 < len(s) && lex.WordByte(s[i+1]):
			dots++
		case lex.WordByte(c) || c == '-':
		default:
			return dots > 0 && c != '('
		}
	}
	return dots > 0
}

func argument(s string, i int) argumentKind {
	n := lex.Skip(s, i, " \t+")
	if n >= len(s) {
		return noArgument
	}
	rest := s[n:]
	switch s[n:] {
	case "//", "\\\\", "\\", "\\n", "\\r\\n":
		return noArgument // what hides the rest of the application's own line, or ends it
	}
	q := n > i && (rest[0] == '\'' || rest[0] == '"') && len(rest) > 2
	if q {
		rest = rest[1:]
	}
	b := lex.Byte(rest, 1)
	switch {
	case rest[0] == '<' && tag(rest, 0):
		return textArgument
	case (rest[0] == '<' || rest[0] == '>') && lex.Digit(lex.Byte(rest, lex.Skip(rest, 1, "= "))):
		return textArgument // a comparison
	case rest == "$":
		return textArgument
	case rest[0] == '$' || rest[0] == '<' || rest[0] == '>' || rest[0] == '{':
		return sureArgument
	case n > i && (rest[0] == '/' && (lex.WordByte(b) || b == '?' || b == '*') || strings.HasPrefix(rest, "http") || strings.HasPrefix(rest, "../") || strings.HasPrefix(rest, "./") || lex.Letter(rest[0]) && b == ':' || rest[0] == '%' && lex.Letter(b) || rest[0] == '\\' && b == '\\'):
		return sureArgument
	case n > i && rest[0] == '-' && (lex.WordByte(b) || b == '-'):
		return sureArgument
	case q:
		return textArgument
	case strings.IndexByte(";|&`)\n\r#'\"", rest[0]) >= 0:
		return noArgument
	case n > i && (lex.Digit(rest[0]) || rest[0] == '/'), n > i && domain(rest):
		return likelyArgument
	}
	return textArgument
}
