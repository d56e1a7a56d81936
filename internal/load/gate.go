package load

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a Gate.
type Bounds struct {
	// Minimum is the least concurrency that a limit falls to, Maximum the most that
	// it grows to, Initial where it begins; in requests.
	Minimum, Initial, Maximum int
	// Tolerance is how many times its usual time an endpoint may take before the
	// upstream counts as saturated; more than 1.
	Tolerance float64
	// Slow is a time that is never too long, whatever is usual: what takes a
	// millisecond takes thirty when a machine is busy, and nobody minds.
	Slow time.Duration
}

// DefaultBounds hold where the operator says nothing.
func DefaultBounds() Bounds {
	return Bounds{Minimum: 16, Initial: 256, Maximum: 8192, Tolerance: 2, Slow: 250 * time.Millisecond}
}

const (
	windowTime  = 100 * time.Millisecond // at least, between two adjustments
	windowLong  = time.Second            // at most, if anything was answered at all
	windowLeast = 10                     // answers that a short window needs
	calmAfter   = 30 * time.Second       // without a refusal an overload is over
	rebaseAfter = 5 * time.Second        // at the minimum, and slow all the same
	buckets     = 256                    // of endpoints in flight
)

// Gate holds one site's concurrency: how many requests are with its upstreams,
// how many may be, and who is turned away when they are too many.
//
// The limit is Gradient2's: it shrinks by the ratio of usual to present time once
// that is beyond the tolerance, and grows by its square root while it is not and
// the room is used (at first, and long after an overload, it doubles). Three things differ. Times are compared within each endpoint
// and averaged as logarithms, so that neither a slow endpoint among quick ones nor
// one slow answer in ten, nor a cache, looks like a queue. Usual times are not learned while
// they are exceeded, or a long attack would become usual. And where the limit
// stands at its minimum and times are still long, concurrency is not the reason:
// they become the usual ones, as Envoy's adaptive concurrency filter measures its
// minimum at minimum concurrency.
//
// Sources: Netflix concurrency-limits, Gradient2Limit (2018); Brakmo and Peterson,
// TCP Vegas (1995); Envoy, adaptive concurrency filter (2019).
type Gate struct {
	bounds   atomic.Pointer[Bounds]
	limit    atomic.Int64
	inFlight atomic.Int64
	sending  atomic.Int64 // and their bodies are on their way still; counted apart
	shedFrom atomic.Int64 // ns since the epoch: when this overload began; 0 for none
	shedLast atomic.Int64 // ns since the epoch
	shrunk   atomic.Int64 // ns since the epoch: when the limit last fell
	shed     [Classes]atomic.Uint64
	dropped  atomic.Uint64
	hot      [buckets]atomic.Int32 // in flight, by endpoint

	mu     sync.Mutex // guards what follows
	usual  usual
	window window
	moved  time.Time // when the limit changed last
	slow   time.Time // since when the limit is at its minimum and times are long; zero: not
}

// window is what was seen since the last adjustment.
type window struct {
	start   time.Time
	n       int
	sum     float64 // of logarithms of present over usual time
	squares float64
	dropped int
	peak    int64 // most in flight
}

// slowness returns the logarithm by which times are at least longer than usual:
// the mean less two standard errors, since a cache alone makes them differ a
// hundredfold.
func (w *window) slowness() float64 {
	n := float64(w.n)
	mean := w.sum / n
	return mean - 2*math.Sqrt(max(w.squares/n-mean*mean, 0)/n)
}

// NewGate returns a gate with nothing in flight.
func NewGate(b Bounds) *Gate {
	g := &Gate{usual: newUsual()}
	g.bounds.Store(&b)
	g.limit.Store(int64(b.Initial))
	return g
}

// Bind sets other bounds from now on.
func (g *Gate) Bind(b Bounds) {
	g.bounds.Store(&b)
	g.limit.Store(min(max(g.limit.Load(), int64(b.Minimum)), int64(b.Maximum)))
}

// Ask is a request that asks for room.
type Ask struct {
	Class    Class
	Risk     float64 // 0 to 100; orders suspects
	Endpoint uint64  // a well-mixed key
	Salt     uint64  // spreads the times that those who are turned away are told
}

// Admit asks whether a request may go upstream at now.
//
// Suspects may fill half of the limit, less as their risk rises, unknown clients three quarters if most of
// what is in flight is for the same endpoint, else all of it, known-good ones
// twice the limit: they wait at the upstream before anybody turns them away.
func (g *Gate) Admit(now time.Time, a Ask) Decision {
	n, limit := g.inFlight.Load(), g.limit.Load()
	room := limit
	switch a.Class {
	case Suspect:
		room = int64(float64(limit) * (1 - min(max(a.Risk, 0), 100)/100) / 2)
	case Unknown:
		if int64(g.hot[a.Endpoint%buckets].Load()) > limit/2 {
			room = limit - limit/4
		}
	case KnownGood:
		room = 2 * limit
	}
	if n < room || a.Class == Exempt || g.stale(now) {
		return Decision{Allowed: true}
	}
	g.refused(now, a.Class)
	return Decision{Retry: time.Second * time.Duration(1+a.Salt%5)}
}

// stale reports whether the limit is of an overload that is over. Then it begins
// anew: the next burst may be the first visitors of the morning.
func (g *Gate) stale(now time.Time) bool {
	old, initial := now.UnixNano()-int64(calmAfter), int64(g.bounds.Load().Initial)
	if g.shedLast.Load() > old || g.shrunk.Load() > old || g.limit.Load() >= initial {
		return false
	}
	g.limit.Store(initial)
	return true
}

