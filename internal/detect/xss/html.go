package xss

import (
	"strings"

	"bartizan/internal/detect/lex"
)

const maxTag = 2048 // bytes of one tag

// element judges what begins with '<' and says where it ends. plain says that
// it is a tag that text is formatted with.
func element(l *look, i int) (st lex.Strength, plain bool, end int) {
	s := l.Text
	n := i + 1
	for n < len(s) && n < i+4 && (s[n] == '/' || s[n] == 0 || s[n] == ' ' || s[n] == '%' || s[n] == ';') {
		n++
	}
	closing := n > i+1 && s[i+1] == '/'
	from := n
	for n < len(s) && n < from+32 && (lex.WordByte(s[n]) || s[n] == ':' || s[n] == '-' || s[n] == 0) {
		n++
	}
	name := s[from:n]
	if name == "" {
		return special(&l.Whole, i), false, i + 1
	}
	if spaced(s, from) {
		return lex.Likely, false, n
	}
	if !lex.Letter(name[0]) {
		return lex.None, false, i + 1
	}
	if closing {
		return closed(s, i, name), formatting(name), n
	}
	end = n
	if l.again <= maxAgain {
		st, end = attributes(s, n)
	}
	st = max(st, opened(&l.Whole, i, n, name))
	return st, formatting(name), end
}

// spaced reports whether the name of an element stands at s[i:] with a space
// behind each letter: filters that drop white space make a tag of it.
func spaced(s string, i int) bool {
	var buf [12]byte
	n := 0
	for n < len(buf) && lex.Letter(lex.Byte(s, i)) && !lex.Letter(lex.Byte(s, i+1)) {
		buf[n] = s[i]
		n++
		if lex.Byte(s, i+1) != ' ' {
			break
		}
		i += 2
	}
	return n >= 4 && lex.OneOf(string(buf[:n]), "script", "iframe", "form", "embed", "object", "style", "dialog", "input", "body", "video", "audio", "details", "applet", "meta", "link", "base", "button")
}

// special judges comments, declarations and instructions.
func special(v *lex.Whole, i int) lex.Strength {
	s := v.Text
	if b := lex.Byte(s, i+1); b != '!' && b != '?' {
		return lex.None
	}
	switch {
	case lex.At(s, i, "<!--#"), lex.At(s, i, "<esi:"):
		return lex.None // server-side includes are another detector's
	case lex.At(s, i, "<?import"), lex.At(s, i, "<?xml-stylesheet"), lex.At(s, i, "<?xml:namespace"), lex.At(s, i, "<!attlist"):
		return lex.Likely
	case lex.At(s, i, "<![cdata[") && strings.Contains(lex.Ahead(s, i), "script"):
		return lex.Likely
	case lex.At(s, i, "<!--[if"):
		return lex.Likely
	case lex.At(s, i, "<!--") && v.Next(i, "<img") >= 0 && v.Next(i, "on") >= 0:
		return lex.Likely
	}
	return lex.None
}

// closed judges an end tag: of an element whose content is text it is a way out.
func closed(s string, i int, name string) lex.Strength {
	if name == "script" && len(s) < 160 && !strings.Contains(s[:i], "<script") {
		return lex.Likely
	}
	if i > 2 && strings.IndexByte(" '\">);\n", s[i-1]) < 0 {
		return lex.None
	}
	if name == "title" && strings.Contains(s[:i], "<title") {
		return lex.None // of a drawing
	}
	if lex.OneOf(name, "script", "style", "title", "textarea", "noscript", "xmp", "noembed", "noframes", "iframe", "plaintext", "template", "select", "option") && len(s) < 400 {
		if i < 24 || strings.IndexByte(lex.Ahead(s, i+2), '<') >= 0 {
			return lex.Likely
		}
	}
	return lex.None
}

