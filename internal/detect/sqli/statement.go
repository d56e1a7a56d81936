package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// clauseWord reports whether a statement can go on with w.
func clauseWord(w string) bool {
	switch w {
	case "union", "having", "order", "group", "limit", "into", "procedure", "where", "when", "then", "as", "for",
		"offset", "except", "intersect", "minus", "waitfor", "else", "end", "from", "using", "returning", "if", "select",
		"exec", "is", "on", "rows", "fetch", "escape", "begin":
		return true
	}
	return false
}

// clause: the statement goes on with another clause.
func (t *tail) clause(k token) lex.Strength {
	out := t.quote != 0
	switch w := t.word(k); w {
	case "union", "except", "intersect", "minus":
		st := t.union()
		if st == lex.Likely && (out || t.literal) {
			return lex.Certain
		}
		return st
	case "having", "where", "when", "on":
		return t.conditional(w)
	case "order", "group":
		return t.sorted()
	case "limit", "offset":
		return t.limited()
	case "into":
		if n := t.next(); lex.OneOf(t.word(n), "outfile", "dumpfile") || n.kind == variable && out {
			return lex.Certain
		}
	case "isnull", "notnull":
		if out && t.commented() {
			return lex.Likely
		}
	case "procedure":
		if n := t.next(); t.word(n) == "analyse" {
			return lex.Certain
		}
	case "as":
		t.next() // the alias
		if n := t.peek(); t.word(n) == "from" && (t.quote == '`' || t.literal && !t.worded) {
			return lex.Likely
		}
		if n := t.next(); t.word(n) == "where" || t.word(n) == "on" {
			return t.conditional("where")
		}
	case "update", "delete", "alter", "create", "truncate":
		if !out && (!t.literal || t.worded) {
			return lex.None
		}
		t.back(k)
		return t.statement()
	case "waitfor", "select", "exec", "execute", "begin", "declare", "if", "insert", "drop":
		if (w == "select" || w == "insert") && t.quote != 0 && t.from > 1 && k.at == t.from+1 && strings.IndexByte("(,= ", t.s[t.from-1]) >= 0 && lex.Byte(t.s, k.end) == ' ' {
			return lex.Hint // the quote opens a statement in a program
		}
		if t.quote != 0 && t.from > 1 && k.at == t.from+1 && t.s[t.from-1] == ' ' && lex.Prose(t.s[max(0, t.from-lex.MaxLook):t.from], 4) > 3 {
			return lex.Hint // or a name in a sentence
		}
		t.back(k)
		st := t.statement()
		if st == lex.Likely && out {
			st = lex.Certain
		}
		return st
	case "for":
		if n := t.next(); out && lex.OneOf(t.word(n), "xml", "update") {
			return lex.Likely
		}
	}
	return lex.None
}

// limited: LIMIT 1,1, and what injections put behind it.
func (t *tail) limited() lex.Strength {
	if n := t.next(); n.kind != number {
		return lex.None
	}
	if t.peek().kind == comma {
		t.next()
		t.next()
	}
	if t.quote != 0 && t.commented() {
		return lex.Likely
	}
	if k := t.peek(); k.kind == word && lex.OneOf(t.word(k), "union", "procedure", "into") {
		t.next()
		return t.clause(k)
	}
	return lex.None
}

// conditional: HAVING 1=1, WHERE 'a'='a.
func (t *tail) conditional(w string) lex.Strength {
	c := t.conditions()
	switch {
	case !t.clean():
		return lex.None
	case c == constants || c == subselect || c == told && (t.sure || t.quote != 0 || t.literal):
		return lex.Certain
	case t.quote != 0 && c >= literal && c != unclosed, w == "having" && t.commented() && c >= literal:
		return lex.Likely
	}
	return lex.None
}

// sorted: ORDER BY 3, GROUP BY a HAVING 1=1: counting columns.
func (t *tail) sorted() lex.Strength {
	if n := t.next(); t.word(n) != "by" {
		return lex.None
	}
	w := t.conditions()
	for n := 0; n < 16 && t.peek().kind == comma; n++ {
		t.next()
		w = max(w, t.conditions())
	}
	n := t.peek()
	switch {
	case n.kind == word && t.word(n) == "having":
		t.next()
		return t.conditional("having")
	case w == subselect || w == told && t.sure:
		return lex.Certain
	case w == nothing || !t.clean():
		return lex.None
	case t.commented() && (n.kind != comment || t.s[n.at] != '#' || n.at+1 == len(t.s) || t.s[n.at+1] == ' '):
		return lex.Likely
	case w == literal && (t.quote != 0 || t.literal) && n.kind == end:
		return lex.Likely
	case t.quote != 0:
		return lex.Hint
	}
	return lex.None
}

// union: [ALL] SELECT and a list that is no prose.
func (t *tail) union() lex.Strength {
	n := t.next()
	for i := 0; i < 6 && (n.kind == not || n.kind == open || t.word(n) == "distinctrow"); i++ {
		n = t.next()
	}
	if !lex.OneOf(t.word(n), "select", "values") {
		return lex.None
	}
	w, items := t.list()
	n = t.peek()
	switch {
	case w == literal || w >= told || items > 1, t.word(n) == "from" && t.clean(), n.kind == comment:
		return lex.Likely
	case w == nothing && n.kind == end && t.bare && plainWords(t.s):
		return lex.Hint // the two words, as people look for them
	case w == nothing && n.kind <= comment && lex.Prose(lex.Ahead(t.s, n.at), 3) < 2: // select *, select(
		return lex.Likely
	case n.kind == end && t.literal && w != named:
		return lex.Likely
	}
	return lex.Hint
}

