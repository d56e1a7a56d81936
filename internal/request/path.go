package request

import "strings"

// Reading is a path as a server understands it: percent escapes decoded once,
// backslashes taken for slashes, then empty segments, "." and ".." resolved as RFC
// 3986, 5.2.4 does. Letter case, a slash at the end and NULs stay as they are, and
// what is encoded twice stays encoded once.
type Reading struct {
	Path  string
	Steps []Param // its segments, at most 64; Name is empty
}

// Readings returns how servers may read the path, at most two ways. The first one
// leaves out the parameters of segments (";v=1", RFC 3986, 3.3) before it decodes,
// as servers of Java do. There is a second one, with the parameters in their place,
// only where they hide dots or slashes, which no honest client sends: servers that
// know no parameters read the path so. Parse must have run.
func (r *Request) Readings() []Reading { return r.readings[:r.read] }

// Plain returns the first of Readings: the path that everything is compared with.
func (r *Request) Plain() string { return r.readings[0].Path }

// Steps returns the segments of Plain.
func (r *Request) Steps() []Param { return r.readings[0].Steps }

// PathTemplate returns the Template of the path as it is written or, where servers
// resolve something in it, of Plain.
func (r *Request) PathTemplate() string {
	if oddPath(r.Path, r.decoded) {
		return Template(r.Plain())
	}
	return Template(r.Path)
}

// Reread puts the second of two Readings first, or back behind.
func (r *Request) Reread() {
	if r.read > 1 {
		r.readings[0], r.readings[1] = r.readings[1], r.readings[0]
	}
}

// parseReadings fills readings. Nearly all paths are read by everybody as they are.
func (r *Request) parseReadings() {
	r.read = 1
	if !oddPath(r.Path, r.decoded) {
		r.readings[0] = Reading{r.decoded, r.Segments}
		return
	}
	r.steps = r.steps[:0]
	plain, hidden := r.resolve(true)
	r.readings[0] = plain
	if hidden {
		r.readings[1], _ = r.resolve(false)
		r.read = 2
	}
}

// oddPath reports whether a path may be read otherwise than it is written.
func oddPath(path, decoded string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := 0; i < len(decoded); i++ {
		switch decoded[i] {
		case ';', '\\':
			return true
		case '/':
			if i+1 < len(decoded) && (decoded[i+1] == '/' || decoded[i+1] == '.') {
				return true
			}
		}
	}
	return len(path) != len(decoded) && strings.Count(path, "/") != strings.Count(decoded, "/")
}

// resolve reads the path with or without the parameters of its segments. hidden
// says that there are some that other servers do not take for such.
func (r *Request) resolve(strip bool) (out Reading, hidden bool) {
	from := len(r.scratch)
	r.scratch, hidden = appendResolved(r.scratch, r.Path, strip)
	out.Path = view(r.scratch[from:])
	first := len(r.steps)
	for rest := out.Path; rest != "" && len(r.steps)-first < maxSegments; {
		var step string
		if step, rest, _ = strings.Cut(rest, "/"); step != "" {
			r.steps = append(r.steps, Param{Value: step})
		}
	}
	out.Steps = r.steps[first:len(r.steps):len(r.steps)]
	return out, hidden
}

// appendResolved appends path, which begins with a slash, as Reading describes it.
// The result is never longer than path.
func appendResolved(dst []byte, path string, strip bool) (out []byte, hidden bool) {
	base := len(dst)
	dst = append(dst, '/')
	start := len(dst) // of the current segment
	climbs, parameters := false, false
	for i := 1; i <= len(path); i++ {
		c := byte('/')
		if i < len(path) {
			c = path[i]
		}
		switch {
		case c == ';' && strip:
			n := strings.IndexByte(path[i:], '/')
			if n < 0 {
				n = len(path) - i
			}
			seg := view(dst[start:])
			parameters = parameters || seg == ""
			hidden = hidden || seg == "." || seg == ".." || slashed(path[i:i+n])
			i += n - 1
			continue
		case c == '%' && i+2 < len(path) && hex(path[i+1]) < 16 && hex(path[i+2]) < 16:
			c = hex(path[i+1])<<4 | hex(path[i+2])
			i += 2
		}
		if c != '/' && c != '\\' {
			dst = append(dst, c)
			continue
		}
		climbs = climbs || view(dst[start:]) == ".."
		dst, start = endSegment(dst, base, start, i >= len(path))
	}
	return dst, hidden || climbs && parameters
}

// endSegment resolves the segment at dst[start:], behind which comes a slash or, if
// last is true, nothing, and returns where the next one starts.
func endSegment(dst []byte, base, start int, last bool) (out []byte, next int) {
	switch view(dst[start:]) {
	case "":
	case ".":
		dst = dst[:start]
	case "..":
		n := start - 1 // the slash before it
		for n > base && dst[n-1] != '/' {
			n--
		}
		dst = dst[:max(n, base+1)]
	default:
		if !last {
			dst = append(dst, '/')
		}
	}
	return dst, len(dst)
}

// slashed reports whether a slash or backslash stands in the parameters of a segment
// in any form that decoding once makes one of.
func slashed(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' || s[i] == '%' && i+2 < len(s) &&
			(s[i+1] == '2' && s[i+2]|0x20 == 'f' || s[i+1] == '5' && s[i+2]|0x20 == 'c') {
			return true
		}
	}
	return false
}
