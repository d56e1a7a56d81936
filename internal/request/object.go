package request

import "strings"

// Object is the object that a request asks for by an id. Writer of the id: the
// engine, or replay; of its origin: attacker.
type Object struct {
	ID     uint64 // keyed digest; 0 if none is asked for
	Origin Origin
}

// Origin says where a client has an object's id from.
type Origin uint8

// The origins.
const (
	OriginUnknown Origin = iota // nobody can say, or it has asked for the object before
	Issued                      // an answer has shown it, or the client made it
	Foreign                     // no answer to this client has shown it
)

// Bounds of what one exchange tells of ids.
const (
	MaxIssued = 256 // that an answer shows
	MaxPosted = 32  // that a body holds
	maxID     = 64  // bytes of an id
	maxToken  = 128 // bytes of a string that may be a link
)

// ObjectID returns the id of the object that r asks for, "" if it asks for none:
// the last segment of the path that varies, by the endpoint's template; else the
// first query parameter that is named as ids are. It is valued as r's parts are.
func (r *Request) ObjectID() string {
	t := r.Endpoint.Template
	for i := len(r.Steps()) - 1; i >= 0 && t != ""; i-- {
		j := strings.LastIndexByte(t, '/')
		switch t[j+1:] {
		case "{int}", "{uuid}", "{hex}", "{token}", "{name}":
			if s := r.Steps()[i].Value; idShape(s) {
				return s
			}
		}
		t = t[:max(j, 0)]
	}
	for i := range r.Query {
		if q := &r.Query[i]; idKey(q.Name) && idShape(q.Value) {
			return q.Value
		}
	}
	return ""
}

// IsID reports whether a value of a body, which is no name, is an id: by name and
// shape, or by a shape that nothing else has. t are the traits of its key.
func (v *Value) IsID(t *Traits) bool {
	return len(v.Text) <= maxID && (t.id && idShape(v.Text) || len(v.Text) >= 16 && idBySight(v.Text))
}

// idWords end the names of fields that hold ids.
var idWords = [...]string{"id", "uuid", "guid", "slug", "sku", "key", "code", "number", "ref"}

// endsID says of the last letter of a name, by its low five bits, whether one of
// idWords or its plural ends so.
var endsID = [32]bool{'d' & 31: true, 'g' & 31: true, 'u' & 31: true, 'y' & 31: true, 'e' & 31: true, 'r' & 31: true, 'f' & 31: true, 's' & 31: true}

// idKey reports whether a field of this name holds ids: the last part of the name
// is one of idWords, or several of them, set off by a sign or by its capital:
// "id", "order_id", "orderId", "user.ids[]", but not "paid".
func idKey(name string) bool {
	name = strings.TrimSuffix(name, "[]")
	n := len(name)
	if n == 0 || !endsID[name[n-1]&31] {
		return false
	}
	if n > 2 && name[n-1]|0x20 == 's' {
		n--
	}
	for _, w := range idWords {
		i := n - len(w)
		if w[len(w)-1] != name[n-1]|0x20 || i < 0 || !fold(name[i:n], w) {
			continue
		}
		if i == 0 {
			return true
		}
		if c := name[i-1]; c == '_' || c == '-' || c == '.' || name[i]-'A' < 26 && c-'A' >= 26 {
			return true
		}
	}
	return false
}

// idShape reports whether s can be an id: a word of at most 64 bytes, without
// anything that sentences have.
func idShape(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !tokenByte(c) && c != ':' && c != '~' && c != '=' {
			return false
		}
	}
	return true
}

