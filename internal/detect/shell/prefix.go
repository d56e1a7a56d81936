package shell

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// prefix returns the length of what a shell passes before a command's name at s[i:]:
// words of its own grammar, and variables that nobody set. 0 if there is none.
func (c *line) prefix(s string, i int) int {
	if s[i] == '$' {
		if b := lex.Byte(s, i+1); b == '\'' || b == '"' {
			return 2 // $'id'
		}
		n := variable(s, i)
		if lex.At(s, i, "$0") && n == 2 && lex.At(s, i+2, " -") {
			return 0
		}
		if n > 0 {
			return lex.Skip(s, i+n, " ") - i
		}
		return 0
	}
	w := lex.Word(s, i)
	if len(w) < 2 || len(w) > 7 || lex.Byte(s, i+len(w)) != ' ' && lex.Byte(s, i+len(w)) != '\t' {
		return 0
	}
	switch w {
	case "then", "do", "else", "exec", "eval", "command", "builtin", "if", "while", "until", "nohup", "coproc":
		return lex.Skip(s, i+len(w), " \t") - i
	}
	return 0
}

// prefixed judges a command behind n bytes of what a shell passes, at s[i:].
func (c *line) prefixed(s string, i, n int, tight bool) lex.Strength {
	var buf [maxWord]byte
	next := i + n
	if s[i] == '$' && lex.Byte(s, next) == '$' {
		if m := c.prefix(s, next); m > 0 {
			next += m
		}
	}
	if !begins(lex.Byte(s, next)) {
		return lex.None
	}
	name, end, tricked := word(s, next, &buf)
	class := c.of(name)
	if class == Unknown {
		return lex.None
	}
	arg := argument(s, end)
	if s[i] != '$' {
		if class == Telling && arg != textArgument && tight {
			return lex.Likely
		}
		return lex.None
	}
	switch {
	case lex.At(s, i, "$'"), lex.At(s, i, "$\""):
		if b := lex.Byte(s, end); b == s[i+1] && tight {
			return lex.Certain
		}
		return lex.None
	case class == Telling && (arg != textArgument || tricked || n == 2 || s[i+n-1] != ' '):
		return lex.Likely
	case class == Plain && arg == sureArgument:
		return lex.Likely
	}
	return lex.None
}

// roots are directories of systems, as a shell's patterns may name them.
var roots = [...]string{"bin", "usr", "etc", "dev", "tmp", "var", "opt", "sbin", "root", "home", "proc", "lib"}

// guesses judges a path at s[i:] in which a shell guesses letters of a directory of the
// system's, where a command was due: /u??/b??/n?.
func guesses(s string, i int) lex.Strength {
	end := strings.IndexByte(s[i+1:min(len(s), i+8)], '/')
	if end < 2 {
		return lex.None
	}
	first, marks := s[i+1:i+1+end], 0
	for j := i; j < len(s) && j < i+48 && s[j] > ' '; j++ {
		if s[j] == '?' || s[j] == '*' {
			marks++
		}
	}
	if marks == 0 || strings.IndexByte(first, '?') < 0 && strings.IndexByte(first, '*') < 0 && marks < 2 {
		return lex.None
	}
	for _, r := range roots {
		if fits(first, r) {
			return lex.Certain
		}
	}
	return lex.None
}

// fits reports whether a pattern of letters and question marks, or of one star, is one
// of name.
func fits(pattern, name string) bool {
	if before, after, star := strings.Cut(pattern, "*"); star {
		return strings.IndexByte(after, '*') < 0 && len(before)+len(after) <= len(name) && strings.HasPrefix(name,
			before) && strings.HasSuffix(name, after)
	}
	if len(pattern) != len(name) {
		return false
	}
	for i := range len(name) {
		if pattern[i] != name[i] && pattern[i] != '?' {
			return false
		}
	}
	return true
}

// ordered are commands of Windows that are words, and what only they take as their
// first word.
var ordered = [...]struct {
	name  string
	words []string
}{
	{"net", []string{"user", "users", "localgroup", "group", "view", "share", "use", "accounts", "start", "stop",
		"session", "config"}},
	{"sc", []string{"query", "create", "config", "start", "stop", "qc"}},
	{"reg", []string{"query", "add", "save", "export", "delete"}},
	{"vssadmin", []string{"list", "create", "delete"}},
}

// orders reports whether a command of Windows and the word that only it takes stand at
// s[i:], and what follows is no sentence.
func orders(name []byte, s string, end int) bool {
	if lex.Byte(s, end) != ' ' {
		return false
	}
	w := lex.Word(s, lex.Skip(s, end, " "))
	for _, o := range ordered {
		if string(name) == o.name && lex.OneOf(w, o.words...) {
			return true
		}
	}
	return false
}
