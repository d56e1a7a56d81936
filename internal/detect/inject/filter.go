package inject

import "bartizan/internal/detect/lex"

// attributes are those of a directory that filters ask for.
var attributes = [...]string{"uid", "cn", "sn", "mail", "objectclass", "userpassword", "samaccountname", "givenname", "memberof", "password", "ou", "dc"}

// opened: *(|(uid=*: a condition behind what was asked for, which closes nothing.
func opened(s string, i int) lex.Strength {
	n := i + 1
	if lex.Byte(s, n) != '(' || lex.WordByte(lex.Byte(s, lex.Skip(s, 0, "* "))) && i > 64 {
		return lex.None
	}
	m := n + 1
	if b := lex.Byte(s, m); b == '|' || b == '&' || b == '!' {
		m = lex.Skip(s, m+1, " ")
		if lex.Byte(s, m) != '(' {
			return lex.None
		}
		m++
	}
	w := lex.Word(s, m)
	if b := lex.Byte(s, m); m > n+1 && (b == 0 || b == '|' || b == '&') {
		return lex.Likely // *(|(|
	}
	if w == "" || lex.Byte(s, m+len(w)) != '=' || m == n+1 && !lex.OneOf(w, attributes[:]...) {
		return lex.None
	}
	return lex.Likely
}

// rule: uid:dn:2.5.13.5:=x: a condition by the number of a rule (RFC 4515), which no
// value of a filter needs.
func rule(s string, i int, of filter) lex.Strength {
	if of == wholeFilter || lex.Byte(s, i+1) != '=' || i < 6 || !lex.Digit(s[i-1]) {
		return lex.None
	}
	j, dots := i, 0
	for j > 0 && j > i-48 && (lex.Digit(s[j-1]) || s[j-1] == '.') {
		j--
		if s[j] == '.' {
			dots++
		}
	}
	if dots < 3 || j == 0 || s[j-1] != ':' || !lex.WordByte(lex.Byte(s, j-2)) {
		return lex.None
	}
	return lex.Likely
}
