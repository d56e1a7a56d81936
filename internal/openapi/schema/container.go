package schema

import (
	"encoding/json"
	"strconv"

	"bartizan/internal/apimap"
)

// member returns the node of an object's member, or -1.
func (e *Evaluation) member(at int, name string) int {
	for c := at + 1; c < int(e.nodes[at].end); c = int(e.nodes[c].end) {
		if e.nodes[c].key == name {
			return c
		}
	}
	e.steps += int(e.nodes[at].count) >> 4 // comparing keys is cheap
	return -1
}

func (e *Evaluation) checkObject(r *Rule, at int, top *Rule, loud bool) bool {
	ok := true
	n := int(e.nodes[at].count)
	if n < r.minProps {
		ok = loud && e.report(apimap.ProblemValue, at, "fewer fields than "+strconv.Itoa(r.minProps))
	}
	if r.maxProps >= 0 && n > r.maxProps {
		ok = loud && e.report(apimap.ProblemValue, at, "more fields than "+strconv.Itoa(r.maxProps))
	}
	for _, name := range r.required {
		ok = e.need(at, name, top, loud) && ok
		if !ok && !loud {
			return false
		}
	}
	for c := at + 1; c < int(e.nodes[at].end) && (ok || loud); c = int(e.nodes[c].end) {
		ok = e.checkMember(r, c, loud) && ok
		if e.Exhausted() {
			return true
		}
	}
	for i := range r.dependent {
		d := &r.dependent[i]
		if !ok && !loud || e.member(at, d.name) < 0 {
			continue
		}
		for _, name := range d.required {
			ok = e.need(at, name, top, loud) && ok
		}
		if d.rule != nil {
			ok = e.check(d.rule, at, top, loud) && ok
		}
	}
	return ok
}

// need reports whether the member is there, or is one that only answers have.
func (e *Evaluation) need(at int, name string, top *Rule, loud bool) bool {
	if e.member(at, name) >= 0 {
		return true
	}
	if top.answers[name] && top.find(func(r *Rule) *Rule {
		if p := r.props[name]; p != nil && p.readOnly {
			return p
		}
		return nil
	}) != nil {
		return true
	}
	if loud && len(e.Problems) < apimap.MaxProblems {
		e.Report(apimap.ProblemMissing, e.place(at, name), "required")
	}
	return false
}

// checkMember applies what an object's rule says of one member.
func (e *Evaluation) checkMember(r *Rule, c int, loud bool) bool {
	e.steps++
	ok, covered := true, false
	key := e.nodes[c].key
	if p := r.props[key]; p != nil {
		covered = true
		if p.readOnly && loud {
			e.report(apimap.ProblemReadOnly, c, "only answers have it")
		}
		ok = e.check(p, c, p, loud)
	}
	for i := range r.patterns {
		if p := &r.patterns[i]; p.name.MatchString(key) {
			covered = true
			ok = (ok || loud) && e.check(p.rule, c, p.rule, loud) && ok
		}
	}
	if !covered && r.closed {
		ok = loud && e.report(apimap.ProblemUnknown, c, "no such field is documented")
	} else if !covered && r.more != nil {
		ok = e.check(r.more, c, r.more, loud)
	}
	if r.names != nil && (ok || loud) && !e.checkName(r.names, key) {
		ok = loud && e.report(apimap.ProblemUnknown, c, "no such field name is documented")
	}
	return ok
}

// checkName validates a key as a text, which takes a node for the time.
func (e *Evaluation) checkName(r *Rule, key string) bool {
	at := len(e.nodes)
	e.nodes = append(e.nodes, node{Text, "", key, int32(at + 1), 0})
	ok := e.check(r, at, r, false)
	e.nodes = e.nodes[:at]
	return ok
}

func (e *Evaluation) checkArray(r *Rule, at int, loud bool) bool {
	ok := true
	n := int(e.nodes[at].count)
	if n < r.minItems {
		ok = loud && e.report(apimap.ProblemValue, at, "fewer items than "+strconv.Itoa(r.minItems))
	}
	if r.maxItems >= 0 && n > r.maxItems {
		ok = loud && e.report(apimap.ProblemValue, at, "more items than "+strconv.Itoa(r.maxItems))
	}
	hits, i := 0, 0
	for c := at + 1; c < int(e.nodes[at].end) && (ok || loud) && !e.Exhausted(); c, i = int(e.nodes[c].end), i+1 {
		if i < len(r.prefix) {
			ok = e.check(r.prefix[i], c, r.prefix[i], loud) && ok
		} else if r.items != nil {
			ok = e.check(r.items, c, r.items, loud) && ok
		}
		if r.contains != nil && e.check(r.contains, c, r.contains, false) {
			hits++
		}
	}
	if r.contains != nil && (ok || loud) && (hits < r.minHits || r.maxHits >= 0 && hits > r.maxHits) && !e.Exhausted() {
		ok = loud && e.report(apimap.ProblemValue, at, "does not contain what it must")
	}
	if r.unique && (ok || loud) && n > 1 {
		if c := e.repeated(at); c >= 0 {
			ok = loud && e.report(apimap.ProblemValue, c, "the same item again")
		}
	}
	return ok
}

// repeated returns an item that stands in the array before, or -1.
func (e *Evaluation) repeated(at int) int {
	texts := true
	for c := at + 1; c < int(e.nodes[at].end); c = int(e.nodes[c].end) {
		texts = texts && e.nodes[c].kind == Text
	}
	if texts && e.nodes[at].count > 12 {
		return e.repeatedText(at)
	}
	for c := at + 1; c < int(e.nodes[at].end); c = int(e.nodes[c].end) {
		for d := at + 1; d < c; d = int(e.nodes[d].end) {
			if e.same(c, d) {
				return c
			}
			if e.Exhausted() {
				return -1
			}
		}
	}
	return -1
}

