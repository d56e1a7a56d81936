package code

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
)

// template judges an expression of a template language that begins at s[i]:
// {{ }}, {% %}, ${ }, #{ }, *{ }, @{ }, %{ }, ~{ }, #set( ).
func (c *look) template(s string, i int) (signal.Kind, lex.Strength) {
	var inner string
	next := lex.Byte(s, i+1)
	if !opens(s[i], next) {
		return signal.None, lex.None
	}
	switch {
	case s[i] == '$' && (lex.At(s, i, "${{<%[%'\"}}%") || lex.At(s, i, "${{<%[%'\\\"}}%")):
		return signal.TemplateInjection, lex.Likely // what tools send first, to see whether any engine breaks
	case s[i] == '{' && next == '{':
		inner, _ = c.Cut(i+2, "}}")
		if lex.OneOf(strings.Trim(inner, " /"), "groovy", "python", "velocity") {
			return signal.TemplateInjection, lex.Likely // macros of XWiki
		}
	case s[i] == '{' && next == '%':
		inner, _ = c.Cut(i+2, "%}")
		return signal.TemplateInjection, c.statementTag(i+2, i+2+len(inner))
	case s[i] == '{' && lex.Byte(s, i-1) == '+' && summed(s, i):
		return signal.TemplateInjection, lex.Likely
	case s[i] == '{' && php.At(s, i):
		return signal.CodeInjection, lex.Likely
	case s[i] == '{' && next == '.' && lex.OneOf(lex.Word(s, i+2), "exec", "cookie", "save", "load", "append", "delete"): // macros of HFS
		return signal.TemplateInjection, lex.Likely
	case s[i] == '{' && smarty.At(s, i):
		inner, _, _ = strings.Cut(lex.Ahead(s, i+1), "}")
		if strings.Contains(inner, "(") || strings.Contains(inner, "$smarty") {
			return signal.TemplateInjection, lex.Likely
		}
		return signal.None, lex.None
	case s[i] == '#' && (lex.At(s, i, "#set(") || lex.At(s, i, "#set (") || lex.At(s, i, "#evaluate(") || lex.At(s, i, "#foreach(") || lex.At(s, i, "#include(") || lex.At(s, i, "#parse(")):
		return signal.TemplateInjection, lex.Likely
	case s[i] == '#' && (lex.At(s, i, "#context[") || lex.At(s, i, "#_memberaccess") || lex.At(s, i, "#parameters") && strings.IndexByte("[.", lex.Byte(s, i+11)) >= 0 && lex.Byte(s, i+11) != 0 || lex.At(s, i, "#session[") || lex.At(s, i, "#req=") || lex.At(s, i, "#application[")):
		return signal.TemplateInjection, lex.Certain
	case s[i] == '{' && lex.At(s, i, "{@math key="): // Dust
		return signal.TemplateInjection, lex.Likely
	case s[i] == '@' && next == '(' &&
		c.computes(i+2, i+2+len(strings.TrimSuffix(lex.Ahead(s, i+2), ")"))) == lex.Likely:
		return signal.TemplateInjection, lex.Likely
	case next == '{' && strings.IndexByte("$#*@%~", s[i]) >= 0:
		if s[i] == '$' {
			if st := c.lookup(i); st > lex.None {
				return signal.JNDILookup, st
			}
		}
		if inner = lex.Ahead(s, i+2); c.Next(i+2, "}") >= 0 {
			inner = braced(inner)
		}
	default:
		return signal.None, lex.None
	}
	return signal.TemplateInjection, c.computes(i+2, i+2+len(inner))
}

// Tags of Smarty that run code or may do so.
var php, smarty = lex.NeedlesOf("{php}", "{/php}"), lex.NeedlesOf("{if ", "{system(", "{$smarty")

// summed reports whether a bracket at s[i:] holds a sum of two numbers and a string goes
// on behind it: '+{19*21}+'.
func summed(s string, i int) bool {
	in, _, closed := strings.Cut(s[i+1:min(len(s), i+24)], "}")
	return closed && strings.Trim(in, "0123456789*+-/ ") == "" && arithmetic(in) && lex.Byte(s, i+len(in)+2) == '+'
}

