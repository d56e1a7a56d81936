package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// tail is what follows the place where a value may leave its literal.
type tail struct {
	parser
	from    int
	quote   byte // the quote that closed the string; 0 where there is none
	literal bool // a number or nothing stands before, as injections begin
	worded  bool // it is a word that stands before
	closers int
	// numbered says that a number stands behind the quote with which the value begins.
	numbered bool
	// bare says that nothing stands before: no literal that is left.
	bare bool
}

// judge says how surely the rest goes on in SQL.
func (t *tail) judge() lex.Strength {
	for n := 0; n < 4 && t.quote != 0 && lex.Byte(t.s, t.i) == t.quote; n++ {
		t.i++
		t.closers++
	}
	t.mode()
	at := t.i
	k := t.next()
	for n := 0; n < 12 && t.closing(k); n++ {
		t.closers++
		k = t.next()
	}
	if t.quote != 0 && t.phrase() {
		return lex.None
	}
	if k.at == at && t.quote != 0 && lex.Letter(t.s[min(at, len(t.s)-1)]) && lex.Byte(t.s, k.end) == t.quote && !(k.kind == logic && (lex.Digit(lex.Byte(t.s, k.end+1)) || lex.Letter(lex.Byte(t.s, t.from-1)) && strings.Contains(lex.Ahead(t.s, k.end), "'='"))) {
		return lex.None // a word in quotes
	}
	switch k.kind {
	case comment:
		return t.ended(k)
	case semicolon:
		if n := t.peek(); n.kind == comment {
			return t.ended(n)
		}
		if n := t.peek(); n.kind == end && t.quote != 0 && t.from > 0 && t.from < 64 && !strings.ContainsAny(t.s[:t.from], " \t\n(={") {
			return lex.Likely // a@b.example';
		}
		if n := t.peek(); n.kind == logic && t.commentless() {
			t.next()
			return t.boolean()
		}
		st := t.statement()
		if st == lex.Likely && (t.quote != 0 || t.literal) {
			st = lex.Certain
		}
		return st
	case logic:
		return t.boolean()
	case compare, arith:
		return t.splice(k)
	case comma:
		return t.listed()
	case word:
		return t.clause(k)
	case not:
		if t.quote != 0 {
			t.back(k)
			return t.boolean()
		}
	}
	return lex.None
}

// phrase reports whether the quote opens words that somebody looks for, and another one
// closes them: summary ~ "union select".
func (t *tail) phrase() bool {
	if t.from > 0 && strings.IndexByte(" (=~:,[", t.s[t.from-1]) < 0 {
		return false
	}
	words := t.s[t.from+1 : min(len(t.s), t.from+65)]
	end := strings.IndexByte(words, t.quote)
	if t.from == 0 { // "select * from" -where
		return end > 2 && strings.IndexByte(words[:end], ' ') > 0 &&
			plainWords(strings.Replace(words[:end], " *", "", 1)) &&
			(end+1 == len(words) || words[end+1] == ' ') && strings.IndexByte(words[end+1:], t.quote) < 0
	}
	return end > 2 && strings.IndexByte(words[:end], ' ') > 0 && plainWords(words[:end])
}

// mode passes what follows the string in MATCH ... AGAINST ('a' IN BOOLEAN MODE).
func (t *tail) mode() {
	rest := lex.Ahead(t.s, t.i)
	for _, m := range [...]string{"in boolean mode", "in natural language mode", "with query expansion"} {
		if strings.HasPrefix(strings.TrimLeft(rest, " "), m) {
			t.i += strings.Index(rest, m) + len(m)
		}
	}
}

// closing reports whether k closes what the application opened: a bracket, a
// comment, a dollar quote.
func (t *tail) closing(k token) bool {
	switch {
	case k.kind == shut, k.kind == other && strings.IndexByte("]}\\", t.s[k.at]) >= 0:
		return true
	case k.kind == arith && lex.At(t.s, k.at, "*/"), k.kind == other && lex.At(t.s, k.at, "$$"):
		t.i = k.at + 2
		return true
	case k.kind == number && t.quote != 0 && t.from == 0: // '1 or 1=1
		t.numbered = true
		t.literal = true
		return true
	}
	return false
}

