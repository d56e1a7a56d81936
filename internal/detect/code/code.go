// Package code judges whether a value carries code of a server's language or
// of its template engine, or an object that a server would wake up.
//
// It reads the words of a value and what stands around them: a call, an index,
// a scope. It knows nothing of requests. Its functions are safe for concurrent
// use; a Set is immutable.
package code

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
)

// Finding is the strongest shape in a value.
type Finding = lex.Finding

// Set knows names, in lower case.
type Set struct {
	java map[string]bool // "java.io.file", "com.opensymphony.xwork2"
	php  map[string]bool // functions
	vars map[string]bool // without the dollar sign
}

// New makes a set from lists of outside.
func New(java, functions, variables []string) *Set {
	s := &Set{java: map[string]bool{}, php: map[string]bool{}, vars: map[string]bool{}}
	for _, w := range java {
		s.java[strings.ToLower(w)] = true
	}
	for _, w := range functions {
		s.php[strings.ToLower(w)] = true
	}
	for _, w := range variables {
		s.vars[strings.ToLower(strings.TrimPrefix(w, "$"))] = true
	}
	return s
}

// Words returns the names that the set knows, by which a gate may know values
// that matter: those of classes, and those of functions and variables.
func (c *Set) Words() (classes, functions []string) {
	for n := range c.java {
		classes = append(classes, n)
	}
	for n := range c.php {
		functions = append(functions, n)
	}
	for n := range c.vars {
		functions = append(functions, n)
	}
	return classes, functions
}

// look is one look at one value.
type look struct {
	*Set
	lex.Whole
	told, figure lex.Next // of telling and figures
	signs        lex.Run  // of dollars
}

// Judge looks at a value in lower case.
func (c *Set) Judge(s string) (best Finding) {
	l := look{Set: c, Whole: lex.Whole{Text: s}}
	seen := 0       // up to here an expression has been read
	joined := false // strings that are put together have been judged
	for i := 0; i < len(s) && best.Strength < lex.Certain; i++ {
		b := s[i]
		switch {
		case lex.Letter(b) || b == '_':
			w := lex.Word(s, i)
			if !lex.WordByte(lex.Byte(s, i-1)) && len(w) > 1 {
				k, st := l.word(s, i, w)
				best.Raise(k, st, i)
			}
			if len(w) == 1 && (b == 'a' || b == 's') && phpArray(s, i) {
				best.Raise(signal.Deserialisation, lex.Likely, i)
			}
			if len(w) == 1 && (b == 'o' || b == 'c') && lex.Byte(s, i+1) == ':' && lex.Digit(lex.Byte(s, i+2)) && phpObject(s, i+2) {
				best.Raise(signal.Deserialisation, lex.Certain, i)
			}
			i += len(w) - 1
		case b == '(':
			best.Raise(signal.CodeInjection, l.group(s, i), i)
		case (b == '"' || b == '\'') && !joined && junction(s, i) > 0:
			joined = true
			best.Raise(signal.CodeInjection, pieces(s), i)
		case b == '{', b == '$', b == '#', b == '@', b == '*', b == '%', b == '<', b == '[', b == '~', b == '!':
			if i < seen {
				continue
			}
			k, st := l.mark(s, i)
			best.Raise(k, st, i)
			if st == lex.None && lex.Byte(s, i+1) == '{' {
				seen = expression(s, i+2)
			}
		}
	}
	return best
}

// phpObject: O:8:"stdClass":1:{ behind its first colon.
func phpObject(s string, i int) bool {
	for i < len(s) && (lex.Digit(s[i]) || s[i] == '+') {
		i++
	}
	if lex.Byte(s, i) != ':' || lex.Byte(s, lex.Skip(s, i+1, "\\")) != '"' {
		return false
	}
	rest := lex.Ahead(s, lex.Skip(s, i+1, "\\")+1)
	j := strings.IndexByte(rest, '"')
	return j > 0 && lex.Byte(rest, j+1) == ':'
}

// phpArray: a:2:{s:4:"name", an array of PHP's, or user|s:5:"admin", a session's.
func phpArray(s string, i int) bool {
	n := i + 2
	for n < len(s) && lex.Digit(s[n]) {
		n++
	}
	if lex.Byte(s, i+1) != ':' || n == i+2 || lex.Byte(s, n) != ':' {
		return false
	}
	if s[i] == 's' {
		return i > 1 && s[i-1] == '|' && lex.WordByte(s[i-2]) && lex.Byte(s, n+1) == '"'
	}
	return lex.At(s, n+1, "{s:") || lex.At(s, n+1, "{i:") || lex.At(s, n+1, "{o:")
}

