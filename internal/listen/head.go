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
// synthetic. On HTTP/2 the first request of a connection is given in wire order,
// cookie crumbs as they came; later ones sorted by name with Ordered false. Call
// it once for each request: the order is given away with the first call.
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

// FirstFields returns the fields of the connection's first HTTP/2 request in wire
// order, or nil once that request was served (or never could be read).
func (c *Conn) FirstFields() []request.Field {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		return nil
	}
	return slices.Clone(c.first.fields)
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
	if fields, ok := c.takeFirst(r); ok {
		h.Fields = append(h.Fields, fields...)
		h.Ordered = true
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

// takeFirst returns the wire fields of the connection's first request if r is
// that one. net/http does not say which stream r came on, so r must be equal to
// it: then even if another one is meant, nothing told about r is untrue.
func (c *Conn) takeFirst(r *http.Request) ([]request.Field, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.first
	if f == nil || f.method != r.Method || f.host != r.Host || f.target != r.RequestURI && r.Method != http.MethodConnect {
		return nil, false
	}
	if !sameFields(f.fields, r.Header) {
		return nil, false
	}
	c.first = nil
	return f.fields, true
}

// sameFields reports whether net/http made header of fields. It joins cookie
// crumbs and keeps Trailer and Expect for itself.
func sameFields(fields []request.Field, header http.Header) bool {
	seen := make(map[string]int, len(fields))
	for _, f := range fields {
		name := http.CanonicalHeaderKey(f.Name)
		switch name {
		case "Cookie", "Trailer", "Expect":
			seen[name] = len(header[name])
			continue
		}
		i := seen[name]
		if values := header[name]; i >= len(values) || values[i] != f.Value {
			return false
		}
		seen[name]++
	}
	for name, values := range header {
		if seen[name] != len(values) {
			return false
		}
	}
	return true
}
