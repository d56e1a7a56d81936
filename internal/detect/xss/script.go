package xss

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// scheme judges a URL that runs script. Browsers ignore white space and
// control bytes inside the scheme.
func scheme(s string, i int) lex.Strength {
	for _, name := range [...]string{"javascript", "vbscript", "livescript", "mocha"} {
		n, ok := spelled(s, i, name)
		if !ok {
			continue
		}
		rest := lex.Ahead(s, n)
		if n-i > len(name)+1 && n-i < 64 {
			return lex.Likely // white space inside the name hides it
		}
		if inert(rest) {
			return lex.None
		}
		if titled(rest) {
			return lex.Hint
		}
		if c := strings.TrimLeft(rest, " \t\r\n"); strings.HasPrefix(c, "alert(") || strings.HasPrefix(c, "confirm(") || strings.HasPrefix(c, "prompt(") || strings.HasPrefix(c, "eval(") {
			return lex.Likely
		}
		if strings.ContainsAny(rest, "(`=/%[{&\\\"'") && lex.Prose(rest, 4) < 3 || len(rest) > 0 && len(rest) < 6 || strings.Contains(rest, "document.") {
			return lex.Likely
		}
		return lex.Hint
	}
	if n, ok := spelled(s, i, "data"); ok {
		rest := lex.Ahead(s, n)
		if i == 0 && (strings.HasPrefix(rest, "image/svg+xml") || strings.HasPrefix(rest, "image/svg xml")) && !strings.Contains(rest, "script") && !strings.Contains(rest, "onload") && !strings.Contains(rest, "onerror") && strings.IndexByte(rest, '<') < 0 {
			return lex.Hint // a picture
		}
		for _, t := range [...]string{"text/html", "image/svg", "text/xml", "application/xml", "application/xhtml", "text/javascript", "application/javascript", "application/x-x509", "text/vbscript", "application/x-javascript", "text/xsl"} {
			if strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n"), t) {
				return lex.Likely
			}
		}
		if strings.HasPrefix(rest, ",<") || strings.Contains(rest, "<script") || strings.HasPrefix(rest, "xyz,") || strings.HasPrefix(rest, "text/plain,<") {
			return lex.Likely
		}
	}
	if lex.At(s, i, "mhtml:") || lex.At(s, i, "feed:javascript") || lex.At(s, i, "view-source:") {
		return lex.Likely
	}
	return lex.None
}

// inert reports whether the script of a URL does nothing: what links have whose work a
// handler does.
func inert(rest string) bool {
	n := len(rest)
	rest = strings.TrimLeft(rest, " ;")
	nothing := len(rest) < n // something stands there that does nothing
	for _, w := range [...]string{"void(0)", "void (0)", "void(null)", "void 0", "void%200", "undefined", "return false", "{}", "//", "null", "0"} {
		if r, ok := strings.CutPrefix(rest, w); ok {
			rest, nothing = r, true
			break
		}
	}
	rest = strings.TrimLeft(rest, " ;")
	if rest == "" {
		return true
	}
	switch rest[0] {
	case '"', '\'': // of a document or a tag around it
		after := strings.TrimLeft(rest[1:], " ")
		return after == "" || nothing && lex.Letter(after[0]) || strings.IndexByte(",}]>:/", after[0]) >= 0
	case '\\':
		return strings.HasPrefix(rest, "\\\"") || strings.HasPrefix(rest, "\\'")
	}
	return false
}

// titled reports whether what follows "JavaScript:" is words: a title, with spaces that
// may be escaped once more, and nothing of a script.
func titled(rest string) bool {
	if rest == "" || rest[0] != ' ' && !strings.HasPrefix(rest, "%20") || strings.ContainsAny(rest, "(`=[{\\<;/") || strings.Contains(rest, "&#") {
		return false
	}
	words := 0
	for i := 0; i+2 < len(rest); i++ {
		switch {
		case rest[i] != '%':
		case rest[i+1] == '2' && rest[i+2] == '0':
		case rest[i+1] >= '8': // a character beyond ASCII
		default:
			return false
		}
		if rest[i] == ' ' || rest[i] == '0' && i > 1 && rest[i-2] == '%' {
			if lex.Letter(rest[i+1]) || rest[i+1] >= 0x80 {
				words++
			}
		}
	}
	return words > 0
}

