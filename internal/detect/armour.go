package detect

import (
	"encoding/hex"
	"strings"

	"bartizan/internal/request"
)

const (
	minArmour = 6       // digits: the shortest attacks have four bytes
	minWords  = 12      // digits that may be anything readable; fewer must be telling
	maxArmour = 8 << 10 // digits that are decoded
)

// serialised reports whether the value begins as a serialised object does:
// base64 of the first bytes that Java, Python, Ruby, .NET and PHP write.
func serialised(s string) bool { return magic(s) && !signed(s) }

// signed reports whether a value ends with a signature in hexadecimal digits behind two
// hyphens: the session of a framework.
func signed(s string) bool {
	i := strings.Index(s, "--")
	return i > 0 && len(s)-i-2 >= 40 && strings.Trim(s[i+2:], "0123456789abcdef") == ""
}

func magic(s string) bool {
	if len(s) < 6 {
		return false
	}
	switch s[0] {
	case 0xac:
		return s[:4] == "\xac\xed\x00\x05"
	case 'r':
		return s[:5] == "rO0AB"
	case 'g':
		return len(s) > 24 && s[:4] == "gASV"
	case 'A':
		return len(s) >= 16 && strings.HasPrefix(s, "AAEAAAD/////")
	case 'B':
		return len(s) > 12 && (s[:4] == "BAhv" || s[:4] == "BAhb" || s[:4] == "BAhJ")
	case 'T', 'Q':
		return len(s) > 24 && (s[:3] == "Tzo" || s[:3] == "Qzo") && s[3] >= '0' && (s[:4] == "Tzox" ||
			s[:4] == "Tzoy" || s[:4] == "Tzoz" || s[:4] == "Tzo0")
	}
	return false
}

// armoured decodes to dst a value that is base64 or hexadecimal from its first byte to
// its last, if that gives text.
func armoured(dst *[]byte, text string) (string, bool) {
	if len(text) < minArmour || len(text) > maxArmour {
		return "", false
	}
	if len(text) >= minWords && len(text)%2 == 0 && plainHex(text) && hexOnly(text) {
		b, err := hex.AppendDecode((*dst)[:0], []byte(text))
		*dst = b
		return view(b), err == nil && readable(b)
	}
	if len(text) > 4 && (digit64[text[0]] > 32 || digit64[text[4]] > 32) {
		return "", false // the first byte, or the fourth, is none of ASCII
	}
	plain, ok := unarmour(dst, text)
	if !ok || hexOnly(text) || !mixed(text) {
		return "", false
	}
	return plain, true
}

func hexOnly(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

// mixed reports whether a text has capitals and something else, as text in base64 does.
func mixed(s string) bool {
	upper := 0
	for i := 0; i < len(s); i++ {
		if s[i]-'A' < 26 {
			upper++
		}
	}
	return upper > 0 && upper < len(s)
}

// digit64 are the digits of base64, and 1: both alphabets, and the plus that a form's
// reader made a space of.
var digit64 = func() (t [256]byte) {
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i) + 1
	}
	t['-'], t[' '], t['_'] = t['+'], t['+'], t['/']
	return t
}()

// unarmour decodes base64 to dst, padded or not, and stops where it gives no text. Of a
// short value each byte must be printable and one a sign, and its digits must be as many
// as encoders write: chance makes such a value of one name in a million.
func unarmour(dst *[]byte, text string) (string, bool) {
	padded := strings.TrimRight(text, "=")
	whole := len(padded) < len(text) || len(text)%4 == 0
	text = padded
	b := (*dst)[:0]
	var sum uint32
	bits, odd, signs := 0, 0, 0
	for i := 0; i < len(text); i++ {
		v := digit64[text[i]]
		if v == 0 {
			return "", false
		}
		sum = sum<<6 | uint32(v-1)
		if bits += 6; bits < 8 {
			continue
		}
		bits -= 8
		c := byte(sum >> bits)
		switch {
		case (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c > '~':
			if odd++; odd*16 > max(len(b), 15) {
				return "", false
			}
		case c > ' ' && !wordByte(c):
			signs++
		}
		b = append(b, c)
	}
	*dst = b
	switch {
	case len(text)%4 == 1 || len(b) < 4:
		return "", false
	case len(text) < minWords && (signs == 0 || odd > 0 || !whole || len(text)%4 == 0 && (wordByte(b[0]) ||
		wordByte(b[len(b)-1]))):
		return "", false
	}
	return view(b), odd*16 <= len(b)
}

// maxParts is how many parts of a value are taken for base64, and maxPartly how much of
// it is looked through for them.
const (
	maxParts  = 4
	maxPartly = 2 << 10
	minPart   = 16
)

// parts looks at what stands in base64 behind a sign inside a value.
func (d *Detector) parts(r *request.Request, s *scan, v *request.Value) {
	text := v.Text[:min(len(v.Text), maxPartly)]
	if len(text) <= minPart || v.In == request.InHeader && hasPrefixFold(v.Key, "authorization") {
		return
	}
	for i, tried := 0, 0; i+minPart <= len(text) && tried < maxParts; {
		from := i + minPart // a part of that length has a digit at its end, and all before it
		for from > i && digit64[text[from-1]] != 0 && text[from-1] != ' ' {
			from--
		}
		if from > i {
			i = from
			continue
		}
		j, cases := i, byte(0)
		for j < len(text) && text[j] != ' ' && digit64[text[j]] != 0 {
			cases |= text[j] & 0x60
			j++
		}
		if j-i < len(text) && cases == 0x60 {
			tried++
			if plain, ok := unarmour(&s.decoded, text[i:j]); ok && len(plain) > minWords {
				d.piece(r, s, v, plain)
			}
		}
		i = j + 1
	}
}

// plainHex reports whether the first pairs of digits are printable bytes.
func plainHex(text string) bool {
	for i := 0; i+1 < len(text) && i < 16; i += 2 {
		if c := text[i]; c < '2' || c > '7' {
			return false
		}
	}
	return true
}

// readable reports whether b is text of ASCII, all but a little of it.
func readable(b []byte) bool {
	odd := 0
	for _, c := range b {
		if (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c > '~' {
			odd++
		}
	}
	return len(b) >= 6 && odd*16 <= len(b)
}
