// Package path judges values that name files and addresses: climbs out of a
// directory in every spelling, and where URLs lead. It knows nothing of
// requests. Its functions are safe for concurrent use.
package path

import (
	"strings"
	"unicode/utf8"

	"bartizan/internal/detect/lex"
)

// stand appends what a spelled-out sign stands for, a dot or a slash; ok is false
// for no sign.
func stand(dst []byte, sign byte) (out []byte, ok bool) {
	switch sign {
	case 0:
		return dst, false
	case '.':
		return append(dst, '.'), true
	}
	return slash(dst), true
}

// Plain appends to dst what lenient decoders make of a path in lower case:
// 0x2e, %2%e and the marks that remain of broken overlong bytes become what
// they stood for.
func Plain(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '0' && i+3 < len(s) && s[i+1] == 'x':
			if out, ok := stand(dst, sign(s[i+2], s[i+3])); ok {
				dst, i = out, i+3
				continue
			}
		case c == '%' && i+3 < len(s) && s[i+2] == '%':
			if out, ok := stand(dst, sign(s[i+1], s[i+3])); ok {
				dst, i = out, i+3
				continue
			}
		case c == '%' && i+2 < len(s) && sign(s[i+1], s[i+2]) != 0:
			dst = append(dst, sign(s[i+1], s[i+2]))
			i += 2
			continue
		case c < ' ' && c != 0 && len(dst) > 0 && dst[len(dst)-1] == '.' &&
			(lex.Byte(s, i+1) == '.' || lex.Byte(s, i+1) == '/' || lex.Byte(s, i+1) == '\\' ||
				lex.Byte(s, i+1) >= 0x80): // .\r./ (CVE-2019-16278)
			continue
		case c == '?' && lex.Byte(s, i+1) == '.' && (i == 0 || Separator(s[i-1])) &&
			(lex.Byte(s, i+2) == '/' || lex.Byte(s, i+2) == '\\' ||
				lex.Byte(s, i+2) >= 0x80): // a dot that was broken on the way
			dst = append(dst, '.')
			continue
		case lex.At(s, i, "\ufffd\ufffd"): // two bytes that were one overlong dot
			dst = append(dst, '.')
			i += 5
			continue
		case c == '%' && i+2 < len(s) && lex.WordByte(s[i+1]) && lex.WordByte(s[i+2]) && !(lex.Hex(s[i+1]) && lex.Hex(s[i+2])), c == '\\', lex.At(s, i, "\ufffd"): // what no decoder knows parts names too
			if c != '\\' {
				i += 2
			}
			dst = slash(dst)
			continue
		case c >= 0x80 && broken(s, i):
			dst = slash(dst)
			continue
		case c == '/':
			dst = slash(dst)
			continue
		case c == 'u' && i+4 < len(s) && (lex.At(s, i, "u2215") || lex.At(s, i, "u2216") || lex.At(s, i, "u002f")) && lex.Byte(s, i-1) == '%':
			dst = append(dst[:len(dst)-1], '/')
			i += 4
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// slash appends a slash, one for many; a step that stays where it is goes.
func slash(dst []byte) []byte {
	n := len(dst)
	switch {
	case n > 0 && dst[n-1] == '/':
		return dst
	case n > 1 && dst[n-1] == '.' && dst[n-2] == '/':
		return dst[:n-1]
	}
	return append(dst, '/')
}

// broken reports whether the byte at s[i] is part of no character.
func broken(s string, i int) bool {
	r, n := utf8.DecodeRuneInString(s[i:])
	if r == utf8.RuneError && n == 1 {
		for j := max(0, i-3); j < i; j++ {
			if r, n := utf8.DecodeRuneInString(s[j:]); r != utf8.RuneError && j+n > i {
				return false
			}
		}
		return true
	}
	return false
}

// sign returns the dot or slash that two hexadecimal digits stand for.
func sign(a, b byte) byte {
	switch {
	case a == '2' && b == 'e':
		return '.'
	case a == '2' && b == 'f':
		return '/'
	case a == '5' && b == 'c':
		return '\\'
	}
	return 0
}

// Separator reports whether c can part the names of a path, in any broken form.
func Separator(c byte) bool {
	return c == '/' || c == '\\' || c == 0 || c == '=' || c == '"' || c == '\'' || c >= 0x80 || c == '`'
}

// Climbs counts the ".." segments, and returns where the first stands.
func Climbs(s string) (n, first int) {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '.' {
			continue
		}
		start, dots := i, 0
		for i < len(s) && (s[i] == '.' || s[i] == ' ' && i+1 < len(s) && s[i+1] == '.' && dots == 1 && i == start+1) {
			if s[i] == '.' {
				dots++
			}
			i++
		}
		before := start == 0 || Separator(s[start-1]) || s[start-1] == ':' || s[start-1] == '%' || s[start-1] == ';'
		after := i == len(s) || Separator(s[i]) || s[i] == '%' || s[i] == ';' && i+1 < len(s) && (Separator(s[i+1]) || s[i+1] == '.')
		two := dots == 2 && (i < len(s) || start > 0)
		long := dots > 2 && (dots <= 6 || dots > 7) && i+1 < len(s) && Separator(s[i])
		if before && after && (two || long) {
			if n == 0 {
				first = start
			}
			n++
			if dots > 7 {
				n += 2
			}
		}
	}
	return n, first
}