// expression returns up to where an expression that begins at s[i:] has been
// read in vain, but for a little: what nests in it has been seen with it.
func expression(s string, i int) int {
	n := len(lex.Ahead(s, i))
	if j := strings.IndexByte(lex.Ahead(s, i), '}'); j >= 0 {
		n = j
	}
	if strings.IndexByte(s[i:i+n], '$') >= 0 || n < 64 {
		return i
	}
	return i + n - 48
}

// tags are those of YAML that make objects.
var tags = lex.NeedlesOf("!!python/", "!!javax.", "!!java.", "!!com.", "!!org.", "!ruby/object", "!ruby/hash",
	"!!js/function")

// mark judges what begins with a sign.
func (c *look) mark(s string, i int) (signal.Kind, lex.Strength) {
	switch s[i] {
	case '<':
		return c.angle(i)
	case '!':
		if tags.At(s, i) {
			return signal.Deserialisation, lex.Certain
		}
		return signal.None, lex.None
	case '[':
		if lex.At(s, i, "[php]") || lex.At(s, i, "[/php]") || lex.At(s, i, "[\\php]") || lex.At(s, i, "[[${") {
			return signal.CodeInjection, lex.Likely
		}
		return signal.None, lex.None
	case '$':
		if k, st := c.dollar(s, i); st > lex.None {
			return k, st
		}
	case '@':
		if typed(s, i) > lex.None {
			return signal.Deserialisation, lex.Likely
		}
		if lex.At(s, i, "@java.lang") || lex.At(s, i, "@ognl.") || lex.At(s, i, "@org.apache") {
			return signal.TemplateInjection, lex.Certain
		}
		if lex.At(s, i, "@{") && strings.HasPrefix(strings.TrimLeft(lex.Ahead(s, i+2), " "), "[") { // Perl
			return signal.CodeInjection, lex.Likely
		}
	}
	return c.template(s, i)
}

// Elements and directives with which objects of Java and .NET, pages of servers, and
// templates of Freemarker begin.
var (
	beans = lex.NeedlesOf("<j:jelly", "<g:evaluate", "<java.beans", "<dynamic-proxy", "<jdk.nashorn",
		"<java version", "<object class=\"java", "<void method", "<void class", "<objectdataprovider",
		"<resourcedictionary")
	pages      = lex.NeedlesOf("<cfexecute", "<cfoutput", "<jsp:", "<c:import", "<xsl:")
	directives = lex.NeedlesOf("<#assign", "<#list", "<#if", "<#include", "<#import")
)

