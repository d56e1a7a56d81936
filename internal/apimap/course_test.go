package apimap

import (
	"bytes"
	"math"
	"testing"

	"bartizan/internal/request"
)

// course walks a client through endpoints as the attacker table would, and returns
// its mean surprise and from which on it is odd at the last.
func (w *world) course(client, n int, next func(i int) string, learn bool) (mean, odd float32) {
	before, steps := uint64(0), 0
	for i := range n {
		r := &request.Request{Site: "api"}
		r.Head = request.Head{Method: "GET", Target: next(i)}
		r.Parse()
		w.m.Locate(r)
		id := (uint64(client) + 1) * 0x9e3779b97f4a7c15
		r.Standing.Keys = [3]uint64{id, id ^ 1, id ^ 2}
		r.Standing.Previous, r.Standing.Same = before, true
		w.m.JudgeHead(w.now, r)
		if c := &r.Course; c.Known {
			steps++
			mean += (c.Surprise - mean) * max(0.1, 1/float32(steps))
			c.Mean, c.Steps, odd = mean, uint8(min(steps, 255)), c.Odd
		}
		if learn {
			w.now = w.now.Add(50e6)
			w.m.Learn(w.now, r, request.Outcome{Answered: true, Status: 200})
		}
		before = r.Endpoint.ID
	}
	return mean, odd
}

// shoppers are people who look around, with two ways on from each place.
func shoppers() *world {
	w := newWorld()
	places := []string{"/home", "/search", "/products/7", "/cart", "/pay", "/orders"}
	for client := range 1200 {
		at := client % len(places)
		w.course(client%60, 40, func(int) string {
			at = (at + 1 + w.r.IntN(2)) % len(places)
			return places[at]
		}, true)
	}
	return w
}

// Who takes the ways that others take is as surprising as they are; loops and an
// order of one's own are more so, and it stays so over a restart.
func TestCourses(t *testing.T) {
	w := shoppers()
	judge := func(when string) {
		places := []string{"/home", "/search", "/products/7", "/cart", "/pay", "/orders"}
		at := 0
		if mean, odd := w.course(900, 60, func(int) string { at = (at + 1 + w.r.IntN(2)) % 6; return places[at] }, false); odd == 0 || mean >= odd {
			t.Errorf("%s: as others do: got mean %.2f, odd from %.2f", when, mean, odd)
		}
		for name, next := range map[string]func(int) string{
			"a loop":            func(int) string { return "/orders" },
			"backwards":         func(i int) string { return places[5-i%6] },
			"uniformly at hand": func(int) string { return places[w.r.IntN(6)] },
		} {
			if mean, odd := w.course(901, 60, next, false); odd == 0 || mean < odd {
				t.Errorf("%s: %s: got mean %.2f, odd from %.2f; want more", when, name, mean, odd)
			}
		}
	}
	judge("live")
	var b bytes.Buffer
	if err := w.m.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	w.m = New(w.m.options)
	if err := w.m.Restore(&b); err != nil {
		t.Fatal(err)
	}
	judge("after a restart")
}

// The interpolation by hand: 90 steps to 1, 10 to 2, to anywhere else by its share
// of all calls.
func TestCost(t *testing.T) {
	var f follow
	for i := range 100 {
		f.add(uint64(1+i/90), 0.5)
	}
	for to, want := range map[uint64]float64{1: (90 + 2*0.2) / 102, 2: (10 + 2*0.2) / 102, 3: 2 * 0.2 / 102} {
		if got := math.Exp(-f.cost(to, 0.2)); math.Abs(got-want) > 1e-9 {
			t.Errorf("to %d: got a probability of %.5f; want %.5f", to, got, want)
		}
	}
}

// Whether browsers fetch what belongs to pages is told by many, and not where a
// cache absorbs it.
func TestDress(t *testing.T) {
	var d dress
	for i := range 200 {
		if d.dressed() != (i >= manyDressed) {
			t.Fatalf("after %d browsers: got %v", i, d.dressed())
		}
		d.learn(request.Pages{Tenth: true})
		d.learn(request.Pages{})
	}
	for range 3 {
		d.learn(request.Pages{Tenth: true, Bare: true})
	}
	if d.dressed() {
		t.Error("3 of 203 without: got a site on which that is odd")
	}
}
