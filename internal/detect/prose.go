package detect

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// sentence returns how many words of sentences the text has that no detector
// knows; it stops at 32.
func (s *scan) sentence() int {
	if s.words < 0 {
		s.words = max(lex.Prose(s.text, 32+s.gate.known)-s.gate.known, 0)
	}
	return min(s.words, 32)
}

// prose reports whether the value is text that people write: sentences, code,
// documents. Such a value may quote an attack, so none in it is certain. It is
// judged by its words: an injection is mostly words of its own language.
func (s *scan) prose() bool {
	g := &s.gate
	switch {
	case g.breaks > 0 && !s.value.In.Body() && s.sentence() < 4: // lines of code, in a place where no one writes them
	case g.breaks >= 4, g.breaks >= 2 && g.plain >= 6, (g.breaks >= 1 || len(s.text) > 1500 && strings.IndexByte(s.text, ' ') >= 0) && g.plain >= 8 && g.plain > 2*g.known, len(s.text) > 2000 && g.plain >= 8 && strings.IndexByte(s.text, ' ') >= 0:
		return true
	case s.value.In.Body() && strings.Contains(s.text, "```"): // Markdown
		return true
	case s.value.In.Body() && g.plain >= 4 && codeSpan(s.text):
		return true
	}
	return g.plain >= 6 && s.sentence() >= 6
}

// codeSpan reports whether the text quotes code as Markdown does: in a pair of
// backticks, with words before the first one. A shell's substitution has a
// command or an operator there.
func codeSpan(s string) bool {
	i := strings.IndexByte(s, '`')
	if i < 4 || s[i-1] != ' ' || !wordByte(s[i-2]) || strings.IndexByte(s[i+1:], '`') < 0 {
		return false
	}
	words := 0
	for _, c := range []byte(s[:i]) {
		switch {
		case c == ' ':
			words++
		case strings.IndexByte("'\";|&$=(", c) >= 0:
			return false
		}
	}
	return words > 0
}

// spoken reports whether a word that no detector knows stands by itself in a field's
// value: "users" in SELECT * FROM users WHERE, what somebody looks for.
func (d *Detector) spoken(v *request.Value) bool {
	if v.In.Name() || v.In != request.InQuery && !v.In.Body() || len(v.Text) > 512 {
		return false
	}
	for w := range strings.SplitSeq(v.Text, " ") {
		if len(w) >= 3 && lex.Prose(w, 1) == 1 && d.words.class(hashWord(strings.ToLower(strings.TrimRight(w, ",.:;?!")))) == 0 {
			return true
		}
	}
	return false
}

// document reports whether the value is a text of some length: several lines or
// many words.
func (s *scan) document() bool {
	g := &s.gate
	return len(s.text) > 2000 && g.plain >= 8 || g.breaks >= 3 && g.plain >= 8 || g.plain >= 24 && (g.breaks > 0 || s.sentence() >= 8)
}

// bandOf is the band that a strength is worth where nothing speaks against it.
func bandOf(st lex.Strength) signal.Band {
	switch st {
	case lex.Certain:
		return signal.Certain
	case lex.Likely:
		return signal.Likely
	}
	return signal.Hint
}

// limit lowers a band where the value is prose.
func (s *scan) limit(b signal.Band) signal.Band {
	if b > signal.Hint && s.prose() {
		return signal.Hint
	}
	return b
}

// wordByte reports whether c can stand in a word.
func wordByte(c byte) bool { return c|0x20-'a' < 26 || c-'0' < 10 || c == '_' }