// named reports whether the script element at s[i] is spoken of: a sentence before
// it, no address in it, and nothing behind it that a script could be.
func named(v *lex.Whole, i, n int) bool {
	rest := lex.Ahead(v.Text, n)
	if v.Before(i, 1) > 0 && strings.IndexByte(rest, '>') < 0 && v.Before(i, 2)+lex.Prose(rest, 2) > 1 &&
		!strings.ContainsAny(rest, "()[]{};`$\\/+%&\"'") && !strings.Contains(rest, "src") {
		return true // a tag that never ends, in a sentence
	}
	if v.Before(i, 2) < 2 {
		return false
	}
	return strings.IndexByte(rest, '>') >= 0 && !strings.ContainsAny(rest, "=()[]{};`$\\/+%&\"")
}

// opened judges a start tag by its element.
func opened(v *lex.Whole, i, n int, name string) lex.Strength {
	s := v.Text
	name = strings.Trim(name, "\x00")
	if j := strings.IndexByte(name, ':'); j > 0 && strings.HasSuffix(name, ":vmlframe") {
		name = name[j+1:]
	}
	switch {
	case strings.HasPrefix(name, "script") && (len(name) == 6 || name[6] == 0 || name[6] == ':'):
		if named(v, i, n) {
			return lex.Hint
		}
		if c := lex.Byte(s, n); c == 0 || strings.IndexByte(" /\t\n\r\f\x0b>+<(='\"", c) >= 0 || c >= 0x80 || c == '&' || c == ';' || c == '%' {
			return lex.Certain
		}
		return lex.Likely
	case loads(name):
		if named(v, i, n) && strings.IndexByte(lex.Ahead(s, n), '=') < 0 {
			return lex.Hint
		}
		return dangerous(s, i, n, name)
	case name == "img" && lex.Byte(s, n) == '=':
		return lex.Likely
	case strings.HasPrefix(name, "script"), strings.Contains(name, ":script"), name == "scr", name == "scrscriptipt", strings.HasSuffix(name, "script"):
		return lex.Likely
	}
	return lex.None
}

// loads reports whether an element of this name loads or runs something.
func loads(name string) bool {
	switch name {
	case "iframe", "embed", "object", "applet", "frameset", "frame", "isindex", "bgsound", "layer", "ilayer", "xss",
		"marquee", "keygen", "portal", "fencedframe", "vmlframe", "comment", "listener", "import", "stylesheet", "listing",
		"plaintext", "event-source", "event", "eval", "handler", "foreignobject", "animate", "set", "use", "t:set", "math",
		"svg", "xml", "base", "meta", "link", "style", "blink", "body", "html", "head":
		return true
	}
	return false
}

// dangerous: elements that load or run something by themselves.
func dangerous(s string, i, n int, name string) lex.Strength {
	rest := lex.Ahead(s, n)
	if j := strings.IndexByte(rest, '>'); j >= 0 {
		rest = rest[:j]
	}
	has := strings.IndexByte(rest, '=') >= 0
	switch name {
	case "body", "html", "head", "use", "set", "event", "handler", "comment", "eval", "listener", "import", "stylesheet":
		if !has {
			return lex.Hint
		}
	case "link", "math", "xml", "style", "base", "meta", "svg":
		if !has && !(i < 4 && len(s) < 200) {
			return lex.None
		}
	}
	if name == "svg" && picture(rest) {
		return lex.None // what runs in it is judged by itself
	}
	if has && idle(name, rest) {
		return lex.Hint
	}
	if name == "style" {
		if css(lex.Ahead(s, n)) >= lex.Likely {
			return lex.Likely
		}
		return lex.Hint
	}
	switch {
	case name == "meta" && !strings.Contains(rest, "http-equiv") && !(i < 4 && strings.Contains(rest, "charset") && !strings.Contains(rest, "utf-8")), name == "base" && !strings.Contains(rest, "href"), name == "link" && !strings.Contains(rest, "href"), name == "comment" && len(rest) == 0:
		return lex.Hint
	case strings.Contains(rest, "data:text/html") || strings.Contains(rest, "data:image/svg") || strings.Contains(rest, "data:text/javascript"):
		return lex.Certain
	}
	return lex.Likely
}

