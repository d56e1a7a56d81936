package replay

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"bartizan/internal/request"
)

// masker replaces secrets by "~" and a keyed digest: equal secrets stay equal,
// so a replay keys them alike, and nobody can read them back.
type masker struct{ key []byte }

// digest returns "~" and 16 hex digits of HMAC-SHA256.
func (m masker) digest(secret string) string {
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(secret))
	return "~" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// object masks the digest of an object's id once more: the id itself may stand
// beside it, in the target.
func (m masker) object(id uint64) string {
	return m.digest(string(binary.LittleEndian.AppendUint64([]byte("object"), id)))
}

// number returns as many digits as a card's number has, which are no card's
// number: a document that holds it as a number stays well-formed.
func (m masker) number(card string) string {
	out := []byte(card)
	sum := hmac.New(sha256.New, m.key)
	sum.Write(out)
	for i, b := range sum.Sum(nil)[:len(out)] {
		out[i] = '1' + b%9
	}
	if request.CardNumber(string(out)) {
		out[len(out)-1] = '1' + (out[len(out)-1]-'1'+1)%9
	}
	return string(out)
}

// flagged says whether the value at a place showed a payload: such a value is
// an attack and no secret, and a replay needs it.
type flagged map[string]bool

func flags(r *request.Request) flagged {
	f := flagged{}
	for _, s := range r.Signals {
		f[s.Where] = true
	}
	return f
}

// header masks one field value.
func (m masker) header(name, value string, f flagged) string {
	switch {
	case strings.EqualFold(name, "Cookie"):
		return m.cookies(value, f)
	case strings.EqualFold(name, "Referer"):
		return m.target(value, f)
	case !request.SecretHeader(name) || value == "" || f["header:"+name]:
		return value
	}
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || len(scheme) > 16 {
		return m.digest(value)
	}
	if strings.EqualFold(scheme, "Basic") {
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest)); err == nil {
			user, password, _ := strings.Cut(string(plain), ":")
			return scheme + " " + base64.StdEncoding.EncodeToString([]byte(m.digest(user)+":"+m.digest(password)))
		}
	}
	return scheme + " " + m.digest(rest)
}

func (m masker) cookies(value string, f flagged) string {
	parts := strings.Split(value, ";")
	for i, part := range parts {
		name, v, ok := strings.Cut(part, "=")
		if ok && v != "" && !f["cookie:"+strings.TrimSpace(name)] {
			parts[i] = name + "=" + m.digest(v)
		}
	}
	return strings.Join(parts, ";")
}

// target masks the values of secret query parameters.
func (m masker) target(target string, f flagged) string {
	path, query, ok := strings.Cut(target, "?")
	if !ok {
		return target
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, v, has := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if has && v != "" && request.SecretField(plain) && !f["query:"+plain] {
			parts[i] = name + "=" + m.digest(v)
		}
		if plain == "query" {
			parts[i] = name + "=" + m.operation(v)
		}
	}
	return path + "?" + strings.Join(parts, "&")
}

// operation masks a GraphQL operation in the target whole if it spells out a secret.
func (m masker) operation(escaped string) string {
	text, err := url.QueryUnescape(escaped)
	if err != nil {
		text = escaped
	}
	literals, _ := graphSecrets(text)
	if len(literals) == 0 {
		return escaped
	}
	return m.digest(escaped)
}

// body masks the values of secret fields. ok is false if one could not be
// masked for sure: then the body must not be kept.
func (m masker) body(contentType string, body []byte, f flagged, scratch *request.Scratch) (out []byte, ok bool) {
	secrets := secretsIn(contentType, body, f, scratch)
	if len(secrets) == 0 {
		return bytes.Clone(body), true
	}
	out = bytes.Clone(body)
	for _, s := range secrets {
		mask := []byte(m.digest(s))
		if request.CardNumber(s) {
			mask = []byte(m.number(s))
		}
		quoted, err := json.Marshal(s)
		if err != nil {
			return nil, false
		}
		for _, form := range [][]byte{[]byte(s), quoted[1 : len(quoted)-1], []byte(url.QueryEscape(s)), []byte(url.PathEscape(s))} {
			if len(form) >= 3 {
				out = bytes.ReplaceAll(out, form, mask)
			}
		}
	}
	return out, len(secretsIn(contentType, out, f, scratch)) == 0
}

// secretsIn returns the values of secret fields that are not masked yet.
func secretsIn(contentType string, body []byte, f flagged, scratch *request.Scratch) []string {
	var out []string
	variables := map[string]bool{}
	graph := bytes.IndexByte(body, '(') >= 0 // arguments stand behind one
	request.WalkBody(contentType, body, true, scratch, func(v *request.Value) bool {
		if graph && !v.In.Name() && !f["body:"+v.Key] && graphQL(v) {
			literals, names := graphSecrets(v.Text)
			for _, s := range literals {
				out = append(out, strings.Clone(s))
			}
			for _, s := range names {
				variables[strings.Clone(s)] = true
			}
		}
		return graph && len(out) < 100
	})
	request.WalkBody(contentType, body, true, scratch, func(v *request.Value) bool {
		_, variable, _ := strings.Cut(v.Key, "variables.")
		secret := (secretKey(v.Key) || variables[variable]) && !masked(v.Text) || request.CardNumber(v.Text)
		if secret && !v.In.Name() && v.Text != "" && !f["body:"+v.Key] {
			out = append(out, strings.Clone(v.Text))
		}
		return len(out) < 100
	})
	return out
}

// secretKey reports whether any part of a key path names a secret: what stands
// below a "password" is one too.
func secretKey(path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		if request.SecretField(strings.TrimSuffix(part, "[]")) {
			return true
		}
	}
	return false
}

func masked(s string) bool { return len(s) == 17 && s[0] == '~' }
