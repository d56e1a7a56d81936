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
	if f.Strength < lex.Likely && (s.setsVariable() || s.runs() && d.commands.Call(s.low)) {
		f.Strength, f.At, f.Start = lex.Likely, 0, false
	}
	if f.Strength == lex.None || f.Strength == lex.Hint && s.value.In == request.InCookie &&
		!strings.ContainsAny(s.text, " /;&`$(<>\\\n") {
		return finding{} // in cookies bars part what a framework keeps: name|time|digest
	}
	band := bandOf(f.Strength)
	switch {
	case f.Start && s.value.In.Body() && f.Strength < lex.Certain && !s.value.In.Name() && s.value.In != request.InForm && s.value.In != request.InXML:
		band = signal.Hint // APIs that run commands take them in documents
	case band > signal.Hint && s.value.In == request.InJSON && program(s.low):
		band = signal.Hint // somebody's shell
	case s.value.In == request.InText && f.At < 2 && band == signal.Certain:
		band = signal.Likely // a body that its sender's shell did not expand
	case band > signal.Hint && s.value.In.Body() && !f.Breaks && scripted(s.low) &&
		(richField(s.value.Key) || textField(s.value.Key) || titleField(s.value.Key)):
		band = signal.Hint
	case band > signal.Hint && !f.Breaks && (s.speaksOf(f.At, f.Start) || formula(s.low) || graphQL(s.text) || s.noisy() && !d.commands.Reaches(s.low, lex.Skip(s.low, f.At, ";|&`$(\n\r "))):
		band = signal.Hint
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
		g.bits&hasHyphen != 0 && d.commands.Starts(s.text) || g.words&wordCall != 0 && s.value.In.Name() || s.runs()
}

// inHeader reports whether a header may hold a command: most are full of what
// separates commands.
func inHeader(s *scan) bool {
	g := &s.gate
	if s.value.In == request.InHeader && !s.separates() {
		return !clientHint(s.value.Key) && g.words&(wordShell|wordCall) != 0 && (g.bits&(hasDollar|hasBrace|hasQuote|hasBackslash|hasControl) != 0 || g.known > g.plain && g.words&wordShell != 0) || g.bits&hasSlash != 0 && g.bits&hasBrace != 0
	}
	return true
}

// speaksOf reports whether people write of the command that was found at low[at:]: a
// sentence goes on behind a semicolon, or a substitution stands among words. In a field
// where people write one word before it is enough.
func (s *scan) speaksOf(at int, whole bool) bool {
	body := s.value.In.Body()
	written := body && !s.value.In.Name() && (textField(s.value.Key) || titleField(s.value.Key))
	if whole || at == 0 {
		return written && wordByte(s.low[0])
	}
	sign, next := s.low[at], lex.Byte(s.low, at+1)
	if n := lex.Skip(s.low, at, ";|& "); lex.Byte(s.low, n) == '/' && !written {
		return false // a program by its path
	}
	switch {
	case sign == '`' || sign == '$':
		before := lex.Prose(s.low[:at], 2)
		return s.low[at-1] == ' ' && (before >= 2 || before >= 1 && (written || s.goesOn(at)))
	case next != ' ' && next != '&' && next != '|':
		return false
	case written:
		said := strings.TrimRight(s.low[:at], " .!?)\"'")
		return said != "" && (lex.Letter(said[len(said)-1]) || lex.Prose(said, 2) > 1)
	}
	return (body || s.sentence() > 4) && lex.Prose(s.low[:at], 3) >= 3
}

// goesOn reports whether a word stands behind the substitution at low[at:].
func (s *scan) goesOn(at int) bool {
	i := strings.IndexAny(s.low[at+1:], ")`")
	return i >= 0 && lex.Prose(s.low[at+1+i+1:], 1) > 0
}

// formula reports whether a value is a formula of a spreadsheet, in which semicolons
// part arguments: =IF(A1>0;"yes";"no").
func formula(low string) bool {
	if low == "" || low[0] != '=' && low[0] != '+' {
		return false
	}
	n := 1
	for n < len(low) && n < 24 && (lex.WordByte(low[n]) || low[n] == '.') {
		n++
	}
	return n > 1 && (lex.Byte(low, n) == '(' || lex.Byte(low, n) == '&') && strings.IndexByte(low, '|') < 0 && strings.IndexByte(low, '`') < 0
}

// noisy reports whether the text has bytes of binary data: control bytes that no text
// has, in ASCII or Latin-1.
func (s *scan) noisy() bool {
	if s.gate.bits&(hasControl|hasHigh|hasEscape) == 0 {
		return false
	}
	n := 0
	for i := 0; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c != 0 && c < '\t' || c > '\r' && c < ' ' || c == 0x7f:
			n++
		case c == '%' && i+2 < len(s.text) && (s.text[i+1] == '1' || s.text[i+1] == '0' && s.text[i+2]-'1' < 8 || s.text[i+1] == '7' && s.text[i+2]|0x20 == 'f') && isHex(s.text[i+2]):
			n++ // escaped once more
		case c == 0xc2 && i+1 < len(s.text) && s.text[i+1] < 0xa0:
			n++
		}
	}
	return n > 1
}

// scripted reports whether a value is a line of a script: behind a prompt, an
// assignment, or with variables of the script's own in it.
func scripted(low string) bool {
	if strings.Contains(low, ";$") {
		return false // x=cat;$x
	}
	low = strings.TrimLeft(low, " \t")
	if strings.HasPrefix(low, "$ ") || strings.HasPrefix(low, "# ") || strings.HasPrefix(low, "#!") {
		return true
	}
	n := len(lex.Word(low, 0))
	if n > 0 && (strings.HasPrefix(low[n:], "=$(") || strings.HasPrefix(low[n:], "=\"$(") || strings.HasPrefix(low[n:], "=`") || strings.HasPrefix(low[n:], "=($(")) {
		return true
	}
	for i := 0; i+2 < len(low); i++ {
		if low[i] != '$' || i > 0 && lex.WordByte(low[i-1]) {
			continue
		}
		rest := low[i+1:]
		rest = strings.TrimPrefix(rest, "{")
		if w := lex.Word(rest, 0); len(w) > 0 && w != "ifs" && w != "path" && w != "u" && w != "shell" && w != "home" {
			return true
		}
	}
	return false
}

// program reports whether a value is the path of a program and nothing more.
func program(low string) bool {
	if len(low) > 40 || !strings.HasPrefix(low, "/") || !strings.Contains(low, "bin/") {
		return false
	}
	for i := 0; i < len(low); i++ {
		if !wordByte(low[i]) && low[i] != '/' && low[i] != '-' && low[i] != '.' {
			return false
		}
	}
	return !strings.Contains(low, "..")
}
