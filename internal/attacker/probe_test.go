package attacker

import (
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// lacking has r ask for the things of these digests, which are not there.
func lacking(t *Table, r *request.Request, names ...uint64) request.Standing {
	for i, n := range names {
		t.Probed(epoch.Add(time.Duration(i)*time.Second), DefaultRules(), r, hit(signal.ProbePath, signal.Likely, n), true)
	}
	return r.Standing
}

// Paths alone are no proof, however many; four different things that are not there are
// asked about.
func TestProbesAreNoProof(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	if st := lacking(table, r, 1<<8, 2<<8, 3<<8, 3<<8, 1<<8); st.Stage != signal.Watch {
		t.Errorf("three things that are not there: got stage %v; want watch", st.Stage)
	}
	for i := range 40 {
		lacking(table, r, uint64(i+1)<<8)
	}
	v, _ := table.Lookup(epoch, DefaultRules(), r.Standing.Keys[Client])
	if r.Standing.Stage != signal.Interrogate || v.Sum.Hard != 0 {
		t.Errorf("forty: got stage %v, hard %.1f; want interrogate, and no proof", r.Standing.Stage, v.Sum.Hard)
	}
	if n := len(r.Signals); n != 1 || r.Signals[0].Kind != signal.PathSpread {
		t.Errorf("got signals %v; want path-spread once", r.Signals)
	}
}

// A payload among them makes the same number a proof, in either order.
func TestProbesAndPayloadsAreProof(t *testing.T) {
	sql := hit(signal.SQLInjection, signal.Likely, 9<<8)
	for _, first := range []bool{true, false} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		if first {
			observe(table, 0, r, sql)
		}
		lacking(table, r, 1<<8, 2<<8, 3<<8)
		if !first {
			observe(table, 3*time.Second, r, sql)
		}
		if r.Standing.Stage != signal.Block {
			t.Errorf("payload first %v: got stage %v; want block", first, r.Standing.Stage)
		}
	}
}

// What was answered well after all is taken back: four logins before four consoles are
// nobody's scan.
func TestServedTakesBack(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 12 {
		name := hit(signal.ProbePath, signal.Hint, uint64(i+1)<<8)
		table.Probed(epoch, DefaultRules(), r, name, true)
		table.Served(epoch, r, name)
	}
	if st := stand(table, 0, r); st.Stage != signal.Clear {
		t.Errorf("got stage %v, risk %.1f; want clear", st.Stage, st.Risk)
	}
	lacking(table, r, 20<<8, 21<<8, 22<<8, 23<<8)
	if st := stand(table, 4*time.Second, r); st.Stage != signal.Interrogate {
		t.Errorf("four more that are not there: got stage %v; want interrogate", st.Stage)
	}
}
