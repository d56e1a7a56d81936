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
		if v.In == InJSON && len(v.Text) >= minHanded && handedKey(v.Key) {
			dst = append(dst, strings.Clone(v.Text))
		}
		return len(dst) < MaxHanded
	})
	return dst[:min(len(dst), MaxHanded)]
}

// minHanded is how many bytes a credential has at least: shorter ones could be guessed,
// and are "true" or "none" as often as not.
const minHanded = 8

// handedKey reports whether the last part of key is a name that APIs give to the token
// of a session. Tokens that only renew one are shown to nobody else.
func handedKey(key string) bool {
	key = key[strings.LastIndexByte(key, '.')+1:]
	if len(key) > 32 {
		return false
	}
	switch strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(key), "_", ""), "-", "") {
	case "token", "accesstoken", "authtoken", "idtoken", "jwt", "jwttoken", "bearer", "bearertoken", "sessiontoken",
		"session", "sessionid", "sid", "authenticationtoken", "apitoken", "apikey", "key":
		return true
	}
	return false
}