// clean reports whether what follows can end a statement: nothing, a comment,
// another clause. Prose cannot.
func (t *tail) clean() bool {
	n := t.peek()
	switch n.kind {
	case comment: // what a sentence says behind a dash is no comment
		rest := t.s[n.at:min(len(t.s), n.at+200)]
		return lex.Prose(strings.TrimLeft(rest, "-#/* "), 3) < 3
	case end, semicolon, shut, logic, openText, comma, arith, compare, text, open:
		return lex.Prose(t.s[n.at:min(len(t.s), n.at+200)], 4) < 4
	case word:
		return clauseWord(t.word(n)) || lex.Prose(t.s[n.at:min(len(t.s), n.at+200)], 3) < 2
	}
	return lex.Prose(t.s[n.at:min(len(t.s), n.at+200)], 3) < 3
}

// commentless reports whether nothing was commented out so far.
func (t *tail) commentless() bool { return t.comments == 0 }

// commented reports whether a comment ends the statement here.
func (t *tail) commented() bool {
	n := t.peek()
	if n.kind == semicolon || n.kind == shut {
		l := t.lexer
		l.next()
		n = l.next()
	}
	return n.kind == comment
}

// ended: a comment right behind the literal, as in admin'--.
func (t *tail) ended(k token) lex.Strength {
	from := k.at // behind what hides the rest of the application's statement
	for end := min(len(t.s), from+lex.MaxLook); from < end && strings.IndexByte("-#/*; +\t\x00", t.s[from]) >= 0; from++ {
	}
	rest := t.s[from:]
	mark := t.s[k.at]
	next := lex.Byte(t.s, k.at+1)
	if mark == '-' || mark == '/' {
		next = lex.Byte(t.s, k.at+2)
	}
	set := next == 0 || space(next) || next == '+' || next == '-' || next == ';' || next == ')' || mark == 0
	switch {
	case t.quote == 0 && t.closers == 0, !set && t.closers == 0 && strings.IndexByte(rest, t.quote|1) >= 0:
		return lex.None
	case t.numbered:
		return lex.Hint
	case lex.Prose(lex.Ahead(rest, 0), 4) >= 3 || strings.Contains(rest, "\n"):
		return lex.None
	case t.quote == 0:
		if t.literal && set && t.closers > 0 {
			return lex.Likely
		}
		return lex.None
	case t.from > 64 || lex.Prose(t.s[:t.from], 3) >= 3:
		return lex.Hint
	case set && rest == "", t.closers > 0 && len(rest) < 12:
		return lex.Likely
	case set && len(rest) <= 12 && strings.IndexByte(rest, t.quote) < 0 && mark != '/' && mark != '#':
		return lex.Likely
	}
	return lex.Hint
}

// boolean: behind AND or OR, something that a filter would not say.
func (t *tail) boolean() lex.Strength {
	at := t.i
	w := t.conditions()
	commented := t.commented()
	if !t.clean() {
		if w >= told {
			return lex.Hint
		}
		return lex.None
	}
	if t.quote == 0 {
		return t.bareBoolean(w, commented)
	}
	if rest := lex.Ahead(t.s, at); t.quote == '"' && (strings.Contains(rest, "== \"\"") || strings.Contains(rest, "!= \"\"")) {
		return lex.Hint // a condition of a program
	}
	switch w {
	case constants:
		if !commented && (t.quoted() || t.program()) {
			return lex.Hint
		}
		return lex.Certain
	case told, subselect:
		return lex.Certain
	case compared, called:
		if t.program() {
			return lex.Hint
		}
		if lex.Prose(lex.Ahead(t.s, at), 5) > 3 {
			return lex.Hint
		}
		return lex.Certain
	case literal:
		if commented {
			return lex.Certain
		}
		if t.quote == '"' || t.from > 40 || lex.Digit(lex.Byte(t.s, t.from-1)) && lex.Digit(lex.Byte(t.s, t.i-1)) &&
			lex.Byte(t.s, t.i) == t.quote {
			return lex.Hint // inches and feet, and phrases in quotes
		}
		return lex.Likely
	case unclosed:
		if len(t.s)-at <= 6 {
			return lex.Likely
		}
		return lex.None
	case named:
		if commented {
			return lex.Likely
		}
	}
	return lex.None
}

