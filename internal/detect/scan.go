package detect

import (
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"bartizan/internal/request"
)

const (
	maxLayers = 3       // encodings undone beyond what the protocol asks for
	maxText   = 8 << 10 // bytes of a value that are scanned at once
)

// scan is the state of looking at one value. Its buffers are reused.
type scan struct {
	value   request.Value
	text    string // the layer looked at
	gate    gateResult
	whole   bool // the value is a JSON document, whose strings are judged one by one
	open    bool // every detector runs, whatever the gate says: the oracle's way
	layer   int
	encoded int    // layers that were percent-encoded
	words   int    // in sentences, once counted; -1 before
	low     string // text in lower case; made when first asked for

	layers  [2][]byte // text of alternating layers
	decoded []byte    // of base64, and of hexadecimal digits
	inner   []byte    // the same of a string in a document
	again   []byte    // the same of what was decoded once
	formed  []byte    // text in another form
	lowBuf  []byte
	flatBuf []byte

	asked, named []byte // of the query in a Referer

	squeezed []byte // text without the middle of what repeats itself
}

func (s *scan) begin(v *request.Value, text string) {
	s.value = *v
	s.layer, s.encoded = 0, 0
	s.look(text)
}

func (s *scan) look(text string) {
	s.text, s.low, s.words = text, "", -1
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// lower returns the text in ASCII lower case.
func (s *scan) lower() string {
	if s.low == "" && s.text != "" {
		s.lowBuf = append(s.lowBuf[:0], s.text...)
		for i, c := range s.lowBuf {
			if c-'A' < 26 {
				s.lowBuf[i] = c | 0x20
			}
		}
		s.low = view(s.lowBuf)
	}
	return s.low
}

// span returns the text around a finding for people to read.
func (s *scan) span(at int) string {
	start := max(0, min(at, len(s.text))-16)
	for !runeStart(s.text, start) {
		start++
	}
	return s.text[start:]
}

// unescape goes one layer deeper and reports whether that changed anything.
func (s *scan) unescape() bool {
	buf := &s.layers[s.layer&1]
	s.layer++
	if strings.Contains(s.text, "%25") {
		s.encoded++
	}
	*buf = appendLayer((*buf)[:0], s.text)
	if pluses(s.text) {
		spaces(*buf)
	}
	if percents(s.text) {
		*buf = slices.DeleteFunc(*buf, func(c byte) bool { return c == '%' })
	}
	if slashed(s.text) {
		*buf = unslash(*buf)
	}
	if strings.Contains(s.text, `\'`) {
		*buf = unquote(*buf)
	}
	if view(*buf) == s.text {
		return false
	}
	s.look(view(*buf))
	return true
}

// pluses reports whether a text has pluses where words would be parted, and few
// spaces or none: a form's spaces, not decoded.
func pluses(s string) bool {
	i := strings.IndexByte(s, '+')
	if i < 0 {
		return false
	}
	space := strings.IndexByte(s, ' ')
	return space < 0 || !strings.Contains(s, " +") && strings.Count(s[i:], "+") > 2*strings.Count(s, " ")
}

// percents reports whether percent signs stand between all other bytes: IIS
// drops those that begin no escape.
func percents(s string) bool {
	n, alone := 0, 0
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		n++
		if s[i+1] != '%' && (i+2 == len(s) || s[i+2] == '%' || s[i+2] == ' ') {
			alone++
		}
	}
	return n >= 6 && 3*n > len(s) && 10*alone >= 9*n
}

// spaces makes a space of every plus.
func spaces(b []byte) {
	for i, c := range b {
		if c == '+' {
			b[i] = ' '
		}
	}
}

// appendLayer decodes every encoded byte once: %41, %u0041, A, \x41, \101,
// &#65; &lt; and overlong UTF-8, which old decoders accept.
func appendLayer(out []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if mayEncode(s, i) {
			if r, n := encoded(s[i:]); n > 0 {
				if r == nothing {
				} else if r < 0x100 && c == '%' {
					out = append(out, byte(r))
				} else {
					out = utf8.AppendRune(out, r)
				}
				i += n
				continue
			}
		}
		out = append(out, c)
		i++
	}
	return out
}

