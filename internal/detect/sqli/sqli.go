// Package sqli judges whether a value leaves the literal that it was meant for
// and goes on in SQL.
//
// It reads the value as a database would: from each quote that can close the
// application's string, from a leading number, and as a statement of its own.
// What follows must be a continuation that the grammar of a dialect allows and
// that means something; prose with quotes does not. It knows nothing of
// requests. Its functions are safe for concurrent use.
package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Finding is the strongest shape in a value.
type Finding struct {
	Strength lex.Strength
	At       int // where it begins
	// Left says that the value leaves a literal: what stands before At is a
	// string's content and may be prose.
	Left bool
	// Anchored says that the value was read from its first byte on.
	Anchored bool
}

const (
	maxQuotes = 48 // places tried in one value
	maxTokens = 64 // read from each
)

// Judge looks at a value in lower case.
func Judge(s string) Finding {
	best := Finding{}
	if slug(s) {
		return best // select-a-plan
	}
	best.raise(fromStart(s))
	if n := assigned(s); n > 0 && !geometry(s) && best.Strength < lex.Likely {
		if f := fromStart(s[n:]); f.Strength == lex.Certain {
			best = Finding{lex.Likely, n + f.At, false, true}
		}
	}
	if best.Strength < lex.Certain {
		best.raise(fromQuotes(s))
	}
	if best.Strength < lex.Likely {
		best.raise(anywhere(s)) // never more than that
	}
	if best.Strength < lex.Likely && (inserted(s) == lex.Likely || prepared(s) || nulled(s)) {
		best = Finding{lex.Likely, 0, true, true}
	}
	if best.Strength < lex.Likely && probe(s) {
		best = Finding{lex.Likely, 0, false, true}
	}
	return best
}

// assigned returns where the value of "id=1 or 1=1" begins, 0 if s is no name, an
// equals sign and a number.
func assigned(s string) int {
	n := len(lex.Word(s, 0))
	if n == 0 || n > 32 || !lex.Letter(s[0]) || lex.Byte(s, n) != '=' || !lex.Digit(lex.Byte(s, n+1)) {
		return 0
	}
	return n + 1
}

// probe reports whether a short value ends in a heap of quotes and brackets, of
// both kinds: what tools send first, to see whether anything breaks.
func probe(s string) bool {
	if len(s) < 3 || len(s) > 48 {
		return false
	}
	single, double, bracket, comma := 0, 0, 0, 0
	i := len(s)
	for i > 0 && strings.IndexByte("'\"(),.", s[i-1]) >= 0 {
		i--
		switch s[i] {
		case '\'':
			single++
		case '"':
			double++
		case '(':
			bracket++
		case ')', ',', '.':
			comma++
		}
	}
	if strings.Contains(s[i:], "'\"'") || strings.Contains(s[i:], "\"'\"") {
		return false // a program's sign in quotes
	}
	return single > 0 && double > 0 && bracket > 0 && bracket+comma+single+double < 16 && !strings.Contains(s[i:], "()") && lex.Prose(s[:i], 3) < 2
}

func (f *Finding) raise(g Finding) {
	if g.Strength > f.Strength {
		*f = g
	}
}

// fromQuotes tries every quote that can close the application's string: those
// with an even number of the same quote before them. An apostrophe inside a
// word is none.
func fromQuotes(s string) (best Finding) {
	v := lex.Whole{Text: s}
	var seen [3]int
	tried := 0
	n := strings.Count(s, "`")
	ticks := n > 3 && n%2 == 0 && v.Prose(2) > 0 || n%2 == 0 && n > 0 && statementWord(lex.Word(s, 0)) && identifiers(s) // code in a sentence, or names
	document := (s[:min(len(s), 1)] == "{" || s[:min(len(s), 1)] == "[") && strings.Contains(s, "\":")                   // its quotes are JSON's own
	for i := 0; i < len(s) && tried < maxQuotes && best.Strength < lex.Certain; i++ {
		if s[i] != '\'' && s[i] != '"' && s[i] != '`' {
			continue
		}
		q := strings.IndexByte("'\"`", s[i])
		if q == 2 && (ticks || marks(&v, i)) || document && q == 1 || lex.Letter(lex.Byte(s, i-1)) && lex.Letter(lex.Byte(s, i+1)) && !keywordAt(s, i+1) {
			continue
		}
		if n := quotedNumber(s, i); n > 0 {
			i += n
			continue
		}
		if seen[q]++; seen[q]%2 == 0 {
			continue
		}
		tried++
		t := tail{parser: parser{lexer: lexer{s: s, i: i + 1, steps: maxTokens}}, from: i, quote: s[i]}
		best.raise(Finding{t.judge(), i, s[i] != '`', false})
	}
	return best
}

