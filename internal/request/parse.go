package request

import (
	"iter"
	"strings"
	"unsafe"
)

// Bounds of Parse: far above what APIs use, far below what would cost anything.
const (
	maxSegments = 64
	maxParams   = 1000     // beyond this only those that are not tiny: a payload behind a thousand names must be seen
	maxCookies  = 200      // as above
	maxScratch  = 64 << 10 // decoded text kept between requests
	maxKept     = 8 << 10  // what Keep copied, the same
)

// Parse fills Path, RawQuery, Segments, Query and Cookies from the head. It
// never fails: broken escapes stay as they are and set BadEscapes; what stands
// beyond the bounds is counted in Omitted. Decoded text is valid until the next
// Parse or Reset.
//
// Decoding is lenient on purpose: it is the reading of an attacker's target, not
// of a correct one. Only '&' separates parameters, '+' is a space in the query.
func (r *Request) Parse() {
	r.clearParts()
	target := r.Head.Target
	// Room for everything that can be decoded, so that growing never splits it:
	// the path four times (whole, in segments, and as two servers read it) and the
	// query once.
	if need := 4 * len(target); cap(r.scratch) < need {
		r.scratch = make([]byte, 0, need)
	}
	r.Path, r.RawQuery = splitTarget(r.Head.Method, target)
	r.decoded = r.unescape(r.Path, false)
	r.parseSegments()
	r.parseReadings()
	r.parseQuery()
	r.parseCookies()
}

// Decoded returns the whole path, percent-decoded once.
func (r *Request) Decoded() string { return r.decoded }

// Reset clears the request for the pool. It keeps the room of its slices, but
// for one that a single huge request made huge.
func (r *Request) Reset() {
	r.clearParts()
	segments, query, cookies, fields := r.Segments, r.Query, r.Cookies, keep(r.Head.Fields)
	signals, shape, changes, noted, posted := keep(r.Signals), keep(r.Shape), keep(r.Changes), keep(r.Noted), keep(r.Posted)
	scratch, kept, steps := r.scratch, r.kept[:0], keep(r.steps)
	if cap(scratch) > maxScratch {
		scratch = nil
	}
	if cap(kept) > maxKept {
		kept = nil
	}
	*r = Request{} // in place: a literal with all these would be made elsewhere and copied
	r.Segments, r.Query, r.Cookies, r.Head.Fields = segments, query, cookies, fields
	r.Signals, r.Shape, r.Changes, r.Noted, r.Posted = signals, shape, changes, noted, posted
	r.scratch, r.kept, r.steps = scratch, kept, steps
}

// Keep returns a copy of s that is valid until Reset.
func (r *Request) Keep(s string) string {
	from := len(r.kept)
	r.kept = append(r.kept, s...)
	return view(r.kept[from:])
}

func (r *Request) clearParts() {
	r.Path, r.RawQuery, r.decoded = "", "", ""
	r.Segments, r.Query, r.Cookies = keep(r.Segments), keep(r.Query), keep(r.Cookies)
	r.Omitted, r.BadEscapes = 0, false
	r.readings, r.read = [2]Reading{}, 0
	r.scratch, r.steps = r.scratch[:0], r.steps[:0]
}

// keep empties s, drops the references in it, and its room if that is large.
func keep[T any](s []T) []T {
	if cap(s) > 256 {
		return nil
	}
	clear(s)
	return s[:0]
}

// splitTarget returns path and query of an origin-form or absolute-form target.
// "*" is a path; an authority-form target has none.
func splitTarget(method, target string) (path, query string) {
	if method == "CONNECT" && !strings.HasPrefix(target, "/") {
		return "", ""
	}
	if i := strings.Index(target, "://"); i > 0 && target[0] != '/' && strings.IndexByte(target[:i], '?') < 0 {
		target = target[i+3:]
		if j := strings.IndexAny(target, "/?"); j < 0 {
			target = "/"
		} else {
			target = target[j:]
		}
	}
	path, query, _ = strings.Cut(target, "?")
	if path == "" {
		path = "/"
	}
	return path, query
}

func (r *Request) parseSegments() {
	rest := r.Path
	for rest != "" {
		var seg string
		seg, rest, _ = strings.Cut(rest, "/")
		if seg == "" {
			continue
		}
		if len(r.Segments) == maxSegments {
			r.Omitted++
			continue
		}
		r.Segments = append(r.Segments, Param{Value: r.unescape(seg, false)})
	}
}

func (r *Request) parseQuery() {
	rest := r.RawQuery
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		if len(r.Query) >= maxParams && len(pair) < tinyValue {
			r.Omitted++
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		r.Query = append(r.Query, Param{r.unescape(name, true), r.unescape(value, true)})
	}
}

func (r *Request) parseCookies() {
	for line := range r.Headers("Cookie") {
		r.cookieLine(line)
	}
}

// cookieLine splits one Cookie header. A pair whose name cannot be one belongs
// to the value before it: an attacker's semicolon must not cut a payload in two.
func (r *Request) cookieLine(line string) {
	first := len(r.Cookies)
	start := 0 // of the last value
	for i := 0; i <= len(line); {
		j := strings.IndexByte(line[i:], ';')
		end := len(line)
		if j >= 0 {
			end = i + j
		}
		pair := strings.TrimLeft(line[i:end], " \t")
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case pair == "":
		case len(r.Cookies) > first && !isToken(name):
			r.Cookies[len(r.Cookies)-1].Value = line[start:end]
		case len(r.Cookies) >= maxCookies && len(pair) < tinyValue:
			r.Omitted++
		default:
			r.Cookies = append(r.Cookies, Param{name, value})
			start = end - len(value)
		}
		i = end + 1
	}
}

// unescape decodes s into scratch, or returns s itself where nothing is escaped.
func (r *Request) unescape(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	start := len(r.scratch)
	out, bad := AppendUnescaped(r.scratch, s, plus)
	r.scratch = out
	r.BadEscapes = r.BadEscapes || bad
	return view(out[start:])
}

// AppendUnescaped appends s to dst with percent escapes decoded and, if plus,
// '+' as a space. A percent sign that starts no escape stays, and bad is true.
// The result is never longer than s.
func AppendUnescaped(dst []byte, s string, plus bool) (out []byte, bad bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plus:
			c = ' '
		case c == '%':
			if i+2 < len(s) && hex(s[i+1]) < 16 && hex(s[i+2]) < 16 {
				c = hex(s[i+1])<<4 | hex(s[i+2])
				i += 2
			} else {
				bad = true
			}
		}
		dst = append(dst, c)
	}
	return dst, bad
}

// hex returns the value of a hexadecimal digit, or 255.
func hex(c byte) byte {
	switch {
	case c-'0' < 10:
		return c - '0'
	case c|0x20-'a' < 6:
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// view returns b as a string without copying; it lives as long as b is left alone.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Header returns the first value of a header, in any letter case, or "".
func (r *Request) Header(name string) string {
	for i := range r.Head.Fields {
		if fold(r.Head.Fields[i].Name, name) {
			return r.Head.Fields[i].Value
		}
	}
	return ""
}

// Headers yields all values of a header in the order of arrival.
func (r *Request) Headers(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range r.Head.Fields {
			if fold(r.Head.Fields[i].Name, name) && !yield(r.Head.Fields[i].Value) {
				return
			}
		}
	}
}

// SameName reports whether a and b are one field name: equal but for letter case.
func SameName(a, b string) bool { return fold(a, b) }

// fold reports whether a and b are equal but for ASCII letter case.
func fold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}
