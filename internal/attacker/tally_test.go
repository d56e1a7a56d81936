package attacker

import (
	"fmt"
	"math"
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Evidence that good clients give as often as attackers measures as worth nothing,
// whatever is shipped; each client counts once an hour.
func TestWorths(t *testing.T) {
	table := New(1000, seed)
	var clients, bots uint64
	for i := range 400 {
		r := from(fmt.Sprintf("198.51.100.%d", i%200), uint64(i/200))
		r.Signals = []signal.Signal{hit(signal.PathSpread, signal.Hint, 0)}
		if i < 200 {
			r.Standing.Known = true
		} else {
			r.Match = request.Match{Signature: "s-1", Action: signal.BlockAction}
			r.Signals = append(r.Signals, hit(signal.LoginFanout, signal.Likely, 0))
		}
		if r.Standing.Keys[Client]%tallied == 0 {
			if i < 200 {
				clients++
			} else {
				bots++
			}
		}
		for range 3 {
			table.Weigh(epoch, r)
		}
	}
	list, attacking, good := table.Worths()
	if attacking != bots || good != clients || bots == 0 || clients == 0 {
		t.Fatalf("got %d and %d client-hours; want %d and %d", attacking, good, bots, clients)
	}
	if len(list) != 2 || list[0].Kind != signal.PathSpread || list[0].Good != clients || list[0].Attacking != bots || math.Abs(list[0].Measured) > 0.2 {
		t.Errorf("what all show: got %+v; want nothing measured", list)
	}
	if w := list[1]; w.Kind != signal.LoginFanout || w.Good != 0 || w.Measured < 3 {
		t.Errorf("what attackers show: got %+v; want 3 nats or more", w)
	}
	for i := range 50 { // both at once is nobody's evidence; most clients are neither
		r := from(fmt.Sprintf("203.0.113.%d", i), 0)
		r.Match, r.Standing.Known = request.Match{Signature: "s-1", Action: signal.ChallengeAction}, i%2 == 0
		if i%2 == 1 {
			r.Match = request.Match{}
		}
		table.Weigh(epoch.Add(time.Hour), r)
	}
	if _, a, g := table.Worths(); a != attacking || g != good {
		t.Errorf("got %d and %d client-hours after clients that nobody knows; want %d and %d", a, g, attacking, good)
	}
}