// spelled reports whether name and a colon stand at s[i:], white space and
// control bytes between their letters left out, and where the rest begins.
func spelled(s string, i int, name string) (rest int, ok bool) {
	if lex.Byte(s, i) != name[0] {
		return 0, false
	}
	j := 0
	for end := min(len(s), i+96); i < end; i++ {
		c := s[i]
		switch {
		case c <= ' ' || c == '\\' || c == 0x7f || c == '/' && lex.At(s, i, "/**/"):
			if c == '/' {
				i += 3
			}
			continue
		case j < len(name):
			if c != name[j] {
				return 0, false
			}
			j++
		default:
			return i + 1, c == ':'
		}
	}
	return 0, false
}

// beforeScript is what can stand before a statement of a script.
var beforeScript = lex.SetOf(" \t\r\n;(+-!~[{}'\"/*")

// statement judges script that begins at s[i:], behind something that ended
// what stood before.
func (l *look) statement(i int) lex.Strength {
	s := l.Text
	i = l.before.Skip(beforeScript, s, i)
	w := lex.Word(s, i)
	if w == "" {
		return lex.None
	}
	n := i + len(w)
	for lex.At(s, n, "/*") {
		j := strings.Index(lex.Ahead(s, n), "*/")
		if j < 0 {
			break
		}
		n += j + 2
	}
	n = lex.Skip(s, n, " \t\r\n)\\")
	c := lex.Byte(s, n)
	switch w {
	case "alert", "confirm", "prompt", "eval", "settimeout", "setinterval", "msgbox", "atob", "execscript":
		if before := lex.Byte(s, lex.Skip(s, i, "")-1); before == '=' && (c == ';' || c == ',' || c == ')' || c == '}') && w != "prompt" && w != "confirm" {
			return lex.Likely
		}
		if c == '(' || c == '`' || c == '?' && lex.Byte(s, n+1) == '.' {
			return lex.Likely
		}
	case "document", "window", "self", "top", "parent", "frames", "globalthis", "this", "location", "content", "opener", "navigator", "localstorage", "sessionstorage":
		return object(s, n, w)
	case "function", "new", "throw", "onerror", "import", "fetch", "with", "while", "xmlhttprequest":
		if (c == '(' || c == '`' || c == '=' && w == "onerror" || w == "new" || w == "throw") && l.telltale(i) {
			return lex.Likely
		}
	case "string":
		if lex.At(s, n, ".fromcharcode") {
			return lex.Likely
		}
	case "external":
		if lex.At(s, n, ".navigateandfind(") {
			return lex.Likely
		}
	case "onload":
		if c == '=' && lex.OneOf(lex.Word(s, n+1), "alert", "confirm", "prompt", "eval") {
			return lex.Likely
		}
	}
	return lex.None
}

// object judges the use of an object of the browser.
func object(s string, n int, w string) lex.Strength {
	n = noise(s, n)
	switch lex.Byte(s, n) {
	case '[':
		if c := lex.Byte(s, lex.Skip(s, noise(s, n+1), " (")); c == '\'' || c == '"' || c == '`' || c == '/' || lex.At(s, n+1, "string") {
			return lex.Likely
		}
	case '.':
		m := lex.Word(s, noise(s, n+1))
		if w == "self" && lex.OneOf(m, "name", "url", "search", "hash", "body", "replace", "assign", "forms", "scripts", "open", "domain", "write", "parentnode", "top", "href") {
			return lex.None // Python, Ruby
		}
		if b := lex.Byte(s, noise(s, n+1)+len(m)); w == "self" && (b == 0 || strings.IndexByte(" ,):;", b) >= 0) {
			return lex.None
		}
		if lex.OneOf(m, "cookie", "location", "domain", "write", "writeln", "innerhtml", "createelement", "getelementbyid", "getelementsbyname", "queryselector", "body", "documentelement", "alert", "eval", "onerror", "onload", "name", "href", "hash", "search", "replace", "assign", "open", "confirm", "prompt", "referrer", "forms", "scripts", "execcommand", "getelementsbytagname", "settimeout", "import", "defaultview", "url", "parentnode", "top", "self", "vulnerable") && (w != "content" && w != "this" && w != "parent" || m == "alert" || m == "eval") {
			return lex.Likely
		}
	case '=':
		if w == "location" && lex.Byte(s, n+1) != '=' && (strings.Contains(lex.Ahead(s, n), "javascript") || strings.Contains(lex.Ahead(s, n), "name") || strings.Contains(lex.Ahead(s, n), "//")) {
			return lex.Likely
		}
	}
	return lex.None
}

