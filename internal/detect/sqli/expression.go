package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// what an expression turned out to be, from nothing to what only injections say.
type what uint8

const (
	nothing what = iota
	named        // a column, or any word
	literal
	unclosed  // a string that the application's own quote will close
	compared  // a column compared with something
	called    // a function that is not known
	told      // a function, variable or table of the database's own
	constants // literals compared with each other
	subselect
)

// parser reads expressions from one place on.
type parser struct {
	lexer
	depth int
	near  bool // look no further than a little: this place is one of many
	// joined says that conditions were joined by AND or OR.
	joined bool
	sure   bool // something was read that means one thing anywhere
}

// back gives a token back.
func (p *parser) back(t token) { p.i = t.at }

func (p *parser) word(t token) string { return p.s[t.at:t.end] }

// operand reads one operand with its signs.
func (p *parser) operand() what {
	t := p.next()
	for n := 0; n < 12 && (t.kind == not || t.kind == arith && strings.IndexByte("+-*", p.s[t.at]) >= 0); n++ {
		t = p.next()
	}
	switch t.kind {
	case number, text:
		return literal
	case openText:
		return unclosed
	case variable:
		if lex.At(p.s, t.at, "@@") {
			p.sure = true
			return told
		}
		return literal
	case open:
		return p.group()
	case word:
		return p.name(t)
	case other, compare: // a parameter of SQLite's own
		if p.s[t.at] == '?' && strings.HasPrefix(strings.TrimLeft(p.s[t.at+1:], " "), "--") {
			p.i = t.at + 1
			return literal
		}
	}
	p.back(t)
	return nothing
}

// name reads what begins with a word: a column, a call, a literal's name.
func (p *parser) name(t token) what {
	w := p.word(t)
	switch w {
	case "null", "true", "false", "default":
		return literal
	case "values":
		if p.depth > 0 || p.peek().kind == open {
			return p.selection()
		}
		return named
	case "select":
		if lex.Byte(p.s, p.i) == '.' {
			return named // a module of Python
		}
		if p.depth == 0 && lex.Byte(p.s, p.i) == ' ' && lex.Prose(p.s[p.i:min(len(p.s), p.i+64)], 3) >= 3 && !strings.Contains(lex.Ahead(p.s, p.i), "from") {
			return named // a word of a sentence
		}
		if !p.selects() {
			return named // "women and select men sizes"
		}
		return p.selection()
	case "case":
		return p.choice()
	case "from", "where", "union", "group", "order", "having", "limit", "then", "else", "end", "when", "into", "as":
		p.back(t)
		return nothing
	case "interval":
		return p.operand()
	case "array":
		if lex.Byte(p.s, p.i) == '[' {
			p.past("]")
			return literal
		}
	}
	own := catalogue(w) && lex.Byte(p.s, p.i) == '.' && !(w == "sys" && python(lex.Word(p.s, p.i+1))) || sureCatalogue(w)
	for n := 0; n < 4 && (lex.Byte(p.s, p.i) == '.' || lex.Byte(p.s, p.i) == ':' && lex.Letter(lex.Byte(p.s, p.i+1))); n++ {
		for p.i++; lex.Byte(p.s, p.i) == '.'; p.i++ {
		}
		next := p.next()
		if next.kind != word {
			p.back(next)
			break
		}
		w = p.word(next)
		own = own || sureCatalogue(w)
	}
	p.sure = p.sure || own
	if n := p.peek(); n.kind == open {
		p.next()
		return p.arguments(w, own)
	}
	if own || w == "current_user" || w == "session_user" || w == "system_user" {
		return told
	}
	return named
}

// selects reports whether what stands behind a SELECT is a list with a source, a star, a
// function or the like: a word alone is one of a shop's.
func (p *parser) selects() bool {
	l := parser{lexer: p.lexer, near: true, depth: 7}
	l.steps = min(l.steps, 16)
	if lex.Byte(p.s, p.i) == '@' && lex.Letter(lex.Byte(p.s, p.i+1)) && p.depth == 0 {
		return false // select@example.com
	}
	k := l.next()
	for n := 0; n < 4 &&
		(k.kind == not || lex.OneOf(l.word(k), "all", "distinct", "distinctrow", "top", "if", "case")); n++ {
		if w := l.word(k); w == "if" || w == "case" {
			return true
		}
		k = l.next()
	}
	switch k.kind {
	case end: // cut short: a probe
		return p.depth > 0
	case compare, shut, semicolon, comma, logic, other:
		return false
	case arith:
		return p.s[k.at] != '-' && p.s[k.at] != '/' || !lex.Letter(lex.Byte(p.s, k.end))
	case word:
	default:
		return true
	}
	l.back(k)
	if l.operand() >= called {
		return true
	}
	for range 6 {
		n := l.next()
		switch {
		case n.kind == comma, n.kind == comment, n.kind == open, n.kind == variable, n.kind == shut &&
			p.depth > 0, lex.OneOf(l.word(n), "from", "as", "into", "where"):
			return true
		case n.kind != word && n.kind != arith:
			return false
		}
	}
	return false
}