// angle judges tags of server pages.
func (c *look) angle(i int) (signal.Kind, lex.Strength) {
	s := c.Text
	switch lex.Byte(s, i+1) {
	case '?', '%', '#', '@', 'j', 'g', 'd', 'o', 'v', 'r', 'c', 'x', 's':
	default:
		return signal.None, lex.None
	}
	switch {
	case lex.At(s, i, "<?php"), lex.At(s, i, "<?="):
		return signal.CodeInjection, lex.Likely
	case lex.At(s, i, "<?xml ") && foreign(lex.Ahead(s, i+5)), lex.At(s, i, "<?") && lex.OneOf(lex.Word(s, lex.Skip(s, i+2, " \t\r\n")), "echo", "print", "system", "eval", "exec", "include", "passthru", "phpinfo", "assert"):
		return signal.CodeInjection, lex.Likely
	case lex.At(s, i, "<?") && !lex.At(s, i, "<?xml ") && !lex.At(s, i, "<?xml-") && !lex.At(s, i, "<?import") && !lex.At(s, i, "<?mso"):
		rest := strings.TrimLeft(lex.Ahead(s, i+2), " \t\r\n@")
		if rest == "" && i > 0 || strings.HasPrefix(rest, "php") || lex.At(s, i, "<?xml") && !strings.Contains(rest, "version") || rest != "" && (lex.Letter(rest[0]) || strings.IndexByte("$=`('\"/#", rest[0]) >= 0) && strings.ContainsAny(rest[:min(len(rest), 12)], "($;'\"`") {
			return signal.CodeInjection, lex.Likely
		}
	case lex.At(s, i, "<%"):
		rest := lex.Ahead(s, i+2)
		if strings.HasPrefix(rest, "@") || strings.HasPrefix(rest, "!") {
			return signal.CodeInjection, lex.Likely
		}
		inner, closed := c.Cut(i+2, "%>")
		if !closed && rest != "" && strings.IndexByte("sdirfxqvc", rest[0]) >= 0 && !lex.Letter(lex.Byte(rest, 1)) {
			break // a format of a program
		}
		if !closed && (rest == "" || !lex.Letter(rest[0]) && rest[0] != '=' && rest[0] != ' ' && rest[0] != '\n' &&
			rest[0] != '\r' && rest[0] != '-' && rest[0] != '(') {
			break // two signs of something else
		}
		if inner != "" && inner[0] == '=' && named(inner[1:]) {
			return signal.TemplateInjection, lex.Hint
		}
		if lex.Any(inner, "(=*+") || lex.OneOf(lex.Word(inner, lex.Skip(inner, 0, " -")), "if", "for", "import",
			"include", "system", "exec", "eval", "puts", "print", "out") {
			return signal.TemplateInjection, lex.Likely
		}
	case lex.At(s, i, "<@"):
		if j := strings.IndexByte(lex.Ahead(s, i), '>'); lex.Letter(lex.Byte(s, i+2)) && j > 0 &&
			!mention(lex.Ahead(s, i)[2:max(j, 2)]) && strings.IndexByte(lex.Ahead(s, i)[1:j], '<') < 0 {
			return signal.TemplateInjection, lex.Likely
		}
	case directives.At(s, i):
		return signal.TemplateInjection, lex.Likely
	case beans.At(s, i), beanNames.At(s, i):
		return signal.Deserialisation, lex.Likely
	case pages.At(s, i):
		return signal.CodeInjection, lex.Likely
	}
	return signal.None, lex.None
}

// foreign reports whether what follows <?xml is no declaration: PHP with short
// tags runs it.
func foreign(rest string) bool {
	rest = strings.TrimLeft(rest, " \t\r\n")
	return rest != "" && (rest[0] == ':' || rest[0] == '(' || rest[0] == '$')
}

var dollars = lex.SetOf("$")

// dollar judges variables of PHP and calls through them, and markers of Node.
func (c *look) dollar(s string, i int) (signal.Kind, lex.Strength) {
	n := c.signs.Skip(dollars, s, i+1)
	if m := lex.Skip(s, n, " "); lex.Byte(s, m) == '{' {
		if st := variableVariable(s, i, m, m > n); st > lex.None {
			return signal.CodeInjection, st
		}
	}
	w := lex.Word(s, n)
	switch {
	case w != "" && c.vars[w] && w != "argc" && w != "argv":
		b := lex.Byte(s, n+len(w))
		if b == '[' || b == '{' {
			return signal.CodeInjection, lex.Certain
		}
		if b == '=' || b == ';' || b == ')' || b == 0 {
			return signal.CodeInjection, lex.Likely
		}
		return signal.CodeInjection, lex.Hint
	case lex.At(s, i-1, "_$$nd_func$$_"), lex.At(s, i, "$$nd_func$$"):
		return signal.Deserialisation, lex.Certain
	case w != "":
		if strings.HasSuffix(s[:i], "my ") || strings.HasSuffix(s[:i], "our ") || strings.HasSuffix(s[:i], "for ") || strings.HasSuffix(s[:i], "foreach ") {
			return signal.None, lex.None // a loop of Perl's
		}
		return through(s, n+len(w))
	case lex.At(s, n, "{") && lex.At(s, n+1, "@"), lex.At(s, n, "{'"), lex.At(s, n, "{\""), lex.At(s, n, "{_"):
		if j := strings.IndexByte(lex.Ahead(s, n), '}'); j > 0 && (lex.Byte(s, n+j+1) == '(' || lex.Byte(s, n+j+1) == '[' || lex.Byte(s, n+j+1) == '{') {
			return signal.CodeInjection, lex.Likely
		}
	}
	return signal.None, lex.None
}

// mention reports whether what stands in <@...> is a name, as chats mention people; a
// call of a macro has arguments, or ends with a slash.
func mention(in string) bool {
	for i := 0; i < len(in); i++ {
		if c := in[i]; !lex.WordByte(c) && c != '.' && c != ':' && c != '-' && c != '|' {
			return false
		}
	}
	return in != ""
}