// plainWords reports whether s is words of letters with one space between them.
func plainWords(s string) bool {
	for i := 0; i < len(s); i++ {
		if !lex.Letter(s[i]) && (s[i] != ' ' || i == 0 || !lex.Letter(lex.Byte(s, i+1))) {
			return false
		}
	}
	return true
}

// list reads what a SELECT asks for, and how many items that are.
func (t *tail) list() (w what, items int) {
	for k := t.peek(); k.kind == arith && t.s[k.at] == '*'; k = t.peek() {
		t.next()
	}
	w, items = t.operand(), 1
	for range 48 {
		k := t.peek()
		switch k.kind {
		case arith, compare, logic:
			t.next()
			w = max(w, t.operand())
		case comma:
			t.next()
			items++
			w = max(w, t.operand())
		case word:
			if t.word(k) != "as" || items > 40 {
				return w, items
			}
			t.next()
			t.next()
		default:
			return w, items
		}
	}
	return w, items
}

// begins reports whether statement knows what w begins.
func begins(w string) bool {
	switch w {
	case "drop", "create", "alter", "truncate", "insert", "replace", "merge", "delete", "update", "select", "values", "waitfor", "shutdown":
		return true
	}
	function, _ := telling(w)
	return function || executes(w)
}

// executes reports whether a statement that w begins only matters with one of carries
// behind it.
func executes(w string) bool {
	switch w {
	case "exec", "execute", "call", "begin", "declare", "grant", "backup", "bulk", "copy", "if", "do", "handler", "use", "desc", "describe", "show", "set", "return", "with", "attach", "pragma", "vacuum", "revoke", "load":
		return true
	}
	return false
}

// carries is what a statement has that is no sentence.
var carries = lex.NeedlesOf("(", "@", "'", "=", ",", "\"", "--", "dbms_", "xp_", "..")

// program reports whether a statement of SQL begins with a word that is also one of
// programs.
func program(w string) bool {
	switch w {
	case "if", "use", "set", "return", "do", "with", "show", "load", "call", "declare":
		return true
	}
	return false
}

// statement judges another statement behind a semicolon.
func (t *tail) statement() lex.Strength {
	k := t.next()
	if k.kind != word {
		return lex.None
	}
	w := t.word(k)
	rest := lex.Ahead(t.s, t.i)
	n := t.peek()
	next := t.word(n)
	ok := false
	if n.kind == compare && strings.IndexByte("=<>", t.s[n.at]) >= 0 {
		return lex.None // a parameter, a type: ;desc=warm, Select<T>
	}
	switch w {
	case "drop", "create", "alter", "truncate":
		ok = lex.OneOf(next, "table", "database", "user", "function", "procedure", "view", "index", "schema", "login", "alias", "extension", "or", "assembly", "trigger", "role", "temporary", "aggregate", "rule")
	case "insert", "replace", "merge":
		ok = next == "into" || w == "replace" && strings.Contains(rest, ") values")
	case "delete":
		ok = next == "from"
	case "update":
		ok = strings.Contains(rest, " set ")
	case "select", "values":
		x, items := t.list()
		m := t.peek()
		ok = x == literal || x >= called || t.word(m) == "from" || items > 1 && x >= literal || m.kind == comment && (t.s[m.at] != '#' || m.end-m.at > 0 && x != named)
		if t.quote != 0 && x == named && m.kind == end {
			return lex.Likely
		}
		if ok && (t.quote != 0 || t.literal) && t.word(m) == "from" {
			return lex.Likely
		}
	case "exec", "execute", "call", "begin", "declare", "grant", "backup", "bulk", "copy", "if", "do", "handler", "use", "desc", "describe", "show", "set", "return", "with", "attach", "pragma", "vacuum", "revoke", "load":
		common := program(w)
		if t.quote == 0 && !t.literal && common {
			return lex.None
		}
		ok = carries.In(rest, 0, len(rest), &lex.Next{})
		if w == "if" && n.kind == open {
			t.next()
			if t.conditions() >= told {
				return lex.Likely
			}
		}
		if common {
			ok = ok && (strings.Contains(rest, "select") || strings.Contains(rest, "sleep") || strings.Contains(rest, "--") || strings.Contains(rest, "@"))
		}
		ok = ok && lex.Prose(rest, 5) < 4
	case "waitfor":
		ok = lex.OneOf(next, "delay", "time")
	case "shutdown":
		ok = n.kind == comment || n.kind == end || next == "with"
	default:
		yes, sure := telling(w)
		ok = n.kind == open && (sure || yes && (t.quote != 0 || t.literal)) && rest != "()"
	}
	switch {
	case !ok:
		return lex.None
	case lex.Prose(rest, 8) >= 7 && !(t.quote != 0 && strings.IndexByte(rest, ';') > 0):
		return lex.Hint
	}
	return lex.Likely
}
