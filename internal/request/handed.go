package request

import "strings"

// MaxHanded bounds the credentials that one answer hands out.
const MaxHanded = 4

// HandedPrefix is how many bytes of the answer to a login are read for credentials.
const HandedPrefix = 8 << 10

// AppendHanded appends the credentials that the answer to a login hands out: session
// cookies that it sets (RFC 6265 section 4.1.1), and strings of a JSON document under
// the names that APIs give to tokens (access_token of RFC 6749 section 5.1 and its like).
// They point into what is given, or are copies; they are secrets.
func AppendHanded(dst []string, setCookie []string, contentType string, body []byte, scratch *Scratch) []string {
	for _, line := range setCookie {
		name, value, _ := strings.Cut(line, "=")
		value, _, _ = strings.Cut(value, ";")
		value = strings.TrimSpace(value)
		if len(value) >= minHanded && len(dst) < MaxHanded && sessionCookie(strings.TrimSpace(name)) {
			dst = append(dst, value)
		}
	}
	if len(body) == 0 || !JSON(contentType) {
		return dst
	}
	WalkBody(contentType, body, false, scratch, func(v *Value) bool {
		if v.In == InJSON && len(v.Text) >= leastToken && tokenName(lastName(v.Key)) {
			dst = append(dst, strings.Clone(v.Text))
		}
		return len(dst) < MaxHanded
	})
	return dst[:min(len(dst), MaxHanded)]
}

// minHanded is how many bytes a session cookie's value has at least: shorter ones say
// "true" or "deleted".
const minHanded = 8