// picture reports whether an svg element at the start of s says what it shows, as
// drawings do.
func picture(s string) bool {
	if j := strings.IndexByte(s, '>'); j >= 0 {
		s = s[:j]
	}
	return strings.Contains(s, "viewbox=") && !strings.Contains(s, "data:") && !strings.Contains(s, "script") &&
		!strings.Contains(s, " on") && !strings.Contains(s, "/on")
}

// idle reports whether an element has none of the attributes by which it loads
// something: components of MDX and JSX have such names, too.
func idle(name, rest string) bool {
	var by []string
	switch name {
	case "frame", "embed":
		by = []string{"src", "code", " on", "style"}
	case "object":
		by = []string{"data", "classid", "code", " on", "style", "type=text", "type=\"text", "type='text", "type=image",
			"type=\"image", "width"}
	case "link":
		by = []string{"rel", "src", " on", "style", "type", "xlink", "import", "script"}
	default:
		return false
	}
	for _, w := range by {
		if strings.Contains(rest, w) {
			return false
		}
	}
	return true
}

// formatting reports whether text is formatted with this element.
func formatting(name string) bool {
	switch name {
	case "p", "br", "div", "span", "li", "h1", "h2", "h3", "h4", "strong", "em", "code", "pre", "td", "tr", "table",
		"a", "b", "i", "u", "ul", "ol", "hr", "blockquote", "sup", "sub", "th", "img", "section", "html", "head", "dd",
		"dt", "dl", "figure", "details", "summary", "kbd":
		return true
	}
	return false
}

// attributes judges the attributes from s[i] on and says where the tag ends.
func attributes(s string, i int) (best lex.Strength, end int) {
	limit := min(len(s), i+maxTag)
	for i < limit && best < lex.Certain {
		switch c := s[i]; {
		case c == '>':
			return best, i + 1
		case lex.Letter(c) || c == '@' || c == ':' || c == '_':
			var st lex.Strength
			st, i = one(s, i, limit)
			best = max(best, st)
		default:
			i++
		}
	}
	return best, max(i, 1)
}

// one judges one attribute.
func one(s string, i, limit int) (lex.Strength, int) {
	from := i
	for i < limit && strings.IndexByte(" \t\r\n\f\x0b/>=\"'`<", s[i]) < 0 {
		i++
	}
	name := s[from:i]
	eq := lex.Skip(s, i, " \t\r\n\f\x0b/")
	if lex.Byte(s, eq) != '=' {
		if i == from {
			i++
		}
		return odd(s, name, i)
	}
	i = lex.Skip(s, eq+1, " \t\r\n\f\x0b")
	if i >= limit { // the value stands beyond what is read of a tag, or nowhere
		return attribute(name, ""), limit
	}
	from = i
	if c := lex.Byte(s, i); c == 'j' || c == 'v' || c == 'd' || c == '&' { // white space does not end it where tabs hide it
		if scheme(s, i) == lex.Likely {
			return attribute(name, s[from:limit]), min(i+8, limit)
		}
	}
	switch c := lex.Byte(s, i); c {
	case '"', '\'', '`':
		from++
		if j := strings.IndexByte(s[i+1:limit], c); j >= 0 {
			i += j + 2
			return attribute(name, s[from:i-1]), i
		}
		return attribute(name, s[from:limit]), limit
	}
	for i < limit && strings.IndexByte(" \t\r\n>", s[i]) < 0 {
		i++
	}
	return attribute(name, s[from:i]), i
}

// odd judges an attribute without a value: onload!#$%&=alert(1), which old
// parsers took for a handler.
func odd(s, name string, i int) (lex.Strength, int) {
	if len(name) > 6 && name[0] == 'o' && name[1] == 'n' && known(name) {
		if rest := lex.Ahead(s, i); strings.IndexByte(rest, '=') >= 0 {
			return lex.Likely, i
		}
	}
	return lex.None, i
}

