package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// What looks like SQL and is none: numbers and names in quotes, methods, geometries, words
// with a remark in brackets.

// quotedNumber returns how far behind the quote at s[i] the one stands that closes a
// number, an id, a sign or the like, 0 if none does: such a pair leaves nothing.
func quotedNumber(s string, i int) int {
	if i > 0 && strings.IndexByte(",([{:= /|", s[i-1]) < 0 {
		return 0
	}
	digits, j := 0, i+1
	for ; j < len(s) && j-i < 80; j++ {
		switch c := s[j]; {
		case lex.Digit(c):
			digits++
		case lex.Hex(c), c == ' ' && j == i+1, c == '-' || c == '+' || c == '.' || c == ':':
		case c == s[i] && j > i+1 && j < i+5 && digits == 0 && i > 0 && !lex.WordByte(s[j-1]) &&
			s[i-1] != ' ': // a sign in a program: split('&')
			if b := lex.Byte(s, j+1); b != 0 && strings.IndexByte(",)]}", b) >= 0 {
				return j - i
			}
			return 0
		case !lex.WordByte(c) && c > ' ' && c != '\'' && c != '"' && c != '`' && j < i+4 && digits == 0:
		case c == s[i] && digits > 0 && (lex.Hex(s[j-1])):
			if b := lex.Byte(s, j+1); b == 0 && j+1 == len(s) || b != 0 && strings.IndexByte(",)]}:/|", b) >= 0 {
				return j - i
			}
			return 0
		default:
			return 0
		}
	}
	return 0
}

// statementWord reports whether a statement that an API may take begins with w.
func statementWord(w string) bool {
	return lex.OneOf(w, "select", "with", "insert", "update", "delete", "merge", "create", "explain", "show")
}

// identifiers reports whether each pair of backticks in s holds a name: of a table, a
// column, a project.
func identifiers(s string) bool {
	for s != "" {
		i := strings.IndexByte(s, '`')
		if i < 0 {
			return true
		}
		j := strings.IndexByte(s[i+1:], '`')
		if j < 1 {
			return false
		}
		for _, c := range []byte(s[i+1 : i+1+j]) {
			if !lex.WordByte(c) && strings.IndexByte(".-:$*", c) < 0 {
				return false
			}
		}
		s = s[i+j+2:]
	}
	return true
}

// method reports whether the name at s[i:] is a method of something that is no
// package of a database's own: time.Sleep, os.WriteFile.
func method(s string, i int) bool {
	if lex.Byte(s, i-1) != '.' {
		return false
	}
	from := i - 1
	for from > 0 && (lex.WordByte(s[from-1]) || s[from-1] == '$') {
		from--
	}
	return !catalogue(s[from:i-1]) && from < i-1
}

// geometry reports whether s is one in PostGIS's notation: SRID=4326;POINT(8 47).
func geometry(s string) bool { return strings.HasPrefix(s, "srid=") && strings.IndexByte(s, '\'') < 0 }

// spoken reports whether the function w at s[i:] is a word that people say: with a
// space before its bracket, or a word behind it, or without what it needs.
func spoken(s string, i int, w string) bool {
	if w != "sleep" && w != "benchmark" {
		return false
	}
	open := lex.Skip(s, i+len(w), " ")
	rest := s[open:min(len(s), open+64)]
	shut := strings.IndexByte(rest, ')')
	if shut < 0 {
		return false
	}
	if comma := strings.IndexByte(rest, ','); comma < 0 && (w == "benchmark" || open > i+len(w) && lex.Prose(s, 2) > 1) {
		return true
	}
	next := strings.TrimLeft(rest[shut+1:], " ")
	word := lex.Word(next, 0)
	return len(next) < len(rest[shut+1:]) && len(word) > 2 && !clauseWord(word) && !keywordAt(word, 0) && !lex.OneOf(word, "and", "or", "not", "from")
}

// marks reports whether a backtick at s[i] begins code in a sentence, as people
// write it: a space before it, behind a word, and a letter after it.
func marks(v *lex.Whole, i int) bool {
	s := v.Text
	return i > 1 && s[i-1] == ' ' && lex.WordByte(s[i-2]) && lex.Letter(lex.Byte(s, i+1)) && v.Before(i, 2) > 0
}
