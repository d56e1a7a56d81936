package policy

import (
	"strings"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// ofBody and ofQuery report where x looks.
func (x *Patch) ofBody() bool  { return x.in == "body" || x.in == "param" }
func (x *Patch) ofQuery() bool { return x.in == "query" || x.in == "param" }

// over reports whether x holds no more.
func (x *Patch) over(now time.Time) bool { return !x.Until.IsZero() && now.After(x.Until) }

// holds reports whether the patch is for r.
func (x *Patch) holds(now time.Time, r *request.Request) bool {
	return !x.over(now) && x.pattern.any(r)
}

// PatchHead holds the head of r against the patches.
func (p *Policy) PatchHead(now time.Time, r *request.Request) {
	for i := range p.patches {
		x := &p.patches[i]
		if x.in == "body" || !x.holds(now, r) {
			continue
		}
		switch {
		case x.ofQuery():
			for j := range r.Query {
				x.pair(r, &x.flat, r.Query[j].Name, r.Query[j].Value)
			}
		case x.in == "cookie":
			for j := range r.Cookies {
				x.pair(r, &x.flat, r.Cookies[j].Name, r.Cookies[j].Value)
			}
		case x.in == "header":
			for j := range r.Head.Fields {
				if f := &r.Head.Fields[j]; x.flat.Matches(f.Name) {
					x.hold(r, f.Value)
				}
			}
		}
	}
}

// pair holds what a pair of a query, a form or a cookie says, also where ';' parts
// pairs as '&' does (so some servers read it).
func (x *Patch) pair(r *request.Request, want *request.FieldName, name, value string) {
	if want.Matches(name) {
		x.escaped(r, value)
	}
	if i := strings.LastIndexByte(name, ';'); i >= 0 && want.Matches(name[i+1:]) {
		first, _, _ := strings.Cut(value, ";")
		x.escaped(r, first)
	}
	_, rest, found := strings.Cut(value, ";")
	for found {
		var one string
		one, rest, found = strings.Cut(rest, ";")
		if name, value, _ := strings.Cut(one, "="); want.Matches(name) {
			x.escaped(r, value)
		}
	}
}

// readAgain is how often more escapes of a value are undone.
const readAgain = 2

// escaped holds a value as it is, and with the percent escapes undone that are left.
func (x *Patch) escaped(r *request.Request, value string) {
	x.hold(r, value)
	for range readAgain {
		if strings.IndexByte(value, '%') < 0 || r.Patched != "" {
			return
		}
		plain, _ := request.AppendUnescaped(nil, value, false)
		if len(plain) == len(value) {
			return
		}
		value = string(plain)
		x.hold(r, value)
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
		if x := &p.patches[i]; x.ofBody() && x.holds(now, r) {
			f.patches = append(f.patches, x)
		}
	}
	return f
}

// None reports whether nothing is said of any field.
func (f Fields) None() bool { return len(f.decoys) == 0 && len(f.patches) == 0 }

// Patched reports whether a patch is for some field.
func (f Fields) Patched() bool { return len(f.patches) > 0 }

// Hold holds one value of r's body, or a name that its sender chose, against f: what a
// patch does not allow, and what stands in a field that no browser sends. scratch is
// that of the walk.
func (f Fields) Hold(r *request.Request, v *request.Value, scratch *request.Scratch) {
	f.Patch(r, v, scratch)
	// Only a form of the site's own can have carried the field: its name stands in the
	// page, and any other page can have it sent.
	if r.Laid && f.decoys[v.Key] && (v.In == request.InForm || v.In == request.InPart) && r.Standing.Elsewhere == 0 {
		r.Signals = append(r.Signals, fieldSignal(v.Key))
	}
}

// Patch is Hold of the patches alone.
func (f Fields) Patch(r *request.Request, v *request.Value, scratch *request.Scratch) {
	f.patch(r, v, scratch, scratch.Cut())
}

// Resumed is Patch of a value that began before what is walked, see request.Rest.
func (f Fields) Resumed(r *request.Request, v *request.Value, scratch *request.Scratch) {
	f.patch(r, v, scratch, true)
}

func (f Fields) patch(r *request.Request, v *request.Value, scratch *request.Scratch, cut bool) {
	if len(f.patches) == 0 {
		return
	}
	path := scratch.Path()
	for _, x := range f.patches {
		switch {
		case v.In.Name():
			x.named(r, v)
		case v.In == request.InForm && !cut:
			x.pair(r, &x.key, v.Key, v.Text)
		case !x.key.Matches(path):
		case cut:
			x.piece(r, v.Text)
		default:
			x.escaped(r, v.Text)
		}
	}
}

// named holds the name of a field, which a patch refuses that allows none.
func (x *Patch) named(r *request.Request, v *request.Value) {
	if x.Allow.Type != "none" {
		return
	}
	name := v.Text
	if v.In == request.InJSONKey && v.Key != "" {
		var room [512]byte
		name = string(append(append(append(room[:0], v.Key...), '.'), v.Text...))
	}
	if x.key.Matches(name) {
		x.broken(r)
	}
}

// Unread holds a body that could not be read, or not in each way in which it may be
// meant: what it may hold in a field that is patched is not known.
func (f Fields) Unread(r *request.Request) {
	for _, x := range f.patches {
		x.refuse(r)
	}
}

// hold notes a value that the patch does not allow.
func (x *Patch) hold(r *request.Request, value string) {
	if !x.allows(value) {
		x.broken(r)
	}
}

// allows reports whether a value may pass.
func (x *Patch) allows(value string) bool {
	return (x.Allow.Max <= 0 || len(value) <= x.Allow.Max) && (x.shape == nil || x.shape.MatchString(value))
}

// seam is how many bytes at either end of a piece may be of a character or escape that
// was cut in two.
const seam = 6

// piece holds a piece of a value of which the rest is not seen, or not at once.
func (x *Patch) piece(r *request.Request, value string) {
	long := x.Allow.Max > 0 && len(value) > x.Allow.Max
	if len(value) > 2*seam {
		value = value[seam : len(value)-seam]
	} else {
		value = ""
	}
	if long || x.letters != nil && !x.letters.MatchString(value) {
		x.broken(r)
	}
}

// broken notes a value that the patch does not allow, which speaks against its sender.
func (x *Patch) broken(r *request.Request) {
	if !x.DryRun && r.Patched == "" {
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.PatchHit, Band: signal.Likely, Where: x.Field, Note: x.Name})
	}
	x.refuse(r)
}

func (x *Patch) refuse(r *request.Request) {
	switch {
	case x.DryRun:
		note(r, x.Name)
	case r.Patched == "":
		r.Patched = x.Name
	}
}
