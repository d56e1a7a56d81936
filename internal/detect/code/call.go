package code

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
)

// Calls of PHP whose function is no name: through variables, through what
// stands in brackets, through strings that are put together.

// variableVariable judges ${...} of PHP, whose bracket opens at s[open]: what is
// named by an expression. spaced says that white space parts sign and bracket, as
// in no template language.
func variableVariable(s string, i, open int, spaced bool) lex.Strength {
	n := behind(s, open)
	if n < 0 {
		return lex.None
	}
	if k, st := through(s, n); k != signal.None && n < len(s) && strings.IndexByte("([{/", s[n]) >= 0 {
		return st
	}
	in := strings.TrimLeft(s[open+1:n-1], " ")
	if (spaced || strings.HasPrefix(in, "'") || strings.HasPrefix(in, "\"")) && in != "" && !strings.Contains(in, "()") && i < 3 && len(s) < 160 && lex.Prose(s, 5) < 4 {
		return lex.Likely
	}
	return lex.None
}

// behind returns the place behind the bracket that closes the one at s[i], or -1.
func behind(s string, i int) int {
	depth := 0
	if !lex.Any(s[min(i, len(s)):min(len(s), i+96)], ")]}") {
		return -1
	}
	for n := i; n < len(s) && n < i+96; n++ {
		switch s[n] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return n + 1
			}
		}
	}
	return -1
}

// through judges a call through a variable that ends at s[n]: $a(1),
// $a['b'](2), $a{0}(3), $a->$b().
func through(s string, n int) (signal.Kind, lex.Strength) {
	for range 8 {
		n = lex.Skip(s, n, " \t\r\n")
		switch {
		case lex.Byte(s, n) == '[', lex.Byte(s, n) == '{' && n > 0 && lex.WordByte(lex.Byte(s, n+1)):
			m := behind(s, n)
			if m < 0 {
				return signal.None, lex.None
			}
			n = m
		case lex.At(s, n, "->$"):
			n += 3 + len(lex.Word(s, n+3))
		case lex.At(s, n, "/*"), lex.At(s, n, "//"), lex.At(s, n, "#"):
			m := remark(s, n)
			if m == n {
				return signal.None, lex.None
			}
			n = m
		case lex.Byte(s, n) == '(' && behind(s, n) < 0:
			return signal.None, lex.None
		case lex.Byte(s, n) == '(':
			if len(s) < 160 && lex.Prose(s, 5) < 4 {
				return signal.CodeInjection, lex.Likely
			}
			return signal.CodeInjection, lex.Hint
		default:
			return signal.None, lex.None
		}
	}
	return signal.None, lex.None
}

// remark returns the place behind a comment that begins at s[n]; n if it is
// none or does not end soon.
func remark(s string, n int) int {
	end := "\n"
	switch {
	case lex.At(s, n, "/*"):
		end = "*/"
	case !lex.At(s, n, "//") && !lex.At(s, n, "#"):
		return n
	}
	if j := strings.Index(lex.Ahead(s, n+1), end); j >= 0 {
		return n + 1 + j + len(end)
	}
	return n
}

// group judges a bracket whose value is called: (system)(ls), ('sys'.'tem')(id),
// ['system'][0](id).
func (c *Set) group(s string, i int) lex.Strength {
	if len(s) > 200 || lex.Prose(s, 5) > 3 {
		return lex.None
	}
	n := behind(s, i)
	if n < 0 {
		return lex.None
	}
	in := s[i+1 : n-1]
	for range 4 {
		n = remark(s, lex.Skip(s, n, " \t\r\n"))
		n = lex.Skip(s, n, " \t\r\n")
		if b := lex.Byte(s, n); b != '[' && b != '{' {
			break
		}
		m := behind(s, n)
		if m < 0 {
			return lex.None
		}
		n = m
	}
	if lex.Byte(s, n) != '(' || n == i+len(in)+2 && in == "" {
		return lex.None
	}
	var buf [64]byte
	word := buf[:0]
	for j := 0; j < len(in) && len(word) < len(buf); j++ {
		if lex.WordByte(in[j]) {
			word = append(word, in[j])
		} else if m := remark(in, j); m > j {
			j = m - 1
		} else if strings.IndexByte(" \t'\".()[]{}$", in[j]) < 0 {
			return lex.None
		}
	}
	name := strings.TrimRight(string(word), "0")
	if runs(name) || strings.HasPrefix(strings.TrimLeft(in, " "), "$") {
		return lex.Likely
	}
	return lex.None
}

// runs reports whether a function of PHP runs code or commands.
func runs(name string) bool {
	return lex.OneOf(name, "system", "exec", "passthru", "shell_exec", "popen", "proc_open", "pcntl_exec", "assert", "eval", "phpinfo", "create_function", "call_user_func", "base64_decode")
}

// junction returns the length of what joins two strings at s[i:]; 0 where
// nothing does.
func junction(s string, i int) int {
	switch lex.Byte(s, i+1) {
	case ' ', '\t', '+', '.':
	default:
		return 0
	}
	n := lex.Skip(s, i+1, " \t")
	if b := lex.Byte(s, n); b != '.' && b != '+' {
		return 0
	}
	n = lex.Skip(s, n+1, " \t")
	if b := lex.Byte(s, n); b != '"' && b != '\'' {
		return 0
	}
	return n + 1 - i
}

// Joins reports whether strings are put together anywhere in s.
func Joins(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] == '\'' || s[i] == '"') && junction(s, i) > 0 {
			return true
		}
	}
	return false
}

// pieces judges strings that are put together: a name that only their sum spells
// is one that its writer hides.
func pieces(s string) lex.Strength {
	var buf [192]byte
	sum := buf[:0]
	s = s[:min(len(s), len(buf))]
	for i := 0; i < len(s); {
		if s[i] == '\'' || s[i] == '"' {
			if n := junction(s, i); n > 0 {
				i += n
				continue
			}
		}
		sum = append(sum, s[i])
		i++
	}
	for _, w := range [...]string{"system", "shell_exec", "passthru", "assert", "phpinfo", "base64_decode", "__import__", "subprocess", "popen", "child_process", "getruntime", "constructor", "eval"} {
		if strings.Contains(string(sum), w) && !strings.Contains(s, w) {
			return lex.Likely
		}
	}
	return lex.None
}
