// Package schema compiles the schemas of an OpenAPI document once and validates
// values by them, within a bound of work.
//
// Reading, checking and compiling schemas is the library's
// (santhosh-tekuri/jsonschema); the rules made of its compiled form are what a
// request meets. The library's own validation has no bound: a recursive oneOf
// takes exponential time on a body of a hundred bytes. It is the oracle of the tests.
//
// It decides nothing. Rules are immutable; an Evaluation belongs to one goroutine.
package schema

import (
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Rule is one compiled schema.
type Rule struct {
	never    bool
	nullable bool
	bare     bool // nothing but ref
	listed   bool // has enum or constant
	combined bool // applies other rules to the same value
	readOnly bool
	types    Types // 0 is any
	format   *jsonschema.Format
	enum     []any
	words    map[string]struct{} // enum, if it is of strings only
	constant *any
	property string // discriminator
	mapping  map[string]*Rule

	ref                *Rule
	all, any, one      []*Rule
	not, if_, yes, no  *Rule
	props              map[string]*Rule
	patterns           []patternRule
	more               *Rule
	closed             bool
	names              *Rule
	required           []string
	answers            map[string]bool // names that are read-only somewhere in the document; shared
	minProps, maxProps int
	dependent          []dependency
	unevaluated        *Rule

	prefix             []*Rule
	items              *Rule
	minItems, maxItems int
	unique             bool
	contains           *Rule
	minHits, maxHits   int
	unevaluatedItems   *Rule

	minLength, maxLength int
	pattern              jsonschema.Regexp
	min, max, over, under,
	multiple *limit
}

type patternRule struct {
	name jsonschema.Regexp
	rule *Rule
}

type dependency struct {
	name     string
	required []string
	rule     *Rule
}

// Types is a set of kinds; Integer is one more bit.
type Types uint16

// Integer is a number without a fraction.
const Integer Types = 1 << 8

// Has reports whether kind k is in the set.
func (t Types) Has(k Kind) bool { return t&(1<<k) != 0 }

// linker makes rules of the library's schemas.
type linker struct {
	b     *Builder
	tops  []*jsonschema.Schema
	rules map[*jsonschema.Schema]*Rule
	queue []*jsonschema.Schema
}

func (l *linker) all() []*Rule {
	out := make([]*Rule, len(l.tops))
	for i, s := range l.tops {
		out[i] = l.of(s)
	}
	for len(l.queue) > 0 {
		s := l.queue[len(l.queue)-1]
		l.queue = l.queue[:len(l.queue)-1]
		l.fill(l.rules[s], s, out)
	}
	for _, r := range l.rules {
		r.readOnly = r.marked(8)
	}
	answers := map[string]bool{}
	for _, r := range l.rules {
		for name, p := range r.props {
			if p.readOnly {
				answers[name] = true
			}
		}
	}
	for _, r := range l.rules {
		r.answers = answers
	}
	return out
}

// marked reports whether r or what it refers to is read-only.
func (r *Rule) marked(depth int) bool {
	if r.readOnly || depth == 0 {
		return r.readOnly
	}
	if r.ref != nil && r.ref.marked(depth-1) {
		return true
	}
	return len(r.all) == 1 && r.all[0].marked(depth-1) // the way that 3.0 puts words beside a reference
}

func (l *linker) of(s *jsonschema.Schema) *Rule {
	if s == nil {
		return nil
	}
	r := l.rules[s]
	if r == nil {
		r = &Rule{readOnly: s.ReadOnly}
		l.rules[s] = r
		l.queue = append(l.queue, s)
	}
	return r
}

func (l *linker) list(list []*jsonschema.Schema) []*Rule {
	var out []*Rule
	for _, s := range list {
		out = append(out, l.of(s))
	}
	return out
}

func number(p *int) int {
	if p == nil {
		return -1
	}
	return *p
}

func (l *linker) fill(r *Rule, s *jsonschema.Schema, tops []*Rule) {
	r.never = s.Bool != nil && !*s.Bool
	r.types = typesOf(s.Types)
	r.format, r.constant = s.Format, s.Const
	l.fillEnum(r, s)
	l.fillAbout(r, s, tops)
	r.ref, r.all, r.any, r.one = l.of(s.Ref), l.list(s.AllOf), l.list(s.AnyOf), l.list(s.OneOf)
	r.not, r.if_, r.yes, r.no = l.of(s.Not), l.of(s.If), l.of(s.Then), l.of(s.Else)
	l.fillObject(r, s)
	r.prefix, r.items, r.unevaluatedItems = l.list(s.PrefixItems), l.of(s.Items2020), l.of(s.UnevaluatedItems)
	r.minItems, r.maxItems, r.unique = number(s.MinItems), number(s.MaxItems), s.UniqueItems
	if r.contains = l.of(s.Contains); r.contains != nil {
		r.minHits, r.maxHits = number(s.MinContains), number(s.MaxContains)
		if r.minHits < 0 {
			r.minHits = 1
		}
	}
	r.minLength, r.maxLength, r.pattern = number(s.MinLength), number(s.MaxLength), s.Pattern
	r.min, r.max, r.over, r.under = limitOf(s.Minimum), limitOf(s.Maximum), limitOf(s.ExclusiveMinimum), limitOf(s.ExclusiveMaximum)
	r.multiple = limitOf(s.MultipleOf)
	r.listed = r.enum != nil || r.constant != nil
	r.combined = r.ref != nil || r.all != nil || r.any != nil || r.one != nil || r.not != nil || r.if_ != nil || r.unevaluated != nil || r.unevaluatedItems != nil
}

func (l *linker) fillObject(r *Rule, s *jsonschema.Schema) {
	r.props = make(map[string]*Rule, len(s.Properties))
	for name, p := range s.Properties {
		r.props[name] = l.of(p)
	}
	for re, p := range s.PatternProperties {
		r.patterns = append(r.patterns, patternRule{re, l.of(p)})
	}
	switch a := s.AdditionalProperties.(type) {
	case bool:
		r.closed = !a
		if a {
			r.more = &Rule{minLength: -1, maxLength: -1, minItems: -1, maxItems: -1, minProps: -1, maxProps: -1}
		}
	case *jsonschema.Schema:
		if r.more = l.of(a); a.Bool != nil && !*a.Bool {
			r.closed, r.more = true, nil
		}
	}
	r.names, r.required, r.unevaluated = l.of(s.PropertyNames), s.Required, l.of(s.UnevaluatedProperties)
	r.minProps, r.maxProps = number(s.MinProperties), number(s.MaxProperties)
	for name, d := range s.DependentRequired {
		r.dependent = append(r.dependent, dependency{name, d, nil})
	}
	for name, d := range s.DependentSchemas {
		r.dependent = append(r.dependent, dependency{name, nil, l.of(d)})
	}
}

func (l *linker) fillEnum(r *Rule, s *jsonschema.Schema) {
	if s.Enum == nil {
		return
	}
	r.enum = s.Enum.Values
	words := make(map[string]struct{}, len(r.enum))
	for _, v := range r.enum {
		w, ok := v.(string)
		if !ok {
			return
		}
		words[w] = struct{}{}
	}
	r.words = words
}

func (l *linker) fillAbout(r *Rule, s *jsonschema.Schema, tops []*Rule) {
	_, loc, _ := strings.Cut(s.Location, "#")
	if plain, err := url.PathUnescape(loc); err == nil {
		loc = plain
	}
	a := l.b.about[loc]
	if a == nil {
		return
	}
	r.nullable, r.bare = a.nullable, a.bare
	if a.mapping == nil {
		return
	}
	r.property, r.mapping = a.property, make(map[string]*Rule, len(a.mapping))
	for name, i := range a.mapping {
		r.mapping[name] = tops[i]
	}
}

var typeBits = map[string]Types{"null": 1 << Null, "boolean": 1 << Boolean, "number": 1<<Number | Integer, "integer": Integer, "string": 1 << Text, "array": 1 << Array, "object": 1 << Object}

func typesOf(t *jsonschema.Types) (out Types) {
	if t == nil {
		return 0
	}
	for _, name := range t.ToStrings() {
		out |= typeBits[name]
	}
	return out
}

// every is the set of all kinds.
const every = 1<<Null | 1<<Boolean | 1<<Number | 1<<Text | 1<<Array | 1<<Object | Integer

// Types returns the kinds that a value can have and fit.
func (r *Rule) Types() Types { return r.kinds(map[*Rule]Types{}) }

func (r *Rule) kinds(known map[*Rule]Types) Types {
	if t, ok := known[r]; ok {
		return t
	}
	known[r] = every
	t := Types(every)
	if r.types != 0 {
		t = r.types
	}
	if r.ref != nil {
		t &= r.ref.kinds(known)
	}
	for _, c := range r.all {
		t &= c.kinds(known)
	}
	for _, list := range [...][]*Rule{r.any, r.one} {
		either := Types(0)
		for _, c := range list {
			either |= c.kinds(known)
		}
		if list != nil {
			t &= either
		}
	}
	if r.nullable {
		t |= 1 << Null
	}
	known[r] = t
	return t
}

// Items returns the rule of a list's items, or nil.
func (r *Rule) Items() *Rule { return r.find(func(r *Rule) *Rule { return r.items }) }

// Property returns the rule of a named property and whether there is one.
func (r *Rule) Property(name string) (*Rule, bool) {
	p := r.find(func(r *Rule) *Rule {
		if p := r.props[name]; p != nil {
			return p
		}
		for _, p := range r.patterns {
			if p.name.MatchString(name) {
				return p.rule
			}
		}
		return nil
	})
	if p != nil {
		return p, true
	}
	p = r.find(func(r *Rule) *Rule { return r.more })
	return p, p != nil
}

// Properties calls give for every named property that a value can have.
func (r *Rule) Properties(give func(name string, p *Rule)) {
	r.find(func(r *Rule) *Rule {
		for name, p := range r.props {
			give(name, p)
		}
		return nil
	})
}

// Closed reports whether an object may have no other than the named properties.
func (r *Rule) Closed() bool {
	return r.find(func(r *Rule) *Rule {
		if r.closed || r.unevaluated != nil && r.unevaluated.never {
			return r
		}
		return nil
	}) != nil
}

// Format returns the name of the format that a text must have, "" if there is none.
func (r *Rule) Format() string {
	if f := r.find(func(r *Rule) *Rule {
		if r.format != nil {
			return r
		}
		return nil
	}); f != nil {
		return f.format.Name
	}
	return ""
}

// Narrow reports whether a text is held to a pattern, a format or a list.
func (r *Rule) Narrow() bool {
	return r.find(func(r *Rule) *Rule {
		if r.pattern != nil || r.format != nil || r.enum != nil || r.constant != nil {
			return r
		}
		return nil
	}) != nil
}

// find returns what get finds first in r or in what applies to the same value.
func (r *Rule) find(get func(*Rule) *Rule) *Rule { return r.search(map[*Rule]bool{}, get) }

func (r *Rule) search(seen map[*Rule]bool, get func(*Rule) *Rule) *Rule {
	if r == nil || seen[r] {
		return nil
	}
	seen[r] = true
	if p := get(r); p != nil {
		return p
	}
	if p := r.ref.search(seen, get); p != nil {
		return p
	}
	for _, list := range [...][]*Rule{r.all, r.any, r.one} {
		for _, c := range list {
			if p := c.search(seen, get); p != nil {
				return p
			}
		}
	}
	return nil
}
