package xss

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// proofs are functions by which holes are proved.
var proofs = [...]string{"alert", "confirm", "prompt"}

// referred reports whether a function of proofs is called by way of something else:
// handed to what calls it ([1].map(alert)), or by its own methods (alert.call(0,1)).
func referred(s string) bool {
	if len(s) > 300 {
		return false
	}
	for _, p := range proofs {
		for i := 0; ; i += len(p) {
			j := strings.Index(s[i:], p)
			if j < 0 {
				break
			}
			i += j
			rest := s[i+len(p):]
			if lex.WordByte(lex.Byte(s, i-1)) || i > 0 && s[i-1] == '.' && !strings.HasPrefix(rest, "?.(") {
				continue
			}
			switch lex.Byte(rest, 0) {
			case '.':
				m := lex.Word(rest, 1)
				if lex.OneOf(m, "call", "apply", "bind") && strings.IndexByte("(`", lex.Byte(rest, 1+len(m))) >= 0 &&
					len(rest) > 1+len(m) {
					return true
				}
			case '?':
				if strings.HasPrefix(rest, "?.(") {
					return true
				}
			case ')', ',', ']':
				if handed(s, i) || lex.Byte(s, i-1) == '[' && (strings.Contains(rest, "](") || strings.HasPrefix(rest, "].")) {
					return true
				}
			}
		}
	}
	return false
}

// handed reports whether what stands at s[i:] is an argument of a function that calls it.
func handed(s string, i int) bool {
	j := strings.LastIndexByte(s[:i], '(')
	if j < 0 || i-j > 48 {
		return false
	}
	from := j
	for from > 0 && lex.Letter(s[from-1]) {
		from--
	}
	switch s[from:j] {
	case "map", "find", "filter", "foreach", "some", "every", "reduce", "reduceright", "findindex", "findlast",
		"flatmap", "sort", "then", "catch", "replace", "apply":
		return from > 0 && (s[from-1] == '.')
	case "promise":
		return strings.HasSuffix(s[:from], "new ")
	case "settimeout", "setinterval", "queuemicrotask", "requestanimationframe", "from":
		return s[from:j] != "from" || from > 0 && s[from-1] == '.'
	}
	return false
}

// Unfinished reports whether a name in lower case is a tag that ends in a handler or an
// address of script: what stands before the first sign of equality of <x onclick=...>.
func Unfinished(s string) bool {
	i := lex.Skip(s, 0, " '\">/")
	if lex.Byte(s, i) != '<' || !lex.Letter(lex.Byte(s, i+1)) {
		return false
	}
	j := strings.LastIndexAny(s, " /\t\n\r")
	if j <= i {
		return false
	}
	w := s[j+1:]
	return handlerName(w) && known(w) || lex.OneOf(w, "formaction", "srcdoc", "xlink:href")
}
