package policy

import (
	"fmt"
	"strings"

	"bartizan/internal/request"
)

// pattern matches method and path. It works on decoded segments with empty and
// dot segments resolved, since "//api/./login" and "/api/%6cogin" reach the same
// handler as "/api/login" in most upstreams: a pattern that an attacker can step
// around would not protect.
type pattern struct {
	method   string // empty: any
	segments []string
	open     bool // ends with "**"
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

// maxDepth bounds the segments that are looked at; request.Parse has a bound of its own.
const maxDepth = 64

func (p *pattern) match(method string, segments []request.Param) bool {
	if p.method != "" && p.method != method {
		return false
	}
	var clean [maxDepth]string
	n := 0
	for _, s := range segments {
		switch s.Value {
		case "", ".":
		case "..":
			n = max(n-1, 0)
		default:
			if n == maxDepth {
				return false
			}
			clean[n] = s.Value
			n++
		}
	}
	if n < len(p.segments) || n > len(p.segments) && !p.open {
		return false
	}
	for i, want := range p.segments {
		if want != "*" && want != clean[i] {
			return false
		}
	}
	return true
}
