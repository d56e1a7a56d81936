package apimap

import (
	"math"
	"testing"
	"time"

	"bartizan/internal/request"
)

// hurried reports whether a call of client, gap after the endpoint before, is hasty.
func (w *world) hurried(target string, before uint64, gap time.Duration, same bool) bool {
	r := &request.Request{Site: "api"}
	r.Head = request.Head{Method: "GET", Target: target}
	r.Parse()
	w.m.Locate(r)
	r.Standing.Keys = [3]uint64{1, 2, 3}
	r.Standing.Previous, r.Standing.Gap, r.Standing.Same = before, gap, same
	w.m.JudgeHead(w.now, r)
	return r.Endpoint.Hasty
}

// A step that people take seconds for is hasty within a hundredth; what a page
// loads at once is not, and one client that is always hasty changes nothing.
func TestHastyStep(t *testing.T) {
	const before = 77
	w := newWorld()
	for i := range 4000 {
		w.send(call{target: "/pay", client: i % 40, after: before, gap: time.Duration(1000*math.Exp(w.r.NormFloat64())) * time.Millisecond})
		w.send(call{target: "/prices", client: i % 40, after: before, gap: time.Duration(1+w.r.IntN(20)) * time.Millisecond})
	}
	if !w.hurried("/pay", before, 3*time.Millisecond, true) {
		t.Error("3 ms where people take seconds: got no haste")
	}
	for name, got := range map[string]bool{
		"a second":              w.hurried("/pay", before, time.Second, true),
		"what loads at once":    w.hurried("/prices", before, 3*time.Millisecond, true),
		"after something else":  w.hurried("/pay", 78, 3*time.Millisecond, true),
		"first of a visit":      w.hurried("/pay", 0, 3*time.Millisecond, true),
		"another one's step":    w.hurried("/pay", before, 3*time.Millisecond, false),
		"an endpoint not known": w.hurried("/new", before, 3*time.Millisecond, true),
	} {
		if got {
			t.Errorf("%s: got haste; want none", name)
		}
	}
	for range 2000 {
		w.send(call{target: "/pay", client: 41, after: before, gap: 3 * time.Millisecond})
	}
	if !w.hurried("/pay", before, 3*time.Millisecond, true) {
		t.Error("after one client's 2,000 hasty steps they are normal")
	}
}
