package engine

import (
	"slices"

	"bartizan/internal/attacker"
	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// ObjectDigest returns the keyed digest by which the id of an object is known; it
// is never 0, and the same for both cases of letters.
func (e *Engine) ObjectDigest(id string) uint64 { return digest.Folded(e.seed, id) | 1 }

// Answer is what is read of one answer of the upstream, for ids of objects in its
// first 64 KiB. It belongs to one goroutine at a time; pool it.
type Answer struct {
	ids    request.IDScan
	issued []uint64
	read   int // bytes
}

// Reset makes a ready for another answer.
func (a *Answer) Reset() {
	a.issued, a.read = a.issued[:0], 0
	a.ids.Reset()
}

// Read looks at the next piece of a good JSON answer, not encoded.
func (e *Engine) Read(a *Answer, piece []byte) {
	piece = piece[:min(len(piece), request.MaxBody-a.read)]
	a.read += len(piece)
	if len(a.issued) < request.MaxIssued {
		a.ids.Scan(piece, func(id string) bool { return e.show(a, id) })
	}
}

// show keeps an id and reports whether there is room for more. Lists name the same
// owner in each row.
func (e *Engine) show(a *Answer, id string) bool {
	d := e.ObjectDigest(id)
	if !slices.Contains(a.issued[max(len(a.issued)-32, 0):], d) {
		a.issued = append(a.issued, d)
	}
	return len(a.issued) < request.MaxIssued
}

// Issued completes o by the ids that were read, and by location, where the answer
// sends the client to. read says that all pieces were handed to Read. What it
// gives o is valid until Reset.
func (e *Engine) Issued(a *Answer, o *request.Outcome, location string, read bool) {
	if location != "" && o.Status/100 <= 3 {
		request.EachLinkID(location, func(id string) bool { return e.show(a, id) })
	}
	o.Issued = a.issued
	switch {
	case read:
		o.Unread = o.ResponseSize > int64(a.read) || len(a.issued) >= request.MaxIssued
	case o.Status/100 == 2:
		o.Unread = o.ResponseSize > 0 && !request.Silent(o.ResponseType)
	default:
		o.Unread = o.Status == 101
	}
}

// objects tells x which object r asked for, and what its client has been shown.
// Only answers that say whether there is such an object, and whose, say anything.
func (e *Engine) objects(r *request.Request, o request.Outcome, x *attacker.Exchange) {
	good := o.Status/100 == 2
	if x.Unread = o.Unread; o.Status/100 <= 3 {
		x.Shown = o.Issued
	}
	if good {
		x.Posted = r.Posted
	}
	switch {
	case r.Head.Method == "OPTIONS" || !good && o.Status != 304 && o.Status != 403 && o.Status != 404 && o.Status != 410:
		return
	case r.Object.ID == 0:
		if id := r.ObjectID(); id != "" {
			r.Object.ID = e.ObjectDigest(id)
		}
	}
	if o.Status == 201 && r.Head.Method == "PUT" && r.Object.ID != 0 { // it has made the object
		r.Posted = append(r.Posted, r.Object.ID)
		x.Posted = r.Posted
		return
	}
	x.Asked, x.Issues = r.Object.ID, r.Endpoint.Issues
}

// posted notes an id in the body. t are the traits of its key.
func (e *Engine) posted(r *request.Request, v request.Value, t *request.Traits) {
	if len(r.Posted) < request.MaxPosted && v.IsID(t) {
		r.Posted = append(r.Posted, e.ObjectDigest(v.Text))
	}
}
