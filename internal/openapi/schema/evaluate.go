package schema

import (
	"strconv"
	"unicode/utf8"

	"bartizan/internal/apimap"
	"bartizan/internal/request"
)

// MaxSteps bounds the work of one validation: each visit of a rule with a value,
// and each comparison, is one. A step takes about 50 nanoseconds.
const MaxSteps = 100_000

// Evaluation validates one instance and keeps what it found. Reuse it.
type Evaluation struct {
	Instance
	// Problems are at most apimap.MaxProblems. The text of each stands alone.
	Problems []apimap.Problem
	where    string // what the root is called: "body", "query:page"
	steps    int
}

// Reset empties the evaluation. Problems are given away, not reused.
func (e *Evaluation) Reset() {
	e.Instance.Reset()
	e.Problems, e.where, e.steps = nil, "", 0
}

// Report appends a problem while there is room.
func (e *Evaluation) Report(k apimap.ProblemKind, where, what string) {
	if len(e.Problems) < apimap.MaxProblems {
		e.Problems = append(e.Problems, apimap.Problem{Kind: k, Where: request.Excerpt(where, 96), What: request.Excerpt(what, 96)})
	}
}

// Exhausted says that the work reached its bound. What was found holds; what was
// not looked at any more counts as right.
func (e *Evaluation) Exhausted() bool { return e.steps > MaxSteps }

// Run validates the instance, whose root is called where, and reports problems.
func (e *Evaluation) Run(r *Rule, where string) {
	e.where = where
	if e.twice != 0 {
		e.report(apimap.ProblemRepeated, e.twice, "an object names one key twice")
	}
	if len(e.nodes) > 0 {
		e.check(r, 0, r, true)
	}
}

// Fits reports whether the instance has no problem, and reports none.
func (e *Evaluation) Fits(r *Rule) bool { return len(e.nodes) == 0 || e.check(r, 0, r, false) }

// report names the place of a node.
func (e *Evaluation) report(k apimap.ProblemKind, at int, what string) bool {
	if len(e.Problems) < apimap.MaxProblems {
		e.Report(k, e.place(at, ""), what)
	}
	return false
}

// place spells the way to a node, and to a member of it.
func (e *Evaluation) place(at int, member string) string {
	out, dot := []byte(e.where), e.where != "body"
	if !dot {
		out = append(out, ':')
	}
	key := func(s string) {
		if dot {
			out = append(out, '.')
		}
		out, dot = append(out, s...), true
	}
	for i := 0; i != at && len(out) < 256; {
		array, index, c := e.nodes[i].kind == Array, 0, i+1
		for ; int(e.nodes[c].end) <= at; c, index = int(e.nodes[c].end), index+1 {
		}
		if array {
			out, dot = append(strconv.AppendInt(append(out, '['), int64(index), 10), ']'), true
		} else {
			key(e.nodes[c].key)
		}
		i = c
	}
	if member != "" {
		key(member)
	}
	if n := len(out); out[n-1] == ':' {
		out = out[:n-1]
	}
	return string(out)
}

// check validates a node. top is the outermost rule that applies to the same
// value. If it is not loud it reports nothing and stops at the first problem.
func (e *Evaluation) check(r *Rule, at int, top *Rule, loud bool) bool {
	e.steps++
	for r.bare {
		r = r.ref
	}
	n := &e.nodes[at]
	loud = loud && len(e.Problems) < apimap.MaxProblems
	switch {
	case e.steps > MaxSteps, n.kind == Opaque, r.nullable && n.kind == Null:
		return true
	case r.never:
		return loud && e.report(apimap.ProblemUnknown, at, "not allowed here")
	case r.types != 0 && !r.types.Has(n.kind) && !(n.kind == Number && r.types&Integer != 0 && integer(n.text)):
		return loud && e.report(apimap.ProblemValue, at, kindNames[n.kind]+" instead of "+r.types.String())
	}
	ok := !r.listed || e.checkList(r, at, loud)
	if !ok && !loud {
		return false
	}
	switch n.kind {
	case Text:
		ok = e.checkText(r, at, loud) && ok
	case Number:
		ok = e.checkNumber(r, at, loud) && ok
	case Array:
		ok = e.checkArray(r, at, loud) && ok
	case Object:
		ok = e.checkObject(r, at, top, loud) && ok
	}
	if !r.combined || !ok && !loud {
		return ok
	}
	return e.combine(r, at, top, loud) && ok
}

// String lists the kinds.
func (t Types) String() string {
	out := ""
	add := func(s string) {
		if out != "" {
			out += " or "
		}
		out += s
	}
	for k := range Opaque {
		if t.Has(k) {
			add(kindNames[k])
		}
	}
	if t&Integer != 0 && !t.Has(Number) {
		add("integer")
	}
	return out
}

func (e *Evaluation) checkList(r *Rule, at int, loud bool) bool {
	n := &e.nodes[at]
	if r.constant != nil && !e.equal(at, *r.constant) {
		return loud && e.report(apimap.ProblemValue, at, "not the one documented value")
	}
	if r.enum == nil {
		return true
	}
	if r.words != nil {
		if n.kind == Text {
			if _, ok := r.words[n.text]; ok {
				return true
			}
		}
	} else {
		for _, v := range r.enum {
			if e.equal(at, v) {
				return true
			}
		}
	}
	return loud && e.report(apimap.ProblemValue, at, "none of the "+strconv.Itoa(len(r.enum))+" documented values")
}

