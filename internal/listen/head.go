package listen

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"bartizan/internal/request"
)

// Head fills h with the head of r as the client sent it, with the capacity of
// h.Fields used again. It reports false, and leaves h empty, if r was not served
// by this package. On HTTP/1 it must be called before the handler returns.
//
// On HTTP/1 r itself says nothing: method, version and body apart it is
// synthetic. On HTTP/2 every value is what net/http decoded for r's own stream,
// with cookie crumbs joined by "; " (RFC 9113 section 8.2.3) and without Expect
// and Trailer, which net/http keeps for itself. The first request of a connection
// is given in wire order, later ones sorted by name with Ordered false. Call it
// once for each request: the order is given away with the first call.
func Head(r *http.Request, h *request.Head) bool {
	*h = request.Head{Fields: h.Fields[:0]}
	c := From(r.Context())
	if c == nil {
		return false
	}
	if r.ProtoMajor == 1 {
		fields := h.Fields
		c.mu.Lock()
		*h = c.current
		c.mu.Unlock()
		h.Fields = append(fields, h.Fields...)
		return true
	}
	c.headHTTP2(r, h)
	return true
}

// begin counts a request and makes the next head of HTTP/1 the current one. It
// reports false if there is none, which would be a broken invariant.
func (c *Conn) begin(r *http.Request) bool {
	c.number.Add(1)
	if r.ProtoMajor != 1 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.heads) == 0 {
		return false
	}
	c.current = c.heads[0]
	c.heads = slices.Delete(c.heads, 0, 1)
	return true
}

// headHTTP2 builds a head from what net/http decoded.
func (c *Conn) headHTTP2(r *http.Request, h *request.Head) {
	h.Method, h.Target, h.Proto, h.Host = r.Method, r.RequestURI, "HTTP/2.0", r.Host
	h.Scheme = "http"
	if c.facts.Secure {
		h.Scheme = "https"
	}
	if names := c.takeOrder(r); names != nil {
		h.Fields, h.Ordered = orderedFields(h.Fields, names, r.Header), true
	} else {
		h.Fields = sortedFields(h.Fields, r.Header)
	}
	request.JudgeHTTP2(h, c.server.options.Head)
	h.Ended = r.ContentLength == 0
	if h.Fault == request.Fine && h.ContentLength > 0 && h.Ended {
		// The stream ended with its head, so the length lies (RFC 9113 section
		// 8.1.1); net/http compares it with what comes in DATA frames only.
		h.Fault = request.FaultLengthInvalid
	}
}

// sortedFields appends the fields of header, sorted by name.
func sortedFields(fields []request.Field, header http.Header) []request.Field {
	for name, values := range header {
		name = strings.ToLower(name)
		for _, v := range values {
			fields = append(fields, request.Field{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(fields, func(a, b request.Field) int { return cmp.Compare(a.Name, b.Name) })
	return fields
}

// takeOrder returns the names of the connection's first request in wire order if r
// may be that one, else nil. net/http does not say which stream r came on, so r must
// have the same method, target, host and names. No value is taken from the wire:
// where another stream is alike, at most its order is told of r.
func (c *Conn) takeOrder(r *http.Request) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.first
	if f == nil || f.method != r.Method || f.host != r.Host || f.target != r.RequestURI && r.Method != http.MethodConnect {
		return nil
	}
	if !sameNames(f.names, r.Header) {
		return nil
	}
	c.first = nil
	return f.names
}

// keptBack reports whether net/http takes the field out of a request's header, or
// (Cookie) joins several into one.
func keptBack(name string) bool { return name == "Cookie" || name == "Trailer" || name == "Expect" }

// sameNames reports whether net/http made header of fields with these names.
func sameNames(names []string, header http.Header) bool {
	seen := make(map[string]int, len(names))
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if seen[name]++; keptBack(name) {
			seen[name] = len(header[name])
		}
	}
	for name, values := range header {
		if seen[name] != len(values) {
			return false
		}
	}
	for name, n := range seen {
		if n != len(header[name]) {
			return false
		}
	}
	return true
}

// orderedFields appends the fields of header in the order of names, which have
// passed sameNames.
func orderedFields(fields []request.Field, names []string, header http.Header) []request.Field {
	given := make(map[string]int, len(names))
	for _, name := range names {
		canonical := http.CanonicalHeaderKey(name)
		if i := given[canonical]; i < len(header[canonical]) {
			fields = append(fields, request.Field{Name: name, Value: header[canonical][i]})
			given[canonical]++
		}
	}
	return fields
}