// attribute judges one attribute and its value.
func attribute(name, value string) lex.Strength {
	if j := strings.IndexByte(name, ':'); j > 0 && strings.HasPrefix(name[j+1:], "on") {
		name = name[j+1:]
	}
	base := name
	for j := 0; j < len(name); j++ { // onerror\x00, onload!..
		if !lex.Letter(name[j]) && j > 4 && name[0] == 'o' {
			base = name[:j]
			break
		}
	}
	switch {
	case handlerName(base) && idleHandler(value):
		return lex.Hint
	case handlerName(base) && (known(base) || telltale(value)):
		return lex.Certain
	case handlerName(base) && value != "", name == "datasrc", name == "dataformatas", strings.HasPrefix(name, "ev:"):
		return lex.Likely
	case strings.HasPrefix(name, "ng-") || strings.HasPrefix(name, "x-on:") || strings.HasPrefix(name, "x-init") || strings.HasPrefix(name, "v-on:") || strings.HasPrefix(name, "v-html") || name[0] == '@' && len(name) > 3:
		if telltale(value) || name == "ng-app" {
			return lex.Likely
		}
		return lex.Hint
	case name == "srcdoc":
		return lex.Certain
	case name == "formaction" && strings.Contains(value, "//"):
		return lex.Likely
	case name == "style":
		return css(value)
	}
	if st := scheme(value, lex.Skip(value, 0, " \t\r\n\x00\x01'\"")); st > lex.None {
		if lex.OneOf(name, "href", "src", "action", "formaction", "xlink:href", "data", "to", "from", "values", "background", "poster", "srcset", "dynsrc", "lowsrc", "content", "code", "classid", "codebase", "url", "folder", "attributename", "by") {
			return lex.Certain
		}
		return lex.Likely
	}
	if name == "content" && strings.Contains(value, "url=") && (strings.Contains(value, "script:") || strings.Contains(value, "data:")) {
		return lex.Certain
	}
	if strings.Contains(value, "alert(") || strings.Contains(value, "activexobject(") || value != "" && value[0] == '`' && strings.IndexByte(value, '=') > 0 {
		return lex.Likely
	}
	if j := strings.Index(value, "://"); j >= 0 && j < 8 && oddHost(value[j+3:]) || strings.HasPrefix(value, "//") && oddHost(value[2:]) {
		return lex.Likely
	}
	return lex.None
}

// idleHandler reports whether a handler does nothing but stop what the browser would do.
func idleHandler(v string) bool {
	v = strings.TrimRight(strings.TrimSpace(v), "; ")
	return lex.OneOf(v, "return false", "return true", "void(0)", "void 0", "event.preventdefault()", "event.stoppropagation()", "return false;void(0)")
}

// oddHost reports whether an address is written as no one writes it: as one
// number, in hexadecimal or octal.
func oddHost(s string) bool {
	end := strings.IndexAny(s, "/?:#\"'> ")
	if end < 0 {
		end = len(s)
	}
	h := s[:end]
	digits, dots, hexes := 0, 0, 0
	for i := 0; i < len(h); i++ {
		switch {
		case lex.Digit(h[i]):
			digits++
		case h[i] == '.':
			dots++
		case lex.Hex(h[i]) || h[i] == 'x':
			hexes++
		default:
			return false
		}
	}
	return digits >= 8 && dots == 0 && hexes == 0 || strings.HasPrefix(h, "0x") && digits > 2 || dots == 3 && strings.HasPrefix(h, "0") && len(h) > 11
}

// css judges a style: what can run script or load it.
func css(v string) lex.Strength {
	for _, w := range [...]string{"expression", "javascript:", "-moz-binding", "behavior", "behaviour", "binding:", "@import", "vbscript:", "url(data:", "-o-link", "url(javascript"} {
		if strings.Contains(v, w) {
			return lex.Likely
		}
	}
	if strings.ContainsAny(v, "[]{}") && !strings.Contains(v, "{{") && !strings.Contains(v, ">") {
		return lex.Likely
	}
	if strings.Contains(v, "\\") && strings.Contains(v, "(") || strings.Contains(v, "/*") && strings.Contains(v, "(") {
		return lex.Likely
	}
	return lex.None
}
