package engine

import (
	"bartizan/internal/attacker"
	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// ObjectDigest returns the keyed digest by which the id of an object is known; it
// is never 0, and the same for both cases of letters.
func (e *Engine) ObjectDigest(id string) uint64 { return digest.Folded(e.seed, id) | 1 }

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
func (e *Engine) posted(r *request.Request, v *request.Value, t *request.Traits) {
	if len(r.Posted) < request.MaxPosted && v.IsID(t) {
		r.Posted = append(r.Posted, e.ObjectDigest(v.Text))
	}
}