// opens reports whether an expression of any template language can begin with these
// two bytes.
func opens(c, next byte) bool {
	switch c {
	case '{':
		return strings.IndexByte("{%p/.is$@", next) >= 0 || lex.Digit(next)
	case '#':
		return next == '{' || next == '_' || lex.Letter(next)
	case '@':
		return next == '{' || next == '('
	}
	return next == '{'
}

// braced returns the text up to the bracket that closes.
func braced(s string) string {
	depth := 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[:i]
			}
		}
	}
	return s
}

// prefixes are lookups of Log4j that hide a name.
var prefixes = lex.NeedlesOf("::-", "lower:", "upper:", "base64:", "java:", "sys:", "bundle:", "main:", "map:",
	"script:", "dns:", "url:")

// lookup: ${jndi:...}, and the nestings that hide it: ${${lower:j}ndi:...},
// ${${::-j}...}, ${env:X:-j}.
func (c *look) lookup(i int) lex.Strength {
	s := c.Text
	rest := lex.Ahead(s, i+2)
	switch {
	case strings.HasPrefix(rest, "jndi:"), strings.HasPrefix(rest, "jndi${"):
		return lex.Certain
	case rest != "" && prefixes.At(rest, 0):
		if strings.HasPrefix(rest, "sys:") && strings.IndexByte(rest, '$') < 0 && i > 0 {
			return lex.Hint
		}
		return lex.Likely
	}
	if strings.HasPrefix(rest, "${") || strings.HasPrefix(rest, "$${") || c.Next(i+2,
		":-") >= 0 && (nestedDefault(rest) || nestedLater(rest)) {
		if c.Next(i+2, ":") >= 0 && (strings.Contains(rest, ":-") || strings.Contains(rest,
			"ndi") || strings.Contains(rest, "ower:") || strings.Contains(rest, "pper:")) {
			return lex.Certain
		}
		return lex.Likely
	}
	return lex.None
}

// nestedLater: ${jnd${x:-i}:ldap://: a name that goes on in a lookup with a
// default of its own.
func nestedLater(rest string) bool {
	j := strings.Index(rest, "${")
	if j < 1 || j > 12 || strings.IndexByte(rest[:j], '}') >= 0 || strings.IndexByte(rest[:j], ' ') >= 0 {
		return false
	}
	k := strings.Index(rest[j:], ":-")
	return k > 0 && k < 32 && strings.Contains(rest, "://")
}

// nestedDefault: ${env:NaN:-j}ndi: letters given as defaults.
func nestedDefault(rest string) bool {
	j := strings.Index(rest, ":-")
	if j < 0 || j > 48 || strings.IndexByte(rest[:j], ' ') >= 0 {
		return false
	}
	d := rest[j+2:]
	return strings.IndexByte(rest[:j], ':') >= 0 && (strings.HasPrefix(d, "${") || strings.HasPrefix(d, "jndi") || len(d) > 2 && d[1] == '}' && (lex.Letter(d[2]) || d[2] == '$' || d[2] == ':'))
}

// statementTag judges {% ... %}.
func (c *look) statementTag(from, to int) lex.Strength {
	e := strings.TrimLeft(c.Text[from:to], "-+ \t\n")
	w := lex.Word(e, 0)
	if c.computes(to-len(e), to) == lex.Likely {
		return lex.Likely
	}
	if lex.OneOf(w, "debug", "import", "load", "raw", "set", "include", "extends", "for", "if", "with", "filter", "block", "macro", "module", "autoescape", "print", "do", "from", "verbatim") {
		return lex.Hint
	}
	return lex.None
}

