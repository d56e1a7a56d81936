package request

import (
	"strings"
	"unicode/utf8"
)

// walkXML visits text, CDATA and attribute values, keyed by the element's name,
// and declarations as a whole; and names of elements that are classes'. It is a scanner, not a parser: it does not match
// tags and expands only the predefined and numeric entities.
func (w *walker) walkXML(in Location, name, s string) {
	w.xml, w.inXML = in, true
	w.elements.begin(name)
	defer func() { w.inXML = false }()
	element := ""
	depth := 0
	for s != "" && !w.done {
		i := strings.IndexByte(s, '<')
		if w.cut = i < 0 && w.partial; i < 0 {
			i = len(s)
		}
		if text := strings.TrimSpace(s[:i]); text != "" {
			w.give(w.xml, element, w.entities(text))
		}
		w.cut = false
		if s = s[i:]; s == "" {
			return
		}
		s, element, depth = w.markup(s, element, depth)
	}
}

// markup handles what begins with '<' and returns what follows it.
func (w *walker) markup(s, element string, depth int) (rest, inside string, level int) {
	switch {
	case strings.HasPrefix(s, "<!--"):
		return w.hidden(s[4:], "-->", element), element, depth
	case strings.HasPrefix(s, "<![CDATA["):
		text, rest, closed := strings.Cut(s[9:], "]]>")
		w.cut = !closed && w.partial
		w.give(w.xml, element, text)
		w.cut = false
		return rest, element, depth
	case strings.HasPrefix(s, "<!"):
		text, rest := declaration(s)
		w.give(w.xml, "!", text)
		return rest, element, depth
	case strings.HasPrefix(s, "<?"):
		return w.hidden(s[2:], "?>", element), element, depth
	case strings.HasPrefix(s, "</"):
		w.elements.close(s[2:])
		return behind(s, ">"), "", max(depth-1, 0)
	}
	depth++
	w.info.Depth = max(w.info.Depth, depth)
	w.info.TooDeep = w.info.TooDeep || depth > maxDepth
	return w.tag(s[1:], depth)
}

// hidden visits a comment or an instruction, which hides nothing from a server
// that takes the document for text, and returns what follows it.
func (w *walker) hidden(s, mark, element string) string {
	text, rest, _ := strings.Cut(s, mark)
	if text != "" && !strings.HasPrefix(text, "xml") {
		w.give(w.xml, element, text)
	}
	return rest
}

// behind returns what follows the first mark, or nothing.
func behind(s, mark string) string {
	_, rest, _ := strings.Cut(s, mark)
	return rest
}

// declaration cuts a DOCTYPE with its internal subset.
func declaration(s string) (text, rest string) {
	end := strings.IndexByte(s, '>')
	if i := strings.IndexByte(s, '['); i >= 0 && i < end {
		if j := strings.Index(s, "]>"); j >= 0 {
			end = j + 1
		} else {
			end = len(s) - 1
		}
	}
	if end < 0 {
		return s, ""
	}
	return s[:end+1], s[end+1:]
}

// tag visits the attribute values of a start tag; s begins with its name.
func (w *walker) tag(s string, depth int) (rest, element string, level int) {
	n := strings.IndexAny(s, " \t\r\n/>")
	if n < 0 {
		return "", s, depth
	}
	element = s[:min(n, maxKeyPath)]
	w.elements.open(s[:n])
	if strings.Count(element, ".") > 1 && !w.give(w.xml, element, element) { // a class
		return "", element, depth
	}
	for i := n; i < len(s); i++ {
		switch s[i] {
		case '>':
			if i > 0 && s[i-1] == '/' {
				w.elements.leave()
				return s[i+1:], "", depth - 1
			}
			return s[i+1:], element, depth
		case '"', '\'':
			j := strings.IndexByte(s[i+1:], s[i])
			if w.cut = j < 0 && w.partial; j < 0 {
				j = len(s) - i - 1
			}
			inside := w.elements.n
			w.elements.put(attributeName(s[n:i]))
			ok := j == 0 || w.give(w.xml, element, w.entities(s[i+1:i+1+j]))
			w.elements.n = inside
			if w.cut = false; !ok {
				return "", element, depth
			}
			i += j + 1
		}
	}
	return "", element, depth
}

var entityNames = [...]struct{ name, text string }{{"lt;", "<"}, {"gt;", ">"}, {"amp;", "&"}, {"quot;", `"`}, {"apos;", "'"}}

// entities expands predefined and numeric entities.
func (w *walker) entities(s string) string {
	if strings.IndexByte(s, '&') < 0 {
		return s
	}
	out := w.text[:0]
	for i := 0; i < len(s); i++ {
		if s[i] == '&' {
			if text, n := entity(out, s[i+1:]); n > 0 {
				out = text
				i += n
				continue
			}
		}
		out = append(out, s[i])
	}
	w.text = out
	return view(out)
}

// entity appends the entity whose name s begins with; n is how long that is.
func entity(out []byte, s string) (text []byte, n int) {
	for _, e := range entityNames {
		if strings.HasPrefix(s, e.name) {
			return append(out, e.text...), len(e.name)
		}
	}
	if len(s) < 3 || s[0] != '#' {
		return out, 0
	}
	base, i := rune(10), 1
	if s[1]|0x20 == 'x' {
		base, i = 16, 2
	}
	var r rune
	for start := i; i < len(s) && i < start+8; i++ {
		if s[i] == ';' && i > start {
			return utf8.AppendRune(out, r), i + 1
		}
		d := rune(hex(s[i]))
		if d >= base || r > utf8.MaxRune {
			return out, 0
		}
		r = r*base + d
	}
	return out, 0
}
