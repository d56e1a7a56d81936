package openapi

import (
	"cmp"
	"slices"
	"strings"

	"bartizan/internal/apimap"
	"bartizan/internal/openapi/schema"
	"bartizan/internal/request"
)

// Drift is how a document and the traffic of one site differ. Each list is
// sorted by template and method.
type Drift struct {
	Used         []Usage // documented and used as documented
	Unused       []Usage // documented, not seen
	Undocumented []Usage // seen, not documented
	Drifting     []Usage // documented and used otherwise than documented
}

// Usage is an operation with what traffic says of it.
type Usage struct {
	Method     string
	Template   string // the document's; empty if it has none
	Learned    string // the model's; empty if not seen
	Requests   int
	Certain    bool // the model is certain
	Deprecated bool
	Changes    []Change // for Drifting
}

// Change is one way in which traffic departs from the document.
type Change struct{ Where, What string }

// Compare says how a document and the endpoints learned of its site differ.
func Compare(spec *Spec, learned []apimap.Endpoint) Drift {
	d := Drift{}
	used := map[*operation]bool{}
	for _, e := range learned {
		leaf, op := spec.root.find(e.Method, params(e.Template))
		u := Usage{Method: e.Method, Learned: e.Template, Requests: e.Requests, Certain: e.Certain}
		if op == nil {
			if leaf != nil {
				u.Template = leaf.template
			}
			if e.Method != "OPTIONS" {
				d.Undocumented = append(d.Undocumented, u)
			}
			continue
		}
		used[op] = true
		u.Template, u.Deprecated, u.Changes = leaf.template, op.deprecated, op.changes(e)
		if len(u.Changes) > 0 {
			d.Drifting = append(d.Drifting, u)
		} else {
			d.Used = append(d.Used, u)
		}
	}
	spec.root.each(func(l *leaf) {
		for _, op := range l.ops {
			if !used[op] {
				d.Unused = append(d.Unused, Usage{Method: op.method, Template: l.template, Deprecated: op.deprecated})
			}
		}
	})
	for _, list := range [][]Usage{d.Used, d.Unused, d.Undocumented, d.Drifting} {
		slices.SortFunc(list, func(a, b Usage) int {
			return cmp.Or(cmp.Compare(a.Template, b.Template), cmp.Compare(a.Learned, b.Learned), cmp.Compare(a.Method, b.Method))
		})
	}
	return d
}

// each visits all paths of the tree.
func (s *step) each(visit func(*leaf)) {
	if s.leaf != nil {
		visit(s.leaf)
	}
	for _, next := range s.literal {
		next.each(visit)
	}
	for _, m := range s.mixed {
		m.next.each(visit)
	}
	if s.any != nil {
		s.any.each(visit)
	}
}

// params splits a learned template; its "{int}" fits no literal of the document.
func params(template string) []request.Param {
	var out []request.Param
	for _, s := range segmentsOf(template) {
		out = append(out, request.Param{Value: s})
	}
	return out
}

// changes lists what was learned of an endpoint that its operation does not say.
func (op *operation) changes(e apimap.Endpoint) []Change {
	var out []Change
	for _, p := range e.Parameters {
		switch {
		case p.In == request.InQuery:
			out = append(out, op.changedQuery(p)...)
		case p.In.Body():
			out = append(out, op.changedField(p)...)
		}
	}
	if op.body != nil {
		for _, t := range e.ContentTypes {
			if op.body.match(t) == nil {
				out = append(out, Change{"header:Content-Type", t + " is not documented"})
			}
		}
	}
	return out
}

func (op *operation) changedQuery(p apimap.Parameter) []Change {
	where := "query:" + p.Name
	q := op.query[p.Name]
	if q == nil {
		known := op.open || op.keys[p.Name] || op.inner[p.Name] || slices.ContainsFunc(op.prefixes, func(s string) bool { return strings.HasPrefix(p.Name, s) })
		if known {
			return nil
		}
		return []Change{{where, "not documented"}}
	}
	if q.shape == single || q.shape == list {
		return changedType(where, p, q.kinds, q.rule)
	}
	return nil
}

// changedField finds a body's field, which the model names "items[].price".
func (op *operation) changedField(p apimap.Parameter) []Change {
	where := "body:" + p.Name
	if op.body == nil {
		return []Change{{where, "no body is documented"}}
	}
	typed, rules := []Change(nil), 0
	for _, m := range op.body.media {
		if m.rule == nil {
			continue
		}
		rules++
		r, ok := lookUp(m.rule, p.Name)
		if !ok {
			continue
		}
		if typed = changedType(where, p, r.Types(), r); typed == nil {
			return nil
		}
	}
	if typed != nil || rules == 0 {
		return typed
	}
	return []Change{{where, "not documented"}}
}

// lookUp goes down a key path. What it cannot follow counts as found only where
// the schema names it or takes any name with a rule of its own.
func lookUp(r *schema.Rule, path string) (*schema.Rule, bool) {
	for key := range strings.SplitSeq(path, ".") {
		name := strings.TrimRight(key, "[]")
		if name != "" {
			var ok bool
			if r, ok = r.Property(name); !ok {
				return nil, false
			}
		}
		for range strings.Count(key, "[]") {
			if r = r.Items(); r == nil {
				return nil, false
			}
		}
	}
	return r, true
}

// changedType compares the commonest kind of a parameter with what it may be. A text that
// looks like a number is a text: it departs where the document gives a format that no
// number has, or where a JSON body has the number itself.
func changedType(where string, p apimap.Parameter, kinds schema.Types, rule *schema.Rule) []Change {
	kind := p.Type
	numeric := kinds.Has(schema.Number) || kinds&schema.Integer != 0
	scalar := kind == "integer" || kind == "number" || kind == "boolean"
	switch {
	case kind == "empty" || kind == "",
		kind == "integer" && numeric, kind == "number" && kinds.Has(schema.Number),
		kind == "boolean" && kinds.Has(schema.Boolean),
		kinds == 0 || kinds&every == 0:
		return nil
	case !kinds.Has(schema.Text):
		return []Change{{where, kind + " instead of " + kinds.String()}}
	case !scalar:
		return nil
	}
	if format := rule.Format(); unlikeNumbers[format] {
		return []Change{{where, kind + " instead of " + kinds.String() + " of format " + format}}
	}
	if p.Literal {
		return []Change{{where, kind + " instead of " + kinds.String()}}
	}
	return nil
}

// unlikeNumbers are formats that no number and no truth has.
var unlikeNumbers = map[string]bool{
	"uuid": true, "date": true, "date-time": true, "time": true, "duration": true, "email": true, "idn-email": true, "ipv4": true,
	"ipv6": true,
	"uri":  true, "iri": true,
}
