package shell

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// windows judges statements of cmd: for /f %a in (...) do, if exist c:\x, aliases of
// POSIX shells, and commands whose options attackers alone write into a value.
func windows(s string, i int) lex.Strength {
	switch w := lex.Word(s, i); w {
	case "certutil", "wmic", "nc", "ncat":
		rest := lex.Ahead(s, i+len(w))
		for _, means := range [...]string{" -urlcache", " /urlcache", " -decode ", "process call create", " -e /bin/", " -e cmd", " -c /bin/"} {
			if j := strings.Index(rest, means); j >= 0 && j < 24 {
				return lex.Likely
			}
		}
	case "for":
		return forLoop(s, i+3)
	case "if":
		return condition(s, i+2)
	case "alias":
		rest := lex.Ahead(s, i+5)
		j := strings.IndexByte(rest, '=')
		if j > 0 && j < 24 && (strings.ContainsAny(rest, "&;$\"'") || strings.ContainsAny(rest[:j], "+-")) && lex.Prose(rest, 4) < 4 {
			return lex.Likely
		}
		if j > 1 && len(rest) < 48 && strings.IndexByte(strings.TrimLeft(rest, " "), ' ') < 0 { // alias a=b and nothing more
			return lex.Likely
		}
	}
	return lex.None
}

// forLoop: FOR [/F "options"] %a IN (set) DO command.
func forLoop(s string, i int) lex.Strength {
	rest := lex.Ahead(s, i)
	j := strings.IndexByte(rest, '%')
	if j < 0 || j > 64 {
		return lex.None
	}
	k := strings.Index(rest[j:], "in")
	if k < 0 || k > 12 {
		return lex.None
	}
	after := strings.TrimLeft(rest[j+k+2:], " \t")
	if strings.HasPrefix(after, "(") {
		return lex.Likely
	}
	return lex.None
}

// condition: IF [/I] [NOT] EXIST file, DEFINED name, a==b, a EQU b, then a command.
func condition(s string, i int) lex.Strength {
	if b := lex.Byte(s, i); b != ' ' && b != '\t' && b != '(' && b != '/' {
		return lex.None
	}
	rest := strings.TrimLeft(lex.Ahead(s, i), " \t")
	sure := strings.HasPrefix(rest, "/i")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "/i"), " \t")
	if r, ok := strings.CutPrefix(rest, "not "); ok {
		rest = strings.TrimLeft(r, " \t")
	}
	if r, ok := strings.CutPrefix(rest, "errorlevel "); ok && r != "" && lex.Digit(r[0]) {
		return lex.Likely
	}
	for _, w := range [...]string{"exist ", "defined ", "errorlevel ", "cmdextversion "} {
		if r, ok := strings.CutPrefix(rest, w); ok && (strings.ContainsAny(r, "()%\\&") || lex.Prose(r, 4) < 3 || strings.Contains(r, " echo ") || strings.Contains(r, " del ") || strings.Contains(r, " goto ") || strings.Contains(r, " call ")) {
			return lex.Likely
		}
	}
	if end := strings.TrimRight(rest, " \t"); strings.HasSuffix(end, ":") || strings.Contains(rest, " == ") && !sure && strings.IndexByte(rest, '%') < 0 {
		return lex.None // a condition of another language
	}
	if strings.Contains(rest, "==") && (sure || strings.ContainsAny(rest, "%") || lex.Prose(rest, 4) < 3 && !strings.ContainsAny(rest, "{;")) {
		return lex.Likely
	}
	for _, w := range [...]string{" equ ", " neq ", " lss ", " leq ", " gtr ", " geq "} {
		if strings.Contains(rest, w) {
			return lex.Likely
		}
	}
	return lex.None
}