// Junk reports whether s is nothing but dots, slashes and what hides them: the
// way to a file, and at least three steps of it.
func Junk(s string) bool {
	signs, dots := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '/' || c == '\\':
			signs++
		case c == '.':
			dots++
		case c == '%' || c >= 0x80 || c == ' ' || c == ';' || c == '?' || c == '*' || c == '\'' || c == '"' || lex.Digit(c):
		case c == 'x' && i > 0 && s[i-1] == '0', c == ':' && i < 12, lex.Letter(c) && i < 8:
		default:
			return false
		}
	}
	return signs >= 2 && dots >= 2
}

// hiddenSteps are files, taken apart, that are asked for behind separators that
// are spelled in a way of their own.
var hiddenSteps = [...][2]string{{"etc", "passwd"}, {"etc", "shadow"}, {"etc", "issue"}, {"etc", "hosts"}, {"etc", "group"}, {"etc", "hostname"}, {"etc", "fstab"}, {"etc", "crontab"}, {"windows", "system.ini"}, {"proc", "cpuinfo"}, {"drivers", "etc"}, {"windows", "win.ini"}, {"windows", "system32"}, {"winnt", "system32"}, {"proc", "self"}, {"proc", "version"}, {"system32", "config"}, {"web-inf", "web.xml"}}

// Hidden returns where, in lower case, a directory and a file of a system stand
// that are parted by something other than a slash, and the same something before
// them: fuzzers put every broken spelling of a separator there. It returns -1 if
// there are none.
func Hidden(s string) int {
	for _, step := range hiddenSteps {
		for i := strings.Index(s, step[0]); i >= 1; {
			if n := hiddenSign(s, i+len(step[0]), step[1]); n > 0 && i >= n && s[i-n:i] == s[i+len(step[0]):i+len(step[0])+n] {
				return i
			}
			j := strings.Index(s[i+1:], step[0])
			if j < 0 {
				break
			}
			i += 1 + j
		}
	}
	return -1
}

// hiddenSign returns the length of what stands between s[i:] and file, if it is
// the spelling of a sign: with a percent sign, a zero x, or bytes beyond ASCII.
func hiddenSign(s string, i int, file string) int {
	n := strings.Index(s[i:min(len(s), i+16+len(file))], file)
	if n < 2 {
		return 0
	}
	sign := s[i : i+n]
	for j := 0; j < n; j++ {
		if c := sign[j]; c != '%' && c < 0x80 && (c >= ' ' || c == 0 || j == 0) && !lex.WordByte(c) && c != '.' {
			return 0
		}
	}
	if sign[0] == '%' || strings.HasPrefix(sign, "0x") || sign[0] >= 0x80 {
		return n
	}
	return 0
}
