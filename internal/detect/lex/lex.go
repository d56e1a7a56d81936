// Package lex holds what the detectors' lexers share: the scale of their
// findings and looks at bytes that never run past the text.
//
// It decides nothing. Its functions are safe for concurrent use.
package lex

import "strings"

// Strength is how sure a detector is of one shape, before the value it stands
// in is weighed. The order counts: stronger is greater.
type Strength uint8

// The strengths. The zero value is no finding.
const (
	None    Strength = iota
	Hint             // also seen in honest text
	Likely           // honest only in text about it
	Certain          // nothing but an attack
)

// MaxLook bounds every look ahead from one place, so that a value made of
// nothing but beginnings costs no more than its length.
const MaxLook = 256

// Letter reports whether c is an ASCII letter.
func Letter(c byte) bool { return c|0x20-'a' < 26 }

// Digit reports whether c is an ASCII digit.
func Digit(c byte) bool { return c-'0' < 10 }

// Hex reports whether c is a hexadecimal digit.
func Hex(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 6 }

// WordByte reports whether c can stand in a word.
func WordByte(c byte) bool { return c|0x20-'a' < 26 || c-'0' < 10 || c == '_' }

// Ahead returns what follows s[i:], at most MaxLook bytes of it.
func Ahead(s string, i int) string {
	i = min(i, len(s))
	return s[i:min(len(s), i+MaxLook)]
}

// Skip returns the first index from i on whose byte is none of set; it gives
// up after 48 bytes.
func Skip(s string, i int, set string) int {
	for end := min(len(s), i+48); i < end; i++ {
		found := false
		for j := 0; j < len(set); j++ {
			if s[i] == set[j] {
				found = true
				break
			}
		}
		if !found {
			return i
		}
	}
	return i
}

// Word returns the word that begins at s[i], at most 64 bytes of it.
func Word(s string, i int) string {
	i = min(i, len(s))
	j := i
	for j < len(s) && j < i+64 && WordByte(s[j]) {
		j++
	}
	return s[i:j]
}

// At reports whether w stands at s[i:].
func At(s string, i int, w string) bool {
	return i >= 0 && len(s)-i >= len(w) && (w == "" || s[i] == w[0]) && s[i:i+len(w)] == w
}

// Byte returns s[i], or 0 beyond the ends.
func Byte(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}

// OneOf reports whether w is among list.
func OneOf(w string, list ...string) bool {
	for _, l := range list {
		if w == l {
			return true
		}
	}
	return false
}

// Any reports whether any byte of set stands in s; it is quick for a short set.
func Any(s, set string) bool {
	for i := range len(set) {
		if strings.IndexByte(s, set[i]) >= 0 {
			return true
		}
	}
	return false
}

// Prose counts the words of letters in s that are set apart by spaces, as in
// sentences; it stops at limit.
func Prose(s string, limit int) int {
	n, run := 0, 0
	for i := 0; i < len(s) && n < limit; i++ {
		k := roles[s[i]]
		if k == endsPart {
			k = gluesPart
			if i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n' {
				k = partsWords
			}
		}
		switch k {
		case inWord:
			run++
		case apostrophe:
			if run > 0 {
				run++
			} else {
				run = glued
			}
		case partsWords:
			if run > 1 {
				n++
			}
			run = 0
		case opensPart:
			run = 0
		default:
			run = glued
		}
	}
	if run > 1 && n < limit {
		n++
	}
	return n
}

// glued is the run of letters where something else is glued to them.
const glued = -1000

// role is what a byte is for words in sentences.
type role uint8

const (
	gluesPart  role = iota
	inWord          // a letter, or beyond ASCII
	apostrophe      // in a word, behind a letter of it
	partsWords      // white space
	endsPart        // a full stop and the like: parts words before white space
	opensPart       // a bracket, a quote, a mark of code
)

var roles = func() (t [256]role) {
	for c := range 256 {
		switch {
		case Letter(byte(c)) || c >= 0x80:
			t[c] = inWord
		case strings.IndexByte(" \n", byte(c)) >= 0:
			t[c] = partsWords
		case strings.IndexByte(",.:?!;", byte(c)) >= 0:
			t[c] = endsPart
		case strings.IndexByte("(\"`", byte(c)) >= 0:
			t[c] = opensPart
		}
	}
	t['\''] = apostrophe
	return t
}()

// prefix is how far a text has been counted: n words up to at, and run letters of
// another one.
type prefix struct{ at, n, run int }

// step counts one byte; next is the one behind it, a space at the end.
func (p *prefix) step(c, next byte) {
	k := roles[c]
	if k == endsPart && (next == ' ' || next == '\n') {
		k = partsWords
	}
	switch {
	case k == inWord, k == apostrophe && p.run > 0:
		p.run++
	case k == partsWords:
		if p.run > 1 {
			p.n++
		}
		p.run = 0
	case k == opensPart:
		p.run = 0
	default:
		p.run = glued
	}
}
