// Package inject judges whether a value goes on in a language that a server
// hands values to, besides SQL and shells: filters of LDAP and of document
// databases, XPath, document types of XML, includes, headers and mails.
//
// It knows nothing of requests. Its functions are safe for concurrent use.
package inject

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
)

// Finding is the strongest shape in a value.
type Finding = lex.Finding

// signs are those at which Judge looks.
var signs = lex.SetOf("<)*$\n\r\xe5\xc4;:/_wxpsdt")

// Judge looks at a value in lower case. name says that it is a name that the
// sender chose.
func Judge(s string, name bool) (best Finding) {
	v := lex.Whole{Text: s}
	opens := unknown // whether the value is a filter of its own
	for i := 0; i < len(s) && best.Strength < lex.Certain; i++ {
		if !signs[s[i]] {
			continue
		}
		if best.Strength == lex.Likely && s[i] != '<' && s[i] != '\n' && s[i] != '\r' {
			continue // nothing else is certain
		}
		switch s[i] {
		case '<':
			k, st := markup(s, i)
			best.Raise(k, st, i)
		case ')', '*':
			best.Raise(signal.LDAPInjection, ldap(&v, i, &opens), i)
			if s[i] == '*' {
				best.Raise(signal.LDAPInjection, opened(s, i), i)
			}
		case '$':
			best.Raise(signal.NoSQLInjection, operator(&v, i, name), i)
		case '\n', '\r':
			k, st := lineBreak(s, i)
			best.Raise(k, st, i)
			i = lex.Skip(s, i, "\r\n \t") - 1
		case 0xe5, 0xc4:
			if n := lowBreaks(s, i); n > i {
				if name, end, named := fieldName(s, n); named {
					if k, st := field(s, name, end); st > lex.None {
						best.Raise(k, lex.Likely, i)
					}
				}
				i = n - 1
			}
		case ';':
			best.Raise(signal.NoSQLInjection, max(leaves(s, i), leavesLoop(s, i)), i)
		case ':':
			if lex.Byte(s, i+1) == ':' {
				best.Raise(signal.XPathInjection, axis(s, i), i)
			}
			best.Raise(signal.LDAPInjection, rule(s, i, opens), i)
		case '/':
			best.Raise(signal.XPathInjection, xpath(&v, i), i)
		case '_':
			if lex.At(s, i, "__schema") || lex.At(s, i, "__type") && lex.Byte(s, lex.Skip(s, i+6, " ")) == '(' {
				best.Raise(signal.GraphQLAbuse, lex.Hint, i)
			}
		case 'w':
			if includes(&v, i) || lex.At(s, i, "www.w3.org/1999/xsl/transform") ||
				lex.At(s, i, "www.w3.org/2001/xinclude") {
				best.Raise(signal.XXE, lex.Likely, i)
			}
		case 'x', 'p', 's':
			best.Raise(signal.XXE, stylesheet(s, i), i)
		case 'd', 't':
			if i == 0 && (lex.At(s, i, "document('") || lex.At(s, i, "document(\"")) && strings.ContainsAny(lex.Ahead(s, i), "/:") {
				best.Raise(signal.XXE, lex.Likely, i) // in a style sheet's select
			}
			best.Raise(signal.NoSQLInjection, script(&v, i), i)
		}
	}
	return best
}

