package request

import "strings"

// Rest follows a body behind the bytes that WalkBody has seen, window by window, so that
// filler before a payload hides nothing. Each window is a document of its own for
// WalkBody: it begins with an opening that names what the bytes before it left open (the
// field of a form, the keys of JSON, the part of a multipart body, the element of XML),
// then repeats the last bytes of the window before, then has new ones.
//
// Bytes of uploaded files, and of bodies that are no text, are passed over. The zero
// value follows nothing. A Rest holds RestWindow bytes, which its owner lends it.
type Rest struct {
	contentType string
	doc         []byte
	seen        int    // doc[:seen] is the opening and what was judged before
	boundary    string // of the multipart body in whose file doc stands; "" elsewhere
}

// Sizes of a window, in bytes.
const (
	RestWindow  = 16 << 10
	restRepeats = 2 << 10 // of the window before
	restGap     = 256     // of these are searched for a place between two words
	maxOpening  = 1 << 10
)

// Begin sets out to follow a body of which prefix was walked, in buf, whose capacity is
// RestWindow at least. It reports whether there is anything to follow: a body that is
// text.
func (t *Rest) Begin(contentType string, prefix, buf []byte) bool {
	*t = Rest{contentType: contentType, doc: buf[:0]}
	if kindOf(contentType, view(prefix)) == BinaryBody {
		return false
	}
	t.turn(prefix)
	return true
}

// Follows reports whether Begin has begun.
func (t *Rest) Follows() bool { return t.doc != nil }

// Add takes as many bytes of p as there is room for in the window and returns their
// number.
func (t *Rest) Add(p []byte) int {
	n := min(len(p), RestWindow-len(t.doc))
	t.doc = append(t.doc, p[:n]...)
	return n
}

// Window returns the window once it is full or, where last says that the body has
// ended, holds anything new; else nil. Turn must follow.
func (t *Rest) Window(last bool) []byte {
	if t.boundary != "" && !t.leaveFile() || len(t.doc) < RestWindow && !last || len(t.doc) <= t.seen {
		return nil
	}
	return t.doc
}

// Turn makes room for the next window.
func (t *Rest) Turn() { t.turn(t.doc) }

// turn opens the window that follows doc.
func (t *Rest) turn(doc []byte) {
	at := max(len(doc)-restRepeats, 0)
	for i, c := range doc[at:min(at+restGap, len(doc))] {
		if c <= ' ' || c == '+' || c == '&' || c == ',' {
			at += i + 1
			break
		}
	}
	var room [maxOpening]byte
	open := opening{room[:0]}
	t.boundary = ""
	switch text := view(doc[:at]); kindOf(t.contentType, view(doc)) {
	case JSONBody:
		open.json(text)
	case FormBody:
		open.form(text)
	case MultipartBody:
		if b := boundaryOf(t.contentType, text); open.multipart(text, b) {
			t.boundary = b
		}
	case XMLBody:
		open.xml(text)
	}
	// doc may be t.doc: what is kept moves first.
	n := len(open.b)
	kept := doc[at:]
	t.doc = t.doc[:n+len(kept)]
	copy(t.doc[n:], kept)
	copy(t.doc, open.b)
	t.seen = len(t.doc)
}

// leaveFile passes over the bytes of a file. It reports whether the file has ended:
// then doc begins with the delimiter behind it.
func (t *Rest) leaveFile() bool {
	i := strings.Index(view(t.doc), "\n--"+t.boundary)
	if i >= 0 {
		t.doc = t.doc[:copy(t.doc, t.doc[i+1:])]
		t.boundary, t.seen = "", 0
		return true
	}
	if keep := len(t.boundary) + 3; len(t.doc) > keep { // a delimiter may have begun
		t.doc = t.doc[:copy(t.doc, t.doc[len(t.doc)-keep:])]
	}
	return false
}

// opening is what a window begins with; it never grows beyond its capacity.
type opening struct{ b []byte }

// put appends s if there is room for it.
func (o *opening) put(s string) {
	if len(o.b)+len(s) <= cap(o.b) {
		o.b = append(o.b, s...)
	}
}

// form puts the name of the field that s leaves open.
func (o *opening) form(s string) {
	s = s[strings.LastIndexByte(s, '&')+1:]
	if name, _, ok := strings.Cut(s, "="); !ok {
		o.put(s)
	} else if len(name) < maxOpening {
		o.put(name)
		o.put("=")
	} else {
		o.put("long=")
	}
}

