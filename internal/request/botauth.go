package request

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// BotSignature is a request's signature by which a bot proves who it is: HTTP
// Message Signatures (RFC 9421) with the tag "web-bot-auth".
type BotSignature struct {
	KeyID     string
	Base      string // what was signed (RFC 9421, section 2.5)
	Signature []byte
	Created   time.Time
	Expires   time.Time
}

// maxBotHeader bounds what is read of a signature.
const maxBotHeader = 2048

// BotAuth returns the request's bot signature. ok is false if there is none, or
// one that is not to be read: that says nothing.
func (r *Request) BotAuth() (s BotSignature, ok bool) {
	input, signature := r.Header("Signature-Input"), r.Header("Signature")
	if input == "" || signature == "" || len(input)+len(signature) > maxBotHeader {
		return s, false
	}
	label, params, ok := botMember(input)
	if !ok {
		return s, false
	}
	for _, m := range splitOutside(signature, ',') {
		name, value, _ := strings.Cut(strings.TrimSpace(m), "=")
		if name == label && len(value) > 2 && value[0] == ':' && value[len(value)-1] == ':' {
			s.Signature, _ = base64.StdEncoding.DecodeString(value[1 : len(value)-1]) // what is wrong is empty
		}
	}
	if len(s.Signature) == 0 || !s.read(r, params) {
		return s, false
	}
	return s, true
}

// botMember returns label and value of the member whose tag is web-bot-auth.
func botMember(input string) (label, params string, ok bool) {
	for _, m := range splitOutside(input, ',') {
		label, params, _ = strings.Cut(strings.TrimSpace(m), "=")
		if strings.Contains(params, `;tag="web-bot-auth"`) && strings.HasPrefix(params, "(") {
			return label, params, true
		}
	}
	return "", "", false
}

// read takes the parameters and builds what was signed.
func (s *BotSignature) read(r *Request, params string) bool {
	list, rest, ok := strings.Cut(params[1:], ")")
	if !ok {
		return false
	}
	for _, p := range splitOutside(rest, ';') {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch name {
		case "keyid":
			s.KeyID = strings.Trim(value, `"`)
		case "created", "expires":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return false
			}
			if name == "created" {
				s.Created = time.Unix(n, 0)
			} else {
				s.Expires = time.Unix(n, 0)
			}
		}
	}
	var base strings.Builder
	bound := false
	for _, c := range strings.Fields(list) {
		name := strings.Trim(c, `"`)
		value, ok := r.component(name)
		if !ok || len(c) != len(name)+2 {
			return false
		}
		bound = bound || name == "@authority"
		base.WriteString(c + ": " + value + "\n")
	}
	base.WriteString(`"@signature-params": ` + params)
	s.Base = base.String()
	return bound && s.KeyID != "" && !s.Created.IsZero() && !s.Expires.IsZero()
}

// component returns the value of a component without parameters (RFC 9421, section 2).
func (r *Request) component(name string) (string, bool) {
	switch name {
	case "@authority":
		return strings.ToLower(r.Head.Host), true
	case "@method":
		return r.Head.Method, true
	case "@path":
		return r.Path, true
	case "@query":
		return "?" + r.RawQuery, true
	}
	if strings.HasPrefix(name, "@") {
		return "", false
	}
	out, found := "", false
	for v := range r.Headers(name) {
		if found {
			out += ", "
		}
		out, found = out+strings.TrimSpace(v), true
	}
	return out, found
}

// splitOutside splits s at sep outside quotes and parentheses.
func splitOutside(s string, sep byte) (out []string) {
	start, quoted, level := 0, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			level++
		case c == ')':
			level--
		case c == sep && level == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}