// idBySight reports whether s is a UUID or at least 16 hexadecimal digits.
func idBySight(s string) bool {
	if len(s) < 16 || len(s) > maxID || hex(s[0]) > 15 || hex(s[len(s)-1]) > 15 || hex(s[7]) > 15 {
		return false
	}
	t := segmentType(s)
	return t == "{uuid}" || t == "{hex}"
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i]-'0' >= 10 {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

// IDScan finds the ids of objects that a JSON document shows, as its pieces come:
// numbers and words under names that ids have, UUIDs and long hexadecimal numbers
// under any, what varies in links, and keys that look like ids. It keeps one
// token and no grammar: an id too many excuses a client, and is no harm. The zero
// value is ready.
type IDScan struct {
	token   [maxToken]byte
	n       int  // bytes of the token; beyond maxToken it is too long
	text    bool // inside a string
	escaped bool // behind a backslash
	held    bool // a string has ended, and nobody knows yet whether it is a key
	number  bool // inside a number under an id's name
	under   bool // what comes is the value of an id's name
	list    bool // and is a list of them
}

// Reset makes the scan ready for another document.
func (s *IDScan) Reset() {
	s.n, s.text, s.escaped, s.held, s.number, s.under, s.list = 0, false, false, false, false, false, false
}

// Scan looks at the next piece and calls found for each id; the id is valid until
// found returns. It stops when found returns false.
func (s *IDScan) Scan(piece []byte, found func(id string) bool) {
	for i := 0; i < len(piece); i++ {
		c := piece[i]
		switch {
		case s.text:
			i += s.inText(piece[i:])
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if s.number && !s.endNumber(c, found) {
				return
			}
		case !s.outside(c, found):
			return
		}
	}
}

// inText handles what a piece has of a string and returns how many bytes that is,
// less one.
func (s *IDScan) inText(piece []byte) int {
	if s.escaped {
		s.escaped = false
		c := piece[0]
		if c != '/' {
			c = ' ' // no id has it
		}
		s.put(c)
		return 0
	}
	n := 0
	for n < len(piece) && piece[n] != '"' && piece[n] != '\\' {
		n++
	}
	if s.n < maxToken {
		copy(s.token[s.n:], piece[:n])
	}
	s.n = min(s.n+n, maxToken+1)
	if n == len(piece) {
		return n - 1
	}
	s.escaped = piece[n] == '\\'
	s.text, s.held = s.escaped, !s.escaped
	return n
}

func (s *IDScan) put(c byte) {
	if s.n < maxToken {
		s.token[s.n] = c
	}
	s.n = min(s.n+1, maxToken+1)
}

// outside handles a byte that is no space between strings.
func (s *IDScan) outside(c byte, found func(string) bool) bool {
	if s.number {
		if c-'0' < 10 {
			s.put(c)
			return true
		}
		if !s.endNumber(c, found) {
			return false
		}
	}
	if s.held {
		s.held = false
		if !s.ended(c == ':', found) {
			return false
		}
	}
	switch c {
	case '"':
		s.text, s.n = true, 0
	case '[':
		s.list = s.under
	case ',':
		s.under = s.under && s.list
	case '{', '}', ']':
		s.under, s.list = false, false
	default:
		if s.under && c-'0' < 10 {
			s.number, s.n = true, 0
			s.put(c)
		}
	}
	return true
}

// endNumber ends a number before c.
func (s *IDScan) endNumber(c byte, found func(string) bool) bool {
	s.number = false
	if c == '.' || c|0x20 == 'e' {
		s.under = false
		return true
	}
	return s.n > maxID || found(view(s.token[:s.n]))
}

// ended handles a whole string.
func (s *IDScan) ended(key bool, found func(string) bool) bool {
	if s.n > maxToken {
		s.under = s.under && !key
		return true
	}
	text := view(s.token[:s.n])
	if key {
		s.under, s.list = idKey(text), false
		return !idBySight(text) && !digits(text) || found(text)
	}
	if s.under && idShape(text) || idBySight(text) {
		return found(text)
	}
	return s.n == 0 || text[0] != '/' && !strings.HasPrefix(text, "http") || EachLinkID(text, found)
}

// EachLinkID calls found for what may be an id in a link: its last segment, and
// each that varies by its look. It returns false if found has.
func EachLinkID(link string, found func(id string) bool) bool {
	if i := strings.IndexAny(link, "?#"); i >= 0 {
		link = link[:i]
	}
	if _, rest, ok := strings.Cut(link, "://"); ok {
		link = rest
	}
	for more := true; more; {
		var part string
		part, link, more = strings.Cut(link, "/")
		if (!more || segmentType(part) != "") && idShape(part) && !found(part) {
			return false
		}
	}
	return true
}

// Silent reports whether answers of this media type, without parameters, show no
// ids: pictures, sound, fonts, styles and scripts.
func Silent(mediaType string) bool {
	kind, rest, _ := strings.Cut(mediaType, "/")
	switch kind {
	case "image", "audio", "video", "font":
		return true
	case "text", "application":
		return rest == "css" || rest == "javascript" || rest == "wasm"
	}
	return false
}

// JSON reports whether a media type, without parameters, is one of JSON.
func JSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}
