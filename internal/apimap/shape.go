package apimap

import (
	"slices"
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

// Classes of the bytes of a value, for kindOf; above them the sorts of signs.
const (
	aDigit  = 1 << iota
	aLetter // or one of "_-.", which words have
	aSpace
	aBreak
	another
	firstSort = iota
)

var classes = func() (t [256]uint16) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = aDigit
		case c|0x20 >= 'a' && c|0x20 <= 'z', c == '_', c == '-', c == '.':
			t[c] = aLetter
		case c == ' ':
			t[c] = aSpace
		case c == '\n', c == '\r':
			t[c] = aBreak
		default:
			t[c] = another
		}
	}
	for sort, signs := range sorts {
		for _, c := range signs {
			t[c] |= 1 << (firstSort + sort)
		}
	}
	return t
}()

// longest is how many bytes of a value are looked at for its kind: what is longer is text.
const longest = 96

// classesOf returns the classes of the bytes that a value begins with.
func classesOf(s string) (has uint16) {
	for i := range min(len(s), longest) {
		has |= classes[s[i]]
	}
	return has
}

// shortest is the length in bytes of the shortest date, which is shorter than any
// other kind that is made of digits and letters.
const shortest = len("2006-01-02")

// kindOf returns the kind of a value, whose bytes have these classes.
func kindOf(s string, has uint16) kind {
	switch {
	case s == "":
		return empty
	case s == "true" || s == "false":
		return boolean
	case len(s) > longest:
		return text
	case has == aDigit:
		return integer
	case has == aLetter: // too plain for all else
		return word
	case has&aSpace != 0: // nothing else has one
		if has&aBreak != 0 {
			return text
		}
		return phrase
	case has == aDigit|aLetter && len(s) < shortest && s[0] != '-': // a word, or a number with a point
		return kindOfText(s)
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

// See notes one value of the query or the body of r, which is no name. t are the
// traits of its key, nil where they are not remembered.
func (m *Model) See(r *request.Request, v *request.Value, t *request.Traits) {
	if query(r, v) {
		m.graph(r, v)
	}
	if t == nil {
		t = &request.Traits{}
	}
	var buf [96]byte
	if seed := m.options.Seed; t.Shape == 0 || t.Seed != seed {
		name := normal(&buf, v.Key)
		t.Shape, t.Seed, t.Plain = digest.Mix(digest.String(seed, name), uint64(v.In))|1, seed, name == v.Key
	}
	key := t.Shape
	switch {
	case t.First && t.Plain: // no other key has the name
		t.At = -1
	case t.At < 0 || t.At >= len(r.Shape) || r.Shape[t.At].Key != key:
		t.At = slices.IndexFunc(r.Shape, func(s request.Seen) bool { return s.Key == key })
	}
	if t.At >= 0 {
		s := &r.Shape[t.At]
		s.Length = max(s.Length, len(v.Text))
		s.Literal = s.Literal && t.Literal
		if s.Times++; s.Times < enough {
			noteKind(s, v.Text)
		}
		return
	}
	if len(r.Shape) == request.MaxSeen {
		return
	}
	t.At = len(r.Shape)
	r.Shape = append(r.Shape, request.Seen{})
	s := &r.Shape[t.At]
	name := v.Key
	if !t.Plain {
		name = normal(&buf, v.Key)
	}
	s.Key, s.Name, s.In, s.Length = key, r.Keep(name), v.In, len(v.Text)
	s.Literal = t.Literal
	noteKind(s, v.Text)
}

// noteKind notes of what kind one value of s is.
func noteKind(s *request.Seen, value string) {
	has := classesOf(value)
	s.Type = max(s.Type, uint8(kindOf(value, has)))
	if n := signs(value, has); n > 0 {
		s.Signs = max(s.Signs, uint8(n))
	}
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
