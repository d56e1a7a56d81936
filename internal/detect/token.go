package detect

import (
	"encoding/base64"
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const maxToken = 2048 // bytes of a token's header that are decoded

// tokens looks at the JSON Web Tokens in Authorization and cookies.
//
// Catches headers without a signature (alg none), key ids that are paths or
// queries, and keys that the token brings along or fetches from an address of
// its own. Misses tokens that are forged with a stolen key.
//
// Example: {"alg":"none"} in the header of a token
func (d *Detector) tokens(r *request.Request, s *scan) {
	for i := range r.Head.Fields {
		f := &r.Head.Fields[i]
		if j := strings.Index(f.Value, "eyJ"); j >= 0 && j < 128 {
			d.token(r, s, &request.Value{In: request.InHeader, Key: f.Name, Text: f.Value}, f.Value[j:])
		}
	}
	for i := range r.Query {
		if q := &r.Query[i]; strings.HasPrefix(q.Value, "eyJ") {
			d.token(r, s, &request.Value{In: request.InQuery, Key: q.Name, Text: q.Value}, q.Value)
		}
	}
}

func (d *Detector) token(r *request.Request, s *scan, v *request.Value, text string) {
	end := strings.IndexByte(text, '.')
	if end < 4 || end > maxToken {
		return
	}
	b, err := base64.RawURLEncoding.AppendDecode(s.decoded[:0], []byte(text[:end]))
	if err != nil && len(b) == 0 {
		return
	}
	s.decoded = b
	if band, ok := judgeToken(view(b)); ok {
		d.add(r, finding{signal.JWTAbuse, band, 0}, v, "")
	}
	d.claims(r, s, v, text[end+1:])
}

// judgeToken judges the header of a token.
func judgeToken(h string) (signal.Band, bool) {
	alg, _ := member(h, "alg")
	kid, hasKid := member(h, "kid")
	switch {
	case len(alg) == 4 && hasPrefixFold(alg, "none"):
		return signal.Certain, true
	case hasKid && (strings.Contains(kid, "..") || strings.ContainsAny(kid, "'\"|;`$<>") || strings.HasPrefix(kid, "/dev/") || strings.HasPrefix(kid, "/proc/") || strings.HasPrefix(kid, "/etc/")):
		return signal.Certain, true
	}
	for _, name := range [...]string{"jku", "x5u"} {
		if u, ok := member(h, name); ok && u != "" {
			return signal.Likely, true
		}
	}
	if _, ok := member(h, "jwk"); ok && !strings.Contains(h, "dpop") {
		return signal.Likely, true
	}
	return 0, false
}

// member returns the text of a string member of a flat JSON object.
func member(h, name string) (string, bool) {
	i := strings.Index(h, `"`+name+`"`)
	if i < 0 {
		return "", false
	}
	rest := strings.TrimLeft(h[i+len(name)+2:], " :\t\n")
	if rest == "" || rest[0] != '"' {
		return "", true
	}
	text, _, _ := strings.Cut(rest[1:], `"`)
	return text, true
}