// mayEncode reports whether an encoded character may begin at s[i].
func mayEncode(s string, i int) bool {
	switch c := s[i]; c {
	case '%', '\\':
		return i+1 < len(s)
	case '&':
		return i+1 < len(s) && (s[i+1] == '#' || len(entities[s[i+1]|0x20]) > 0)
	case '+', ' ':
		return i+4 < len(s) && s[i+4] == '-'
	default:
		return c >= 0xc0 || c >= 0x80 && eighth(s, i)
	}
}

// eighth reports whether a bracket or quote of ASCII stands at s[i] with its
// eighth bit set and no character of UTF-8 around it: old decoders drop the bit.
func eighth(s string, i int) bool {
	switch s[i] {
	case 0xbc, 0xbe, 0xa2:
		return i == 0 || s[i-1] < 0x80
	}
	return false
}

// encoded returns the character that s begins with in encoded form.
func encoded(s string) (r rune, n int) {
	switch {
	case s[0] == '%' && len(s) > 2 && s[1]|0x20 == 'u':
		return digits(s, 2, 4)
	case s[0] == '%':
		return digits(s, 1, 2)
	case s[0] == '\\' && len(s) > 3 && s[1] == 'u' && s[2] == '{':
		return braced(s)
	case s[0] == '\\' && len(s) > 2 && s[1] == 'u':
		return digits(s, 2, 4)
	case s[0] == '\\' && len(s) > 2 && s[1] == 'x':
		r, n = digits(s, 2, 2)
		if n > 0 && r < ' ' {
			r = ' ' // a line break spelled out in text ends no shell's line
		}
		return r, n
	case s[0] == '\\' && len(s) > 4 && s[1] == '0' && s[2] == '0': // as in style sheets
		if r, n := digits(s, 1, 6); n > 0 {
			return r, n
		}
		return digits(s, 1, 4)
	case s[0] == '\\':
		return backslashed(s)
	case s[0] == '&':
		return entity(s)
	case s[0] < 0xc0 && s[0] >= 0x80:
		return rune(s[0] & 0x7f), 1
	case s[0] == '+' || s[0] == ' ':
		return utf7(s)
	case s[0] == 0xc2 && len(s) > 1: // the eighth bit set, which old decoders of ASCII drop
		switch s[1] {
		case 0xbc, 0xbe, 0xa2:
			return rune(s[1] & 0x7f), 2
		case 0xad: // a hyphen that is not shown
			if len(s) > 2 && s[2] < 0x80 {
				return nothing, 2
			}
		}
	case s[0] == 0xc3 && len(s) > 3 && (s[1] == 0x80 || s[1] == 0x81) && s[2] == 0xc2: // overlong, read as Latin-1 on the way
		return rune(s[1]&1)<<6 | rune(s[3]&0x3f), 4
	case (s[0] == 0xc0 || s[0] == 0xc1) && len(s) > 1, s[0] == 0xe0, s[0] >= 0xf0 && s[0] < 0xfe:
		return overlong(s)
	case s[0] >= 0xc5:
		return folded(s)
	}
	return 0, 0
}

// folded reads a character that some server takes for one of ASCII: full-width
// forms, which databases fold; the long s and the sign of Kelvin, which a change
// of letter case folds; brackets and quotes with their two bytes swapped, as one
// that guesses UTF-16 wrongly reads them.
func folded(s string) (r rune, n int) {
	switch {
	case unseen(s) > 0 && len(s) > unseen(s) && s[unseen(s)] < 0x80:
		return nothing, unseen(s)
	case strings.HasPrefix(s, "\u017f"):
		return 's', 2
	case strings.HasPrefix(s, "\u212a"):
		return 'k', 3
	case strings.HasPrefix(s, "\u3c00"):
		return '<', 3
	case strings.HasPrefix(s, "\u3e00"):
		return '>', 3
	case strings.HasPrefix(s, "\u2200"):
		return '"', 3
	case s[0] == 0xef && len(s) > 2: // full-width forms, which databases fold
		if r, n := utf8.DecodeRuneInString(s); r >= 0xff01 && r <= 0xff5e {
			return r - 0xfee0, n
		}
	}
	return 0, 0
}

