// Package xss judges whether a value becomes script in a page.
//
// It reads the value in the contexts that browsers know: as markup (the states
// of the HTML5 tokenizer, but as lenient as filters' victims are), inside an
// attribute that a quote leaves, inside a script string, and as a URL. It
// knows nothing of requests. Its functions are safe for concurrent use.
package xss

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Finding is the strongest shape in a value.
type Finding struct {
	Strength lex.Strength
	At       int
	// Markup counts the tags that text is formatted with, Words the words in
	// sentences outside tags; it stops counting at 32.
	Markup, Words int
	// Proof says that the script does what proofs of a hole do.
	Proof bool
	// Quoted says that the shape stands in code marks, as people quote code.
	Quoted bool
	// Script says that the value is script from its first word on, and Handler
	// that the name of a handler and a sign of equality stand in it.
	Script, Handler bool
	// Tags counts elements of HTML with attributes.
	Tags  int
	First int // where the first of them begins
}

func (f *Finding) raise(st lex.Strength, at int) {
	if st > f.Strength {
		f.Strength, f.At = st, at
	}
}

// outside counts the words of s[from:to], text between tags. Those of a string
// in a script, and of a remark behind a script that begins the value, are no
// sentence's.
func (f *Finding) outside(s string, from, to int) {
	if from >= to || f.Words >= 32 {
		return
	}
	text := s[from:to]
	if f.Strength == lex.Certain && f.At < 3 && f.Proof {
		text, _, _ = strings.Cut(text, "//")
	}
	for i := 1; i < len(text) && f.Words < 32; i++ {
		if text[i] != '\'' && text[i] != '"' || strings.IndexByte("(+=,[", text[i-1]) < 0 {
			continue
		}
		end := strings.IndexByte(text[i+1:], text[i])
		if end < 0 {
			break
		}
		f.Words += lex.Prose(text[:i], 32-f.Words)
		text, i = text[i+2+end:], 0
	}
	f.Words += lex.Prose(text, 32-f.Words)
}

// look is one look at one value.
type look struct {
	lex.Whole
	shut           int             // where the next closing tag of script or style is, if that is known; -1: nowhere
	quoted, before lex.Run         // of behindQuote and beforeScript
	again          int             // tags inside a tag that have been judged
	tales          [len(tales)]int // where each of them stands next, and 1; 0: not known
}

// maxAgain is how many tags of script inside another tag are judged with their
// attributes: one more pass over the tag for each.
const maxAgain = 8

// closing returns where the next closing tag of script or style is from i on, or -1.
func (l *look) closing(i int) int {
	if l.shut >= 0 && l.shut < i {
		if l.shut = strings.Index(l.Text[i:], "</s"); l.shut >= 0 {
			l.shut += i
		}
	}
	return l.shut
}

// signs are those at which Judge looks.
var signs = lex.SetOf("<\"'`o;-+})]/*\n=>|&^(,{[!~?: \t")

// Judge looks at a value in lower case.
func Judge(s string) (f Finding) {
	l := look{Whole: lex.Whole{Text: s}}
	if st := scheme(s, lex.Skip(s, 0, " \t\r\n'\"(>=")); st > lex.None {
		f.raise(st, 0)
	}
	joins := false // strings are put together
	next := 0      // up to here a tag has been judged
	text := 0      // where text begins
	defer func() { f.outside(s, text, len(s)) }()
	for i := 0; i < len(s); i++ {
		if !signs[s[i]] {
			continue
		}
		switch {
		case s[i] == '<' && (i >= next || lex.At(s, i, "<script")):
			f.outside(s, text, i)
			if i < next {
				l.again++
			}
			next, text = f.tag(&l, i)
		case s[i] != '<' && f.Strength < lex.Certain:
			joins = joins || (s[i] == '"' || s[i] == '\'' || s[i] == '`') && junction(s, i) > 0
			f.sign(&l, i)
		}
	}
	f.whole(s, joins)
	return f
}

