package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// queue is an upstream with workers that take what waits in turn, in virtual time, and
// callers that leave. Where cancels, what nobody waits for is dropped.
type queue struct {
	gate            *Gate
	workers         int
	work            time.Duration
	cancels         bool
	now             time.Duration
	waiting, active []*call
	ok, lost, shed  [Classes]int
	most            int64 // highest limit
}

type call struct {
	class       Class
	went, leave time.Duration
	end         time.Duration // 0: it waits
	gone        bool
}

func (q *queue) ask(class Class, patience time.Duration) {
	if !q.gate.Admit(epoch.Add(q.now), Ask{Class: class, Endpoint: 1, Key: uint64(q.now)}).Allowed {
		q.shed[class]++
		return
	}
	q.gate.Enter(epoch.Add(q.now), 0, 1)
	q.waiting = append(q.waiting, &call{class: class, went: q.now, leave: q.now + patience})
}

// step lets a millisecond pass.
func (q *queue) step() {
	q.now += time.Millisecond
	for _, c := range slices.Concat(q.waiting, q.active) {
		if !c.gone && q.now >= c.leave {
			c.gone = true
			q.lost[c.class]++
			q.gate.Exit(epoch.Add(q.now), 0, 1, q.now-c.went, Gone)
		}
	}
	dropped := func(c *call) bool { return q.cancels && c.gone }
	q.waiting = slices.DeleteFunc(q.waiting, dropped)
	q.active = slices.DeleteFunc(q.active, func(c *call) bool {
		if q.now < c.end {
			return dropped(c)
		}
		if !c.gone {
			q.ok[c.class]++
			q.gate.Exit(epoch.Add(q.now), 0, 1, q.now-c.went, Answered)
		}
		return true
	})
	for len(q.active) < q.workers && len(q.waiting) > 0 {
		c := q.waiting[0]
		q.waiting = q.waiting[1:]
		c.end = q.now + q.work
		q.active = append(q.active, c)
	}
	q.most = max(q.most, q.gate.Stats(epoch.Add(q.now)).Limit)
}

// cheap is how many cheap things a known-good client asks for beside a costly one.
const cheap = 3

// play has known-good clients, who wait five seconds, and unknown ones with their
// patience ask at random, so many a second.
func (q *queue) play(lasting time.Duration, random *rand.Rand, good, unknown float64, patience time.Duration) {
	q.ok, q.lost, q.shed, q.most = [Classes]int{}, [Classes]int{}, [Classes]int{}, 0
	for end := q.now + lasting; q.now < end; q.step() {
		if random.Float64() < good/1000 {
			q.ask(KnownGood, 5*time.Second)
			for range cheap { // what is answered at once all the time
				q.gate.Enter(epoch.Add(q.now), 0, 2)
				q.gate.Exit(epoch.Add(q.now), 0, 2, time.Millisecond, Answered)
			}
		}
		if random.Float64() < unknown/1000 {
			q.ask(Unknown, patience)
		}
	}
}

// Flooders that hang up after a second, or five, or a minute, cost the upstream what others
// do: the limit falls by half within two seconds, then swings about what the upstream can do
// and does not come back while it lasts, and known clients are served, whether the upstream
// drops what nobody waits for or not.
func TestFloodThatHangsUp(t *testing.T) {
	for _, patience := range []time.Duration{time.Second, 5 * time.Second, time.Minute} {
		for _, cancels := range []bool{false, true} {
			bounds := DefaultBounds()
			bounds.Initial = 1024 // what quick traffic has left there
			q := &queue{gate: NewGate(bounds), workers: 8, work: 40 * time.Millisecond, cancels: cancels}
			random := rand.New(rand.NewPCG(7, 8))
			q.play(30*time.Second, random, 20, 20, time.Minute)
			if q.lost != [Classes]int{} || q.shed != [Classes]int{} {
				t.Fatalf("before the flood: lost %v, shed %v", q.lost, q.shed)
			}
			before := q.gate.Stats(epoch.Add(q.now)).Limit
			q.play(2*time.Second, random, 20, 600, patience)
			fallen := q.gate.Stats(epoch.Add(q.now)).Limit
			q.play(60*time.Second, random, 20, 600, patience)
			good := KnownGood
			share := float64(q.ok[good]) / float64(q.ok[good]+q.lost[good]+q.shed[good])
			t.Logf("patience %v, cancels %t: limit %d, %d after 2 s, at most %d; known %.1f %%; unknown %d of %d",
				patience, cancels, before, fallen, q.most, 100*share, q.ok[Unknown], q.ok[Unknown]+q.lost[Unknown]+q.shed[Unknown])
			if 2*fallen > before || q.most > fallen+fallen/2 || share < 0.99 {
				t.Errorf("patience %v, cancels %t: limit %d, %d after 2 s, at most %d; known %.2f %% served",
					patience, cancels, before, fallen, q.most, 100*share)
			}
			q.play(60*time.Second, random, 20, 20, time.Minute)
			if q.ok[Unknown] < 1000 || q.shed[good] > 0 {
				t.Errorf("patience %v, cancels %t, after the flood: unknown %d served, %d shed; known %d shed",
					patience, cancels, q.ok[Unknown], q.shed[Unknown], q.shed[good])
			}
			if st := q.gate.Stats(epoch.Add(q.now + time.Minute)); st.InFlight > 20 {
				t.Errorf("patience %v, cancels %t: %d places are taken still", patience, cancels, st.InFlight)
			}
		}
	}
}

