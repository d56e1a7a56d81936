// Package shell judges whether a value makes a shell run a command: POSIX
// shells, cmd and PowerShell.
//
// It looks for places where a command can begin (behind a separator, inside a
// substitution, at the value's start), reads the word there as a shell would,
// quotes and escapes taken out, and weighs it with what follows. It knows
// nothing of requests. Its functions are safe for concurrent use.
package shell

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Finding is the strongest shape in a value.
type Finding struct {
	Strength lex.Strength
	At       int
	// Start says that it stands at the value's start: a command alone, which
	// some APIs take.
	Start bool
	// Breaks says that the value begins by leaving what it was put into: a
	// quote, then a separator.
	Breaks bool
}

// line is one look at one value.
type line struct {
	Commands
	lex.Whole
	pipes int    // in the value, at most 3, and 1; 0: not counted yet
	parts [3]int // how many of ; | & stand in the value, and 1; 0: not counted yet
}

// Judge looks at a value in lower case.
// name says that it is a parameter's name.
func (c Commands) Judge(s string, name bool) (best Finding) {
	judge := line{Commands: c, Whole: lex.Whole{Text: s}}
	n := lex.Skip(s, 0, " '\"`)\\")
	breaks := n < len(s) && n < 8 && strings.IndexByte(";|&\n\r$", s[n]) >= 0 && !lex.At(s, n, "$ ") // a prompt
	best = Finding{c.first(s), 0, true, false}
	if name {
		best = Finding{max(best.Strength, c.named(s)), 0, false, false}
	}
	if st := windows(s, lex.Skip(s, 0, " \t&|;'\"")); st > best.Strength {
		best = Finding{st, 0, false, breaks}
	}
	whole := !breaks && !name && c.begins(s)
	for i := 0; i < len(s) && best.Strength < lex.Certain; i++ {
		if !signs[s[i]] {
			continue
		}
		st := judge.at(s, i)
		if whole && st == lex.Certain {
			best = Finding{lex.Likely, i, true, false} // a command line as a whole
			continue
		}
		if st > lex.Hint && i > 12 && judge.Before(i, 3) >= 3 {
			st-- // behind a sentence: people write so about shells
		}
		if st > best.Strength {
			best = Finding{st, i, false, breaks}
		}
	}
	if best.Strength < lex.Likely && (c.chain(s) || option(s) || exchange(s)) {
		best = Finding{lex.Likely, 0, false, breaks}
	}
	if best.Strength > lex.Hint && list(s) {
		best.Strength = lex.Hint
	}
	return best
}

// Line reports whether a value in lower case begins with a command and a space.
func (c Commands) Line(s string) bool {
	name, end, _ := plainWord(s, 0)
	return c.of(name) != Unknown && lex.Byte(s, end) == ' '
}

// begins reports whether a value begins with a command and its argument.
func (c Commands) begins(s string) bool {
	name, end, _ := plainWord(s, lex.Skip(s, 0, " \t"))
	return c.of(name) == Telling && lex.Byte(s, end) == ' ' && argument(s, end) == sureArgument
}

// list reports whether s is at least three words parted by one sign: names of
// fields, which some commands are too.
func list(s string) bool {
	if len(s) > 4 && s[0] == '|' && s[len(s)-1] == '|' && strings.Contains(s, "  | ") && !strings.ContainsAny(s, "$(;&[`/<>") && !strings.Contains(s, "||") {
		return true // a row of a table
	}
	sign, items := byte(0), 1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case lex.WordByte(c) || c == '.':
		case (c == ';' || c == '|' || c == ',') && (sign == 0 || sign == c) && i > 0 && lex.WordByte(s[i-1]):
			sign = c
			items++
		default:
			return false
		}
	}
	return items > 2 && lex.WordByte(lex.Byte(s, len(s)-1))
}

// signs are those at which something is judged.
var signs = lex.SetOf(";\n\r|&`$<>{(/%!")

