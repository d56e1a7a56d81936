package policy

import (
	"fmt"
	"strings"

	"bartizan/internal/request"
)

// pattern matches method and path. It works on the segments that servers resolve a
// path to (request.Reading), since "//api/./login" and "/api/%6cogin" reach the same
// handler as "/api/login" in most upstreams: a pattern that an attacker can step
// around would not protect.
type pattern struct {
	method   string // empty: any
	segments []string
	open     bool // ends with "**"
	anyCase  bool // letter case does not count
}

// parsePattern reads "[METHOD] /path", where "*" or "{name}" stands for one
// segment and a final "**" for any rest.
func parsePattern(s string) (pattern, error) {
	var p pattern
	fields := strings.Fields(s)
	switch len(fields) {
	case 2:
		p.method = fields[0]
	case 1:
	default:
		return p, fmt.Errorf("reading match %q: want \"METHOD /path\" or \"/path\"", s)
	}
	path := fields[len(fields)-1]
	if p.method == "*" {
		p.method = ""
	}
	if p.method != strings.ToUpper(p.method) {
		return p, fmt.Errorf("reading match %q: methods are case-sensitive; did you mean %s?", s, strings.ToUpper(p.method))
	}
	if !strings.HasPrefix(path, "/") {
		return p, fmt.Errorf("reading match %q: the path must begin with /", s)
	}
	for part := range strings.SplitSeq(path[1:], "/") {
		switch {
		case p.open:
			return p, fmt.Errorf("reading match %q: ** may stand only at the end", s)
		case part == "**":
			p.open = true
		case part == "*", strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}"):
			p.segments = append(p.segments, "*")
		case strings.ContainsAny(part, "*{}?#"):
			return p, fmt.Errorf("reading match %q: %q is neither a word nor *, ** or {name}", s, part)
		case part != "":
			p.segments = append(p.segments, part)
		}
	}
	return p, nil
}

// match compares with the segments of one reading.
func (p *pattern) match(method string, steps []request.Param) bool {
	if p.method != "" && p.method != method || len(steps) < len(p.segments) || len(steps) > len(p.segments) && !p.open {
		return false
	}
	for i, want := range p.segments {
		if want != "*" && want != steps[i].Value && !(p.anyCase && strings.EqualFold(want, steps[i].Value)) {
			return false
		}
	}
	return true
}

// any reports whether r may be for the pattern: by one of its readings.
func (p *pattern) any(r *request.Request) bool {
	for _, reading := range r.Readings() {
		if p.match(r.Head.Method, reading.Steps) {
			return true
		}
	}
	return false
}

// all reports whether r is for the pattern whoever reads it.
func (p *pattern) all(r *request.Request) bool {
	for _, reading := range r.Readings() {
		if !p.match(r.Head.Method, reading.Steps) {
			return false
		}
	}
	return len(r.Readings()) > 0
}