// noise passes white space and comments.
func noise(s string, n int) int {
	for range 4 {
		n = lex.Skip(s, n, " \t\r\n")
		if !lex.At(s, n, "/*") {
			break
		}
		j := strings.Index(lex.Ahead(s, n), "*/")
		if j < 0 {
			break
		}
		n += j + 2
	}
	return n
}

// tales are what proofs of a hole do.
var tales = [...]string{"alert", "confirm", "prompt", "eval", "document", "location", "javascript", "fromcharcode",
	"settimeout", "cookie", "atob", "fetch(", "import(", "constructor", "window", "\\u00", "&#", "xss", "setinterval",
	"innerhtml", "top[", "self[", "print(", "console.log", "this.", "src=", "$.get"}

// telltale reports whether script does what proofs of a hole do.
func telltale(v string) bool {
	for _, w := range tales {
		if strings.Contains(v, w) {
			return true
		}
	}
	return false
}

// telltale is telltale(lex.Ahead(l.Text, i)). Where each of tales stands next is
// remembered, so that all questions of a value cost one pass for each of them.
func (l *look) telltale(i int) bool {
	to := min(i+lex.MaxLook, len(l.Text))
	for k, w := range tales {
		at := l.tales[k] - 1 // 0: not known, so that the zero value is ready
		if at < i {
			at = len(l.Text)
			if j := strings.Index(l.Text[min(i, at):], w); j >= 0 {
				at = i + j
			}
			l.tales[k] = at + 1
		}
		if at+len(w) <= to {
			return true
		}
	}
	return false
}

// script judges a value that is nothing but script.
func script(s string) (st lex.Strength, whole bool) {
	if escape := s[:min(len(s), 2)]; escape == "\\n" || escape == "\\r" || escape == "\\t" { // line breaks spelled out
		s = s[2:]
	}
	i := lex.Skip(s, 0, " \t\r\n;(+-!~[{}'\"/*\\)>,.:?&|^%=#$<@`")
	from := i
	for range 16 { // delete new void typeof alert(1)
		w := lex.Word(s, i)
		if !lex.OneOf(w, "delete", "typeof", "void", "new", "in", "return", "throw", "instanceof", "var", "let", "const", "class", "extends", "await", "yield") {
			break
		}
		i = lex.Skip(s, i+len(w), " \t")
	}
	l := look{Whole: lex.Whole{Text: s}}
	if l.bareHandler(i) == lex.Likely {
		return lex.Likely, false
	}
	if st := l.statement(i); st > lex.None {
		if end := strings.TrimRight(s, " ;/\t\r\n\"'`)}>-+*<!]=&"); len(s) < 160 || len(end) < 160 {
			return st, i > from
		}
		return lex.Hint, false
	}
	for _, w := range [...]string{".constructor(", ".constructor.constructor", "string.fromcharcode(", "document.cookie", "document.write(", "document.location", "eval(atob(", "\"constructor\"]", "'constructor']", "`constructor`]", "window.location=", "xmlhttprequest(", ".innerhtml=", ".call`", ".apply`", "reflect.apply(", "reflect.construct(", "reflect.set(", "reflect.get(", "-moz-binding", "expression(alert", "settimeout('", "settimeout(\"", "evalasync(", "onerror=alert", "onload=alert", "alert(1)", "alert('xss", "alert(\"xss", "alert(document", ".find(alert", ".map(alert", ".foreach(alert", ".some(alert", ".every(alert", "=alert,", "=prompt,", "=confirm,", "definesetter(", "parseint(\"prompt\"", "parseint(\"confirm\"", "parseint(\"alert\"", ".constructor`", "url(javascript", ".call`${", "function`", "8680439..tostring(30)", "$.getscript("} {
		if j := strings.Index(s, w); j >= 0 && (!lex.Letter(w[0]) || !lex.WordByte(lex.Byte(s, j-1))) {
			return lex.Likely, false
		}
	}
	if j := strings.Index(s, "<svg"); j >= 0 && !picture(lex.Ahead(s, j)) {
		return lex.Likely, false
	}
	if strings.Contains(s, "{}*{") || len(s) < 100 && (strings.Contains(s, "@import\"") || strings.Contains(s, "@import'") || strings.Contains(s, "@import url(")) { // a style sheet where none was asked for
		return lex.Likely, false
	}
	if strings.Contains(s, "![]") && strings.Count(s, "[]") > 1 { // script of six signs
		return lex.Likely, false
	}
	return lex.None, false
}
