package detect

import (
	"strings"

	"github.com/corazawaf/libinjection-go"

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
	proof, at := xssProof(s.lower())
	hit := false
	if proof < strong {
		hit = libinjection.IsXSS(s.text)
	}
	band := signal.Hint
	switch {
	case proof == none && !hit:
		return finding{}
	case markup(s):
	case proof == strong && s.value.In.Body() && richField(s.value.Key):
		band = signal.Likely
	case proof == strong:
		band = signal.Certain
	case proof == weak, hit && s.gate.plain <= 8:
		band = signal.Likely
	}
	return finding{signal.XSS, s.limit(band), at}
}

// xssGate: a tag, or a quote or scheme beside words of the browser's languages.
func xssGate(s *scan) bool {
	g := &s.gate
	if s.value.In == request.InHeader && (clientHint(s.value.Key) || g.bits&hasAngle == 0 && g.bits&hasQuote == 0) {
		return false
	}
	return g.bits&hasAngle != 0 || g.words&wordHTML != 0 && g.bits&(hasQuote|hasParen|hasColon|hasCompare) != 0 ||
		g.bits&hasQuote != 0 && g.bits&hasCompare != 0
}

// markup reports whether the value is text with tags for its form.
func markup(s *scan) bool {
	if len(s.text) < 120 {
		return false
	}
	low := s.lower()
	n := 0
	for _, tag := range [...]string{"<p", "<br", "<div", "<span", "<li", "<h1", "<h2", "<h3", "<strong", "<em", "<code", "<pre", "<td", "</a>", "<html", "<head", "<b>", "<i>", "<ul"} {
		if strings.Contains(low, tag) {
			n++
		}
	}
	return n >= 2 || n == 1 && s.gate.plain > 12
}

// richField reports whether a field of this name takes markup or scripts.
func richField(key string) bool {
	key = key[strings.LastIndexByte(key, '.')+1:]
	for _, w := range [...]string{"content", "html", "snippet", "template", "script", "markup", "code", "source", "svg", "widget"} {
		if len(key) >= len(w) && (hasPrefixFold(key, w) || hasPrefixFold(key[len(key)-len(w):], w)) {
			return true
		}
	}
	return false
}

func xssProof(s string) (best strength, at int) {
	tagEnd := 0 // up to here a tag has been judged
	for i := 0; i < len(s) && best < strong; i++ {
		var p strength
		switch s[i] {
		case '<':
			if i >= tagEnd || hasAt(s, i, "<script") {
				p, tagEnd = tagProof(s, i)
			}
		case '"', '\'', '`':
			p = attributeBreak(s, i)
		case 'j', 'v':
			if (i == 0 || !wordByte(s[i-1])) && (hasAt(s, i, "javascript:") || hasAt(s, i, "vbscript:")) {
				p = schemeProof(s, i)
			}
		}
		if p > best {
			best, at = p, i
		}
	}
	return best, at
}

// tagProof judges the tag that begins at s[i] and says where it ends.
func tagProof(s string, i int) (strength, int) {
	name := wordAt(s, skip(s, i+1, "/ "))
	if name == "" {
		return none, i + 1
	}
	tag := s[i:min(len(s), i+2048)]
	end := strings.IndexByte(tag, '>')
	if end < 0 {
		end = len(tag)
	}
	tag = tag[:end]
	return judgeTag(s, i, name, tag), i + end
}

func judgeTag(s string, i int, name, tag string) strength {
	end := len(tag)
	switch {
	case name == "script" && s[i+1] != '/' && (end <= 8 || strings.IndexByte(" /\t\n\r\f>", tag[min(7, len(tag)-1)]) >= 0):
		return strong
	case handler(tag):
		return strong
	case strings.Contains(tag, "javascript:") || strings.Contains(tag, "vbscript:") || strings.Contains(tag, "srcdoc=") || strings.Contains(tag, "data:text/html"):
		return strong
	case oneOf(name, "iframe", "svg", "embed", "object", "applet", "meta", "base", "isindex", "frameset", "xss", "math", "marquee", "bgsound", "layer", "style", "link") && (len(tag) > len(name)+2 || i < 3):
		return weak
	case strings.Contains(tag, "expression(") || strings.Contains(tag, "-moz-binding"):
		return weak
	}
	return none
}

// handler reports whether the tag has an event handler with a value.
func handler(tag string) bool {
	for at := 1; ; {
		i := strings.Index(tag[at:], "on")
		if i < 0 {
			return false
		}
		i += at
		at = i + 2
		if strings.IndexByte(" /\t\n\r\f\"'`\x0b", tag[i-1]) < 0 {
			continue
		}
		w := wordAt(tag, i)
		if n := skip(tag, i+len(w), " \t\r\n\f"); len(w) >= 5 && len(w) <= 26 && n < len(tag) && tag[n] == '=' {
			return true
		}
	}
}

// attributeBreak: a quote, then an event handler or a call that shows the hit.
func attributeBreak(s string, i int) strength {
	n := skip(s, i+1, " /\t\n\r\f;)}+-*'\"")
	if n == i+1 && n < len(s) && wordByte(s[n]) && i > 0 && wordByte(s[i-1]) {
		return none
	}
	w := wordAt(s, n)
	next := skip(s, n+len(w), " ")
	if next >= len(s) {
		return none
	}
	switch {
	case strings.HasPrefix(w, "on") && len(w) >= 5 && len(w) <= 26 && s[next] == '=' && n > i+1:
		if strings.ContainsAny(ahead(s, next), "(`") {
			return strong
		}
		return weak
	case oneOf(w, "alert", "confirm", "prompt", "eval") && (s[next] == '(' || s[next] == '`') && n > i:
		return weak
	}
	return none
}

// schemeProof: a javascript: URL that calls something.
func schemeProof(s string, i int) strength {
	rest := ahead(s, i)
	if !strings.ContainsAny(rest, "(`=") {
		return none
	}
	return weak
}
