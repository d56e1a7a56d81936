package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// kind is the kind of one token.
type kind uint8

const (
	end kind = iota
	number
	text     // a closed string
	openText // a string that the value does not close
	word
	variable // @x, @@x
	compare  // = < > <=> != ~ and their words
	arith    // + - * / % ^ | & and their words
	logic    // and or xor && ||
	not      // ! ~ not, where an operand is due
	open
	shut
	comma
	semicolon
	comment // the rest is none of the statement's
	other
)

// token is one token of lower-case SQL.
type token struct {
	kind kind
	at   int
	end  int
}

// lexer reads tokens; white space and inline comments are skipped.
type lexer struct {
	s        string
	i        int
	steps    int // tokens that may still be read
	comments int // inline comments skipped
}

func space(c byte) bool { return c <= ' ' && c != 0 }

// skip passes white space and comments that end, at most as many comments in a row as
// tokens may still be read: each of them may be a beginning, too.
func (l *lexer) skip() {
	for comments := 0; l.i < len(l.s) && comments <= max(l.steps, 0); {
		switch comment, ok := l.pass(); {
		case !ok:
			return
		case comment:
			comments++
		}
	}
}

// pass passes a sign of white space, or a comment, that stands at the current place;
// ok is false if neither does.
func (l *lexer) pass() (comment, ok bool) {
	switch c := l.s[l.i]; {
	case space(c):
		l.i++
	case c == 0xa0 && (l.i == 0 || l.s[l.i-1] < 0x80): // MySQL takes Latin-1's no-break space
		l.i++
	case c == 0xc2 && lex.Byte(l.s, l.i+1) == 0xa0:
		l.i += 2
	case c == '/' && lex.Byte(l.s, l.i+1) == '*' && !l.open():
		l.comments++
		l.inline()
		return true, true
	case c == '*' && lex.Byte(l.s, l.i+1) == '/' && l.comments > 0: // the end of /*! ... */
		l.i += 2
	case (c == '#' || c == '-' && lex.Byte(l.s, l.i+1) == '-') && l.line():
		return true, true
	default:
		return false, false
	}
	return false, true
}

// leads remembers of the last comments of a value where each leads: a value made of
// comments and of signs behind which they are passed is read once.
type leads [64]struct {
	at, next int // where it begins, and 1; where it and white space behind it end
	inline   int // 1 if it is an inline comment
}

// skip is lexer.skip from s[i:] on, for a place behind which only a word matters.
func (m *leads) skip(s string, i, steps int) lexer {
	l := lexer{s: s, i: i, steps: steps}
	for passed := 0; l.i < len(s) && passed <= steps; {
		at, inline := l.i, l.comments
		k := &m[at%len(m)]
		if k.at == at+1 {
			l.i = k.next
			l.comments += k.inline
			passed++
			continue
		}
		comment, ok := l.pass()
		if !ok {
			break
		}
		if comment {
			for l.i < len(s) && space(s[l.i]) {
				l.i++
			}
			k.at, k.next, k.inline = at+1, l.i, l.comments-inline
			passed++
		}
	}
	return l
}

// open reports whether the comment at the current place never ends.
func (l *lexer) open() bool {
	return lex.Byte(l.s, l.i+2) != '!' && !strings.Contains(lex.Ahead(l.s, l.i+2), "*/")
}

// line passes a comment that a line break ends, if the statement goes on behind it.
func (l *lexer) line() bool {
	j := strings.IndexByte(lex.Ahead(l.s, l.i), '\n')
	if j < 0 || lex.Prose(l.s[l.i:l.i+j], 3) >= 3 || strings.TrimSpace(lex.Ahead(l.s, l.i+j)) == "" {
		return false
	}
	l.i += j + 1
	return true
}

// inline passes a comment; what stands in /*!50000 ... */ MySQL runs.
func (l *lexer) inline() {
	if l.i+2 < len(l.s) && l.s[l.i+2] == '!' {
		for l.i += 3; l.i < len(l.s) && lex.Digit(l.s[l.i]); l.i++ {
		}
		return
	}
	l.i += 2 + strings.Index(lex.Ahead(l.s, l.i+2), "*/") + 2
}

// peek returns the next token and does not pass it.
func (l *lexer) peek() token {
	at := *l
	t := l.next()
	steps := l.steps
	*l = at
	l.steps = steps
	return t
}

// next passes one token.
func (l *lexer) next() token {
	l.skip()
	at := l.i
	if l.steps--; l.steps < 0 || l.i >= len(l.s) {
		return token{end, at, at}
	}
	k := l.read(l.s[l.i])
	return token{k, at, l.i}
}

