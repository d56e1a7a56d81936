package detect

import (
	"strings"

	"github.com/corazawaf/libinjection-go"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// SQL injection.
//
// Catches values that break out of a string or number and go on in SQL: boolean
// tautologies, UNION SELECT, stacked statements, time and error functions,
// comment-terminated logins. Misses payloads that carry no SQL of their own
// (a bare table name), and statements sent to APIs that take SQL by design.
//
// Example: 1' UNION SELECT password FROM users--
func (d *Detector) sqlInjection(s *scan) finding {
	flat := s.squeezed()
	proof, at := sqlProof(flat)
	hit := false
	if proof < strong || s.gate.plain < 30 {
		hit, _ = libinjection.IsSQLi(s.text)
	}
	band := signal.Hint
	switch {
	case proof == none && !hit:
		return finding{}
	case statement(flat): // an API that takes SQL takes all of it
	case proof == strong && (hit || breaksOut(flat)):
		band = signal.Certain
	case proof == strong, proof == weak && hit:
		band = signal.Likely
	case hit && s.gate.plain <= 3 && s.gate.bits&(hasQuote|hasComment) != 0 && s.gate.words&(wordSQL|wordOp) != 0 && s.gate.bits&(hasCompare|hasComment|hasParen|hasSemicolon) != 0:
		band = signal.Likely
	}
	return finding{signal.SQLInjection, s.limit(band), at}
}

// sqlGate: quotes, comments and SQL words. Headers are full of the former.
func sqlGate(s *scan) bool {
	g := &s.gate
	words := g.words&wordSQL != 0 || g.words&wordOp != 0 && g.bits&(hasCompare|hasQuote|hasComment) != 0
	if s.value.In == request.InHeader {
		return words && g.bits&(hasQuote|hasComment|hasCompare) != 0 && !clientHint(s.value.Key)
	}
	return words && g.bits&(hasQuote|hasComment|hasCompare|hasParen|hasSemicolon) != 0 ||
		g.words&wordSQL != 0 && g.known > 1 || g.bits&(hasQuote|hasComment) != 0 && (words || g.plain+g.known <= 8 && g.bits&(hasComment|hasCompare|hasParen|hasSemicolon|hasBreak) != 0)
}

func clientHint(name string) bool { return hasPrefixFold(name, "sec-") }

// strength of a proof.
type strength uint8

const (
	none strength = iota
	weak
	strong
)

// breaksOut reports whether the value begins by leaving a literal: a quote or
// a number or nothing, then an operator, a bracket or a statement's end.
func breaksOut(s string) bool {
	i := strings.IndexAny(s, "'\"`);")
	return i >= 0 && i < 48 || s != "" && (s[0]-'0' < 10 || s[0] == '-')
}

// statement reports whether the value is an SQL statement from its first word on.
func statement(s string) bool {
	w := wordAt(s, skip(s, 0, " ("))
	return oneOf(w, "select", "insert", "update", "delete", "create", "drop", "alter", "show", "with", "explain", "grant", "from", "merge", "describe")
}

// sqlProof looks for what means something as injection in squeezed text.
func sqlProof(s string) (best strength, at int) {
	for i := 0; i < len(s) && best < strong; i++ {
		var p strength
		switch c := s[i]; {
		case c == ';':
			p = stacked(s, i)
		case c == '|' || c == '&':
			if hasAt(s, i, "||") || hasAt(s, i, "&&") {
				p = boolean(s, i+2)
				i++
			}
		case c == '\'' || c == '"':
			p = closing(s, i)
		case (c-'a' < 26 || c == '_' || c == '@') && (i == 0 || !wordByte(s[i-1]) || s[i-1]-'0' < 10):
			w := wordAt(s, i)
			p = sqlWord(s, i, w)
			i += max(len(w)-1, 0)
		}
		if p > best {
			best, at = p, i
		}
	}
	return best, at
}

func sqlWord(s string, i int, w string) strength {
	end := i + len(w)
	switch w {
	case "union":
		return unionSelect(s, i, end)
	case "or", "and", "xor", "having", "where", "when", "div":
		return boolean(s, end)
	case "waitfor":
		if n := skip(s, end, " "); hasAt(s, n, "delay") || hasAt(s, n, "time") {
			return strong
		}
	case "into":
		if n := skip(s, end, " "); hasAt(s, n, "outfile") || hasAt(s, n, "dumpfile") {
			return strong
		}
	case "procedure":
		if n := skip(s, end, " "); hasAt(s, n, "analyse") {
			return strong
		}
	case "order", "group":
		if n := skip(s, end, " "); hasAt(s, n, "by ") && n+3 < len(s) && s[n+3]-'0' < 10 {
			return weak
		}
	case "information_schema", "sysobjects", "syscolumns", "sqlite_master", "pg_catalog", "xp_cmdshell", "sp_executesql", "dbms_pipe", "dbms_lock", "utl_inaddr", "utl_http", "msysobjects", "openrowset", "load_file":
		return weak
	case "select":
		return subselect(s, i, end)
	}
	return function(s, end, w)
}

// function knows functions that only injections call in a value.
func function(s string, end int, w string) strength {
	n := skip(s, end, " ")
	if n >= len(s) || s[n] != '(' {
		return none
	}
	switch w {
	case "sleep", "pg_sleep", "benchmark", "extractvalue", "updatexml", "randomblob", "generate_series", "xmltype", "make_set", "elt", "crypt_key", "regexp_substring", "load_file", "row", "ctxsys", "exp", "gtid_subset", "json_keys", "geometrycollection", "polygon", "multipoint":
		return weak
	case "concat", "concat_ws", "group_concat", "char", "chr", "nchar", "ascii", "substring", "substr", "mid", "ord", "cast", "convert", "hex", "unhex", "ifnull", "isnull", "nullif", "database", "version", "schema_name", "iif":
		return weak
	}
	return none
}

// unionSelect: "union [all] select" and a list that is no prose.
func unionSelect(s string, at, i int) strength {
	if at > 0 && s[at-1] == ' ' { // squeezed: there is one at most
		at--
	}
	joins := at == 0 || !wordByte(s[at-1]) || s[at-1]-'0' < 10 // not behind a word: "the union select committee"
	i = skip(s, i, " (")
	for _, w := range [...]string{"all", "distinct", "distinctrow"} {
		if wordAt(s, i) == w {
			i = skip(s, i+len(w), " (")
		}
	}
	if wordAt(s, i) != "select" {
		return none
	}
	i = skip(s, i+len("select"), " (+-")
	w := wordAt(s, i)
	next := skip(s, i+len(w), " ")
	switch {
	case i >= len(s):
		return weak
	case !wordByte(s[i]), s[i]-'0' < 10, w == "null":
		return strong
	case next < len(s) && (s[next] == ',' || s[next] == '(' || s[next] == '.'), joins && (next >= len(s) || strings.Contains(ahead(s, i), " from ")):
		return strong
	case joins:
		return weak
	}
	return none
}

// subselect: "(select ... from", "select @@version", "select sleep(".
func subselect(s string, i, end int) strength {
	before := i
	if before > 0 && s[before-1] == ' ' { // squeezed: there is one at most
		before--
	}
	rest := ahead(s, end)
	if before > 0 && s[before-1] == '(' && (strings.Contains(rest, " from") || strings.Contains(rest, "(") || strings.Contains(rest, "@@")) {
		return weak
	}
	if strings.Contains(rest, "@@") || strings.Contains(rest, "sleep(") {
		return weak
	}
	return none
}

// boolean: behind an operator, a comparison of literals or a telling function.
func boolean(s string, i int) strength {
	i = skip(s, i, " (!~+-")
	if wordAt(s, i) == "not" {
		i = skip(s, i+3, " (")
	}
	kind, next := operand(s, i)
	if kind == noOperand {
		return none
	}
	n := skip(s, next, " )")
	op := comparison(s, n)
	switch {
	case op == 0 && kind == literal && trailing(s[n:]):
		return weak
	case op == 0 && kind == call:
		return function(s, i+len(wordAt(s, i)), wordAt(s, i)) // "or sleep(5)"
	case op == 0:
		return none
	}
	other, _ := operand(s, skip(s, n+op, " (!~+-"))
	switch {
	case kind == literal && other != noOperand && other != name, kind == call && other != noOperand && function(s, i+len(wordAt(s, i)), wordAt(s, i)) != none:
		return strong
	case kind == name && other == literal:
		return none // "and id = 5": what filters say
	case kind == literal:
		return weak
	}
	return none
}

// trailing reports whether what follows a literal ends the statement.
func trailing(s string) bool {
	return s == "" || strings.HasPrefix(s, "--") || s[0] == '#' || s[0] == ';' || strings.HasPrefix(s, "/*")
}

type operandKind uint8

const (
	noOperand operandKind = iota
	literal               // number or string
	call                  // f(, (select
	name
)

// operand reads one operand at s[i:] and returns what it is and what follows it.
func operand(s string, i int) (operandKind, int) {
	if i >= len(s) {
		return noOperand, i
	}
	switch c := s[i]; {
	case c == '\'' || c == '"':
		j := strings.IndexByte(s[i+1:], c)
		if j < 0 {
			return literal, len(s) // the application's own quote closes it
		}
		return literal, i + j + 2
	case c-'0' < 10:
		j := i
		for j < len(s) && (wordByte(s[j]) || s[j] == '.') {
			j++
		}
		return literal, j
	case c == '@':
		return call, i + 1
	case wordByte(c):
		w := wordAt(s, i)
		end := i + len(w)
		switch {
		case w == "true" || w == "false" || w == "null":
			return literal, end
		case w == "select" || w == "case" || w == "exists":
			return call, end
		case end < len(s) && s[end] == '(':
			return call, matching(s, end)
		}
		return name, end
	}
	return noOperand, i
}

// matching returns what follows the bracket that closes the one at s[i].
func matching(s string, i int) int {
	depth := 0
	for end := min(len(s), i+maxLook); i < end; i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

// comparison returns the length of the comparison operator at s[i:], or 0.
func comparison(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	switch s[i] {
	case '=', '<', '>', '!':
		return skip(s, i, "=<>!") - i
	case '^', '*', '/', '%', '+':
		return 0
	}
	switch w := wordAt(s, i); w {
	case "like", "rlike", "regexp", "in", "between", "is", "sounds", "not":
		return len(w)
	}
	return 0
}

// closing: a quote, perhaps brackets, then what ends a statement or joins another.
func closing(s string, i int) strength {
	n := skip(s, i+1, " )'\"")
	if n == i+1 && n < len(s) && wordByte(s[n]) && s[n]-'0' >= 10 && i > 0 && wordByte(s[i-1]) {
		return none // o'brien
	}
	rest := s[n:]
	switch {
	case strings.HasPrefix(rest, "--") && (len(rest) == 2 || len(rest) < 12), rest == "#", strings.HasPrefix(rest, "/*"):
		if len(s) < 64 {
			return weak
		}
	case strings.HasPrefix(rest, "||") || strings.HasPrefix(rest, "&&"):
		return weak
	}
	return none
}

// stacked: a semicolon and another statement.
func stacked(s string, i int) strength {
	n := skip(s, i+1, " ;(")
	w := wordAt(s, n)
	after := skip(s, n+len(w), " (")
	next := wordAt(s, after)
	brk := i > 0 && (strings.IndexByte("'\") ", s[i-1]) >= 0 || s[i-1]-'0' < 10)
	ok := false
	switch w {
	case "drop", "create", "alter", "truncate":
		ok = oneOf(next, "table", "database", "user", "function", "procedure", "view", "index", "schema", "login", "alias", "extension", "or", "assembly")
	case "insert":
		ok = next == "into"
	case "delete":
		ok = next == "from"
	case "update":
		ok = strings.Contains(ahead(s, after), " set ")
	case "select", "exec", "execute", "declare", "waitfor", "call", "begin", "shutdown", "copy", "if", "set", "use", "grant", "backup", "bulk":
		ok = strings.ContainsAny(ahead(s, n), "(@'=,") || strings.Contains(ahead(s, n), "--") || w == "shutdown" || w == "waitfor"
	}
	switch {
	case ok && brk:
		return strong
	case ok:
		return weak
	}
	return none
}