// People who leave pages before, or long polls about when, an answer usually comes are no
// sign of anything, and their places are free again soon.
func TestLeavingIsNoSign(t *testing.T) {
	for name, c := range map[string]struct{ work, patience time.Duration }{
		"pages closed at once": {40 * time.Millisecond, 20 * time.Millisecond},
		"long polls":           {20 * time.Second, 18 * time.Second},
	} {
		q := &queue{gate: NewGate(DefaultBounds()), workers: 4000, work: c.work}
		random := rand.New(rand.NewPCG(9, 10))
		q.play(3*c.work+10*time.Second, random, 0, 10, time.Hour)
		before := q.gate.Stats(epoch.Add(q.now)).Limit
		q.play(40*time.Second, random, 2, 5, c.patience)
		if st := q.gate.Stats(epoch.Add(q.now)); st.Limit < before || q.shed != [Classes]int{} {
			t.Errorf("%s: limit %d before, %d after, shed %v", name, before, st.Limit, q.shed)
		}
	}
}

// A quick answer of another endpoint frees no place of those that stand in a queue; one of
// the same endpoint does, of what went before it, and time does.
func TestQuickAnswersFreeNoPlaces(t *testing.T) {
	g := NewGate(DefaultBounds())
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	for range 10 {
		g.Enter(at(0), 0, 1)
		g.Exit(at(1000), 0, 1, time.Second, Gone)
	}
	answer := func(when int, endpoint uint64, took int) int64 {
		g.Enter(at(when-took), 0, endpoint)
		g.Exit(at(when), 0, endpoint, time.Duration(took)*time.Millisecond, Answered)
		return g.Stats(at(when)).InFlight
	}
	if n := answer(1200, 2, 5); n != 10 {
		t.Errorf("after a quick answer elsewhere: got %d places taken; want 10", n)
	}
	if n := answer(1300, 1, 100); n != 0 {
		t.Errorf("after an answer to what went later: got %d places taken; want none", n)
	}
	for range 10 {
		g.Enter(at(5000), 0, 1)
		g.Exit(at(6000), 0, 1, time.Second, Gone)
	}
	if g.Admit(at(6500), Ask{}); g.Stats(at(6500)).InFlight != 10 {
		t.Errorf("half a second after they left: got %d places taken; want 10", g.Stats(at(6500)).InFlight)
	}
	if g.Admit(at(7500), Ask{}); g.Stats(at(7500)).InFlight != 0 {
		t.Errorf("long after they left: got %d places taken; want none", g.Stats(at(7500)).InFlight)
	}
}

// What is counted is given back once, whatever comes in what order.
func TestGhostsAreBounded(t *testing.T) {
	g, random := NewGate(DefaultBounds()), rand.New(rand.NewPCG(11, 12))
	now := epoch
	for range 200_000 {
		now = now.Add(time.Duration(random.IntN(300)) * time.Millisecond)
		g.Enter(now, 0, 1)
		how := []Result{Answered, Dropped, Left, Gone}[random.IntN(4)]
		g.Exit(now, 0, 1, time.Duration(random.IntN(200_000)-10)*time.Millisecond, how)
		if n := g.Stats(now).InFlight; n < 0 || n > 2000 {
			t.Fatalf("got %d in flight", n)
		}
	}
	now = now.Add(2 * time.Minute)
	g.Admit(now, Ask{Class: Unknown})
	if n := g.Stats(now).InFlight; n != 0 {
		t.Errorf("got %d in flight two minutes after the last; want none", n)
	}
}