// keywordAt tells x'or'1 from o'brien.
func keywordAt(s string, i int) bool {
	w := lex.Word(s, i)
	switch w {
	case "or", "and", "xor", "union", "like", "having", "waitfor", "div", "rlike", "regexp", "between", "is", "in",
		"declare", "select", "exec", "order", "group", "limit", "where", "procedure", "into", "except", "intersect",
		"isnull", "notnull", "glob":
		return true
	}
	return false
}

// fromStart reads the value where the application's query has a number or a
// name: an operand at most, then what goes on.
func fromStart(s string) Finding {
	t := tail{parser: parser{lexer: lexer{s: s, steps: maxTokens}}}
	first := t.peek()
	switch first.kind {
	case end, comment:
		return Finding{}
	case number, variable, text:
		t.next()
		t.literal = true
		for n := 0; n < 3 && t.peek().kind == arith; n++ { // 2/0, 2020-03-01
			q := t.lexer
			t.next()
			if m := t.next(); m.kind != number {
				t.lexer = q
				break
			}
		}
	case arith:
		t.next()
		if n := t.peek(); n.kind == number {
			t.next()
		}
		t.literal = true
	case word:
		w := t.word(first)
		if st := whole(s, w); st > lex.None {
			return Finding{st, first.at, false, true}
		}
		if clauseWord(w) {
			t.literal, t.bare = true, true
			break
		}
		t.worded = true
		t.next()
		for lex.OneOf(string(lex.Byte(s, t.i)), ".", "-", "@") && lex.WordByte(lex.Byte(s, t.i+1)) { // user@host.example
			t.i++
			t.next()
		}
	case open:
		return Finding{bracketed(s), first.at, false, true}
	case other:
		t.next()
		t.literal = true
	default:
		t.literal = true
	}
	from := t.i
	return Finding{t.judge(), from, false, true}
}

// anywhere looks for what means one thing wherever it stands.
func anywhere(s string) (best Finding) {
	v, m, carried := lex.Whole{Text: s}, leads{}, lex.Next{}
	for i := 0; i < len(s) && best.Strength < lex.Likely; i++ {
		c := s[i]
		switch {
		case c == ';':
			if geometry(s) {
				continue
			}
			l := m.skip(s, i+1, 24)
			if !lex.Letter(lex.Byte(s, l.i)) {
				continue // a statement begins with a word
			}
			w := lex.Word(s, l.i)
			if !begins(w) {
				continue
			}
			if executes(w) && !carries.In(s, l.i+len(w), min(len(s), l.i+len(w)+lex.MaxLook), &carried) {
				continue // and some of them with nothing but words mean nothing
			}
			t := tail{parser: parser{lexer: l}, literal: strings.IndexByte("'\")0123456789", lex.Byte(s, i-1)) >= 0}
			best.raise(Finding{t.statement(), i, false, false})
		case c == '1' && lex.At(s, i, "1.e(") && lex.Letter(lex.Byte(s, i+4)) && !lex.WordByte(lex.Byte(s, i-1)):
			best.raise(Finding{lex.Likely, i, false, false}) // 1.e(f): an exponent of nothing
		case c == ':' && lex.At(s, i, "::"):
			best.raise(Finding{cast(&v, i), i, false, false})
		case c == '@' && lex.At(s, i, "@@") && lex.Letter(lex.Byte(s, i+2)):
			if lex.OneOf(lex.Word(s, i+2), "version", "servername", "hostname", "datadir", "basedir", "global", "identity", "language", "spid", "rowcount") {
				best.raise(Finding{lex.Hint, i, false, false})
			}
		case lex.Letter(c) && !lex.WordByte(lex.Byte(s, i-1)) || lex.Letter(c) && lex.Digit(lex.Byte(s, i-1)):
			w := lex.Word(s, i)
			best.raise(Finding{wordAnywhere(s, i, w), i, false, false})
			i += len(w) - 1
		}
	}
	return best
}