// openLevel is a container of JSON that is open, and how far it is.
type openLevel struct {
	object bool
	key    string // as it stands in the document
	state  openState
}

type openState uint8

const (
	openKey   openState = iota // a key comes next; in an array nothing is known of
	openValue                  // a value comes next, or is a number that was cut
	openComma                  // a value has ended
)

// json puts the containers and keys that s leaves open, and a string.
func (o *opening) json(s string) {
	var levels [maxDepth]openLevel
	depth := 0
	for i := 0; i < len(s); i++ {
		var top *openLevel
		if depth > 0 && depth <= maxDepth {
			top = &levels[depth-1]
		}
		switch c := s[i]; c {
		case '{', '[':
			if depth < maxDepth {
				levels[depth] = openLevel{object: c == '{'}
			}
			depth++
		case '}', ']':
			if depth = max(depth-1, 0); depth > 0 && depth <= maxDepth {
				levels[depth-1].state = openComma
			}
		case ':':
			if top != nil {
				top.state = openValue
			}
		case ',':
			if top != nil {
				top.state = openKey
			}
		case '"':
			raw, _, closed := scanString(s[i+1:])
			key := top != nil && top.object && top.state == openKey
			if !closed {
				o.levels(levels[:min(depth, maxDepth)])
				o.put(`"`)
				if key {
					o.put(raw)
				}
				return
			}
			i += 1 + len(raw)
			if key {
				top.key = raw
			} else if top != nil {
				top.state = openComma
			}
		}
	}
	o.levels(levels[:min(depth, maxDepth)])
}

// levels puts open containers. Where a key is too long its container stands without it.
func (o *opening) levels(open []openLevel) {
	for i := range open {
		l := &open[i]
		if !l.object {
			o.put("[")
			continue
		}
		o.put("{")
		if l.state == openKey && i == len(open)-1 {
			return
		}
		if len(o.b)+len(l.key)+4 > cap(o.b)/2 {
			o.put(`"":`)
		} else {
			o.put(`"`)
			o.put(l.key)
			o.put(`":`)
		}
		if l.state == openComma && i == len(open)-1 {
			o.put("0")
		}
	}
}

// multipart puts the delimiter and the header lines of the part that s leaves open. It
// reports whether that part is a file whose content has begun.
func (o *opening) multipart(s, boundary string) (file bool) {
	i := strings.LastIndex(s, "--"+boundary)
	if i < 0 || boundary == "" {
		return false
	}
	part := s[i:]
	_, lines, _ := strings.Cut(part, "\n")
	var w walker
	h, content := w.partHead(lines)
	if head := part[:len(part)-len(content)]; content != "" && len(head) <= maxOpening {
		o.put(head)
		return plainFile(h.disposition)
	}
	o.put(part)
	return false
}

// xml puts the element, comment, section or tag that s leaves open.
func (o *opening) xml(s string) {
	o.put("<?xml?>")
	element := "x"
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		s = s[i:]
		end, start := ">", ""
		switch {
		case strings.HasPrefix(s, "<!--"):
			start, end = "<"+element+"><!--", "-->"
		case strings.HasPrefix(s, "<![CDATA["):
			start, end = "<"+element+"><![CDATA[", "]]>"
		case strings.HasPrefix(s, "<!"):
			text, rest := declaration(s)
			if rest == "" && !strings.HasSuffix(text, ">") {
				o.put("<!DOCTYPE x [")
				return
			}
			s = rest
			continue
		case strings.HasPrefix(s, "<?"):
			start, end = "<"+element+"><?", "?>"
		}
		_, rest, closed := strings.Cut(s, end)
		if end == ">" && !strings.HasPrefix(s, "</") {
			name := s[1:]
			if n := strings.IndexAny(name, " \t\r\n/>"); n >= 0 {
				name = name[:n]
			}
			if name = name[:min(len(name), maxKeyPath)]; name != "" {
				element = name
			}
			if start = "<" + element + " "; strings.Count(s[:len(s)-len(rest)], `"`)%2 == 1 && !closed {
				start += `a="`
			}
		}
		if !closed {
			o.put(start)
			return
		}
		s = rest
	}
	o.put("<")
	o.put(element)
	o.put(">")
}
