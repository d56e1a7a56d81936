package request

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FieldName is the name of a field as an operator writes it: "template",
// "user.name", or "$.id" for one at the top of its document only. It finds the
// field, and all that stands below it, in whatever way servers take its name to be
// written. The zero value finds nothing. It is safe for concurrent use.
//
// Letter case (as Unicode folds it, so do Go's decoders), '_', '-' and spaces do not
// count (protocol buffers take user_name for userName), nor do percent escapes that
// are left, nor places in a list. '.', '[', ']', '/' and ':' (a namespace) part a
// name from what is below it; where the operator writes '_', they may stand too (PHP
// takes user.name for user_name).
type FieldName struct {
	plain  string // as it was written
	want   []rune // folded; part and maybe among them
	top    bool
	digits bool // some part of it is a number: places in lists count
	// All places in want are looked at at once, a bit each (Baeza-Yates and Gonnet,
	// "A new approach to text searching", 1992): where a rune may stand, and which may
	// be left out.
	ascii [utf8.RuneSelf]uint64
	wide  map[rune]uint64
	parts uint64
	maybe uint64
}

// Tokens of a name.
const (
	part  rune = -1 // what parts names
	maybe rune = -2 // that, or nothing
	ended rune = -3
)

const maxFieldName = 63 // characters; as many bits

// NewFieldName reads a name. top says that it stands at the top only, as "$." does.
func NewFieldName(s string, top bool) (FieldName, error) {
	s, found := strings.CutPrefix(s, "$.")
	f := FieldName{plain: s, top: top || found}
	for p := range strings.FieldsFuncSeq(s, func(c rune) bool { return c < utf8.RuneSelf && parts(byte(c)) }) {
		f.digits = f.digits || numeric(p)
		if len(f.want) > 0 {
			f.want = append(f.want, part)
		}
		for _, c := range p {
			if c = foldRune(c); c == '_' {
				if n := len(f.want); n == 0 || f.want[n-1] != maybe {
					f.want = append(f.want, maybe)
				}
			} else if !idle(c) {
				f.want = append(f.want, c)
			}
		}
	}
	switch {
	case len(f.want) > maxFieldName:
		return FieldName{}, errors.New("is longer than 63 characters")
	case !slices.ContainsFunc(f.want, func(c rune) bool { return c >= 0 }):
		return FieldName{}, errors.New("has no letter or digit")
	}
	f.compile()
	return f, nil
}

// compile fills the bits.
func (f *FieldName) compile() {
	for i, c := range f.want {
		bit := uint64(1) << i
		switch {
		case c == maybe:
			f.maybe |= bit
			f.parts |= bit
		case c == part:
			f.parts |= bit
		case c < utf8.RuneSelf:
			f.ascii[c] |= bit
		default:
			if f.wide == nil {
				f.wide = map[rune]uint64{}
			}
			f.wide[c] |= bit
		}
	}
}

// at returns the places where c may stand.
func (f *FieldName) at(c rune) uint64 {
	switch {
	case c == part:
		return f.parts
	case c < utf8.RuneSelf:
		return f.ascii[c]
	}
	return f.wide[c]
}

// Matches reports whether the value that stands at key belongs to the field. Its work
// is linear in the length of key.
func (f *FieldName) Matches(key string) bool {
	if len(f.want) == 0 {
		return false
	}
	if fold(key, f.plain) {
		return true
	}
	if f.top && key != "" && key[0]|0x20-'a' < 26 && rune(key[0]|0x20) != f.want[0] && f.want[0] >= 0 {
		return false // most are told apart by their first letter
	}
	c := nameCursor{s: key, digits: f.digits}
	c.skip()
	if c.i >= len(c.s) {
		return false
	}
	all := uint64(1) << len(f.want)
	reached := f.optional(1) // bit n: the last n of what was read are the first n of want
	for reached != 0 || !f.top {
		token := c.next()
		if (token == part || token == ended) && reached&all != 0 {
			return true
		}
		if token == ended {
			return false
		}
		if reached = f.optional(reached & f.at(token) << 1); token == part && !f.top {
			reached |= f.optional(1)
		}
	}
	return false
}

// optional adds what is reached where what may be left out is.
func (f *FieldName) optional(reached uint64) uint64 { return reached | reached&f.maybe<<1 }

// nameCursor reads the tokens of a name as it came.
type nameCursor struct {
	s      string
	i      int
	digits bool
}

// next returns the next folded rune, part, or ended.
func (c *nameCursor) next() rune {
	for c.i < len(c.s) {
		b, n := unescapedAt(c.s[c.i:])
		if parts(b) {
			c.i += n
			c.skip()
			if c.i >= len(c.s) {
				return ended
			}
			return part
		}
		r := rune(b)
		if b >= utf8.RuneSelf {
			if n == 1 {
				r, n = utf8.DecodeRuneInString(c.s[c.i:])
			} else {
				r = utf8.RuneError // escapes of other than ASCII are of no interest
			}
		}
		c.i += n
		if r = foldRune(r); !idle(r) {
			return r
		}
	}
	return ended
}

// skip passes over what parts names, and over places in lists.
func (c *nameCursor) skip() {
	for c.i < len(c.s) {
		if b, n := unescapedAt(c.s[c.i:]); parts(b) {
			c.i += n
			continue
		}
		end := c.i
		for end < len(c.s) && c.s[end]-'0' < 10 {
			end++
		}
		if c.digits || end == c.i {
			return
		}
		if end < len(c.s) {
			if b, _ := unescapedAt(c.s[end:]); !parts(b) {
				return
			}
		}
		c.i = end
	}
}

// unescapedAt returns the byte that s begins with, percent escapes undone however
// often it was escaped, and its length in s.
func unescapedAt(s string) (b byte, n int) {
	b, n = s[0], 1
	for b == '%' && n+1 < len(s) && hex(s[n]) < 16 && hex(s[n+1]) < 16 {
		b = hex(s[n])<<4 | hex(s[n+1])
		n += 2
	}
	return b, n
}

// parts reports whether b parts one name from the next. NUL ends a name in PHP.
func parts(b byte) bool {
	switch b {
	case '.', '[', ']', '/', ':', 0:
		return true
	}
	return false
}

// idle reports whether servers leave r out of a name, or may.
func idle(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '+' || r == '\t' }

func numeric(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// foldRune returns the one rune that stands for all that differ from r by letter case.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if r-'A' < 26 && r >= 'A' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if least < utf8.RuneSelf {
		return foldRune(least)
	}
	return least
}
