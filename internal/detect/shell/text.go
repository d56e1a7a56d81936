package shell

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Texts and lists in which what looks like a separator is none.

// reference reports whether the semicolon at s[i] ends a character reference of HTML
// (&amp;, &#39;), or what is left of one in a name: amp;lang.
func reference(s string, i int) bool {
	j := i
	for j > 0 && i-j < 10 && (lex.WordByte(s[j-1]) || s[j-1] == '#') {
		j--
	}
	if j == i {
		return false
	}
	return j > 0 && s[j-1] == '&' || j == 0 && s[:i] == "amp"
}

// Reaches reports whether a command at s[i:] has an argument that only a command has:
// a page says "Terms &amp; mail", a shell reads "x &amp; cat /etc/passwd".
func (c Commands) Reaches(s string, i int) bool {
	i = lex.Skip(s, i, " \t")
	if programs.At(s, i) {
		return true
	}
	var buf [maxWord]byte
	name, end, _ := word(s, i, &buf)
	if !c.wordy(string(name)) && len(name) > 2 {
		return true
	}
	b := lex.Byte(s, lex.Skip(s, end, " \t+"))
	return len(name) > 1 && argument(s, end) == sureArgument && b != '<' && b != '>' && b != '{'
}

// column reports whether the backtick at s[i] begins a name in a list of names:
// `id`, `name`.
func column(s string, i int) bool {
	_, end, _ := plainWord(s, i+1)
	if lex.Byte(s, end) != '`' {
		return false
	}
	return lex.At(s, end, "`, `") || lex.At(s, end, "`,`") || i > 2 && (strings.HasSuffix(s[:i], "`, ") || strings.HasSuffix(s[:i], "`,"))
}

// tag reports whether a tag of a page stands at s[i:]: </p>, <br>, not </etc/passwd.
func tag(s string, i int) bool {
	j := i + 1
	if lex.Byte(s, j) == '/' {
		j++
	}
	from := j
	for j < len(s) && j-from < 12 && lex.WordByte(s[j]) {
		j++
	}
	j = lex.Skip(s, j, " /")
	return j > from && lex.Byte(s, j) == '>'
}

// item reports whether the bar at s[i] stands between the bare words of a list of at
// least three: red|cat|dog.
func (c *line) item(s string, i int) bool {
	if cells(s) {
		return true
	}
	if i == 0 || !lex.WordByte(s[i-1]) || !lex.WordByte(lex.Byte(s, i+1)) {
		return false
	}
	end := i + 1
	for end < len(s) && end-i < maxWord && lex.WordByte(s[end]) {
		end++
	}
	from := i
	for from > 0 && i-from < maxWord && lex.WordByte(s[from-1]) {
		from--
	}
	if !c.wordy(s[i+1:end]) || i-from < 2 && end-i < 3 || lex.Byte(s, from-1) == '\\' { // a|w, \input|ls
		return false
	}
	next, before := lex.Byte(s, end), lex.Byte(s, from-1)
	if next == '|' && lex.Byte(s, end+1) == '|' {
		return false
	}
	return next == '|' && lex.Byte(s, end+1) != 0 || before == '|' && (next == 0 || strings.IndexByte("|<&\"', ;)}", next) >= 0) && c.before(s, from-1)
}

// listed reports whether the sign at s[i] is one of at least three that part items, and
// a bare word stands behind it: a list that a program wrote.
func (c *line) listed(s string, i int) bool {
	k := strings.IndexByte(";|&", s[i])
	if c.Has(" ") {
		return false // its items have arguments
	}
	if c.parts[k] == 0 {
		c.parts[k] = strings.Count(s, s[i:i+1]) + 1
	}
	n, most := i+1, 4
	if lex.Byte(s, n) == s[i] { // ||
		n, most = n+1, 7
	}
	end := n
	for end < len(s) && end-n < maxWord && lex.Letter(s[end]) {
		end++
	}
	return c.parts[k] >= most && end > n && c.wordy(s[n:end]) && i > 0 && (end == len(s) && !strings.HasPrefix(s, s[i:i+1]) || lex.Byte(s, end) == s[i]) && s[i-1] > ' ' && strings.IndexByte("'\")`", s[i-1]) < 0
}

// wordy reports whether a name is a word that lists have, as commands' names go: whoami
// is none.
func (c Commands) wordy(name string) bool {
	return c.of([]byte(name)) != Telling ||
		lex.OneOf(name, "id", "cat", "dir", "ping", "dash", "ps", "touch", "perl", "python", "ver", "sleep", "echo",
			"rm", "nc", "sh", "cmd", "expr", "ls", "time")
}

// cells reports whether s is a row of a table: at least three bars with spaces around
// them, and nothing in it that a command has besides words.
func cells(s string) bool {
	return len(s) < 1024 && strings.Count(s, " | ") >= 3 && !strings.ContainsAny(s, "/;&$<>=\\\n") &&
		!strings.Contains(s, " -") && !strings.Contains(s, "||")
}

// before reports whether a word that is no command stands somewhere before the bar at
// s[i]: what a list begins with.
func (c *line) before(s string, i int) bool {
	from := i
	for from > 0 && i-from < maxWord && lex.WordByte(s[from-1]) {
		from--
	}
	return from < i
}

// Call reports whether a value in lower case is the call of a command: its name alone,
// or with options, a path, a host, or a word that only it takes.
func (c Commands) Call(s string) bool {
	var buf [maxWord]byte
	name, end, _ := word(s, lex.Skip(s, 0, " \t"), &buf)
	if strings.HasSuffix(s[end:], ";") && !strings.Contains(s[end:], " ") {
		s = strings.TrimRight(s, ";")
	}
	switch class := c.of(name); {
	case class == Unknown || lex.Prose(s, 5) > 4:
		return false
	case class == Telling:
		return argument(s, end) != textArgument || string(name) == "ps" || string(name) == "echo"
	}
	return argument(s, end) >= likelyArgument || orders(name, s, end)
}

// titled reports whether a bare word in backticks at s[i] stands in the name of a file:
// `id`.txt.
func titled(s string, i int) bool {
	_, end, _ := plainWord(s, i+1)
	return lex.At(s, end, "`.") && lex.Letter(lex.Byte(s, end+2)) && lex.Letter(lex.Byte(s, end+3))
}
