package inject

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// attributes are those of a directory that filters ask for.
var attributes = [...]string{"uid", "cn", "sn", "mail", "objectclass", "userpassword", "samaccountname", "givenname",
	"memberof", "password", "ou", "dc"}

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

// filter says whether a value is a filter of LDAP as a whole.
type filter uint8

const (
	unknown filter = iota // not asked yet
	wholeFilter
	noFilter
)

// filterOf reports whether a value begins with a bracket and closes all brackets.
func filterOf(s string) filter {
	if lex.Byte(s, lex.Skip(s, 0, " ")) == '(' && strings.Count(s, "(") <= strings.Count(s, ")") {
		return wholeFilter
	}
	return noFilter
}

// ldap: )(cn=*, *)(|(uid=*: a filter that goes on. One that begins with its
// own bracket is an API's syntax. of is kept from one place to the next.
func ldap(v *lex.Whole, i int, of *filter) lex.Strength {
	s := v.Text
	if s == "*()|&'" {
		return lex.Likely // what tools send first, to see whether a filter breaks
	}
	if *of == unknown {
		*of = filterOf(s)
	}
	if *of == wholeFilter {
		if v.Has("(userpassword=") {
			return lex.Likely // nobody looks for that
		}
		return lex.None
	}
	n := lex.Skip(s, i, ")* \n\r")
	if b := lex.Byte(s, n); n == i || b != '(' &&
		!((b == '|' || b == '&') && lex.Byte(s, lex.Skip(s, n+1, " ")) == '(') {
		if lex.Byte(s, n) == 0 && n < len(s) && strings.Contains(s[i:n], "))") {
			return lex.Likely // *))%00
		}
		return lex.None
	}
	if !strings.Contains(s[i:n], ")") {
		return lex.None
	}
	m := lex.Skip(s, n, "(|&! \n\r")
	w := m
	for w < len(s) && w < m+40 && (lex.WordByte(s[w]) || s[w] == '-' || s[w] == ';' || s[w] == '.' || s[w] == ':') {
		w++
	}
	eq := lex.Skip(s, w, "~<>: ")
	switch {
	case w == m && m > n+1 && strings.ContainsAny(s[n:m], "|&") && (m >= len(s) || s[m] == ')'):
		return lex.Likely
	case w == m || lex.Byte(s, eq) != '=' || lex.Byte(s, eq+1) == '=' || lex.Byte(s, eq+1) == '>':
		return lex.None
	case v.Prose(6) >= 5 || v.Has("{"):
		return lex.Hint
	}
	return lex.Likely
}
