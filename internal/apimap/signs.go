package apimap

import (
	"math/bits"
	"strings"

	"bartizan/internal/request"
)

// sorts are the sorts of signs that code is written with: what quotes, brackets,
// parts, calls or hides. A sort of one is in many a text, of several in few.
var sorts = [...]string{"'\"`", "<>", ";|&", "()", "{}", "\\$", "=", "*#%"}

// signs returns how many sorts of signs of code are in a value, whose bytes have
// these classes; 0 for one, and for what broken programs send instead of a value: a
// placeholder that nobody filled in, a document in a string, what JavaScript makes of
// an object or a function.
func signs(s string, has uint16) int {
	n := bits.OnesCount16(has >> firstSort)
	if n == 0 {
		return 0
	}
	if has&(classes['*']&^another) == 0 && strings.Contains(s, "--") { // both begin comments
		n++
	}
	if n < manySigns || placeholder(s) || document(s) || strings.Contains(s, "[native code]") || strings.HasPrefix(s, "[object ") {
		return 0
	}
	return n
}

// placeholder reports whether s is one name between signs: {{user_id}}, ${id}, <id>, %ID%.
func placeholder(s string) bool {
	name := strings.Trim(s, "${}<>%[]#*'\"")
	return name != s && request.PlainName(name)
}

// document reports whether s begins as a JSON object or list of such does.
func document(s string) bool {
	s = strings.TrimLeft(s, "[ \t\r\n")
	return len(s) > 1 && s[0] == '{' && (s[1] == '"' || s[1] == '}')
}