// markup: document types, inclusions, server-side and edge-side includes.
func markup(s string, i int) (signal.Kind, lex.Strength) {
	if b := lex.Byte(s, i+1); b != '!' && b != 'e' && b != '/' && b != 'x' && b != 'i' && len(s) >= 600 {
		return signal.None, lex.None
	}
	rest := lex.Ahead(s, i)
	switch {
	case strings.HasPrefix(rest, "<!--"):
		d := strings.TrimLeft(rest[4:], " ")
		if strings.HasPrefix(d, "#") && len(d) > 3 && lex.OneOf(lex.Word(d, lex.Skip(d, 1, " ")), "exec", "include", "echo", "printenv", "config", "set", "fsize", "flastmod", "if", "elif", "else", "endif", "odbc", "perl", "email", "file") {
			return signal.ServerInclude, lex.Certain
		}
	case strings.HasPrefix(rest, "<esi:"), strings.HasPrefix(rest, "</esi:"), strings.HasPrefix(rest, "<!esi"):
		return signal.ServerInclude, lex.Likely
	case strings.HasPrefix(rest, "<!entity"):
		if local(rest) {
			return signal.XXE, lex.Hint
		}
		if strings.Contains(rest, "system") || strings.Contains(rest, "public") || strings.Contains(rest, "%") {
			return signal.XXE, lex.Certain
		}
		return signal.XXE, lex.Likely
	case strings.HasPrefix(rest, "<!doctype"):
		return signal.XXE, doctype(rest[9:])
	case strings.HasPrefix(rest, "<!element"), strings.HasPrefix(rest, "<!notation"):
		return signal.XXE, lex.Likely
	case strings.HasPrefix(rest, "<xi:include"), strings.HasPrefix(rest, "<include xmlns"):
		return signal.XXE, lex.Likely
	case len(s) < 600 && strings.Contains(rest[:min(len(rest), 160)], "schemalocation=") && strings.Contains(rest, "://") && !strings.Contains(rest, "w3.org/2001/xmlschema\""):
		return signal.XXE, lex.Hint
	}
	return signal.None, lex.None
}

// local reports whether an entity is a part of the document's own, in a file beside it
// whose name says so, or a sign: what DocBook and DITA have.
func local(rest string) bool {
	decl, _, _ := strings.Cut(rest, ">")
	if strings.IndexByte(decl, '%') >= 0 {
		return false
	}
	q := strings.IndexAny(decl, "\"'")
	if q < 0 {
		return false
	}
	value, _, closed := strings.Cut(decl[q+1:], decl[q:q+1])
	if !closed {
		return false
	}
	if !strings.Contains(decl[:q], "system") {
		return !strings.Contains(decl[:q], "public") && len(value) < 32 &&
			(strings.HasPrefix(value, "&#") && strings.Count(value, "&") == 1 || len(value) < 4 && value != "" &&
				value[0] >= 0x80)
	}
	if value == "" || strings.ContainsAny(value, ":\\?&") || value[0] == '/' || strings.Contains(value, "..") {
		return false
	}
	for _, ext := range [...]string{".xml", ".ent", ".dtd", ".mod", ".dita", ".svg", ".png", ".gif", ".jpg", ".docbook",
		".sgml"} {
		if strings.HasSuffix(value, ext) && !strings.HasSuffix(value, "web.xml") {
			return true
		}
	}
	return false
}

// includes reports whether the name of XOP's namespace stands at s[i:], in a document
// that includes what is no part of its own message (cid:).
func includes(v *lex.Whole, i int) bool {
	s := v.Text
	if !lex.At(s, i, "www.w3.org/2004/08/xop/include") {
		return false
	}
	j := v.Index("href=")
	return j >= 0 && j+7 < len(s) && !lex.At(s, j+6, "cid:")
}

// doctype judges what follows <!DOCTYPE: honest ones name a public document
// type of HTML, or nothing.
func doctype(rest string) lex.Strength {
	j := strings.IndexAny(rest, "[>")
	if j >= 0 && rest[j] == '[' {
		if subset := rest[j+1:]; strings.HasPrefix(strings.TrimLeft(subset, " \t\r\n"), "<!entity") &&
			!strings.Contains(rest[:j], "://") && local(strings.TrimLeft(subset, " \t\r\n")) {
			return lex.Hint // its entities are judged one by one
		}
		return lex.Likely
	}
	if j < 0 {
		j = len(rest)
	}
	switch head := rest[:j]; {
	case beside(head):
		return lex.Hint // the document's own type, in a file beside it
	case strings.Contains(head, "system") && !strings.Contains(head, "about:legacy"):
		return lex.Likely
	case strings.Contains(head, "public") && !strings.Contains(head, "//dtd"):
		return lex.Likely
	}
	return lex.None
}

