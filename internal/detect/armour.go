package detect

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	minArmour = 12
	maxArmour = 8 << 10
)

// serialised reports whether the value begins as a serialised object does:
// base64 of the first bytes that Java, Python, Ruby, .NET and PHP write.
func serialised(s string) bool {
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
		return len(s) > 24 && (s[:3] == "Tzo" || s[:3] == "Qzo") && s[3] >= '0' && (s[:4] == "Tzox" || s[:4] == "Tzoy" || s[:4] == "Tzoz" || s[:4] == "Tzo0")
	}
	return false
}

// armoured decodes a value that is base64 or hexadecimal from its first byte to
// its last, if that gives text.
func (s *scan) armoured(text string) (string, bool) {
	if len(text) < minArmour || len(text) > maxArmour {
		return "", false
	}
	digits, letters := 0, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case isHex(c):
			digits++
		case wordByte(c) || c == '-' || c == '+' || c == '/':
			letters++
		case c == '=' && i+3 > len(text):
		default:
			return "", false
		}
	}
	switch {
	case letters == 0 && digits == len(text) && digits%2 == 0 && plainHex(text):
		s.decoded = append(s.decoded[:0], make([]byte, 0)...)
		b, err := hex.AppendDecode(s.decoded, []byte(text))
		s.decoded = b
		return view(b), err == nil && readable(b)
	case letters == 0 && digits == len(text):
		return "", false
	}
	return s.base64(strings.TrimRight(text, "="))
}

// base64 decodes either alphabet, if the first bytes give text.
func (s *scan) base64(text string) (string, bool) {
	enc := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	var probe [12]byte
	if n, err := enc.Decode(probe[:], []byte(text[:min(len(text), 16)&^3])); err != nil || !readable(probe[:n]) {
		return "", false
	}
	b, err := enc.AppendDecode(s.decoded[:0], []byte(text))
	s.decoded = b
	if err != nil || !readable(b) {
		return "", false
	}
	return view(b), true
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