// telling is what reaches the insides of an engine.
var telling = lex.NeedlesOf("constructor", "__", "config.", "self.", "request.", "runtime", "cycler", "lipsum",
	"joiner", "namespace(", "getclass", "sys_popen", "system(", "system\"", "_self", "env.", "registerundefined",
	".exec(", "forname", "t(", "new java", "java.", "#this", "url_for.", "get_flashed", "|attr", "| attr", "range(",
	"dump(", "sleep(", "print(", "eval(", "phpinfo", "file_excerpt", "|map(", "|sort(", "|filter(", "| map(",
	"|reduce(", "freemarker", "?new(", "?api", "class.", ".class", "app.request", "settings.", "popen", "import(",
	"require(", "process.", "root.", "global.", "inspect.", ".addheader", "getwriter", "println", "randint(", "exec(",
	"(#", "$on.", "charat(", "tostring().", "tojson(", "concat(", "$eval", "alert(", "assign=", "[].", ".execute()",
	".tourl()", "new file(", "?lower_abc", "?upper_abc", ".shell(", "#with \"", "#with (", "string.sub", "string.split",
	"_.version")

// computes says how surely an expression, which is c.Text[from:to], calculates or calls into internals.
// Names, filters and comparisons are what templates are for.
func (c *look) computes(from, to int) lex.Strength {
	e := c.Text[from:to]
	if named(e) && (from < 2 || c.Text[from-2] != '{' && c.Text[from-2] != '%') {
		return lex.Hint // ${a.b}: a name, and nothing is called
	}
	if figures.In(c.Text, from, min(to, from+maxSum), &c.figure) && arithmetic(e) {
		return lex.Likely
	}
	if telling.In(c.Text, from, to, &c.told) {
		return lex.Likely
	}
	if literalCall(strings.TrimLeft(e, " \t=-")) {
		return lex.Likely
	}
	switch t := strings.Trim(e, " \t"); t {
	case "config", "self", "7*'7'", "this", "settings", "request", "debug", "app", "$this", "$", "_context", ".data_model", ".version", "dump":
		if t == "this" || t == "$" || t == "self" || t == "request" || t == "debug" || t == "app" || t == "config" {
			return lex.Hint
		}
		return lex.Likely
	}
	return lex.None
}

// named reports whether an expression is names with dots between them: what
// configurations have filled in.
func named(e string) bool {
	e = strings.Trim(e, " ")
	for i := 0; i < len(e); i++ {
		if c := e[i]; !lex.WordByte(c) && c != '-' && c != '.' || c == '.' && !lex.WordByte(lex.Byte(e, i+1)) {
			return false
		}
	}
	return strings.IndexByte(e, '.') > 0 && !strings.Contains(e, "__") && !strings.Contains(e, "classload") &&
		!lex.Digit(lex.Byte(e, 0))
}

// literalCall reports whether an expression begins with a string whose method is
// called: no template asks what it knows already.
func literalCall(e string) bool {
	if e == "" || e[0] != '\'' && e[0] != '"' {
		return false
	}
	j := strings.IndexByte(e[1:min(len(e), 48)], e[0])
	return j >= 0 && lex.Byte(e, j+2) == '.' && lex.Letter(lex.Byte(e, j+3)) && strings.IndexByte(e[j+3:], '(') > 0
}

// maxSum is how many bytes of an expression are looked at for a sum.
const maxSum = 96

// Digits, operators, and what can stand between both.
var (
	figures           = lex.NeedlesOf("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
	operators, around = lex.SetOf("*+-/^%"), lex.SetOf(" '\"*")
)

// arithmetic reports whether two numbers or strings are joined by an operator:
// the question whether anyone calculates here.
func arithmetic(e string) bool {
	for i := 1; i+1 < len(e) && i < maxSum; i++ {
		if !operators[e[i]] {
			continue
		}
		from, to := i, i+1 // of what stands between both numbers
		for from > 0 && around[e[from-1]] {
			from--
		}
		for to < len(e) && around[e[to]] {
			to++
		}
		a := e[:from]
		if a == "" || to == len(e) || !lex.Digit(e[to]) || !lex.Digit(a[from-1]) {
			continue
		}
		if e[i] == '*' || e[i] == '+' || e[i] == '^' {
			return true
		}
		if j := strings.TrimLeft(a, "0123456789 ('"); j == "" && !dateLike(e) {
			return true
		}
	}
	return false
}

// dateLike: 2024-01-02 and 12/31.
func dateLike(e string) bool { return strings.Count(e, "-") > 1 || strings.Count(e, "/") > 1 }