// beside reports whether a document type's only system identifier is a file beside the
// document.
func beside(head string) bool {
	i := strings.Index(head, "system")
	if i < 0 || strings.Contains(head, "public") {
		return false
	}
	id := strings.TrimSpace(head[i+6:])
	if len(id) < 7 || id[0] != '"' && id[0] != '\'' || id[len(id)-1] != id[0] {
		return false
	}
	id = id[1 : len(id)-1]
	return strings.HasSuffix(id, ".dtd") && id[0] != '/' && !strings.ContainsAny(id, ":\\?&%") &&
		!strings.Contains(id, "..")
}

// stylesheet: functions and spaces of names by which XSLT reaches out.
func stylesheet(s string, i int) lex.Strength {
	if sheets.At(s, i) {
		return lex.Likely
	}
	return lex.None
}

var sheets = lex.NeedlesOf("xalan/java", "php.net/xsl", "php:function(", "saxon.sf.net/java", "system-property(",
	"xsl:value-of", "xsl:variable", "xslt/java", "schemas-microsoft-com:xslt", "select=\"document('",
	"select=\"unparsed-text('", "select='document(\"")

// operator: $ne and the like of MongoDB in a name, or in a value that is built
// into a query.
func operator(v *lex.Whole, i int, name bool) lex.Strength {
	s := v.Text
	w := lex.Word(s, i+1)
	if !operates(w) {
		return lex.None
	}
	before, after := lex.Byte(s, i-1), lex.Byte(s, i+1+len(w))
	switch {
	case before == '[' && after == ']':
		if lex.OneOf(w, "gt", "gte", "lt", "lte", "in", "nin", "eq") { // ranges, which some APIs take
			return lex.Hint
		}
		return lex.Likely
	case w == "where" || w == "function" || w == "func" || w == "accumulator":
		if (after == ':' || after == '"' || after == '\'' || after == 0) && v.Prose(6) < 5 {
			return lex.Likely
		}
	case (after == '"' || after == '\'') && Password(keyBefore(s, i-1)):
		return lex.Likely
	case after == '"' || after == '\'' || after == ':' || name && i == 0:
		if !name && i > 0 && before != '"' && before != '{' && before != '\'' && (after == ':' || lex.Byte(s, lex.Skip(s, i+2+len(w), " ")) == ':') && s[0] != '{' && s[0] != '[' {
			return lex.Likely // true, $or: [ {}, ...: a query that goes on
		}
		return lex.Hint
	}
	return lex.None
}

// operates reports whether an operator of MongoDB has this name.
func operates(w string) bool {
	switch w {
	case "ne", "eq", "gt", "gte", "lt", "lte", "in", "nin", "regex", "where", "exists", "or", "and", "nor", "not",
		"expr", "elemmatch", "function", "accumulator", "func", "text", "type", "mod", "all", "size", "natural", "comment",
		"jsonschema", "rename", "lookup", "out", "merge", "unionwith":
		return true
	}
	return false
}

// Password reports whether a field of this name, in lower case, holds what no
// one looks for by an operator.
func Password(key string) bool {
	switch key {
	case "password", "passwd", "pass", "pwd", "passcode", "otp", "secret", "userpassword", "user_password",
		"new_password":
		return true
	}
	return false
}

// keyBefore returns the key of a JSON object whose first key's quote stands at
// s[i]: password of "password": {".
func keyBefore(s string, i int) string {
	for _, sign := range [...]byte{'{', ':', '"'} {
		for i--; i >= 0 && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\\'); i-- {
		}
		if i < 0 || s[i] != sign {
			return ""
		}
	}
	end := i
	if end > 0 && s[end-1] == '\\' {
		end--
	}
	for i = end; i > 0 && i > end-32 && lex.WordByte(s[i-1]); i-- {
	}
	return s[i:end]
}

