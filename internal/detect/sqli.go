package detect

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/detect/sqli"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// SQL injection.
//
// Catches values that leave a string or number and go on in SQL: boolean
// tautologies, UNION SELECT, stacked statements, time and error functions,
// comment-terminated logins. Misses payloads that carry no SQL of their own
// (a bare table name), and statements sent to APIs that take SQL by design.
//
// Example: 1' UNION SELECT password FROM users--
func (d *Detector) sqlInjection(s *scan) finding {
	if s.value.In == request.InHeader && clientHint(s.value.Key) {
		return finding{}
	}
	f := sqli.Judge(s.lower())
	if s.disguised() {
		plain, _ := sqli.Plain(s.flatBuf[:0], s.lower())
		s.flatBuf = plain
		if g := sqli.Judge(view(plain)); g.Strength >= lex.Likely && s.sentence() < 6 {
			return finding{signal.SQLInjection, bandOf(g.Strength), 0} // nobody writes prose so
		}
	}
	if f.Strength == lex.None {
		return finding{}
	}
	band := bandOf(f.Strength)
	if band > signal.Hint && s.value.In.Body() && (textField(s.value.Key) || titleField(s.value.Key)) &&
		possessive(s.low) {
		return finding{signal.SQLInjection, signal.Hint, f.At}
	}
	if band == signal.Likely && s.gate.bits&hasHigh != 0 && foreign(s.low) {
		return finding{signal.SQLInjection, signal.Hint, f.At}
	}
	if band > signal.Hint && fileEnds(s.low) {
		return finding{signal.SQLInjection, signal.Hint, f.At} // the name of a file
	}
	if band > signal.Hint && formula(s.low) &&
		(strings.HasPrefix(s.low, "=query(") || !strings.Contains(s.low, "select")) &&
		!strings.Contains(s.low, "sleep") && !strings.Contains(s.low, "benchmark") {
		return finding{signal.SQLInjection, signal.Hint, f.At}
	}
	if band > signal.Hint && !f.Left && s.value.In.Body() &&
		(takesStatement(s.value.Key) && sqli.Plainly(s.low) || takesSQL(s.value.Key) && !sqli.Reaches(s.low)) {
		return finding{signal.SQLInjection, signal.Hint, f.At}
	}
	if band > signal.Hint && !f.Left && s.value.In.Body() && len(s.low) > 2 && s.low[0] == '<' &&
		lex.Letter(s.low[1]) && strings.IndexByte(s.low, '>') > 0 {
		return finding{signal.SQLInjection, signal.Hint, f.At} // a page that shows a statement
	}
	if band == signal.Certain && s.value.In.Body() && s.gate.breaks > 1 {
		band = signal.Likely
	}
	if (f.Left || f.Anchored && s.sentence() < 8) && !s.document() { // prose before the quote is what the string holds
		return finding{signal.SQLInjection, band, f.At}
	}
	return finding{signal.SQLInjection, s.limit(band), f.At}
}

// disguised reports whether the value may be SQL whose words or spaces are hidden.
func (s *scan) disguised() bool {
	g := &s.gate
	return (g.bits&hasComment != 0 || g.bits&(hasDigit|hasArith) == hasDigit|hasArith || g.bits&hasHigh != 0) && sqli.Disguised(s.lower())
}

// sqlGate: SQL takes a quote, a bracket, an operator, a comment or a word of its
// own. Headers are full of the former.
func sqlGate(s *scan) bool {
	g := &s.gate
	const signs = hasDigit | hasQuote | hasCompare | hasComment | hasParen | hasShut | hasSemicolon | hasBreak | hasAt | hasArith | hasScope | hasBackslash
	if g.words&wordSQL != 0 || g.words&(wordOp|wordCall) != 0 && g.bits&signs != 0 {
		return true
	}
	return g.bits&hasQuote != 0 && g.bits&(hasParen|hasCompare|hasComment|hasSemicolon|hasBreak|hasArith|hasShut|hasNUL|hasControl|hasBang|hasScope|hasGlob|hasAt) != 0 ||
		g.bits&hasCompare != 0 && g.bits&(hasParen|hasShut|hasBreak|hasComment|hasStar|hasBackslash) != 0 || g.bits&hasNUL != 0 || g.bits&hasComment != 0 || g.bits&hasScope != 0 || g.bits&hasAt != 0 && g.bits&(hasParen|hasArith) != 0
}

func clientHint(name string) bool { return hasPrefixFold(name, "sec-") }

// takesStatement reports whether a field's name says that a statement is its value.
func takesStatement(key string) bool {
	return among(lastKey(key), []string{"query", "statement", "stmt", "queries", "statements", "cypher"})
}

// takesSQL reports whether a field's name says that whatever SQL there is is its value.
func takesSQL(key string) bool {
	return among(lastKey(key), []string{"sql", "sqlquery", "rawsql", "sqlstatement", "prevsqlquery"})
}

// possessive reports whether the only quote is an apostrophe behind a letter, and words or
// nothing stand behind a dash: the Joneses' -- thanks.
func possessive(low string) bool {
	i := strings.IndexByte(low, '\'')
	if i < 2 || !lex.Letter(low[i-1]) ||
		strings.IndexByte(low[i+1:], '\'') >= 0 || !strings.HasPrefix(low[i+1:], " --") {
		return false
	}
	for _, c := range []byte(low[i+4:]) {
		if !lex.Letter(c) && strings.IndexByte(" ,.!?-:)", c) < 0 {
			return false
		}
	}
	return true
}

// foreign reports whether a text is mostly of letters beyond ASCII, with words of SQL in
// it, and has none of the signs that an injection has.
func foreign(low string) bool {
	n := 0
	for i := 0; i < len(low); i++ {
		if low[i] >= 0x80 {
			n++
		}
	}
	return 2*n > len(low) && !strings.ContainsAny(low, "'\"`#@*=") && !strings.Contains(low, "--")
}

// fileEnds reports whether a text without quotes ends as a file's name does, right behind
// what would be a comment: it -- .csv.
func fileEnds(low string) bool {
	i := strings.LastIndex(low, "-- .")
	if i < 0 || len(low)-i > 9 || len(low)-i < 6 || strings.ContainsAny(low, "'\"`;") {
		return false
	}
	for _, c := range []byte(low[i+4:]) {
		if !lex.Letter(c) {
			return false
		}
	}
	return true
}