// python reports whether a name belongs to the module sys of Python.
func python(name string) bool {
	return strings.HasPrefix(name, "_") || strings.HasPrefix(name, "max") || lex.OneOf(name, "modules", "stdout", "stderr", "stdin", "argv", "path", "exit", "exc_info", "version", "version_info", "executable", "platform", "maxsize", "flags", "byteorder", "implementation", "getsizeof", "intern", "settrace", "setrecursionlimit", "getfilesystemencoding", "hexversion", "prefix")
}

// choice reads CASE WHEN a THEN b END.
func (p *parser) choice() what {
	if n := p.peek(); p.word(n) != "when" {
		p.sum()
	}
	if n := p.peek(); p.word(n) != "when" {
		return named
	}
	p.next()
	if p.conditions() >= told {
		p.sure = true
	}
	p.past("end")
	return told
}

// arguments passes the arguments of a call.
func (p *parser) arguments(w string, own bool) what {
	from := p.i
	if (w == "iif" || w == "if" || w == "elt" || w == "nullif") && p.depth < 8 {
		p.depth++
		if p.conditions() >= told {
			p.sure = true
		}
		p.depth--
	}
	p.balanced()
	yes, sure := telling(w)
	args := p.s[from:p.i]
	deep := !quotedAlone(args) &&
		(strings.Contains(args, "select ") || strings.Contains(args, "select(") || strings.Contains(args, "select*") ||
			strings.Contains(args, "select/") || strings.Contains(args, "case when"))
	p.sure = p.sure || sure && len(args) > 1 || deep
	if yes || own || deep {
		return told
	}
	if p.i >= len(p.s) && lex.Byte(p.s, p.i-1) != ')' && !strings.ContainsAny(args, "'\",") {
		return named // nothing closes its bracket
	}
	return called
}

// quotedAlone reports whether the arguments of a call are one string, which another
// language passes on: spark.sql('select 1').
func quotedAlone(args string) bool {
	args = strings.TrimSpace(strings.TrimSuffix(args, ")"))
	n := len(args)
	return n > 1 && (args[0] == '\'' || args[0] == '"') && args[n-1] == args[0] && strings.IndexByte(args[1:n-1], args[0]) < 0
}

// selection passes the rest of a bracket that holds a SELECT.
func (p *parser) selection() what {
	p.balanced()
	return subselect
}

// balanced goes behind the bracket that closes one opened before.
func (p *parser) balanced() {
	depth, far := 1, 2*lex.MaxLook
	if p.near {
		far = 64
	}
	for end := min(len(p.s), p.i+far); p.i < end; p.i++ {
		switch c := p.s[p.i]; c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				p.i++
				return
			}
		case '\'', '"':
			if j := strings.IndexByte(p.s[p.i+1:end], c); j >= 0 {
				p.i += j + 1
			}
		}
	}
}

// past goes behind the next word w, if it is near.
func (p *parser) past(w string) {
	if j := strings.Index(lex.Ahead(p.s, p.i), w); j >= 0 {
		p.i += j + len(w)
	}
}

// group reads a bracket.
func (p *parser) group() what {
	if p.depth++; p.depth > 8 {
		p.balanced()
		return nothing
	}
	defer func() { p.depth-- }()
	best := p.conditions()
	for range 8 {
		t := p.next()
		switch t.kind {
		case shut, end:
			return best
		case comma:
			best = max(best, p.conditions())
		default:
			p.back(t)
			p.balanced()
			return best
		}
	}
	return best
}

// sum reads operands joined by arithmetic.
func (p *parser) sum() what {
	left := p.operand()
	for n := 0; n < 16 && left != nothing; n++ {
		t := p.peek()
		if t.kind != arith {
			break
		}
		p.next()
		right := p.operand()
		if right == nothing {
			break
		}
		left = max(left, right)
	}
	return left
}

// condition reads a sum, and what it is compared with.
func (p *parser) condition() what {
	left := p.sum()
	for n := 0; n < 4 && left != nothing; n++ {
		t := p.peek()
		if t.kind == not && p.word(t) == "not" { // a NOT BETWEEN b AND c, a NOT LIKE b
			q := p.lexer
			p.next()
			if t = p.peek(); t.kind != compare {
				p.lexer = q
			}
		}
		if t.kind != compare {
			break
		}
		p.next()
		left = join(left, p.sum())
	}
	return left
}

// join says what a comparison is.
func join(a, b what) what {
	switch {
	case b == nothing:
		return a
	case a >= told || b >= told:
		return max(a, b)
	case a == named && b == named:
		return named // words with a sign between them
	case a == named || b == named || a == compared || b == compared:
		return compared
	case a == called || b == called:
		return called
	}
	return constants
}

// conditions reads conditions joined by AND and OR and returns the most telling.
func (p *parser) conditions() what {
	best := p.condition()
	for n := 0; n < 6 && best != nothing && best < told; n++ {
		t := p.peek()
		if t.kind != logic {
			break
		}
		p.next()
		p.joined = true
		best = max(best, p.condition())
	}
	return best
}
