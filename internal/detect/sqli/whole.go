package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// whole judges a value that is SQL from its first word on. APIs that take SQL
// take plain statements; what only injections ask for stands out.
func whole(s, w string) lex.Strength {
	t := tail{parser: parser{lexer: lexer{s: s, i: lex.Skip(s, 0, " \t\r\n"), steps: maxTokens}}}
	if lex.Byte(s, t.i+len(w)) == '.' && w == "select" {
		return lex.None // a module of Python
	}
	switch w {
	case "select", "insert", "update", "delete", "drop", "create", "alter", "load", "show", "exec", "execute", "declare", "begin", "call", "grant", "shutdown", "waitfor", "truncate", "copy", "backup", "restore", "bulk", "merge", "replace", "desc", "describe", "set":
		t.literal = true
		l := t.lexer
		if st := commanded(s, w, t.parser); st > lex.None {
			return st
		}
		if w == "restore" && strings.Contains(s, " from ") || t.statement() >= lex.Hint {
			t.lexer = l
			t.next()
			return statementAlone(s, w, t.parser)
		}
		return lex.None
	case "case":
		if t.operand() == told && t.sure {
			return lex.Likely
		}
		return lex.None
	}
	t.next()
	if strings.HasPrefix(w, "xp_") && t.peek().kind == text {
		return lex.Likely // xp_dirtree '\\host\share'
	}
	if t.peek().kind == end && sureCatalogue(w) {
		return lex.Likely // a table of the database's own, where a name was asked for
	}
	if t.peek().kind != open {
		return lex.None
	}
	if yes, _ := telling(w); yes && strings.HasSuffix(strings.TrimRight(s, " \r\n"), "(") && len(s)-t.i < 8 {
		return lex.Likely // cut short: a probe
	}
	start := lex.Skip(s, 0, " \t\r\n")
	if spoken(s, start, w) {
		return lex.Hint
	}
	t.lexer = lexer{s: s, i: start, steps: maxTokens}
	arg := t.conditions()
	switch {
	case arg == subselect, arg == told && t.sure, arg == constants:
		if t.clean() {
			return lex.Likely
		}
	case arg == told && t.joined:
		if n := t.peek(); n.kind == end || n.kind == comment {
			return lex.Likely
		}
	}
	return lex.None
}

// commanded judges statements whose first words say that no API's client wrote
// them: SELECT glued to its operand, a variable declared, a statement made of a
// string, a file on somebody else's machine.
func commanded(s, w string, p parser) lex.Strength {
	p.next()
	glued := strings.IndexByte("-~@+!\\^", lex.Byte(s, p.i)) >= 0
	n := p.next()
	switch w {
	case "select":
		if glued && strings.Contains(lex.Ahead(s, p.i), "from") || n.kind == word && p.peek().kind == end && delays(p.word(n)) {
			return lex.Likely
		}
	case "declare":
		if n.kind == variable {
			return lex.Likely
		}
	case "execute":
		if m := p.peek(); p.word(n) == "immediate" && (m.kind == text || m.kind == openText) {
			return lex.Likely
		}
	case "grant":
		if p.word(n) == "file" {
			return lex.Likely
		}
	case "backup", "restore", "load", "bulk", "copy", "create":
		if j := strings.Index(lex.Ahead(s, p.i), "'\\\\"); j >= 0 {
			return lex.Likely // '\\host\share
		}
	}
	return lex.None
}

// delays reports whether a name is a function that does one thing anywhere.
func delays(w string) bool {
	_, sure := telling(w)
	return sure && w != "elt"
}