// tag judges a tag at s[i:] and says where it ends, and where text begins again.
func (f *Finding) tag(l *look, i int) (next, text int) {
	s := l.Text
	st, plain, next := element(l, i)
	text = next
	switch {
	case next == i+1 && lex.At(s, i, "<!--"): // a comment is no sentence
		if end := l.Next(i, "-->"); end >= 0 {
			text = end + 3
		}
	case lex.At(s, i, "<script"), lex.At(s, i, "<style"): // nor is what these hold
		if end := l.closing(i + 1); end >= 0 {
			text = end
		}
	}
	if st > f.Strength {
		f.Quoted = lex.Byte(s, i-1) == '`' || lex.At(s, next, "`")
		f.Proof = telltale(s[i:min(len(s), max(next, i)+64)]) || hidden(s[i:min(len(s), max(next, i))])
	}
	f.raise(st, i)
	if plain {
		f.Markup++
	}
	if !lex.Letter(lex.Byte(s, i+1)) {
		return next, text
	}
	if next > i+1 && out(s, i) {
		f.raise(lex.Likely, 0)
	}
	if next > i+4 && strings.IndexByte(s[i:min(next, len(s))], '=') > 0 && (plain || control(lex.Word(s, i+1))) {
		if f.Tags++; f.Tags == 1 {
			f.First = i
		}
	}
	return next, text
}

// sign judges what begins with a sign at s[i] that is no tag's.
func (f *Finding) sign(l *look, i int) {
	s := l.Text
	switch s[i] {
	case '"', '\'', '`':
		f.raise(l.leave(i), i)
		f.raise(urlAt(s, i+1), i)
	case 'o':
		if lex.At(s, i, "on") && !lex.WordByte(lex.Byte(s, i-1)) {
			f.raise(looseHandler(s, i), i)
		}
	case ';', '-', '+', '}', ')', ']', '/', '*', '\n', '=', '>', '|', '&', '^', '(', ',', '{', '[', '!', '~', '?', ':':
		f.raise(urlAt(s, i+1), i)
		if lex.Letter(lex.Byte(s, i+1)) || lex.Byte(s, i+1) == ' ' {
			f.raise(l.statement(i+1), i)
		}
	case ' ', '\t':
		if lex.At(s, i+1, "on") {
			f.raise(l.bareHandler(i+1), i)
			w := lex.Word(s, i+1)
			f.Handler = f.Handler || handlerName(w) && lex.Byte(s, i+1+len(w)) == '='
		}
	}
}

// whole judges the value as script from its first byte on; joins says that
// strings are put together in it.
func (f *Finding) whole(s string, joins bool) {
	if f.Strength < lex.Likely {
		st, whole := script(s)
		f.raise(st, 0)
		f.Script = whole && st >= lex.Likely
	}
	if f.Strength < lex.Likely && strings.IndexByte(s, '(') >= 0 && referred(s) {
		f.raise(lex.Likely, 0)
	}
	if f.Strength < lex.Likely && joins {
		f.raise(pieces(s), 0)
	}
	if f.Strength < lex.Likely && (strings.Contains(s, "=&{()}") || strings.Contains(s, "=\"&{")) { // the classical locators
		f.raise(lex.Likely, 0)
	}
}

// hidden reports whether a tag names a scheme of scripts with white space inside.
func hidden(tag string) bool {
	for i := 1; i < len(tag) && i < 64; i++ {
		if n, ok := spelled(tag, i, "javascript"); ok && n-i > len("javascript:") {
			return true
		}
	}
	return false
}

// out reports whether a tag at s[i:] stands behind a quote and a bracket with
// which the value begins: it left an attribute.
func out(s string, i int) bool {
	return i > 1 && i < 6 && (s[0] == '"' || s[0] == '\'') && s[i-1] == '>'
}

// urlAt judges a URL at s[i:] by its scheme.
func urlAt(s string, i int) lex.Strength {
	switch lex.Byte(s, i) {
	case 'j', 'v', 'l', 'm', 'd':
		if i > 1 && lex.WordByte(s[i-1]) {
			return lex.None
		}
		return scheme(s, i)
	}
	return lex.None
}

// control reports whether w is an element of forms and the like.
func control(w string) bool {
	switch w {
	case "input", "form", "button", "textarea", "select", "label", "font", "video", "audio", "source", "picture", "area", "map", "canvas", "dialog", "legend", "fieldset", "abbr", "address", "article", "aside", "footer", "header", "main", "nav", "time", "q", "cite", "ins", "del", "small", "big", "center":
		return true
	}
	return false
}

// behindQuote is what can stand between a quote and what goes on behind it.
var behindQuote = lex.SetOf(" /\t\n\r\f\x0b;)}]+-*,.|&^?:'\"\\`%<>!")

