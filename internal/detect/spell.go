package detect

import "strings"

// nothing is a character that readers drop.
const nothing rune = -1

// backslashed reads an escape of three octal digits (\\141 in a script or a shell), and
// the escapes of signs in filters of LDAP (RFC 4515) and in header fields.
func backslashed(s string) (r rune, n int) {
	if len(s) < 3 {
		return 0, 0
	}
	switch s[1:3] {
	case "28", "29", "2a", "2A", "7c", "7C", "26":
		return digits(s, 1, 2)
	}
	if len(s) > 3 && s[1] == '1' && s[2]-'0' < 8 && s[3]-'0' < 8 {
		if c := rune(s[1]-'0')<<6 | rune(s[2]-'0')<<3 | rune(s[3]-'0'); wordByte(byte(c)) {
			return c, 4
		}
	}
	return 0, 0
}

// overlong reads a character of ASCII that is written in more bytes than it has, as old
// decoders take it: those that check the second byte, those that take its low bits, and
// those that take the bits of a dot or slash from anything.
func overlong(s string) (r rune, n int) {
	switch c := s[0]; {
	case c <= 0xc1 && s[1] >= 0x80 && s[1] < 0xc0:
		return rune(c&0x1f)<<6 | rune(s[1]&0x3f), 2
	case c == 0xc0:
		switch s[1] & 0xf {
		case 0xe:
			return '.', 2
		case 0xf:
			return '/', 2
		case 0xc:
			return '\\', 2
		}
		return rune(s[1]), 2
	case c == 0xc1:
		switch s[1] & 0xf {
		case 0xf:
			return '/', 2
		case 0xc:
			return '\\', 2
		}
		return 0, 0
	case c == 0xe0 && len(s) > 2 && (s[1] == 0x80 || s[1] == 0x40 || s[1] == 0x81) && s[2] >= 0x80 && s[2] < 0xc0:
		return rune(s[1]&1)<<6 | rune(s[2]&0x3f), 3
	case c == 0xf0 && strings.HasPrefix(s[1:], "\x80\x80") && len(s) > 3:
		return rune(s[3] & 0x3f), 4
	case c == 0xf8 && strings.HasPrefix(s[1:], "\x80\x80\x80") && len(s) > 4:
		return rune(s[4] & 0x3f), 5
	case c == 0xfc && strings.HasPrefix(s[1:], "\x80\x80\x80\x80") && len(s) > 5:
		return rune(s[5] & 0x3f), 6
	}
	return 0, 0
}

// unseen returns the length of a character without width at the start of s: U+200B to
// U+200D, U+2060, U+FEFF. Between letters of ASCII, which no script joins so, it hides
// a word.
func unseen(s string) int {
	if len(s) > 2 && (s[0] == 0xe2 && (s[1] == 0x80 && s[2] >= 0x8b && s[2] <= 0x8d || s[1] == 0x81 &&
		s[2] == 0xa0) || s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf) {
		return 3
	}
	return 0
}

// slashed reports whether a text has the sign of a lookup or an expression with a
// backslash in it, as values that were escaped once too often have: $\{jndi:, \${,
// $\A{. One that ends a formula of TeX, $\{1,2\}$, is none.
func slashed(s string) bool {
	for i := 0; i+2 < len(s); i++ {
		j := strings.IndexByte(s[i:], '$')
		if j < 0 {
			return false
		}
		i += j
		if opensSlashed(s, i) > 0 {
			return !formulaEnds(s)
		}
	}
	return false
}

// formulaEnds reports whether a bracket with a backslash and the dollar sign that ends a
// formula stand in s.
func formulaEnds(s string) bool {
	i := strings.Index(s, "\\}$")
	return i >= 0 && (i+3 == len(s) || s[i+3] != '\\' && s[i+3] != '{')
}

// opensSlashed returns how many bytes between the dollar sign at s[i] and the bracket
// behind it are an escape; 0 if there is none.
func opensSlashed(s string, i int) int {
	switch rest := s[i+1:]; {
	case strings.HasPrefix(rest, "\\{"):
		return 1
	case len(rest) > 2 && rest[0] == '\\' && rest[1]-'A' < 26 && rest[2] == '{':
		return 2
	case i > 0 && s[i-1] == '\\' && strings.HasPrefix(rest, "{"):
		return 1
	}
	return 0
}

// unslash deletes from b the backslashes before signs of lookups and expressions.
func unslash(b []byte) []byte {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			if strings.IndexByte("${}:", b[i+1]) >= 0 {
				continue
			}
			if i > 0 && b[i-1] == '$' && i+2 < len(b) && b[i+2] == '{' && b[i+1]-'A' < 26 {
				i++
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// unquote deletes from b the backslashes before apostrophes, as a reader of strings does.
func unquote(b []byte) []byte {
	out := b[:0]
	for i, c := range b {
		if c == '\\' && i+1 < len(b) && b[i+1] == '\'' {
			continue
		}
		out = append(out, c)
	}
	return out
}
