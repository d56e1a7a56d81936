package detect

import (
	"encoding/base64"
	"strings"

	"bartizan/internal/request"
)

// maxNested is how many strings of a document inside a value are looked at.
const maxNested = 256

// document reports whether a value is a JSON document of its own: a string that
// the server will parse once more.
func document(s string) bool {
	return len(s) > 8 && (s[0] == '{' || s[0] == '[') && strings.Contains(s, `":`) || graphQL(s)
}

// wellFormed reports whether a value is a JSON object or array, as far as its signs
// tell, of which nested looks at all strings: what leaves a string or comes behind the
// document is none.
func wellFormed(s string) bool {
	if len(s) < 4 || len(s) > maxText || s[0] != '{' && s[0] != '[' || s[len(s)-1] != '}' && s[len(s)-1] != ']' ||
		strings.IndexByte(s, '"') < 0 {
		return false
	}
	depth, texts := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if texts++; texts > maxNested {
				return false
			}
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i >= len(s) {
				return false
			}
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 && i+1 < len(s) || depth < 0 {
				return false
			}
		case c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '.' || c == '+' ||
			c == '-' || c-'0' < 10:
		case strings.IndexByte("truefalsnE", c) >= 0: // true, false, null, 1E5
		default:
			return false
		}
	}
	return depth == 0
}

// graphQL reports whether a value is a GraphQL document, whose string literals
// are values of their own.
func graphQL(s string) bool {
	t := strings.TrimLeft(s[:min(len(s), 64)], " \t\r\n")
	for _, w := range [...]string{"query", "mutation", "subscription", "{"} {
		if strings.HasPrefix(t, w) && strings.IndexByte(s, '{') >= 0 && strings.IndexByte(s, '(') >= 0 && strings.IndexByte(s, '"') >= 0 {
			return true
		}
	}
	return false
}

// nested looks at each string of a JSON document that stands inside a value.
func (d *Detector) nested(r *request.Request, s *scan, v *request.Value, text string) {
	text = text[:min(len(text), maxText)]
	for n := 0; n < maxNested; n++ {
		i := strings.IndexByte(text, '"')
		if i < 0 {
			return
		}
		text = text[i+1:]
		end := 0
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(text))
		if end > 2 {
			d.piece(r, s, v, text[:end])
			if plain, ok := armoured(&s.inner, text[:end]); ok {
				d.piece(r, s, v, plain)
			}
		}
		text = text[min(end+1, len(text)):]
	}
}

// claims looks at the strings of a token's claims.
func (d *Detector) claims(r *request.Request, s *scan, v *request.Value, rest string) {
	body, _, _ := strings.Cut(rest, ".")
	if len(body) < 8 || len(body) > maxToken {
		return
	}
	b, err := base64.RawURLEncoding.AppendDecode(s.decoded[:0], []byte(body))
	s.decoded = b
	if err == nil && document(view(b)) {
		d.nested(r, s, v, view(b))
	}
}
