package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"bartizan/internal/request"
)

// Patch shields one field of one endpoint: what it does not allow is refused
// before it reaches the hole behind it (a virtual patch).
type Patch struct {
	Name     string
	Endpoint string // as Route.Match
	Field    string // "query:id", "body:user.name", "header:X-Name", "cookie:lang"
	Allow    Allowance
	Until    time.Time
	DryRun   bool // only note what would be refused
	Reason   string

	pattern pattern
	in      string // "query", "body", "header" or "cookie"
	key     string
	shape   *regexp.Regexp
}

// Allowance is what a field may hold; empty parts allow everything.
type Allowance struct {
	Type    string // one of the keys of shapes
	Pattern string // regular expression that the whole value must match
	Max     int    // bytes; 0: no bound
}

// shapes are the types that a patch can ask for.
var shapes = map[string]string{
	"": "", "any": "", "int": `-?[0-9]{1,19}`, "number": `-?[0-9]{1,19}(\.[0-9]{1,19})?`, "bool": `true|false|0|1`,
	"word": `[A-Za-z0-9_-]*`, "uuid": `[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`, "date": `[0-9]{4}-[0-9]{2}-[0-9]{2}`,
	"email": `[^@\s<>"'();]{1,64}@[A-Za-z0-9.-]{1,255}`, "none": `[^\s\S]`,
}

func (c *compiler) patches(in []Patch) []Patch {
	out := make([]Patch, len(in))
	names := map[string]bool{}
	for i, x := range in {
		path := fmt.Sprintf("patches[%d]", i)
		c.named(path, x.Name, names)
		var err error
		if x.pattern, err = parsePattern(x.Endpoint); err != nil {
			c.fail(path+".endpoint", err)
		}
		x.in, x.key, _ = strings.Cut(x.Field, ":")
		if (x.in != "query" && x.in != "body" && x.in != "header" && x.in != "cookie") || x.key == "" {
			c.fail(path+".field", fmt.Errorf("is %q: want query:, body:, header: or cookie: and a name, such as query:id", x.Field))
		}
		shape, ok := shapes[x.Allow.Type]
		switch {
		case !ok:
			c.fail(path+".allow.type", fmt.Errorf("is %q: want int, number, bool, word, uuid, date, email, none or any", x.Allow.Type))
		case shape == "" && x.Allow.Pattern == "" && x.Allow.Max <= 0:
			c.fail(path+".allow", errors.New("allows everything: want a type, a pattern or a max"))
		}
		if x.Allow.Pattern != "" {
			shape = x.Allow.Pattern
		}
		if shape != "" {
			if x.shape, err = regexp.Compile(`^(?:` + shape + `)$`); err != nil {
				c.fail(path+".allow.pattern", err)
			}
		}
		out[i] = x
	}
	return out
}

// allows reports whether a value may pass.
func (x *Patch) allows(value string) bool {
	return (x.Allow.Max <= 0 || len(value) <= x.Allow.Max) && (x.shape == nil || x.shape.MatchString(value))
}

// holds reports whether the patch is for r.
func (x *Patch) holds(now time.Time, r *request.Request) bool {
	return (x.Until.IsZero() || !now.After(x.Until)) && x.pattern.any(r)
}

// PatchHead holds the head of r against the patches.
func (p *Policy) PatchHead(now time.Time, r *request.Request) {
	for i := range p.patches {
		x := &p.patches[i]
		if x.in == "body" || !x.holds(now, r) {
			continue
		}
		switch x.in {
		case "query":
			p.params(r, x, r.Query)
		case "cookie":
			p.params(r, x, r.Cookies)
		case "header":
			for v := range r.Headers(x.key) {
				x.hold(r, v)
			}
		}
	}
}

func (p *Policy) params(r *request.Request, x *Patch, list []request.Param) {
	for i := range list {
		if list[i].Name == x.key {
			x.hold(r, list[i].Value)
		}
	}
}

// Fields are what the policy says of the fields of one request's body. The zero
// value says nothing.
type Fields struct {
	decoys  map[string]bool
	patches []*Patch
}

// Fields returns what p says of the fields of r's body. It may use old's memory.
func (p *Policy) Fields(now time.Time, r *request.Request, old Fields) Fields {
	f := Fields{decoys: p.decoys.fields, patches: old.patches[:0]}
	for i := range p.patches {
		if x := &p.patches[i]; x.in == "body" && x.holds(now, r) {
			f.patches = append(f.patches, x)
		}
	}
	return f
}

// None reports whether nothing is said of any field.
func (f Fields) None() bool { return len(f.decoys) == 0 && len(f.patches) == 0 }

// Hold holds one value of r's body, which is no name, against f: what a patch does
// not allow, and what stands in a field that no browser sends.
func (f Fields) Hold(r *request.Request, v *request.Value) {
	for _, x := range f.patches {
		if x.key == v.Key {
			x.hold(r, v.Text)
		}
	}
	// Only a form of the site's own can have carried the field: its name stands in the
	// page, and any other page can have it sent.
	if r.Laid && f.decoys[v.Key] && (v.In == request.InForm || v.In == request.InPart) && r.Standing.Elsewhere == 0 {
		r.Signals = append(r.Signals, fieldSignal(v.Key))
	}
}

// hold notes a value that the patch does not allow.
func (x *Patch) hold(r *request.Request, value string) {
	switch {
	case x.allows(value):
	case x.DryRun:
		note(r, x.Name)
	case r.Patched == "":
		r.Patched = x.Name
	}
}
