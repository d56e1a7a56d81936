package shell

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// chain reports whether a value is a chain of commands and nothing else: each
// part between separators begins with one, and one at least has what only a
// command has.
func (c Commands) chain(s string) bool {
	if len(s) > 200 || strings.IndexAny(s, ";|&\n") < 1 || lex.Prose(s, 6) > 4 {
		return false
	}
	parts, sure := 0, false
	for len(s) > 0 {
		part := s
		if i := strings.IndexAny(s, ";|&\n"); i >= 0 {
			part, s = s[:i], s[i+1:]
		} else {
			s = ""
		}
		n := lex.Skip(part, 0, " \t'\"")
		if n == len(part) {
			continue
		}
		var buf [maxWord]byte
		name, end, _ := word(part, n, &buf)
		class := c.of(name)
		if b := lex.Byte(part, end); class == Unknown || b != 0 && strings.IndexByte(" \t'\"", b) < 0 {
			return false
		}
		parts++
		sure = sure || argument(part, end) >= likelyArgument || strings.IndexByte(string(name), '-') > 0 ||
			class == Telling && end == len(part) && !idle(string(name))
	}
	return parts > 1 && sure
}

// option reports whether a value has an option by which a program that was only
// given an argument runs another, or writes where the client wants.
func option(s string) bool {
	i := strings.IndexByte(s, '-')
	if i < 0 || lex.Prose(s, 6) > 5 {
		return false
	}
	for _, o := range [...]string{"-oproxycommand=", "--checkpoint-action=exec", "--use-compress-program=", "--upload-pack=", "--receive-pack=", "core.sshcommand=", "-wrapper sh,", "--to-command=", "--use-askpass=", "-exec /bin/", "-exec sh ", "--rsh=sh", "--post-file=/", "--open-files-in-pager="} {
		if strings.Contains(s[max(i-4, 0):], o) {
			return true
		}
	}
	return false
}

// assigned reports whether $x at s[i:] is run as a command after x was given a
// value: x=cat;$x.
func (c *line) assigned(s string, i int) bool {
	w := lex.Word(s, i+1)
	if len(w) < 1 || i < 3 || strings.IndexByte(";|&\n", s[i-1]) < 0 || !c.Has("=") {
		return false
	}
	before := s[max(0, i-lex.MaxLook):i]
	j := strings.Index(before, w+"=")
	return j >= 0 && !lex.WordByte(lex.Byte(before, j-1)) && c.Prose(5) < 4
}

// spelled reports whether a brace expansion at s[i:] stands inside a word and
// spells a command: c{a,oun}t.
func (c Commands) spelled(s string, i int) bool {
	from := i
	for from > 0 && lex.Letter(s[from-1]) {
		from--
	}
	j := strings.IndexByte(s[i:min(len(s), i+24)], ',')
	if j < 2 {
		return false
	}
	k := strings.IndexByte(s[i:min(len(s), i+32)], '}')
	if k < j || from > 3 || from > 0 && strings.IndexByte(" ;|&`(", s[from-1]) < 0 {
		return false
	}
	tail, _, _ := plainWord(s, i+k+1)
	var buf [maxWord]byte
	name := append(buf[:0], s[from:i]...)
	name = append(name, s[i+1:i+j]...)
	name = append(name, tail...)
	return len(name) > j-1 && c.of(name) == Telling
}

// exchange reports whether a value is a formula of a spreadsheet that starts a
// program: =cmd|' /c calc'!A0.
func exchange(s string) bool {
	if s == "" || strings.IndexByte("=+-@\"'d", s[0]) < 0 {
		return false
	}
	i := strings.Index(s, "|'")
	if i > 0 && i < 32 && strings.Contains(s[i+2:], "'!") {
		return true
	}
	return strings.HasPrefix(strings.TrimLeft(s, "=+-@\"'"), "dde") && strings.Contains(s, "cmd") && strings.Contains(s, "/c ")
}
