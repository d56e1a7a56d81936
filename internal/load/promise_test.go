package load

import (
	"testing"
	"time"
)

// full returns a gate with a limit of 40 whose forty places one endpoint has.
func full() *Gate {
	g := NewGate(Bounds{Minimum: 40, Initial: 40, Maximum: 40, Tolerance: 2})
	for range 40 {
		g.Enter(epoch, 0, 7)
	}
	return g
}

// Who sends the same request again when it was told to is let in, once; who comes
// early is told the rest of the time, and who asks for something else is not meant.
func TestWhoWaitsIsLetIn(t *testing.T) {
	g := full()
	ask := func(at time.Duration, key uint64) Decision {
		return g.Admit(epoch.Add(at), Ask{Class: Unknown, Endpoint: 7, Key: key, Salt: 3})
	}
	first := ask(0, 1)
	if first.Allowed || first.Retry != 4*time.Second {
		t.Fatalf("got %+v; want to be told to wait for four seconds", first)
	}
	if d := ask(time.Second, 1); d.Allowed || d.Retry != 3*time.Second {
		t.Errorf("early: got %+v; want the other three seconds", d)
	}
	if d := ask(4*time.Second, 2); d.Allowed {
		t.Errorf("another request: got %+v; want it turned away", d)
	}
	if d := ask(4*time.Second, 1); !d.Allowed {
		t.Errorf("as told: got %+v; want room", d)
	}
	if d := ask(4*time.Second, 1); d.Allowed {
		t.Errorf("a second time: got %+v; want it turned away", d)
	}
	if d := ask(30*time.Second, 2); d.Allowed {
		t.Errorf("much later: got %+v; want it turned away", d)
	}
}

// Promises are room for a quarter more and no further, and suspects get none.
func TestPromisesAreBounded(t *testing.T) {
	g := full()
	let := 0
	for key := range uint64(100) {
		g.Admit(epoch, Ask{Class: Unknown, Endpoint: 7, Key: key})
		g.Admit(epoch, Ask{Class: Suspect, Endpoint: 7, Key: key + 1000})
	}
	for key := range uint64(100) {
		if g.Admit(epoch.Add(2*time.Second), Ask{Class: Unknown, Endpoint: 7, Key: key}).Allowed {
			g.Enter(epoch.Add(2*time.Second), 0, 7)
			let++
		}
		if g.Admit(epoch.Add(2*time.Second), Ask{Class: Suspect, Endpoint: 7, Key: key + 1000}).Allowed {
			t.Fatal("a suspect is let in")
		}
	}
	if let != 10 {
		t.Errorf("got %d let in; want a quarter of 40", let)
	}
	for key := range uint64(1 << 20) { // a flood of requests that never come again
		g.Admit(epoch, Ask{Class: Unknown, Endpoint: 7, Key: key << 20})
	}
	if n := len(g.promises.sets); n != promiseSets {
		t.Errorf("got %d sets; want %d", n, promiseSets)
	}
}

// Where one endpoint is flooded, who has asked for other things too goes before who
// has asked for nothing else.
func TestVariedGoBefore(t *testing.T) {
	g := NewGate(Bounds{Minimum: 40, Initial: 40, Maximum: 40, Tolerance: 2})
	for range 35 {
		g.Enter(epoch, 0, 7)
	}
	for varied, want := range map[bool]bool{true: true, false: false} {
		if d := g.Admit(epoch, Ask{Class: Unknown, Endpoint: 7, Varied: varied}); d.Allowed != want {
			t.Errorf("varied %t: got %+v; want allowed %t", varied, d, want)
		}
	}
}