// at judges what begins at s[i], one of signs, as a separator.
func (c *line) at(s string, i int) lex.Strength {
	switch s[i] {
	case ';':
		if c.listed(s, i) {
			return lex.Hint
		}
		if reference(s, i) { // the end of &amp; separates nothing in a page
			if st := c.run(s, i+1, false); st > lex.None && c.Reaches(s, i+1) {
				return st
			}
			return lex.None
		}
		return max(c.run(s, i+1, true), c.leading(s, i, i+1), windows(s, lex.Skip(s, i+1, " ")))
	case '\n', '\r':
		return max(c.run(s, i+1, true), c.leading(s, i, i+1), windows(s, lex.Skip(s, i+1, " ")))
	case '|':
		n := lex.Skip(s, i+1, "|&")
		if c.item(s, i) || c.listed(s, i) {
			return lex.Hint
		}
		return max(c.run(s, n, true), c.leading(s, i, n))
	case '&':
		if c.listed(s, i) {
			return lex.Hint
		}
		if lex.At(s, i, "&&") {
			return max(c.run(s, i+2, true), c.leading(s, i, i+2))
		}
		if c.leading(s, i, i+1) == lex.Certain { // & type C:\\x
			return lex.Likely
		}
		return max(c.run(s, i+1, false), windows(s, lex.Skip(s, i+1, " ")))
	case '`':
		if column(s, i) || titled(s, i) {
			return lex.Hint
		}
		return max(c.run(s, i+1, false), c.quoted(s, i))
	case '$':
		return c.substitution(s, i)
	case '<', '>':
		if lex.At(s, i+1, "(") {
			return min(max(c.run(s, i+2, true), c.closed(s, i+2)), lex.Likely)
		}
		if lex.At(s, i, "<<<") && i > 1 && lex.WordByte(s[i-1]) {
			return lex.Likely
		}
	case '{':
		return c.braces(s, i)
	case '(':
		if lex.At(s, i, "() {") || lex.At(s, i, "() { :") { // Shellshock
			if i < 4 && strings.IndexByte(s[i:], ';') > 0 {
				return lex.Certain
			}
			if i == 0 && len(s) < 12 {
				return lex.Likely
			}
		}
	case '/':
		if lex.At(s, 0, "#!") && i < 4 {
			return lex.Hint // the first line of a script
		}
		return path(s, i)
	case '%':
		if places.At(s, i) {
			return lex.Likely
		}
	case '!':
		if lex.At(s, i, "!/bin/") && i > 0 && s[i-1] == '#' {
			return lex.Hint
		}
	}
	return lex.None
}

// places are variables of cmd that name directories and programs of Windows.
var places = lex.NeedlesOf("%comspec%", "%systemroot%", "%programdata%", "%windir%")

// substitution: $(cmd), ${IFS}, $IFS, $'\x41'.
func (c *line) substitution(s string, i int) lex.Strength {
	if strings.IndexByte("([{is", lex.Byte(s, i+1)) < 0 {
		if c.assigned(s, i) {
			return lex.Likely
		}
		return lex.None
	}
	switch {
	case lex.At(s, i, "$(("):
		if rest := s[i+3 : min(len(s), i+20)]; rest != "" && lex.Digit(rest[0]) && strings.IndexAny(rest,
			"+*-") > 0 && c.Prose(5) < 4 {
			return lex.Likely
		}
		return lex.Hint
	case lex.At(s, i, "$[") && lex.Digit(lex.Byte(s, i+2)) && strings.IndexAny(lex.Ahead(s, i)[:min(len(s)-i, 12)], "+*-") > 0:
		return lex.Likely
	case lex.At(s, i, "$(<"): // what a file holds
		rest := lex.Ahead(s, lex.Skip(s, i+3, " "))
		if strings.HasPrefix(rest, "/etc/") || strings.HasPrefix(rest, "/proc/") || strings.HasPrefix(rest, "/root/") || strings.HasPrefix(rest, "/var/") {
			return lex.Likely
		}
		return lex.Hint
	case lex.At(s, i, "$('") || lex.At(s, i, "$(\""):
		if j := strings.IndexByte(lex.Ahead(s, i+3), s[i+2]); j > 0 &&
			lex.At(s, i+3+j+1, ").") { // $('.a').text(): jQuery and the like
			return lex.Hint
		}
		return max(c.run(s, i+2, true), c.leading(s, 0, i+2), c.closed(s, i+2))
	case lex.At(s, i, "$("):
		return max(c.run(s, i+2, true), c.leading(s, 0, i+2), c.closed(s, i+2))
	case lex.At(s, i, "${ifs") || lex.At(s, i, "$ifs"):
		return lex.Certain
	case lex.At(s, i, "${hostname}") && c.Has("%"): // a logger's pattern
		return lex.Hint
	case lex.At(s, i, "${path") && strings.ContainsAny(lex.Ahead(s, i+6)[:min(len(s)-i-6, 4)], ":#%"), lex.At(s, i, "${shell"), lex.At(s, i, "$shell "), lex.At(s, i, "${hostname}"), lex.At(s, i, "${home:"):
		return lex.Likely
	case c.assigned(s, i):
		return lex.Likely
	}
	return lex.None
}

// closed: $(echo x): a command and its words, closed soon.
func (c Commands) closed(s string, i int) lex.Strength {
	name, end, _ := plainWord(s, i)
	j := strings.IndexByte(lex.Ahead(s, end), ')')
	if c.of(name) != Telling || j < 0 || j > 32 {
		return lex.None
	}
	return lex.Likely
}

