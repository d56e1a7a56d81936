package detect

import (
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
	f := sqli.Judge(s.lower())
	if f.Strength == lex.None {
		return finding{}
	}
	band := bandOf(f.Strength)
	if (f.Left || f.Anchored && s.sentence() < 8) && !s.document() { // prose before the quote is what the string holds
		return finding{signal.SQLInjection, band, f.At}
	}
	return finding{signal.SQLInjection, s.limit(band), f.At}
}

// sqlGate: SQL takes a quote, a bracket, an operator, a comment or a word of its
// own. Headers are full of the former.
func sqlGate(s *scan) bool {
	g := &s.gate
	if s.value.In == request.InHeader {
		return g.bits&(hasQuote|hasComment|hasCompare|hasSemicolon|hasParen) != 0 && !clientHint(s.value.Key)
	}
	return g.words&(wordSQL|wordOp) != 0 || g.bits&(hasQuote|hasComment|hasCompare|hasParen|hasSemicolon|hasBreak) != 0
}

func clientHint(name string) bool { return hasPrefixFold(name, "sec-") }

// strength of a proof.
type strength uint8

const (
	none strength = iota
	weak
	strong
)
