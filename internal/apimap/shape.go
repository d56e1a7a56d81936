package apimap

import (
	"strings"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// kind is the type of a parameter's value. Those before word are strict: a
// parameter that has only had strict ones has a format, and text in it is odd.
type kind uint8

const (
	empty kind = iota
	boolean
	integer
	float
	uuid
	date
	email
	hexadecimal
	token
	word   // letters, digits, "_", "-" and "."
	phrase // one short line of anything
	text   // more than that
	kinds  = iota
)

var kindNames = [kinds]string{"empty", "boolean", "integer", "number", "uuid", "date", "email", "hex", "token", "word", "phrase", "text"}

func (k kind) String() string { return kindNames[min(int(k), kinds-1)] }

// strict reports whether values of the kind have a format.
func (k kind) strict() bool { return k > empty && k < word }

// kindOf returns the kind of a value.
func kindOf(s string) kind {
	switch {
	case s == "":
		return empty
	case s == "true" || s == "false":
		return boolean
	case len(s) > 96:
		return text
	case len(s) < 10 && plainWord(s): // too short for all else
		return word
	case strings.IndexByte(s, ' ') >= 0: // nothing else has one
		if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
			return text
		}
		return phrase
	}
	switch request.SegmentType(s) {
	case "{int}":
		return integer
	case "{uuid}":
		return uuid
	case "{date}":
		return date
	case "{email}":
		return email
	case "{hex}":
		return hexadecimal
	case "{token}":
		return token
	}
	return kindOfText(s)
}

// plainWord reports whether s is letters, hyphens behind the first and underscores.
func plainWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; c|0x20-'a' >= 26 && c != '_' && (c != '-' || i == 0) {
			return false
		}
	}
	return true
}

func kindOfText(s string) kind {
	digits, dots, letters, marks := 0, 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c-'0' < 10:
			digits++
		case c|0x20-'a' < 26:
			letters++
		case c == '.':
			dots++
		case c == '-' && i == 0:
		case c == '_' || c == '-':
			marks++
		case c == '\n' || c == '\r':
			return text
		default:
			return phrase
		}
	}
	if dots == 1 && digits > 0 && letters == 0 && marks == 0 {
		return float
	}
	return word
}

// enough values of one parameter in one request are looked at: the items of a
// list are alike.
const enough = 8

// See notes one value of r for the model. Names and whole paths are no parameters.
// t are the traits of its key, where they are remembered.
func (m *Model) See(r *request.Request, v request.Value, t *request.Traits) {
	if v.In.Name() || v.In == request.InPath || v.In == request.InSegment || v.In == request.InHeader || v.In == request.InCookie {
		return
	}
	if query(r, v) {
		m.graph(r, v)
	}
	var key uint64
	if t != nil && t.Seed == m.options.Seed {
		key = t.Shape
	}
	if key == 0 {
		var buf [96]byte
		key = digest.Mix(digest.String(m.options.Seed, normal(&buf, v.Key)), uint64(v.In)) | 1
		if t != nil {
			t.Shape, t.Seed = key, m.options.Seed
		}
	}
	for i := range r.Shape {
		if s := &r.Shape[i]; s.Key == key {
			s.Length = max(s.Length, len(v.Text))
			if s.Times++; s.Times < enough {
				s.Type = max(s.Type, uint8(kindOf(v.Text)))
			}
			return
		}
	}
	if len(r.Shape) == request.MaxSeen {
		return
	}
	seen := request.Seen{Key: key, In: v.In, Type: uint8(kindOf(v.Text)), Length: len(v.Text)}
	if p := m.profileOf(r.Endpoint.ID); p == nil || !p.has(key) {
		var buf [96]byte
		seen.Name = strings.Clone(normal(&buf, v.Key))
	}
	r.Shape = append(r.Shape, seen)
}

// normal writes a key path with its variable parts named by type: a map keyed by
// ids has one parameter, not one for each id.
func normal(buf *[96]byte, key string) string {
	if len(key) > len(buf) {
		key = key[:len(buf)]
	}
	if !hasDigit(key) {
		return key
	}
	out := buf[:0]
	for {
		part, rest, more := strings.Cut(key, ".")
		if t := request.SegmentType(strings.TrimSuffix(part, "[]")); t != "" {
			part = t
		}
		if len(out)+len(part)+1 > len(buf) {
			break
		}
		out = append(out, part...)
		if !more {
			break
		}
		out, key = append(out, '.'), rest
	}
	return string(out)
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if s[i]-'0' < 10 {
			return true
		}
	}
	return false
}

// Forget drops what r has shown so far: the walk begins anew with a longer body.
func Forget(r *request.Request) {
	if r.Graph.Named > 0 || r.Graph.Operations > 0 {
		r.Graph = request.Graph{}
	}
	kept := r.Shape[:0]
	for _, s := range r.Shape {
		if !s.In.Body() {
			kept = append(kept, s)
		}
	}
	r.Shape = kept
}