func (g *Gate) refused(now time.Time, class Class) {
	at := now.UnixNano()
	if at-g.shedLast.Load() > int64(calmAfter) {
		g.shedFrom.Store(at)
	}
	g.shedLast.Store(at)
	g.shed[class].Add(1)
}

// Overload returns for how long the gate has been turning clients away; zero if
// it has not for half a minute.
func (g *Gate) Overload(now time.Time) time.Duration {
	if now.UnixNano()-g.shedLast.Load() > int64(calmAfter) {
		return 0
	}
	return max(time.Duration(now.UnixNano()-g.shedFrom.Load()), 1)
}

// Enter counts a request that goes upstream. Exit must follow.
func (g *Gate) Enter(endpoint uint64) {
	g.inFlight.Add(1)
	g.hot[endpoint%buckets].Add(1)
}

// Send takes a place for a request of class that goes upstream while its body is on
// its way, or reports that there is none: half of the limit for suspects, all of it
// for others, twice for known-good ones. They have places of their own: how long
// they take is their clients' doing, so slow bodies must not keep anybody else out,
// nor may a flood of them pass uncounted. Sent must follow.
func (g *Gate) Send(now time.Time, class Class) Decision {
	n, limit := g.sending.Add(1), g.limit.Load()
	room := [Classes]int64{limit / 2, limit, 2 * limit, math.MaxInt64}[class]
	if n <= room {
		return Decision{Allowed: true}
	}
	g.sending.Add(-1)
	g.refused(now, class)
	return Decision{Retry: 5 * time.Second}
}

// Sent gives the place back.
func (g *Gate) Sent() { g.sending.Add(-1) }

// Result says how a request that went upstream came back.
type Result uint8

// The results.
const (
	Answered Result = iota // took is what the upstream took
	Dropped                // the upstream was too slow or refused it
	Left                   // it says nothing: an error, a client that left or sets the pace
)

// Exit counts a request that came back at now, took after it went.
func (g *Gate) Exit(now time.Time, endpoint uint64, took time.Duration, how Result) {
	n := g.inFlight.Add(-1) + 1
	g.hot[endpoint%buckets].Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	w := &g.window
	w.peak = max(w.peak, n)
	if now.Add(-took).Before(g.moved) {
		how = Left // it went under another limit: each is given a round trip to show
	}
	switch how {
	case Dropped:
		w.dropped++
		g.dropped.Add(1)
	case Answered:
		w.n++
		x := g.usual.compare(now, endpoint, max(took, g.bounds.Load().Slow), !g.usual.exceeded)
		w.sum += x
		w.squares += x * x
	}
	if w.start.IsZero() {
		w.start = now
	}
	if age := now.Sub(w.start); age >= windowTime && w.n+w.dropped >= windowLeast || age >= windowLong && w.n+w.dropped > 0 {
		g.adjust(now)
		*w = window{start: now}
	}
}

// adjust moves the limit by what the window has shown; mu is held.
func (g *Gate) adjust(now time.Time) {
	w, b, limit := &g.window, g.bounds.Load(), float64(g.limit.Load())
	gradient := 1.0
	if w.n > 0 {
		gradient = min(b.Tolerance/math.Exp(w.slowness()), 1)
	}
	if w.dropped*10 > w.n {
		gradient = min(gradient, 0.7)
	}
	g.usual.exceeded = gradient < 1
	switch {
	case gradient < 1 && w.peak > int64(b.Minimum):
		limit = min(limit, float64(w.peak)) * max(gradient, 0.5)
		g.shrunk.Store(now.UnixNano())
	case gradient == 1 && float64(w.peak) >= limit/2:
		limit += g.step(now, limit)
	}
	limit = min(max(limit, float64(b.Minimum)), float64(b.Maximum))
	if g.limit.Swap(int64(limit)) != int64(limit) {
		g.moved = now
	}
	g.rebase(now, gradient < 1 && int(limit) <= b.Minimum)
}

// step returns by how much the limit grows: carefully after an overload, else at
// once to where it is needed.
func (g *Gate) step(now time.Time, limit float64) float64 {
	if now.UnixNano()-g.shrunk.Load() > int64(calmAfter) {
		return limit
	}
	return math.Sqrt(limit)
}

// rebase makes present times the usual ones where fewer requests did not help.
func (g *Gate) rebase(now time.Time, stuck bool) {
	switch {
	case !stuck:
		g.slow = time.Time{}
	case g.slow.IsZero():
		g.slow = now
	case now.Sub(g.slow) >= rebaseAfter:
		g.slow, g.usual.exceeded = time.Time{}, false
		g.shrunk.Store(0)
		g.usual.shift(g.window.sum / float64(max(g.window.n, 1)))
	}
}

// Stats are a gate's numbers at one moment.
type Stats struct {
	Limit, InFlight int64
	Sending         int64           // with bodies on their way, beside those in flight
	Shed            [Classes]uint64 // turned away, by class
	Dropped         uint64          // that the upstream did not answer
	Overload        time.Duration   // for how long clients have been turned away
}

// Stats returns the numbers.
func (g *Gate) Stats(now time.Time) Stats {
	s := Stats{Limit: g.limit.Load(), InFlight: g.inFlight.Load(), Sending: g.sending.Load(), Dropped: g.dropped.Load(), Overload: g.Overload(now)}
	for i := range s.Shed {
		s.Shed[i] = g.shed[i].Load()
	}
	return s
}
