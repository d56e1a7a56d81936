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
	if f.Left && !s.document() { // prose before the quote is what the string holds
		return finding{signal.SQLInjection, band, f.At}
	}
	return finding{signal.SQLInjection, s.limit(band), f.At}
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