// quoted reports whether a sentence quotes a condition: words stand before it, and no
// quote behind it that the application's own one would close.
func (t *tail) quoted() bool {
	return t.from > 8 && t.from < lex.MaxLook && strings.IndexByte(t.s[t.from+1:], t.quote) < 0 &&
		!strings.ContainsAny(t.s[:t.from], "'\"") && lex.Prose(t.s[:t.from], 3) >= 3
}

// program reports whether the quote closes an empty string that a program compares with,
// or words go on behind the condition as they stand before it.
func (t *tail) program() bool {
	if t.from > 3 && t.closers == 0 && t.s[t.from-1] == t.quote {
		before := strings.TrimRight(t.s[:t.from-1], " ")
		return strings.HasSuffix(before, "==") || strings.HasSuffix(before, "!=")
	}
	if t.from > 3 && t.closers > 0 {
		before := strings.TrimRight(t.s[:t.from], " ")
		if strings.HasSuffix(before, "==") || strings.HasSuffix(before, "!=") {
			return true
		}
	}
	return t.from > 8 && t.from < lex.MaxLook && lex.Prose(t.s[:t.from], 3) >= 3 &&
		lex.Prose(lex.Ahead(t.s, t.from+1), 5) >= 4
}

// bareBoolean: the same without a quote: filters look alike.
func (t *tail) bareBoolean(w what, commented bool) lex.Strength {
	st := lex.None
	switch w {
	case constants, subselect:
		st = lex.Certain
	case told:
		st = lex.Likely
		if t.sure || t.literal {
			st = lex.Certain
		}
	case called:
		if t.literal && !t.worded || commented {
			st = lex.Likely
		}
	case compared:
		if commented || t.closers > 0 && t.literal {
			st = lex.Likely
		}
	case literal:
		if commented || t.closers > 0 && t.literal || t.comments > 0 && t.literal {
			st = lex.Likely
		}
	}
	if !t.literal && st == lex.Certain {
		st = lex.Likely
	}
	return st
}

// splice: an operator behind the literal: '=”, '-sleep(5)-', 1*(select 1).
func (t *tail) splice(k token) lex.Strength {
	at := t.i
	sign := t.s[k.at]
	w := t.conditions()
	before := lex.Byte(t.s, t.from-1)
	switch {
	case !t.clean():
		return lex.None
	case t.quote != 0 && w < told && t.from > 0 && before == ' ', t.quote != 0 && k.kind == arith && w <= unclosed && lex.Digit(before):
		return lex.None // the quote opens a string; feet and inches
	case w == subselect, w == told && t.sure:
		if t.quote != 0 || t.literal {
			return lex.Certain
		}
		return lex.Likely
	case t.quote == 0:
		if w == told && t.literal && (t.commented() || sign == '^' && lex.Byte(t.s, lex.Skip(t.s, k.end, " ")) == '(') {
			return lex.Likely
		}
		return lex.None
	case w == told, w == constants:
		return lex.Certain
	case w == called && !lex.Letter(sign):
		return lex.Likely
	case w == unclosed:
		short := len(t.s)-at <= 5 && t.from <= 40 && lex.Byte(t.s, lex.Skip(t.s, at, " +-")) == t.quote && (t.quote == '\'' || k.kind == compare)
		if short || k.kind == compare && len(t.s)-at <= 40 && t.from <= 40 && lex.Prose(t.s[at:], 3) < 2 && lex.Byte(t.s, at) != '>' {
			return lex.Likely
		}
	case w == literal:
		n := t.peek()
		if t.commented() || n.kind == openText && t.s[n.at] == t.quote && sign != '<' && sign != '>' || k.kind == compare && sign != '>' && n.kind == end && t.from <= 24 {
			return lex.Likely
		}
	}
	return lex.None
}

// listed: another column or row behind the literal.
func (t *tail) listed() lex.Strength {
	best := nothing
	for range 12 {
		best = max(best, t.conditions())
		if n := t.peek(); n.kind != comma {
			break
		}
		t.next()
	}
	switch {
	case !t.clean():
		return lex.None
	case best == subselect, best == told && t.sure:
		if t.quote != 0 || t.literal {
			return lex.Certain
		}
		return lex.Likely
	case t.quote != 0 && (best == told || best == constants), t.quote != 0 && best == literal && t.commented():
		return lex.Likely
	}
	return lex.None
}
