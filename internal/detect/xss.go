package detect

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/detect/xss"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Cross-site scripting.
//
// Catches script elements, event handlers in tags, javascript: URLs, dangerous
// elements, and values that break out of an attribute or a script string.
// Misses payloads that only the page's own code turns into script. Markup that
// people write in editors is at most a hint, since editors send much of it.
//
// Example: "><script>alert(1)</script>
func (d *Detector) xss(s *scan) finding {
	if s.value.In == request.InHeader && clientHint(s.value.Key) {
		return finding{}
	}
	f := xss.Judge(s.lower())
	if f.Strength < lex.Likely && s.value.In.Name() && xss.Unfinished(s.low) {
		return finding{signal.XSS, signal.Likely, 0}
	}
	if f.Strength < lex.Likely && f.Handler && s.value.In.Name() {
		return finding{signal.XSS, signal.Likely, 0}
	}
	if f.Strength == lex.None {
		if f.Tags > 0 && s.injected(f) {
			return finding{signal.XSS, signal.Likely, 0}
		}
		return finding{}
	}
	band := bandOf(f.Strength)
	if band == signal.Certain && s.layer > 0 && strings.HasPrefix(s.low, "http") {
		band = signal.Likely // an address that quotes what someone looked for
	}
	if s.layer > 0 && strings.IndexByte(s.value.Text, '<') >= 0 && strings.Contains(s.value.Text, "&lt;") { // markup that quotes markup
		band = min(band, signal.Likely)
		if s.value.In.Body() && f.Markup > 1 {
			return finding{signal.XSS, signal.Hint, f.At}
		}
	}
	if band == signal.Hint && s.structural(f) {
		band = signal.Likely
	}
	if band == signal.Hint && s.injected(f) {
		band = signal.Likely
	}
	free := s.value.In.Body()
	rich := richField(s.value.Key) || s.value.In == request.InXML &&
		(s.value.Key == "string" || strings.HasSuffix(s.value.Key, ".string")) // XML-RPC
	switch {
	case s.value.In == request.InXML && f.Strength < lex.Certain && strings.IndexByte(s.low, '<') < 0 && !strings.ContainsAny(s.low, "(`[*") && strings.IndexByte(s.low, ' ') > 0:
		return finding{signal.XSS, signal.Hint, f.At} // a report that names what a script reads
	case f.Script && len(s.text) < 200, f.Proof && f.Words >= 5 && f.Words < 12 && s.left(f.At):
		return finding{signal.XSS, min(band, signal.Likely), f.At}
	case f.Words >= 5 || f.Quoted && f.Words >= 2 || f.Markup >= 3 && !f.Proof && len(s.text) >= 120:
		return finding{signal.XSS, signal.Hint, f.At}
	case s.prose() && (f.Words >= 3 || f.Markup > 0 && !f.Proof):
		return finding{signal.XSS, signal.Hint, f.At}
	case free && (rich && !f.Proof || (rich || textField(s.value.Key)) && frames(s.low)), free && f.Strength >= lex.Likely && f.Words >= 4 && textField(s.value.Key):
		band = signal.Hint
	case band == signal.Certain && free && (rich || f.Markup >= 3 || s.document()):
		band = signal.Likely
	}
	return finding{signal.XSS, band, f.At}
}

// frames reports whether what a text's markup loads is shown in a frame or played, as
// editors embed it: nothing in it runs here.
func frames(low string) bool {
	return (strings.Contains(low, "<iframe") || strings.Contains(low, "<embed") || strings.Contains(low, "<object") || strings.Contains(low, "<video") || strings.HasPrefix(low, "<math") && strings.Contains(low, "<m")) &&
		!strings.ContainsAny(low, "(`") && !strings.Contains(low, "<script") && !strings.Contains(low, "script:") && !strings.Contains(low, "srcdoc") &&
		!strings.Contains(low, "data:") && !strings.Contains(low, " on") && !strings.Contains(low, "/on") &&
		!strings.Contains(low, "mhtml") &&
		!strings.Contains(low, "classid") && !strings.Contains(low, "scriptlet") && !strings.Contains(low, "code=") &&
		!strings.Contains(low, "http:") &&
		low[0] == '<' && strings.HasSuffix(strings.TrimSpace(low), ">") && strings.Contains(low, "</")
}

// injected reports whether markup stands where no one formats text: a short
// value with a tag at its start, in a place or field that is no text's. In a
// body it must be nothing but the tag.
func (s *scan) injected(f xss.Finding) bool {
	if s.value.In.Body() {
		return f.Tags > 0 && f.Words < 3 && f.Markup < 4 && f.First == 0 && len(s.text) < 200 &&
			strings.HasSuffix(s.lower(), ">") && !strings.HasPrefix(s.low, "<t") && addressed(s.low, 0) &&
			!richField(s.value.Key) && !textField(s.value.Key) && !titleField(s.value.Key)
	}
	return s.value.In != request.InHeader && f.Words < 3 && f.Markup < 6 && addressed(s.lower(), f.First) && !richField(s.value.Key)
}