func (e *Evaluation) checkText(r *Rule, at int, loud bool) bool {
	s := e.nodes[at].text
	ok := true
	if r.minLength > 0 || r.maxLength >= 0 {
		e.steps += len(s) >> 8
		if n := utf8.RuneCountInString(s); n < r.minLength {
			ok = loud && e.report(apimap.ProblemValue, at, "shorter than "+strconv.Itoa(r.minLength))
		} else if r.maxLength >= 0 && n > r.maxLength {
			ok = loud && e.report(apimap.ProblemValue, at, "longer than "+strconv.Itoa(r.maxLength))
		}
	}
	if r.pattern != nil {
		e.steps += len(s) >> 2
		if !r.pattern.MatchString(s) {
			ok = loud && e.report(apimap.ProblemValue, at, "does not match the pattern")
		}
	}
	if r.format != nil && !hasFormat(r.format, s) {
		ok = loud && e.report(apimap.ProblemValue, at, "not of format "+r.format.Name)
	}
	return ok
}

func (e *Evaluation) checkNumber(r *Rule, at int, loud bool) bool {
	s := e.nodes[at].text
	ok := true
	bad := func(what string) {
		ok = loud && e.report(apimap.ProblemValue, at, what)
	}
	if r.min != nil && r.min.compare(s) < 0 || r.over != nil && r.over.compare(s) <= 0 {
		bad("below the minimum")
	}
	if r.max != nil && r.max.compare(s) > 0 || r.under != nil && r.under.compare(s) >= 0 {
		bad("above the maximum")
	}
	if r.multiple != nil && !r.multiple.divides(s) {
		bad("not a multiple of what is documented")
	}
	if r.format != nil && !fitsBits(r.format.Name, s) {
		bad("does not fit " + r.format.Name)
	}
	return ok
}

// combine applies the rules that say something of the same value.
func (e *Evaluation) combine(r *Rule, at int, top *Rule, loud bool) bool {
	ok := true
	if r.ref != nil && !e.check(r.ref, at, top, loud) {
		ok = false
	}
	for _, c := range r.all {
		if !ok && !loud {
			return false
		}
		ok = e.check(c, at, top, loud) && ok
	}
	if ok || loud {
		ok = e.branches(r, at, top, loud) && ok
	}
	if r.not != nil && (ok || loud) && e.check(r.not, at, r.not, false) && !e.Exhausted() {
		ok = loud && e.report(apimap.ProblemValue, at, "what the document excludes")
	}
	if r.if_ != nil && (ok || loud) {
		next := r.no
		if e.check(r.if_, at, top, false) {
			next = r.yes
		}
		if next != nil {
			ok = e.check(next, at, top, loud) && ok
		}
	}
	if (ok || loud) && e.nodes[at].kind == Object && r.unevaluated != nil {
		ok = e.leftOver(r, at, loud) && ok
	}
	if (ok || loud) && e.nodes[at].kind == Array && r.unevaluatedItems != nil {
		ok = e.leftItems(r, at, loud) && ok
	}
	return ok
}

// branches applies anyOf and oneOf.
func (e *Evaluation) branches(r *Rule, at int, top *Rule, loud bool) bool {
	if r.any == nil && r.one == nil {
		return true
	}
	if r.mapping != nil && e.nodes[at].kind == Object {
		if c := e.member(at, r.property); c >= 0 && e.nodes[c].kind == Text {
			if chosen := r.mapping[e.nodes[c].text]; chosen != nil {
				return e.check(chosen, at, top, loud)
			}
			return loud && e.report(apimap.ProblemValue, c, "names none of the documented kinds")
		}
	}
	ok := r.any == nil || e.either(r.any, at, top, loud, false)
	return (r.one == nil || (ok || loud) && e.either(r.one, at, top, loud, true)) && ok
}

// either reports whether a branch fits; if only, exactly one.
func (e *Evaluation) either(list []*Rule, at int, top *Rule, loud, only bool) bool {
	var fits *Rule
	for _, c := range list {
		if !e.check(c, at, top, false) {
			continue
		}
		if fits != nil && !e.Exhausted() {
			return loud && e.report(apimap.ProblemValue, at, "fits more than one of the documented forms")
		}
		if fits = c; !only {
			break
		}
	}
	if fits != nil {
		if loud {
			e.check(fits, at, top, true) // for what quiet checks do not mind: read-only fields
		}
		return true
	}
	if !loud {
		return false
	}
	var likely *Rule // the one branch of the value's kind can say what is wrong
	for _, c := range list {
		if t := c.outer(8); t == 0 || t.Has(e.nodes[at].kind) || e.nodes[at].kind == Number && t&Integer != 0 {
			if likely != nil {
				return e.report(apimap.ProblemValue, at, "fits none of the "+strconv.Itoa(len(list))+" documented forms")
			}
			likely = c
		}
	}
	if likely == nil {
		return e.report(apimap.ProblemValue, at, "fits none of the "+strconv.Itoa(len(list))+" documented forms")
	}
	return e.check(likely, at, top, true)
}

// outer returns the kinds that a rule, or what it refers to, names; 0 if none.
func (r *Rule) outer(depth int) Types {
	if r.types != 0 || r.ref == nil || depth == 0 {
		return r.types
	}
	return r.ref.outer(depth - 1)
}
