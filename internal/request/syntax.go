package request

import (
	"net/netip"
	"strings"
)

// byteClass says what a byte may be part of.
type byteClass uint8

const (
	inToken byteClass = 1 << iota // tchar, RFC 9110 section 5.6.2
	inHost                        // reg-name without percent-encoding, and '_'
)

// classes maps each byte to its classes.
var classes = func() (c [256]byteClass) {
	for b := range c {
		switch {
		case b >= '0' && b <= '9', b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '-', b == '.', b == '_', b == '~':
			c[b] = inToken | inHost
		case strings.IndexByte("!$&'*+", byte(b)) >= 0:
			c[b] = inToken | inHost
		case strings.IndexByte("#%^`|", byte(b)) >= 0:
			c[b] = inToken
		case strings.IndexByte("(),;=", byte(b)) >= 0:
			c[b] = inHost
		}
	}
	return c
}()

// all reports whether s is not empty and all its bytes are of class c.
func all(s string, c byteClass) bool {
	for i := range len(s) {
		if classes[s[i]]&c == 0 {
			return false
		}
	}
	return s != ""
}

// isToken reports whether s is a token.
func isToken(s string) bool { return all(s, inToken) }

// isTarget reports whether s can be a request target: no white space and no
// control byte. Bytes that RFC 3986 forbids but clients send (raw UTF-8, quotes,
// braces) are let through, for the judges to see.
func isTarget(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// isProto reports whether s has the form HTTP/x.y.
func isProto(s string) bool {
	return len(s) == 8 && s[:5] == "HTTP/" && s[6] == '.' && isDigit(s[5]) && isDigit(s[7])
}

func isDigit(b byte) bool { return b-'0' <= 9 }

// isScheme reports whether s is the scheme of a URI (RFC 3986 section 3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		b := s[i] | 0x20
		if letter := b >= 'a' && b <= 'z'; !letter && (i == 0 || !isDigit(s[i]) && !strings.Contains("+-.", s[i:i+1])) {
			return false
		}
	}
	return s != ""
}

// isHost reports whether s is a host with an optional port and nothing else: no
// user information, no percent-encoding, no path. An upstream that reads any of
// those would route by another name than the one we judged.
func isHost(s string) bool {
	host, port, ok := cutPort(s)
	if !ok {
		return false
	}
	for i := range len(port) {
		if !isDigit(port[i]) {
			return false
		}
	}
	if len(port) > 5 {
		return false
	}
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(host[1 : len(host)-1])
		return err == nil && a.Is6() && a.Zone() == ""
	}
	return all(host, inHost)
}

// cutPort cuts "host:port" or "[v6]:port"; port is empty when there is none.
func cutPort(s string) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return "", "", false
		}
		host, s = s[:i+1], s[i+1:]
		if s == "" {
			return host, "", true
		}
		return host, s[1:], s[0] == ':'
	}
	host, port, _ = strings.Cut(s, ":")
	return host, port, true
}

// trim cuts optional white space (SP, HTAB) off both ends. It does not cut other
// control bytes as strings.TrimSpace does: hiding those is how one parser is
// made to see a header that another does not.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// valueFault returns what is wrong with a field value: any control byte but HTAB.
func valueFault(s string) Fault {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= ' ' && b != 0x7f, b == '\t':
		case b == '\r':
			return FaultBareCR
		default:
			return FaultFieldValue
		}
	}
	return Fine
}

// TokenByte reports whether b may be part of a token (RFC 9110 section 5.6.2):
// of a method or a field name.
func TokenByte(b byte) bool { return classes[b]&inToken != 0 }
