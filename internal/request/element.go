package request

import "strings"

// elements are the elements of XML that are open around a value, as a path. What
// has no room is not named.
type elements struct {
	path   [1 << 10]byte
	n      int                 // of path
	starts [maxDepth]elementAt // of those open
	depth  int                 // of starts; there is no more beyond its end
	beyond int                 // open elements that have no place in starts
}

// elementAt is an open element: where the path ended before it, and where it begins.
type elementAt struct{ before, from uint16 }

const (
	maxElement = 64 // bytes of an element's name that the path keeps
	mostLeft   = 8  // elements that one end tag may close: lenient parsers close what was left open
)

// begin starts a document that stands in a part of this name, or in none.
func (e *elements) begin(name string) {
	e.n, e.depth, e.beyond = 0, 0, 0
	e.put(name)
}

// put appends a name to the path and returns where it begins.
func (e *elements) put(name string) int {
	name = name[:min(len(name), maxElement)]
	if name == "" || e.n+len(name)+1 > len(e.path) {
		return e.n
	}
	if e.n > 0 {
		e.path[e.n] = '.'
		e.n++
	}
	from := e.n
	e.n += copy(e.path[e.n:], name)
	return from
}

func (e *elements) open(name string) {
	if e.depth == len(e.starts) {
		e.beyond++
		return
	}
	at := elementAt{before: uint16(e.n)}
	at.from = uint16(e.put(name))
	e.starts[e.depth] = at
	e.depth++
}

// leave closes the innermost element.
func (e *elements) leave() {
	switch {
	case e.beyond > 0:
		e.beyond--
	case e.depth > 0:
		e.depth--
		e.n = int(e.starts[e.depth].before)
	}
}

// close closes the innermost elements up to the one that an end tag names; s begins
// with that name. A tag that ends nothing is passed over, as lenient parsers do.
func (e *elements) close(s string) {
	if e.beyond > 0 {
		e.beyond--
		return
	}
	name := s
	if n := strings.IndexAny(s[:min(len(s), maxElement+1)], " \t\r\n/>"); n >= 0 {
		name = s[:n]
	}
	name = name[:min(len(name), maxElement)]
	end := e.n
	for i := e.depth - 1; i >= max(e.depth-mostLeft, 0); i-- {
		at := e.starts[i]
		if unnamed := int(at.from) == end; unnamed || view(e.path[at.from:end]) == name {
			e.depth, e.n = i, int(at.before)
			return
		}
		end = int(at.before)
	}
}

// attributeName returns the name of the attribute whose value follows s.
func attributeName(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	s = strings.TrimRight(strings.TrimSuffix(s, "="), " \t\r\n")
	return s[strings.LastIndexAny(s, " \t\r\n/\"'")+1:]
}