// quoted: `wget x.example`: a command and its words in backticks, with no
// sentence around it.
func (c *line) quoted(s string, i int) lex.Strength {
	name, end, _ := plainWord(s, i+1)
	if c.of(name) != Telling {
		return lex.None
	}
	j := strings.IndexByte(lex.Ahead(s, end), '`')
	if j < 1 || c.Before(i, 3) > 1 || lex.Prose(lex.Ahead(s, end+j), 3) > 0 {
		return lex.None
	}
	return lex.Likely
}

// braces: {cat,/etc/passwd}, {,id}, c{a,}t.
func (c Commands) braces(s string, i int) lex.Strength {
	if c.spelled(s, i) {
		return lex.Likely
	}
	n := lex.Skip(s, i+1, ",'\"")
	name, end, _ := plainWord(s, n)
	if c.of(name) == Unknown || len(name) < 2 {
		return lex.None
	}
	switch b := lex.Byte(s, end); {
	case b == ',' && n == i+1 && !strings.Contains(lex.Ahead(s, end), " ") && strings.IndexByte(lex.Ahead(s, end), '}') > 0 && i < 4:
		return lex.Likely
	case n > i+1 && (b == '}' || b == ','):
		return lex.Likely
	}
	return lex.None
}

// path: programs by their full path, in globs too, and devices of bash.
func path(s string, i int) lex.Strength {
	switch {
	case lex.At(s, i, "/dev/tcp/"), lex.At(s, i, "/dev/udp/"):
		return lex.Certain
	case i < 3 && (lex.At(s, i, "/bin/") || lex.At(s, i, "/usr/bin/") || lex.At(s, i, "/usr/local/bin/") || lex.At(s, i, "/sbin/") || lex.At(s, i, "/usr/sbin/")):
		w := s[i:min(len(s), i+80)]
		name := lex.Word(s, i+strings.Index(w, "bin/")+4)
		if lex.OneOf(name, "sh", "bash", "cat", "id", "ls", "ping", "uname", "wget", "curl", "nc", "dash", "zsh", "perl", "python") {
			return lex.Certain
		}
		if len(name) > 1 && i == 0 && (strings.IndexByte(w, ' ') > 0 || len(w) < 20) {
			return lex.Likely
		}
	}
	if i == 0 || strings.IndexByte(" \t;|&`$({'\"=,", s[i-1]) >= 0 {
		return glob(s, i)
	}
	return lex.None
}

// glob: a path in which the shell guesses letters: /???/b??h, /etc/pass[w]d.
func glob(s string, i int) lex.Strength {
	marks, letters, slashes, j := 0, 0, 0, i
	for ; j < len(s) && j < i+64; j++ {
		switch c := s[j]; {
		case c == '?' || c == '[' || c == '*' && marks > 0:
			marks++
		case lex.Letter(c):
			letters++
		case c == '/':
			slashes++
		case c == ']' || c == '-' || c == '!' || c == '^' || c == '.' || c == '*' || c == '@' || c == ',' || lex.Digit(c):
		default:
			goto done
		}
	}
done:
	w := s[i:j]
	switch {
	case slashes < 2 || marks == 0:
		return lex.None
	case strings.Contains(w, "???/") && (slashes >= 2 && strings.Count(w, "?") >= 4), strings.Contains(w, "/?") && strings.Count(w, "?") >= 2 && strings.Contains(w, "bin/"):
		return lex.Certain
	case inBrackets(w):
		return lex.Likely
	case strings.Count(w, "?") >= 3 && strings.Count(w, "/?") >= 1 && j == len(s):
		return lex.Likely
	}
	return lex.None
}

// inBrackets: a letter in brackets inside a word of a path: pass[w]d.
func inBrackets(w string) bool {
	for k := 1; k+2 < len(w); k++ {
		if w[k] != '[' || !(lex.Letter(w[k-1]) || w[k-1] == '/') {
			continue
		}
		end := strings.IndexByte(w[k:], ']')
		if end < 2 || end > 12 || strings.Trim(w[k+1:k+end], "0123456789") == "" { // div[1]
			continue
		}
		next := lex.Byte(w, k+end+1)
		if (lex.Letter(next) || next == '/') && (lex.Letter(w[k-1]) && end == 2 && lex.Letter(w[k+1]) || strings.Contains(w, "etc") || strings.Contains(w, "tc/") || strings.Contains(w, "bin") || strings.Contains(w, "in/") || strings.Contains(w, "usr") || strings.Contains(w, "//")) {
			return true
		}
	}
	return false
}
