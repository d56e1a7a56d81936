package apimap

import (
	"testing"

	"bartizan/internal/request"
)

// Numbers of JSON are told from texts that look like numbers.
func TestLiterals(t *testing.T) {
	m := New(Options{Seed: 1})
	scratch := new(request.Scratch)
	r := &request.Request{Site: "*"}
	r.Head = request.Head{Method: "POST", Target: "/a"}
	r.Parse()
	m.Locate(r)
	body := `{"n":7,"text":"7","mixed":[7,"7"],"yes":true,"none":null,"list":[1,2,3]}`
	request.WalkBody("application/json", []byte(body), true, scratch, func(v *request.Value) bool {
		if !v.In.Name() {
			m.See(r, v, scratch.Traits())
		}
		return true
	})
	want := map[string]bool{"n": true, "text": false, "mixed[]": false, "yes": true, "none": false, "list[]": true}
	if len(r.Shape) != len(want) {
		t.Fatalf("got %d parameters; want %d", len(r.Shape), len(want))
	}
	for _, s := range r.Shape {
		if s.Literal != want[s.Name] {
			t.Errorf("%s: got %t", s.Name, s.Literal)
		}
	}
}
