package openapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"bartizan/internal/request"
)

// step is a place in the tree of paths. What leads on from it is tried in the
// order literal, mixed, parameter. No step is visited twice in one look-up, so
// a look-up never costs more than the tree has steps.
type step struct {
	literal map[string]*step
	mixed   []*mixedStep
	any     *step
	leaf    *leaf
}

// mixedStep is a segment that is only partly variable: "{id}.json".
type mixedStep struct {
	pattern mixed
	next    *step
}

// leaf is a documented path.
type leaf struct {
	template string
	allow    []string
	ops      []*operation
}

func newStep() *step { return &step{literal: map[string]*step{}} }

// segmentsOf splits a path as request.Parse does: empty segments do not count.
func segmentsOf(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// add makes the steps of a path, once.
func (s *step) add(path string) (*leaf, error) {
	for _, segment := range segmentsOf(path) {
		m, err := mixedOf(segment)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		s = s.next(m)
	}
	if s.leaf == nil {
		s.leaf = &leaf{template: path}
	}
	return s.leaf, nil
}

func (s *step) next(m mixed) *step {
	switch {
	case len(m.names) == 0:
		key := m.literals[0]
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain
		}
		if s.literal[key] == nil {
			s.literal[key] = newStep()
		}
		return s.literal[key]
	case len(m.names) == 1 && m.literals[0] == "" && m.literals[1] == "":
		if s.any == nil {
			s.any = newStep()
		}
		return s.any
	}
	for _, old := range s.mixed {
		if slices.Equal(old.pattern.literals, m.literals) {
			return old.next
		}
	}
	s.mixed = append(s.mixed, &mixedStep{m, newStep()})
	return s.mixed[len(s.mixed)-1].next
}

// put adds an operation and reports whether its method is new there.
func (l *leaf) put(op *operation) bool {
	at, found := slices.BinarySearch(l.allow, op.method)
	if found {
		return false
	}
	l.allow = slices.Insert(l.allow, at, op.method)
	l.ops = slices.Insert(l.ops, at, op)
	return true
}

// operation returns what answers a method. HEAD is what GET is.
func (l *leaf) operation(method string) *operation {
	head := (*operation)(nil)
	for _, op := range l.ops {
		if op.method == method {
			return op
		}
		if op.method == "GET" && method == "HEAD" {
			head = op
		}
	}
	return head
}

// find returns the path that segments fit best and its operation for method.
// Where the best path does not have the method, another that does is taken: no
// router would refuse it.
func (s *step) find(method string, segments []request.Param) (*leaf, *operation) {
	f := finder{method: method, segments: segments}
	f.walk(s, 0)
	return f.leaf, f.op
}

type finder struct {
	method   string
	segments []request.Param
	leaf     *leaf
	op       *operation
}

// walk reports whether it found path and method.
func (f *finder) walk(s *step, i int) bool {
	if i == len(f.segments) {
		if s.leaf == nil {
			return false
		}
		op := s.leaf.operation(f.method)
		if f.leaf == nil || op != nil {
			f.leaf, f.op = s.leaf, op
		}
		return op != nil
	}
	text := f.segments[i].Value
	if text == "." || text == ".." { // servers resolve them: it is another path
		return false
	}
	if next := s.literal[text]; next != nil && f.walk(next, i+1) {
		return true
	}
	for _, m := range s.mixed {
		if _, ok := m.pattern.match(text, 0); ok && f.walk(m.next, i+1) {
			return true
		}
	}
	return s.any != nil && f.walk(s.any, i+1)
}

// mixed is a segment's literals and between them its parameters' names.
type mixed struct {
	literals []string // one more than names
	names    []string
}

func mixedOf(segment string) (mixed, error) {
	m := mixed{}
	for {
		before, rest, open := strings.Cut(segment, "{")
		m.literals = append(m.literals, before)
		if !open {
			return m, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || name == "" {
			return m, fmt.Errorf("segment %q has a brace without its other half", segment)
		}
		m.names = append(m.names, name)
		segment = after
		if strings.HasPrefix(segment, "{") {
			return m, fmt.Errorf("segment has two parameters with nothing between them")
		}
	}
}

// match returns what text has for parameter number n. Values are as short as
// they can be, but for the last.
func (m *mixed) match(text string, n int) (string, bool) {
	rest, ok := strings.CutPrefix(text, m.literals[0])
	if !ok {
		return "", false
	}
	value := ""
	for i := range m.names {
		literal, last := m.literals[i+1], i == len(m.names)-1
		end := len(rest) - len(literal)
		if !last {
			end = strings.Index(rest, literal)
		}
		if end <= 0 || rest[end:end+len(literal)] != literal {
			return "", false
		}
		if i == n {
			value = rest[:end]
		}
		rest = rest[end+len(literal):]
	}
	return value, true
}
