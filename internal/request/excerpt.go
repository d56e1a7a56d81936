package request

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendSafe appends the rune at s[*i] to out, escaped if it is not printable,
// and moves *i behind it.
func appendSafe(out []byte, s string, i *int) []byte {
	c := s[*i]
	if c < utf8.RuneSelf {
		*i++
		return appendByte(out, c)
	}
	r, n := utf8.DecodeRuneInString(s[*i:])
	if r == utf8.RuneError && n == 1 || invisible(r) {
		for _, c := range []byte(s[*i : *i+n]) {
			out = append(out, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
	} else {
		out = append(out, s[*i:*i+n]...)
	}
	*i += n
	return out
}

func appendByte(out []byte, c byte) []byte {
	switch {
	case c == '\n':
		return append(out, `\n`...)
	case c == '\r':
		return append(out, `\r`...)
	case c == '\t':
		return append(out, `\t`...)
	case c < ' ' || c == 0x7f:
		return append(out, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(out, c)
}

// invisible reports whether r could deceive whoever reads it in a terminal or a
// page: C1 controls, bidirectional overrides, zero-width and line separators.
func invisible(r rune) bool {
	switch {
	case r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xe0000:
		return true
	}
	return false
}