// cast: a value or a call cast to a type of PostgreSQL: f(x)::int, '...'::jsonb.
func cast(v *lex.Whole, i int) lex.Strength {
	s := v.Text
	switch lex.Word(s, i+2) {
	case "int", "integer", "bigint", "text", "json", "jsonb", "double", "numeric", "varchar", "boolean", "bytea", "regclass", "int4", "int8":
		if b := lex.Byte(s, i-1); (b == ')' && lex.Byte(s, i-2) != '(' ||
			b == '\'') && v.Prose(6) < 5 { // not sum()::text
			return lex.Likely
		}
	}
	return lex.None
}

// wordAnywhere judges one word and what follows it.
func wordAnywhere(s string, i int, w string) lex.Strength {
	switch w {
	case "union", "waitfor", "into", "procedure", "select", "or", "and", "xor", "having", "exec", "execute":
		return keywordAnywhere(s, i, w, after(s, i, w))
	}
	return nameAnywhere(s, i, w)
}

// after returns a parser for a little of what follows a word, one of many, at s[i].
func after(s string, i int, w string) parser {
	return parser{lexer: lexer{s: s, i: i + len(w), steps: 12}, near: true}
}

// keywordAnywhere judges a word of the grammar, and what p reads behind it.
func keywordAnywhere(s string, i int, w string, p parser) lex.Strength {
	switch w {
	case "union":
		if i > 0 && (s[i-1] == '"' ||
			s[i-1] == '\'') && (lex.At(s, i, "union select"+s[i-1:i]) || lex.At(s, i, "union all select"+s[i-1:i])) {
			return lex.Hint // the words, in quotes
		}
		t := tail{parser: p, literal: true, bare: true}
		if st := t.union(); st > lex.None {
			return min(st, lex.Likely)
		}
	case "waitfor":
		if n := p.next(); lex.OneOf(p.word(n), "delay", "time") && (p.peek().kind >= text && p.peek().kind <= openText || p.peek().kind == variable) {
			return lex.Likely
		}
	case "into":
		if n := p.next(); lex.OneOf(p.word(n), "outfile", "dumpfile") {
			return lex.Likely
		}
	case "procedure":
		if n := p.next(); p.word(n) == "analyse" && p.peek().kind == open {
			return lex.Likely
		}
	case "select":
		return selectAnywhere(s, i, p)
	case "or", "and", "xor", "having":
		if c := lex.Byte(s, lex.Skip(s, i+len(w), " \t(")); !lex.Digit(c) && c != '\'' && c != '"' && c != '/' {
			return lex.None
		}
		t := tail{parser: p}
		if t.conditions() == constants && t.peek().kind == comment && t.clean() {
			return lex.Likely
		}
	case "exec", "execute":
		if n := p.next(); n.kind == word && sureCatalogue(p.word(n)) || p.word(n) == "master" ||
			strings.HasPrefix(p.word(n), "xp_") || strings.HasPrefix(p.word(n), "sp_") {
			return lex.Likely
		}
	}
	return lex.None
}

// nameAnywhere: a function or table that means one thing anywhere.
func nameAnywhere(s string, i int, w string) lex.Strength {
	next := lex.Byte(s, lex.Skip(s, i+len(w), " \t\r\n"))
	if next == '(' || next == '/' {
		p := after(s, i, w)
		if _, sure := telling(w); sure && p.peek().kind == open && !method(s, i) {
			p.next()
			if n := p.peek(); n.kind != shut && n.kind != end {
				if spoken(s, i, w) {
					return lex.Hint
				}
				return lex.Likely
			}
			return lex.Hint
		}
	}
	if (lex.Byte(s, i+len(w)) == '.' || w[0] == 'x') && sureCatalogue(w) && (lex.Byte(s, i+len(w)) == '.' || strings.HasPrefix(w, "xp_")) {
		return lex.Likely
	}
	return lex.None
}

// selectAnywhere: a SELECT in brackets, or of what only injections select.
func selectAnywhere(s string, i int, p parser) lex.Strength {
	before := strings.TrimRight(s[max(0, i-8):i], " \t\r\n")
	w := p.operand()
	bracket := strings.HasSuffix(before, "(")
	switch {
	case w == told && p.sure, w >= told && bracket, w == subselect:
		return lex.Likely
	case bracket && (w == literal || strings.Contains(lex.Ahead(s, i), "from")):
		return lex.Likely
	}
	return lex.None
}