// statementAlone judges a whole statement by what it reads and how it ends.
func statementAlone(s, w string, p parser) lex.Strength {
	st := lex.Hint
	if w == "select" && proves(s) {
		return lex.Likely
	}
	for n := 0; n < maxTokens && st < lex.Likely; n++ {
		t := p.next()
		switch t.kind {
		case end:
			if rest := strings.TrimRight(s, " \t\r\n"); n > 3 && (strings.HasSuffix(rest, " where") || strings.HasSuffix(rest, " from")) {
				return lex.Likely // the application goes on
			}
			n = maxTokens
		case variable:
			if lex.At(s, t.at, "@@") {
				st = lex.Likely
			}
		case word:
			st = max(st, p.wordAlone(t))
		case logic:
			q := p
			if q.conditions() == constants {
				st = lex.Likely
			}
		case comment:
			if rest := strings.TrimLeft(s[t.at:], "- "); len(rest) > 2 && len(rest) < 6 && rest[0] == '.' &&
				lex.Letter(rest[1]) {
				return st // the name of a file
			}
			if s[t.at] != '#' && lex.Prose(strings.TrimLeft(s[t.at:], "-#/*"), 3) < 1 || strings.TrimRight(s[t.at:], "# ") == "" {
				st = lex.Likely
			}
			n = maxTokens
		}
	}
	if w == "set" && strings.Contains(s, "prepare") && strings.Contains(s, "execute") {
		return lex.Likely
	}
	if w == "exec" || w == "execute" || w == "declare" || w == "begin" {
		if strings.Contains(s, "xp_") || strings.Contains(s, "sp_") || strings.Contains(s, "dbms_") || w != "exec" && (strings.Contains(s, "exec(") || strings.Contains(s, "exec (")) || strings.Contains(s, "exec(@") {
			return lex.Likely
		}
	}
	return st
}

// wordAlone judges one word of a statement.
func (p *parser) wordAlone(t token) lex.Strength {
	v := p.word(t)
	if sureCatalogue(v) || catalogue(v) && lex.Byte(p.s, t.end) == '.' && v != "sys" || strings.HasPrefix(v, "pg_") || v == "dual" {
		return lex.Likely
	}
	if v == "union" && !strings.Contains(p.s[:t.at], " from ") {
		u := tail{parser: *p, literal: true}
		if u.union() >= lex.Likely {
			return lex.Likely
		}
	}
	if _, sure := telling(v); sure && lex.Byte(p.s, t.end) == '(' {
		return lex.Likely
	}
	if lex.OneOf(v, "current_user", "session_user", "system_user", "current_database", "current_setting", "user", "database", "version") && (v[0] == 'c' || v[0] == 's' || lex.Byte(p.s, t.end) == '(') {
		return lex.Likely
	}
	return lex.None
}

// bracketed judges a value that begins with a bracket: no API's own syntax
// puts a SELECT there.
func bracketed(s string) lex.Strength {
	t := tail{parser: parser{lexer: lexer{s: s, steps: maxTokens}}, literal: true}
	w := t.conditions()
	switch {
	case w == subselect && t.clean():
		return lex.Likely
	case (w == constants || w == told && t.sure) && t.clean():
		return lex.Likely
	case w >= literal && t.commented():
		return lex.Likely
	case w == nothing || w == named:
		return lex.None
	}
	return min(t.judge(), lex.Likely)
}

// exploits are what statements have that read a database's own tables, its files or its
// clock, or prove a hole.
var exploits = lex.NeedlesOf("information_schema", "sleep(", "benchmark(", "load_file", "pg_", "xp_", "waitfor", "@@",
	"outfile", "dumpfile", "sqlite_",
	"user()", "version()", "database()", "md5(", "0x", "sys.", "mysql.", "dbms_", "utl_", "char(", "chr(", "randomblob",
	"extractvalue", "updatexml", "lo_", "dblink", "copy ", "--", "/*", "sysobjects", "rdb$", "fn_")

// Plainly reports whether a value in lower case is a statement from its first word on
// that does what applications' statements do.
func Plainly(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n")
	return statementWord(lex.Word(s, 0)) && !exploits.In(s, 0, len(s), &lex.Next{})
}

// slug reports whether s is words of letters with hyphens between them, as paths have.
func slug(s string) bool {
	for i := 0; i < len(s); i++ {
		if !lex.Letter(s[i]) && (s[i] != '-' || lex.Byte(s, i+1) == '-') {
			return false
		}
	}
	return strings.IndexByte(s, '-') > 0
}

// reaching are what statements have that leave the database: files, programs, other hosts.
var reaching = lex.NeedlesOf("pg_read_", "pg_ls_", "pg_file_", "load_file", "xp_cmdshell", "xp_dirtree", " program ",
	"outfile", "dumpfile",
	"lo_export", "lo_import", "sys_exec", "sys_eval", "dblink", "utl_http", "utl_file", "openrowset", "load_extension",
	"writefile", "read_text(")

// Reaches reports whether a value in lower case is a statement that leaves the database.
func Reaches(s string) bool { return reaching.In(s, 0, len(s), &lex.Next{}) }
