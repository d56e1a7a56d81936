package apimap

import (
	"math/bits"
	"strings"

	"bartizan/internal/request"
)

// sorted maps bytes to the sorts of signs that code is written with: what quotes,
// brackets, parts or calls. A sort of one is in many a text, of several in few.
var sorted = func() (t [128]uint8) {
	for sort, signs := range [...]string{"'\"`", "<>", ";|&", "()", "{}", "\\$", "=", "*#%"} {
		for _, c := range signs {
			t[c] = 1 << sort
		}
	}
	return t
}()

// signs returns how many sorts of signs of code are in a value, 0 to 8. What broken
// programs send instead of a value has none: a placeholder that nobody filled in, a
// document in a string, what JavaScript makes of an object or a function.
func signs(s string) int {
	if placeholder(s) || document(s) || strings.Contains(s, "[native code]") || strings.HasPrefix(s, "[object ") {
		return 0
	}
	has := uint8(0)
	for i := range len(s) {
		if c := s[i]; c < 128 {
			has |= sorted[c]
		}
	}
	if has&sorted['*'] == 0 && strings.Contains(s, "--") {
		has |= sorted['*'] // both begin comments
	}
	return bits.OnesCount8(has)
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