func (e *Evaluation) repeatedText(at int) int {
	if e.seen == nil {
		e.seen = map[string]struct{}{}
	}
	clear(e.seen)
	for c := at + 1; c < int(e.nodes[at].end); c = int(e.nodes[c].end) {
		if _, ok := e.seen[e.nodes[c].text]; ok {
			return c
		}
		e.seen[e.nodes[c].text] = struct{}{}
		e.steps++
	}
	return -1
}

// same reports whether two nodes are the same JSON value.
func (e *Evaluation) same(a, b int) bool {
	e.steps++
	x, y := &e.nodes[a], &e.nodes[b]
	if x.kind != y.kind || x.count != y.count {
		return false
	}
	switch x.kind {
	case Number:
		return sameNumber(x.text, y.text)
	case Array:
		c, d := a+1, b+1
		for ; c < int(x.end); c, d = int(e.nodes[c].end), int(e.nodes[d].end) {
			if !e.same(c, d) {
				return false
			}
		}
	case Object:
		for c := a + 1; c < int(x.end); c = int(e.nodes[c].end) {
			if d := e.member(b, e.nodes[c].key); d < 0 || !e.same(c, d) {
				return false
			}
		}
	}
	return x.text == y.text
}

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, y := ratOf(a), ratOf(b)
	return x != nil && y != nil && x.Cmp(y) == 0
}

// equal reports whether a node is a schema's value.
func (e *Evaluation) equal(at int, v any) bool {
	e.steps++
	n := &e.nodes[at]
	switch v := v.(type) {
	case nil:
		return n.kind == Null
	case bool:
		return n.kind == Boolean && (n.text == "true") == v
	case string:
		return n.kind == Text && n.text == v
	case json.Number:
		return n.kind == Number && sameNumber(n.text, v.String())
	case []any:
		if n.kind != Array || int(n.count) != len(v) {
			return false
		}
		c := at + 1
		for i := range v {
			if !e.equal(c, v[i]) {
				return false
			}
			c = int(e.nodes[c].end)
		}
		return true
	case map[string]any:
		if n.kind != Object || int(n.count) != len(v) {
			return false
		}
		for c := at + 1; c < int(n.end); c = int(e.nodes[c].end) {
			if w, ok := v[e.nodes[c].key]; !ok || !e.equal(c, w) {
				return false
			}
		}
		return true
	}
	return false
}

// leftOver applies unevaluatedProperties.
func (e *Evaluation) leftOver(r *Rule, at int, loud bool) bool {
	ok := true
	for c := at + 1; c < int(e.nodes[at].end) && (ok || loud) && !e.Exhausted(); c = int(e.nodes[c].end) {
		if e.covers(r, at, c, false) {
			continue
		}
		if r.unevaluated.never {
			ok = loud && e.report(apimap.ProblemUnknown, c, "no such field is documented")
		} else {
			ok = e.check(r.unevaluated, c, r.unevaluated, loud) && ok
		}
	}
	return ok
}

// covers reports whether r says something of member c of the object at. inner
// says that its own unevaluatedProperties count.
func (e *Evaluation) covers(r *Rule, at, c int, inner bool) bool {
	e.steps++
	if r.never || e.Exhausted() {
		return e.Exhausted()
	}
	key := e.nodes[c].key
	if r.props[key] != nil || r.closed || r.more != nil || inner && r.unevaluated != nil {
		return true
	}
	for i := range r.patterns {
		if r.patterns[i].name.MatchString(key) {
			return true
		}
	}
	for i := range r.dependent {
		if d := &r.dependent[i]; d.rule != nil && e.member(at, d.name) >= 0 && e.covers(d.rule, at, c, true) {
			return true
		}
	}
	return e.through(r, at, func(r *Rule) bool { return e.covers(r, at, c, true) })
}

// through reports whether get holds for a rule that r applies to the same value
// and that the value fits.
func (e *Evaluation) through(r *Rule, at int, get func(*Rule) bool) bool {
	if r.ref != nil && get(r.ref) {
		return true
	}
	for _, c := range r.all {
		if get(c) {
			return true
		}
	}
	for _, list := range [...][]*Rule{r.any, r.one} {
		for _, c := range list {
			if get(c) && e.check(c, at, c, false) {
				return true
			}
		}
	}
	if r.if_ == nil {
		return false
	}
	if e.check(r.if_, at, r.if_, false) {
		return get(r.if_) || r.yes != nil && get(r.yes)
	}
	return r.no != nil && get(r.no)
}

// leftItems applies unevaluatedItems.
func (e *Evaluation) leftItems(r *Rule, at int, loud bool) bool {
	ok, i := true, 0
	for c := at + 1; c < int(e.nodes[at].end) && (ok || loud) && !e.Exhausted(); c, i = int(e.nodes[c].end), i+1 {
		if !e.coversItem(r, at, c, i, false) {
			ok = e.check(r.unevaluatedItems, c, r.unevaluatedItems, loud) && ok
		}
	}
	return ok
}

func (e *Evaluation) coversItem(r *Rule, at, c, i int, inner bool) bool {
	e.steps++
	if r.never || e.Exhausted() {
		return e.Exhausted()
	}
	if r.items != nil || i < len(r.prefix) || inner && r.unevaluatedItems != nil {
		return true
	}
	if r.contains != nil && e.check(r.contains, c, r.contains, false) {
		return true
	}
	return e.through(r, at, func(r *Rule) bool { return e.coversItem(r, at, c, i, true) })
}
