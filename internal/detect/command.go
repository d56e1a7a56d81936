package detect

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Command injection.
//
// Catches a separator or substitution of a shell and behind it a command with
// what makes it one: a path, an option, another separator, or the value's end;
// commands in quotes, escapes, braces and globs; loops of cmd and cmdlets of
// PowerShell. Misses commands by other names (variables) and arguments of
// programs that are called without a shell.
//
// Example: 127.0.0.1; cat /etc/passwd
func (d *Detector) command(s *scan) finding {
	if !inHeader(s) {
		return finding{}
	}
	f := d.commands.Judge(s.lower(), s.value.In.Name())
	if f.Strength == lex.None {
		return finding{}
	}
	band := bandOf(f.Strength)
	switch {
	case f.Start && s.value.In.Body() && f.Strength < lex.Certain && !s.value.In.Name() && s.value.In != request.InForm && s.value.In != request.InXML:
		band = signal.Hint // APIs that run commands take them in documents
	case s.value.In == request.InText && f.At < 2 && band == signal.Certain:
		band = signal.Likely // a body that its sender's shell did not expand
	case band == signal.Certain && f.At > 0 && d.commands.Line(s.low):
		band = signal.Likely // a command line as people write one down: it leaves nothing
	case loops(s.low):
		return finding{signal.CommandInjection, band, f.At}
	case f.Breaks && !strings.Contains(s.text, "```") && s.gate.breaks < 24 && s.sentence() < 8:
		return finding{signal.CommandInjection, band, f.At}
	case s.gate.plain > 8 && (s.gate.breaks > 0 || s.sentence() > 3):
		band = signal.Hint
	}
	return finding{signal.CommandInjection, s.limit(band), f.At}
}

// loops reports whether a value begins with a loop of cmd, whose set of words is
// no sentence.
func loops(low string) bool {
	return strings.HasPrefix(low, "for %") || strings.HasPrefix(low, "for /")
}

func (d *Detector) commandGate(s *scan) bool {
	g := &s.gate
	return g.bits&(hasBreak|hasDollar|hasBrace|hasCaret|hasQuote|hasBackslash|hasPercent|hasHash) != 0 || g.words&wordShell != 0 ||
		g.words&wordCall != 0 && g.bits&(hasPercent|hasCompare|hasParen|hasArith|hasSlash|hasGlob|hasDigit) != 0 || g.bits&hasSlash != 0 && g.bits&hasGlob != 0 || g.bits&hasAngle != 0 || g.bits&hasCompare != 0 && g.bits&hasParen != 0 ||
		g.bits&hasHyphen != 0 && d.commands.Starts(s.text) || g.words&wordCall != 0 && s.value.In.Name()
}

// inHeader reports whether a header may hold a command: most are full of what
// separates commands.
func inHeader(s *scan) bool {
	g := &s.gate
	if s.value.In == request.InHeader {
		return !clientHint(s.value.Key) && g.words&(wordShell|wordCall) != 0 && (g.bits&(hasDollar|hasBrace|hasQuote|hasBackslash|hasControl) != 0 || g.known > g.plain && g.words&wordShell != 0) || g.bits&hasSlash != 0 && g.bits&hasBrace != 0
	}
	return true
}