// braced reads \u{61}.
func braced(s string) (r rune, n int) {
	end := strings.IndexByte(s[:min(len(s), 11)], '}')
	if end < 4 {
		return 0, 0
	}
	r, n = digits(s, 3, end-3)
	if n == 0 || r > utf8.MaxRune {
		return 0, 0
	}
	return r, end + 1
}

// digits reads count hexadecimal digits from s[at:].
func digits(s string, at, count int) (r rune, n int) {
	if len(s) < at+count {
		return 0, 0
	}
	for _, c := range []byte(s[at : at+count]) {
		switch {
		case c-'0' < 10:
			r = r<<4 | rune(c-'0')
		case c|0x20-'a' < 6:
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, 0
		}
	}
	return r, at + count
}

// utf7 reads what UTF-7 makes of a bracket or quote; a form's reader may have
// made a space of the plus.
func utf7(s string) (r rune, n int) {
	if len(s) < 5 || s[1]|0x20 != 'a' || s[4] != '-' {
		return 0, 0
	}
	switch strings.ToLower(s[1:4]) {
	case "adw":
		return '<', 5
	case "ad4":
		return '>', 5
	case "aci":
		return '"', 5
	case "acc":
		return '\'', 5
	}
	return 0, 0
}

// reference is a named character reference.
type reference struct {
	name string
	r    rune
}

// entities are references by the first letter of their names.
var entities = func() (t [256][]reference) {
	for _, e := range [...]reference{{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}, {"colon", ':'}, {"lpar", '('}, {"rpar", ')'}, {"tab", '\t'}, {"newline", '\n'}, {"sol", '/'}, {"nbsp", ' '}, {"plus", '+'}, {"semi", ';'}, {"comma", ','}, {"lbrace", '{'}, {"rbrace", '}'}, {"num", '#'}, {"quest", '?'}, {"excl", '!'}, {"lsqb", '['}, {"rsqb", ']'}, {"grave", '`'}, {"period", '.'}, {"bsol", '\\'}, {"equals", '='}, {"dollar", '$'}, {"percnt", '%'}, {"ast", '*'}, {"verbar", '|'}} {
		t[e.name[0]] = append(t[e.name[0]], e)
	}
	return t
}()

// entity reads a character reference of HTML; its semicolon may be missing.
func entity(s string) (r rune, n int) {
	if len(s) > 2 && s[1] == '#' {
		return numeric(s)
	}
	if len(s) < 2 {
		return 0, 0
	}
	for _, e := range entities[s[1]|0x20] {
		if hasPrefixFold(s[1:], e.name) && len(s) > len(e.name)+1 && s[len(e.name)+1] == ';' {
			return e.r, len(e.name) + 2
		}
	}
	if (hasPrefixFold(s, "&lt") || hasPrefixFold(s, "&gt")) && len(s) > 3 && s[3] != '=' { // HTML takes these without a semicolon
		return map[byte]rune{'l': '<', 'g': '>'}[s[1]|0x20], 3
	}
	return 0, 0
}

func numeric(s string) (r rune, n int) {
	i, base := 2, rune(10)
	if s[2]|0x20 == 'x' {
		i, base = 3, 16
	}
	start := i
	for ; i < len(s) && i < start+7; i++ {
		d := rune(255)
		switch c := s[i]; {
		case c-'0' < 10:
			d = rune(c - '0')
		case c|0x20-'a' < 6:
			d = rune(c|0x20-'a') + 10
		}
		if d >= base {
			break
		}
		r = r*base + d
	}
	if i == start {
		return 0, 0
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	return r, i
}
