package apimap

import (
	"testing"

	"bartizan/internal/request"
)

// asked teaches o one object of a client.
func asked(o *objects, client uint64, origin request.Origin) {
	r := &request.Request{Object: request.Object{ID: 1, Origin: origin}}
	r.Standing.Keys[0] = client
	o.learn(r)
}

// Whether an endpoint shows its ids is decided by many: neither one who walks
// through what is not his nor one who lists all day moves it.
func TestObjectsAreTaughtByMany(t *testing.T) {
	var o objects
	for i := range 1000 {
		asked(&o, uint64(i%50), request.Issued)
		if i%100 == 0 {
			asked(&o, uint64(i%7), request.Foreign) // a link
		}
	}
	if !o.issues() {
		t.Errorf("one link in a hundred: got %+v; want an endpoint that shows its ids", o)
	}
	for range 1000 {
		asked(&o, 99, request.Foreign)
	}
	if !o.issues() {
		t.Errorf("after one client's walk: got %+v; want nothing changed", o)
	}
	for i := range 50 {
		asked(&o, uint64(100+i), request.Foreign)
	}
	if o.issues() {
		t.Errorf("50 clients with ids of their own: got %+v", o)
	}
	var alone objects
	for range 1000 {
		asked(&alone, 1, request.Issued)
		asked(&alone, 1, request.OriginUnknown)
	}
	if alone.issues() {
		t.Errorf("one client alone: got %+v", alone)
	}
}
