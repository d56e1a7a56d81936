package request

// FoldMax is how many bytes of a field name are compared with lists of names.
const FoldMax = 64

// FoldName writes a field name into buf as lists of names have it: letters in lower
// case, every byte but letters and digits as '-'. So do servers that hand fields on
// as variables (RFC 3875 section 4.1.18), to which "X_Forwarded.For" and
// "X-Forwarded-For" are one name. Only the first FoldMax bytes are written. plain
// reports whether the name holds letters, digits and '-' alone.
func FoldName(buf *[FoldMax]byte, name string) (folded []byte, plain bool) {
	plain = true
	for i := range len(name) {
		c := lower(name[i])
		if c-'a' >= 26 && !isDigit(c) && c != '-' {
			c, plain = '-', false
		}
		if i < FoldMax {
			buf[i] = c
		}
	}
	return buf[:min(len(name), FoldMax)], plain
}

// IsToken reports whether s is a token (RFC 9110 section 5.6.2), as field names are.
func IsToken(s string) bool { return isToken(s) }

// noTrailers are the fields, folded, that mean something only before the body: what
// frames and routes a message, says what the body is, asks for conditions, or proves
// who sent it (RFC 9110 section 6.5.1). A server that merges trailers into fields
// would take them from whoever sent them, past everything that was judged.
var noTrailers = map[string]struct{}{
	"accept-encoding": {}, "authentication-info": {}, "authorization": {}, "cache-control": {}, "connection": {},
	"content-disposition": {},
	"content-encoding":    {}, "content-length": {}, "content-location": {}, "content-range": {}, "content-type": {},
	"cookie": {}, "cookie2": {},
	"expect": {}, "host": {}, "http2-settings": {}, "keep-alive": {}, "max-forwards": {}, "origin": {}, "pragma": {},
	"proxy-authenticate":  {},
	"proxy-authorization": {}, "proxy-connection": {}, "range": {}, "realm": {}, "referer": {}, "set-cookie": {},
	"te": {}, "trailer": {},
	"transfer-encoding": {}, "upgrade": {}, "user-agent": {}, "via": {}, "www-authenticate": {}, "x-http-method": {},
	"x-http-method-override": {},
	"x-method-override":      {}, "x-requested-with": {},
}

// TrailerPasses reports whether a client may send a field of this name behind its
// body. Checksums, signatures of chunks, timings and what gRPC sends do; credentials,
// framing, conditions and whatever only begins a message do not.
func TrailerPasses(name string) bool {
	var buf [FoldMax]byte
	n, plain := FoldName(&buf, name)
	if _, bad := noTrailers[string(n)]; bad || !plain {
		return false
	}
	s := string(n)
	switch {
	case foldPrefix(s, "if-"), foldPrefix(s, "sec-"), foldPrefix(s, "proxy-"), foldPrefix(s, "bartizan-"):
		return false
	case foldPrefix(s, "x-amz-trailer-signature"):
		return true // of the chunks: an object store's own protocol
	}
	return !SecretHeader(s)
}
