package inject

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// clocks are what a script asks that waits.
var clocks = [...]string{"date.now(", "new date", "performance.now(", "gettime("}

// waits reports whether script behind the sign that ended a value, at s[i:], keeps a
// server busy: a loop over a clock, a loop without end, a loop without a body.
func waits(s string, i int) bool {
	rest := s[i:min(len(s), i+200)]
	loop := strings.Index(rest, "while")
	if j := strings.Index(rest, "for"); j >= 0 && (loop < 0 || j < loop) {
		loop = j
	}
	if loop < 0 || lex.Prose(rest, 5) > 4 {
		return false
	}
	loops := strings.ReplaceAll(rest[loop:], " ", "")
	if !strings.HasPrefix(loops, "for(") && !strings.HasPrefix(loops, "while(") {
		return false
	}
	if strings.HasPrefix(loops, "for(;;)") || strings.HasPrefix(loops, "while(true)") || strings.HasPrefix(loops,
		"while(1)") {
		return true
	}
	idle := strings.Contains(loops, "){}") || strings.Contains(loops, ";);") || strings.Contains(rest, "do{}")
	for _, c := range clocks {
		if strings.Contains(rest, c) {
			return idle || strings.Contains(rest, "do")
		}
	}
	return strings.HasPrefix(loops, "for(") && strings.Contains(loops, "){}") && strings.Contains(loops, "<")
}

// leavesLoop: 1;while(true){}, ';const e=Date.now()...: script that waits behind a value.
func leavesLoop(s string, i int) lex.Strength {
	if i > 64 || i == 0 || !lex.Digit(s[i-1]) && strings.IndexByte("'\")}", s[i-1]) < 0 {
		return lex.None
	}
	n := lex.Skip(s, i+1, " \t\n")
	switch w := lex.Word(s, n); w {
	case "for", "while", "do", "var", "let", "const":
		if waits(s, n) {
			return lex.Likely
		}
	case "return":
		rest := strings.TrimLeft(lex.Ahead(s, n+len(w)), " ")
		if len(s) < 64 && (strings.HasPrefix(rest, "true") || strings.HasPrefix(rest, "1")) && lex.Prose(s, 4) < 3 {
			return lex.Likely
		}
	}
	return lex.None
}

// ownField: ' || this.password.length>0: a document's own field behind a string.
func ownField(s string, i int) lex.Strength {
	before := strings.TrimRight(s[max(0, i-8):i], " (!")
	if i > 64 || !strings.HasSuffix(before, "||") && !strings.HasSuffix(before, "&&") {
		return lex.None
	}
	before = strings.TrimRight(before, "|& ")
	if before != "" && (before[len(before)-1] == '\'' || before[len(before)-1] == '"') && lex.Letter(lex.Byte(s, i+5)) {
		return lex.Likely
	}
	return lex.None
}