// leave judges what follows a quote: another attribute, or script.
func (l *look) leave(i int) lex.Strength {
	s := l.Text
	n := l.quoted.Skip(behindQuote, s, i+1)
	if n == i+1 && lex.WordByte(lex.Byte(s, n)) && lex.WordByte(lex.Byte(s, i-1)) {
		return lex.None
	}
	w := lex.Word(s, n)
	if w == "" {
		return lex.None
	}
	for lex.Byte(s, n+len(w)) == ' ' && lex.At(s, lex.Skip(s, n+len(w), " "), "on") &&
		lex.OneOf(w, "autofocus", "id", "class", "tabindex", "accesskey", "contenteditable", "style", "x") {
		n = lex.Skip(s, n+len(w), " ")
		w = lex.Word(s, n)
	}
	next := lex.Skip(s, n+len(w), " \t\r\n")
	if handlerName(w) && lex.Byte(s, next) == '=' {
		if v := lex.Ahead(s, lex.Skip(s, next+1, " \t\r\n")); v != "" && (v[0] == '"' || v[0] == '\'') {
			if value, _, ok := strings.Cut(v[1:], v[:1]); ok && idleHandler(value) {
				return lex.Hint
			}
		}
		if strings.ContainsAny(lex.Ahead(s, next), "(`;") && n > i+1 {
			return lex.Certain
		}
		return lex.Likely
	}
	if n > i+1 && lex.Byte(s, next) == '=' && lex.OneOf(w, "style", "href", "src", "formaction", "action", "xlink", "srcdoc", "background", "data") {
		if st := attribute(w, lex.Ahead(s, next+1)); st > lex.Hint {
			return st
		}
	}
	if n > i+1 || i == 0 {
		return min(l.statement(n), lex.Likely)
	}
	return lex.None
}

// bareHandler: an event handler that stands by itself.
func (l *look) bareHandler(i int) lex.Strength {
	s := l.Text
	w := lex.Word(s, i)
	n := lex.Skip(s, i+len(w), " \t\r\n")
	if !handlerName(w) || lex.Byte(s, n) != '=' {
		return lex.None
	}
	if known(w) && l.telltale(n) {
		return lex.Likely
	}
	return lex.None
}

// looseHandler: the name of a handler, then what proves a hole behind a sign that
// only some reader takes for the one of equality: onload[a]=[b]alert(1).
func looseHandler(s string, i int) lex.Strength {
	w := lex.Word(s, i)
	if !known(w) {
		return lex.None
	}
	rest := s[i+len(w) : min(len(s), i+len(w)+24)]
	sign := strings.IndexByte(rest, '=')
	if sign < 0 || sign > 8 || lex.Prose(rest[:sign], 2) > 0 {
		if sign = strings.Index(rest, " cdata "); sign != 0 {
			return lex.None
		}
	}
	for _, call := range [...]string{"alert", "confirm", "prompt"} {
		if j := strings.Index(rest[sign:], call); j > 0 && j+len(call) < len(rest[sign:]) && strings.IndexByte("(`", rest[sign+j+len(call)]) >= 0 {
			return lex.Likely
		}
	}
	return lex.None
}

// handlerName reports whether w can name an event handler.
func handlerName(w string) bool {
	if len(w) < 5 || len(w) > 32 || w[0] != 'o' || w[1] != 'n' {
		return false
	}
	for i := 2; i < len(w); i++ {
		if !lex.Letter(w[i]) && !(lex.Digit(w[i]) && i > 4) {
			return false
		}
	}
	return !lex.OneOf(w, "online", "only", "onset", "onward", "onwards", "onboard", "onsite", "onefile", "ongoing", "once")
}

// known reports whether w begins as the usual handlers do.
func known(w string) bool {
	for _, p := range [...]string{"onload", "onerror", "onclick", "onmouse", "onfocus", "onblur", "onkey", "onpointer", "onanimation", "ontransition", "ontoggle", "onbegin", "onend", "onrepeat", "onstart", "onscroll", "onsubmit", "onreset", "onchange", "oninput", "onselect", "ondrag", "ondrop", "oncopy", "oncut", "onpaste",
		"onhashchange", "onpage", "onpopstate", "onresize", "onunload", "onbefore", "onafter", "onmessage", "onstorage", "onwheel", "ontouch", "onplay", "oncanplay", "ondbl", "oncontext", "onready", "onprop", "onactivate", "onfinish", "onbounce", "onsearch", "oninvalid", "onauxclick", "onshow", "onsecurity", "onloadstart", "onloaded", "onprogress", "ondeactivate", "onlosecapture", "onrow", "oncell", "onlayout", "onhelp", "ontime", "onmedia", "onwaiting", "onvolume", "onseek", "onfullscreen", "onwebkit"} {
		if strings.HasPrefix(w, p) {
			return true
		}
	}
	return false
}
