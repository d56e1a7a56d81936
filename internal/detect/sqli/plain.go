package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Plain appends to dst what a database reads of a disguised statement in lower
// case: comments that take a word apart go, line comments and control bytes
// become spaces, the exponent 1.e, which MySQL reads as nothing before a sign,
// goes. tricks counts them; a value without any is no disguise, and one or two
// comments may be a writer's.
func Plain(dst []byte, s string) (out []byte, tricks int) {
	for i := 0; i < len(s); {
		n, as := trick(s, i)
		if n == 0 {
			dst = append(dst, s[i])
			i++
			continue
		}
		tricks++
		if as == ' ' && len(dst) > 0 {
			dst = append(dst, as)
		}
		i += n
	}
	return dst, tricks
}

// Disguised reports whether Plain would find enough to be worth its work.
func Disguised(s string) bool {
	tricks, line := 0, -1 // where the next line break stands
	for i := 0; i < len(s) && tricks < 2; i++ {
		switch c := s[i]; c {
		case '#', '-', '/', '1', 0xa0:
			if line < i && (c == '#' || c == '-') {
				line = len(s)
				if j := strings.IndexByte(s[i:], '\n'); j >= 0 {
					line = i + j
				}
			}
			if (c == '#' || c == '-') && line > i+maxLine {
				continue
			}
			if n, _ := trick(s, i); n > 0 {
				tricks++
				i += n - 1
			}
		}
	}
	return tricks >= 2
}

// trick returns the length of a disguise at s[i], and the byte it stands for: a
// space, or 0 for nothing.
func trick(s string, i int) (n int, as byte) {
	switch c := s[i]; {
	case c == '#', c == '-' && lex.Byte(s, i+1) == '-':
		return line(s, i), ' '
	case c == '/' && lex.At(s, i, "/*") && lex.Byte(s, i+2) != '!':
		if j := strings.Index(s[i+2:min(len(s), i+34)], "*/"); j >= 0 && lex.Letter(lex.Byte(s, i-1)) && lex.Letter(lex.Byte(s, i+j+4)) {
			return j + 4, 0
		}
	case c == '1' && lex.At(s, i, "1.e"):
		if j := lex.Skip(s, i+3, " "); j < len(s) && strings.IndexByte("(),.*/|", s[j]) >= 0 {
			return 3, 0
		}
	case c == 0xa0 && (i == 0 || s[i-1] < 0x80):
		return 1, ' '
	}
	return 0, 0
}

// maxLine is the length of the longest line comment that line knows: a run of signs
// and a word.
const maxLine = 48 + 32

var lineSigns = lex.SetOf("#-")

// line returns the length of a line comment that is one word or none, its line
// break included. What people write behind such a sign has spaces.
func line(s string, i int) int {
	j := lineSigns.Skip(s, i)
	if s[i] == '#' {
		j = i + 1
	}
	for j < len(s) && j < i+32 && lex.WordByte(s[j]) {
		j++
	}
	if lex.Byte(s, j) != '\n' {
		return 0
	}
	return j + 1 - i
}
