package apimap

import "bartizan/internal/request"

// objects counts whether the objects that are asked for at an endpoint had been
// shown to their clients before, each once for a client.
type objects struct {
	asked, shown float32
	last         [2]uint64 // the clients that taught last: something shown, something foreign
}

// From how many objects on it is known whether an endpoint's are shown beforehand,
// and which share must be: deep links and bookmarks are the rest.
const (
	manyObjects = 300
	shownRate   = 0.97
)

// learn adds the object of one good exchange. One client's again, with no other's
// between, teaches nothing: neither who walks through what is not his nor who
// lists all day decides for everybody.
func (o *objects) learn(r *request.Request) {
	if r.Object.ID == 0 || r.Object.Origin == request.OriginUnknown {
		return
	}
	last := &o.last[0]
	if r.Object.Origin == request.Foreign {
		last = &o.last[1]
	}
	if client := r.Standing.Keys[0]; *last != client {
		*last = client
		if o.asked++; r.Object.Origin == request.Issued {
			o.shown++
		}
	}
}

// issues reports whether nearly all objects had been shown.
func (o *objects) issues() bool { return o.asked >= manyObjects && o.shown >= shownRate*o.asked }