// leaves: '; return true; var a=': script that goes on behind a string.
func leaves(s string, i int) lex.Strength {
	if b := lex.Byte(s, i-1); b != '\'' && b != '"' && b != '}' || i > 64 {
		return lex.None
	}
	n := lex.Skip(s, i+1, " \t\n")
	switch w := lex.Word(s, n); w {
	case "return", "while", "do", "it", "d":
		rest := lex.Ahead(s, n+len(w))
		if strings.Contains(rest[:min(len(rest), 24)], "true") || strings.Contains(rest[:min(len(rest), 24)], "new date") || strings.Contains(rest[:min(len(rest), 24)], "this.") || strings.HasPrefix(rest, "(") || strings.HasPrefix(rest, "{") {
			return lex.Likely
		}
	}
	return lex.None
}

// script: db.users.drop(), this.password.match(...).
func script(v *lex.Whole, i int) lex.Strength {
	s := v.Text
	if lex.WordByte(lex.Byte(s, i-1)) {
		return lex.None
	}
	switch {
	case lex.At(s, i, "db."):
		rest := lex.Ahead(s, i+3)
		for _, m := range [...]string{".insert(", ".find(", ".drop(", ".remove(", ".update(", ".findone(", ".save(", ".count(", "getcollectionnames(", "dropdatabase(", ".insertone(", ".deletemany("} {
			if j := strings.Index(rest, m); j >= 0 && j < 48 && v.Prose(5) < 4 {
				return lex.Likely
			}
		}
	case lex.At(s, i, "this.") && ownField(s, i) > lex.None:
		return lex.Likely
	case lex.At(s, i, "this.") && strings.Contains(lex.Ahead(s, i), ".match("), lex.At(s, i, "this.") && (strings.Contains(lex.Ahead(s, i), "password") || strings.Contains(lex.Ahead(s, i), "token")) && i < 24:
		return lex.Likely
	}
	return lex.None
}

// axis: an axis of XPath: parent::node(), child::*.
func axis(s string, i int) lex.Strength {
	j := i
	for j > 0 && (lex.Letter(s[j-1]) || s[j-1] == '-') {
		j--
	}
	if lex.OneOf(s[j:i], "parent", "child", "ancestor", "ancestor-or-self", "following", "following-sibling", "preceding", "preceding-sibling", "descendant", "descendant-or-self", "self", "attribute") {
		rest := lex.Ahead(s, i+2)
		if strings.HasPrefix(rest, "*") || strings.HasPrefix(rest, "node(") || strings.HasPrefix(rest, "text(") || strings.Contains(rest, "position()") {
			return lex.Likely
		}
	}
	return lex.None
}

// xpath: a path of nodes where a value was asked for.
func xpath(v *lex.Whole, i int) lex.Strength {
	s := v.Text
	switch {
	case lex.At(s, i, "//*") && (strings.IndexByte("|'\"]( ", lex.Byte(s, i-1)) >= 0 || i == 0) && !v.Has("/*/") && (i > 0 || lex.Byte(s, i+3) == '['):
		if lex.At(s, i+3, "[@id=") &&
			(i == 0 || lex.Byte(s, i-1) == '"' && i > 1 && strings.IndexByte(": ,[", s[i-2]) >= 0) {
			return lex.Hint // where a click was
		}
		if b := lex.Byte(s, i+3); b == 0 || b == '[' || b == '|' || b == '\'' || b == ')' || b == '/' {
			return lex.Likely
		}
	case lex.At(s, i, "/text()") || lex.At(s, i, "/node()"):
		return lex.Likely
	case lex.At(s, i, "//") && i > 2 && s[i-1] == ' ' && s[i-2] == '|' && lex.Letter(lex.Byte(s, i+2)) && before(v.Index("]"), i):
		return lex.Likely
	case lex.At(s, i, "//") && i > 0 && (s[i-1] == '(' || s[i-1] == '|') && (v.Has("count(") || v.Has("string-length(") || v.Has("name(") || v.Has("substring(")):
		return lex.Likely
	}
	return lex.None
}

// before reports whether what was found at an index, which is -1 if it was not,
// stands before i.
func before(at, i int) bool { return at >= 0 && at < i }
