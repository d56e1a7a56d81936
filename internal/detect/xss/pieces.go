package xss

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// junction returns the length of what joins two strings at s[i:]: a quote, a
// plus or the like, a quote; 0 where nothing does.
func junction(s string, i int) int {
	switch lex.Byte(s, i+1) {
	case ' ', '\t', '+', '|', '.':
	default:
		return 0
	}
	n := lex.Skip(s, i+1, " \t")
	switch {
	case lex.Byte(s, n) == '+':
		n++
	case lex.At(s, n, "||"):
		n += 2
	case lex.At(s, n, ".concat("):
		n += 8
	case n == i+1:
		return 0
	}
	n = lex.Skip(s, n, " \t")
	if q := lex.Byte(s, n); q != '\'' && q != '"' && q != '`' {
		return 0
	}
	return n + 1 - i
}

// Joins reports whether strings are put together anywhere in s.
func Joins(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] == '\'' || s[i] == '"' || s[i] == '`') && junction(s, i) > 0 {
			return true
		}
	}
	return false
}

// pieces judges strings that are put together: a word of scripts that only their
// sum spells is one that its writer hides.
func pieces(s string) lex.Strength {
	var buf [192]byte
	sum := buf[:0]
	s = s[:min(len(s), len(buf))]
	for i := 0; i < len(s); {
		if s[i] == '\'' || s[i] == '"' || s[i] == '`' {
			if n := junction(s, i); n > 0 {
				i += n
				continue
			}
		}
		sum = append(sum, s[i])
		i++
	}
	for _, w := range [...]string{"javascr", "alert", "confirm", "prompt", "eval", "unescape", "document", "location", "constructor", "function", "settimeout", "fromcharcode", "cookie", "<script", "onerror", "innerhtml"} {
		if strings.Contains(string(sum), w) && !strings.Contains(s, w) {
			return lex.Likely
		}
	}
	return lex.None
}