// structural reports whether a value of a field that is no text's begins a style
// or a page of its own.
func (s *scan) structural(f xss.Finding) bool {
	if f.At > 3 || f.Words > 3 || len(s.text) > 300 || s.value.In == request.InHeader || richField(s.value.Key) || textField(s.value.Key) {
		return false
	}
	rest := s.low[f.At:]
	return strings.HasPrefix(rest, "<style") && strings.IndexByte(rest, '{') > 0 || len(rest) < 48 && (strings.HasPrefix(rest, "<html") || strings.HasPrefix(rest, "<body"))
}

// left reports whether markup at the given place stands behind a quote and a
// bracket, by which it leaves an attribute, and no sentence before them.
func (s *scan) left(at int) bool {
	return at > 1 && at < 200 && s.low[at-1] == '>' && (s.low[at-2] == '"' || s.low[at-2] == '\'') && lex.Prose(s.low[:at], 3) < 2
}

// addressed reports whether the tag at s[i:] stands at the start, or behind the
// quote that it leaves, and loads or styles something.
func addressed(s string, i int) bool {
	if i > 3 && strings.IndexByte("'\">)=", s[i-1]) < 0 {
		return false
	}
	rest := lex.Ahead(s, i)
	for _, w := range [...]string{"href", "src", "style", "action", "background", "data", "pattern", "type", "size"} {
		if j := strings.Index(rest, w); j > 1 && !wordByte(rest[j-1]) &&
			strings.HasPrefix(strings.TrimLeft(rest[j+len(w):], " "), "=") && (w != "href" || leads(rest[j+len(w):])) {
			return true
		}
	}
	return false
}

// xssGate: a tag, a quote, a call or a scheme.
func xssGate(s *scan) bool {
	g := &s.gate
	const signs = hasQuote | hasParen | hasCompare | hasBrace | hasColon | hasBracket | hasBackslash
	return g.bits&hasAngle != 0 || g.words&wordHTML != 0 && (g.bits&signs != 0 || g.known > 1) || g.words&wordCall != 0 && g.bits&(hasParen|hasTick|hasBracket) != 0 ||
		g.bits&hasHandler != 0 && g.bits&hasCompare != 0 || g.bits&(hasBang|hasBracket) == hasBang|hasBracket || g.bits&hasColon != 0 && g.bits&(hasQuote|hasCompare|hasControl|hasParen|hasBackslash|hasSlash) != 0 && spells(s.text) ||
		g.bits&(hasCompare|hasBrace) == hasCompare|hasBrace || g.bits&hasTick != 0 || g.bits&(hasBrace|hasStar) == hasBrace|hasStar || g.bits&(hasBackslash|hasParen) == hasBackslash|hasParen || g.bits&hasQuote != 0 && xss.Joins(s.text)
}

// spells reports whether a scheme of scripts may be spelled out in a text: a
// first letter of one behind what can part it from the rest.
func spells(s string) bool {
	for i := 0; i < len(s); i++ {
		switch lower(s[i]) {
		case 'j', 'v', 'l', 'm', 'd', 'f':
			if i == 0 || !wordByte(s[i-1]) {
				return true
			}
		}
	}
	return false
}

// textField reports whether people write in a field of this name, and may put a
// link there.
func textField(key string) bool {
	key = lastName(key)
	if strings.Contains(key, "extbox") || strings.Contains(key, "extarea") {
		return true
	}
	for _, w := range [...]string{"text", "comment", "body", "message", "description", "note", "bio", "about", "answer", "reply", "post", "summary", "caption", "signature", "review", "feedback", "intro", "details", "blurb", "value"} {
		if len(key) >= len(w) && (hasPrefixFold(key, w) || hasPrefixFold(key[len(key)-len(w):], w)) {
			return true
		}
	}
	return false
}

// richField reports whether a field of this name takes markup or scripts.
func richField(key string) bool {
	if strings.Contains(key, "extbox") || strings.Contains(key, "editor") {
		return true
	}
	key = lastName(key)
	for _, w := range [...]string{"content", "html", "snippet", "template", "script", "markup", "code", "source", "svg",
		"widget", "css", "bodytext"} {
		if len(key) >= len(w) && (hasPrefixFold(key, w) || hasPrefixFold(key[len(key)-len(w):], w)) {
			return true
		}
	}
	return false
}

// leads reports whether an address behind a sign of equality leads away from the page:
// what a scheme of scripts does is judged by itself.
func leads(s string) bool {
	s = strings.TrimLeft(s, " =\"'")
	return s != "" && s[0] != '#' && !strings.HasPrefix(s, "javascript:")
}

// titleField reports whether people write a line of text in a field of this name.
func titleField(key string) bool {
	key = lastName(key)
	for _, w := range [...]string{"title", "subject", "headline", "question", "content", "raw", "html", "markdown",
		"remark", "excerpt", "term", "deprecated", "readme", "reason", "changelog", "notes", "line"} {
		if len(key) >= len(w) && (hasPrefixFold(key, w) || hasPrefixFold(key[len(key)-len(w):], w)) {
			return true
		}
	}
	return false
}

// lastName returns the last name in a path of keys, in either notation, which is no
// number: text of data[tt_content][704][text][] and of a.b.text[].
func lastName(key string) string {
	for range 4 {
		key = strings.TrimRight(key, "[]")
		i := strings.LastIndexAny(key, ".[")
		if name := key[i+1:]; i < 0 || strings.Trim(name, "0123456789") != "" && name != "value" {
			return name
		}
		key = key[:i]
	}
	return key
}
