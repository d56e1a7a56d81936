package detect

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/detect/path"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Server-side request forgery and open redirects.
//
// Catches addresses of cloud metadata and of the network around the server in
// every spelling, names that resolve to them, and hosts that collect
// call-backs of attack tools. An ordinary private address is a hint: clients
// of internal APIs send them; as the page that a browser comes from it is nothing.
// Misses hosts that only the attacker's own name server knows.
//
// Example: http://0xa9fea9fe/latest/meta-data/
func (d *Detector) address(s *scan) finding {
	if s.value.In == request.InHeader && strings.EqualFold(s.value.Key, "Host") {
		return finding{} // where the request goes
	}
	low := s.lower()
	st, at, strange := path.Address(low)
	if st < lex.Likely && s.gate.words&wordSure != 0 {
		if i := path.Callback(low); i >= 0 {
			st, at, strange = lex.Likely, i, true
		}
	}
	band := bandOf(st)
	page := s.value.In == request.InHeader && (strings.EqualFold(s.value.Key, "Referer") || strings.EqualFold(s.value.Key, "Origin"))
	switch {
	case page && st < lex.Certain && !strange: // somebody's intranet
		return finding{}
	case st <= lex.Hint && s.fetches(low):
		band = signal.Likely
	case st == lex.None:
		if redirects(s, low) {
			return finding{signal.OpenRedirect, signal.Hint, 0}
		}
		return finding{}
	case st == lex.Certain:
		band = signal.Likely
	case strange && s.value.In == request.InHeader && s.value.Key != "" && !page:
		band = signal.Likely
	case s.value.In == request.InHeader:
		band = signal.Hint
	}
	if len(low) > 300 {
		band = signal.Hint
	}
	return finding{signal.SSRF, s.limit(band), at}
}

// fetches reports whether a field that says what to fetch has an address of a scheme by
// which programs reach other services than pages.
func (s *scan) fetches(low string) bool {
	if s.value.In.Name() || s.value.In == request.InHeader || s.value.In <= request.InSegment {
		return false
	}
	yes, common := path.Fetched(low)
	return yes && (!common || s.value.In == request.InQuery || s.value.In == request.InForm) && source(s.value.Key)
}

// source reports whether a field of this name says what a server is to fetch.
func source(key string) bool {
	key = lastKey(key)
	return among(key, []string{"url", "uri", "src", "link", "href", "file", "path", "page", "feed", "img", "image",
		"imageurl", "site", "dest", "target", "load", "fetch", "proxy", "document", "doc", "redirect",
		"next", "callback", "webhook", "u", "out", "view", "dir", "show", "template", "resource", "remote", "download",
		"preview", "location", "endpoint"})
}

func addressGate(s *scan) bool {
	g := &s.gate
	if g.words&(wordSure|wordHost) != 0 || g.bits&hasScheme != 0 || strings.HasPrefix(s.text, "//") {
		return true
	}
	switch s.value.In {
	case request.InQuery, request.InForm, request.InPath:
		if g.bits&(hasDots|hasBackslash|hasColon|hasControl) != 0 {
			return true
		}
	}
	return len(s.text) < 96 && (g.bits&hasDigit != 0 && numbered(s.text) || s.text[0] == '[')
}

// numbered reports whether a text may be an address of numbers without a scheme.
func numbered(s string) bool {
	return hasPrefixFold(s, "0x") || strings.HasPrefix(s, "169.") || strings.HasPrefix(s, "100.") || strings.HasPrefix(s, "192.") || hasPrefixFold(s, "fd00")
}

// redirects reports whether a field that says where to go next leads elsewhere,
// in a form that checks of prefixes miss.
func redirects(s *scan, low string) bool {
	if s.value.In != request.InQuery && s.value.In != request.InForm && s.value.In != request.InPath {
		return false
	}
	n := lex.Skip(low, 0, "/\\\t\r\n")
	switch {
	case n >= 2 && strings.IndexByte(low[n:], '.') > 0 && s.value.In != request.InPath:
		return true
	case strings.HasPrefix(low, "http:") && !strings.HasPrefix(low, "http://"), strings.HasPrefix(low, "https:") && !strings.HasPrefix(low, "https://"):
		return true
	case s.value.In == request.InPath && n >= 2 && strings.IndexByte(low[n:], '.') > 0:
		return true
	}
	return strings.HasPrefix(low, "http") && next(s.value.Key)
}

// next reports whether a field of this name says where to go.
func next(key string) bool {
	for _, w := range [...]string{"next", "url", "redirect", "return", "goto", "dest", "continue", "forward", "to", "out", "view", "target", "rurl", "checkout", "callback"} {
		if hasPrefixFold(key, w) {
			return true
		}
	}
	return false
}