func (l *lexer) read(c byte) kind {
	next := lex.Byte(l.s, l.i+1)
	switch {
	case lex.Digit(c), c == '.' && lex.Digit(next):
		return l.number()
	case lex.Letter(c), c == '_', c >= 0x80:
		return l.word()
	case c == '\'' || c == '"' || c == '`':
		return l.quoted(c)
	case c == '@' && (next == '>' || next == '?' || next == '@'+1):
		l.i += 2
		return compare
	case c == '@':
		for end := l.most(); l.i < end && inVariable[l.s[l.i]]; l.i++ {
		}
		return variable
	case c == '[' && lex.Letter(next): // [name] of SQL Server
		if j := strings.IndexByte(lex.Ahead(l.s, l.i), ']'); j > 0 {
			l.i += j + 1
			return word
		}
	case c == '&' && next == '#': // a character reference
		l.i += 2
		return other
	case c == 0, c == '#', c == '-' && next == '-', c == '/' && next == '*':
		return comment
	}
	return l.symbol(c, next)
}

func (l *lexer) symbol(c, next byte) kind {
	l.i++
	switch c {
	case '(':
		return open
	case ')':
		return shut
	case ',':
		return comma
	case ';':
		return semicolon
	case '=', '<', '>':
		l.i = lex.Skip(l.s, l.i, "=<>")
		if c == '<' && lex.At(l.s, l.i, "@ ") {
			l.i++
		}
		return compare
	case '!', '~':
		if next == '=' || next == '<' || next == '>' || next == '~' {
			l.i = lex.Skip(l.s, l.i, "=<>~")
			return compare
		}
		return not
	case '|', '&':
		if next == c {
			l.i++
			return logic
		}
		return arith
	case '+', '-', '*', '/', '%', '^':
		return arith
	case '?':
		if next == '|' || next == '&' || next == ' ' { // PostgreSQL asks JSON for keys
			l.i++
			return compare
		}
	case '\\':
		if next == 'n' { // \N is NULL in MySQL
			l.i++
			return number
		}
	case ':':
		if next == ':' {
			l.i++
			return arith // a cast goes on like an operator
		}
	}
	return other
}

// most returns where a word, a name or a number ends at the latest: there may be a
// beginning at each byte of it.
func (l *lexer) most() int { return min(len(l.s), l.i+lex.MaxLook) }

func (l *lexer) number() kind {
	for end := l.most(); l.i < end && (lex.Digit(l.s[l.i]) || l.s[l.i] == '.'); {
		l.i++
	}
	switch c := lex.Byte(l.s, l.i); {
	case c == 'x' && l.s[l.i-1] == '0':
		for end := l.most(); l.i < end && (lex.Hex(l.s[l.i]) || l.s[l.i] == 'x'); l.i++ {
		}
		if lex.Letter(lex.Byte(l.s, l.i)) { // 0xselect is a name
			l.word()
			return word
		}
	case c == 'e' && (lex.Digit(lex.Byte(l.s, l.i+1)) || strings.IndexByte("+-", lex.Byte(l.s, l.i+1)) >= 0 && lex.Digit(lex.Byte(l.s, l.i+2))):
		for l.i += 2; l.i < len(l.s) && lex.Digit(l.s[l.i]); l.i++ {
		}
	case (c == 'd' || c == 'f') && lex.At(l.s, l.i+1, "union"): // 42DUNION: Oracle's suffix of a double
		l.i++
	case lex.Letter(c) || c == '_':
		switch lex.Word(l.s, l.i) {
		case "or", "and", "xor", "union", "from", "like", "having", "order", "group", "limit", "where", "into", "div", "e":
			return number // 1or 1=1: MySQL reads two tokens
		}
		l.word()
		return word
	}
	return number
}

// What can stand in a name, and in the name of a variable.
var inName, inVariable = func() (name, variable lex.Set) {
	for c := range 256 {
		b := byte(c)
		name[c] = lex.WordByte(b) || b >= 0x80 || b == '$'
		variable[c] = lex.WordByte(b) || b == '@' || b == '.' || b == '$'
	}
	return name, variable
}()

func (l *lexer) word() kind {
	start := l.i
	for end := l.most(); l.i < end && inName[l.s[l.i]]; {
		l.i++
	}
	switch w := l.s[start:l.i]; w {
	case "and", "or", "xor":
		return logic
	case "like", "rlike", "regexp", "in", "between", "is", "sounds", "glob", "similar", "ilike", "match", "contains", "soundex":
		return compare
	case "div", "mod", "collate":
		return arith
	case "not", "binary", "distinct", "all", "any", "some", "exists", "prior":
		return not
	case "n", "x", "b", "e", "q", "_utf8", "_latin1", "_binary": // N'...', x'41'
		if c := lex.Byte(l.s, l.i); c == '\'' || c == '"' {
			return l.quoted(c)
		}
	}
	return word
}

// quoted passes a string. Doubled quotes and backslashes keep it open.
func (l *lexer) quoted(q byte) kind {
	for l.i++; l.i < len(l.s); l.i++ {
		switch l.s[l.i] {
		case '\\':
			l.i++
		case q:
			l.i++
			if lex.Byte(l.s, l.i) != q {
				return text
			}
		}
	}
	l.i = len(l.s)
	return openText
}
