package load

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	windowTime  = 100 * time.Millisecond // at least, between two adjustments
	windowLong  = time.Second            // at most, if anything was answered at all
	windowLeast = 10                     // answers that a short window needs
	rebaseAfter = 5 * time.Second        // at the minimum, and slow all the same
)

// upstream holds the concurrency of one of a site's upstreams.
//
// The limit is Gradient2's: it shrinks by the ratio of usual to present time once
// that is beyond the tolerance, and grows by its square root while it is not and
// the room is used (at first, and long after an overload, it doubles). Three things differ. Times are compared within each endpoint
// and averaged as logarithms, so that neither a slow endpoint among quick ones nor
// one slow answer in ten, nor a cache, looks like a queue. Usual times are not learned while
// they are exceeded, or a long attack would become usual. And where the limits of all
// upstreams stand at their minimum and times are still long, concurrency is not the reason:
// they become the usual ones, as Envoy's adaptive concurrency filter measures its
// minimum at minimum concurrency. If others are as quick as ever it is this one that is ill.
//
// Sources: Netflix concurrency-limits, Gradient2Limit (2018); Brakmo and Peterson,
// TCP Vegas (1995); Envoy, adaptive concurrency filter (2019).
type upstream struct {
	id       uint64
	limit    atomic.Int64
	inFlight atomic.Int64
	used     atomic.Int64 // ns since the epoch: when a request last went there
	shrunk   atomic.Int64 // ns since the epoch: when the limit last fell
	stuck    atomic.Bool  // the limit is at its minimum and times are long
	haunted  atomic.Int64 // of inFlight, whose callers have left

	mu     sync.Mutex // guards what follows
	ghosts ghosts
	usual  usual
	window window
	moved  time.Time     // when the limit changed last,
	fell   time.Time     // and when it fell
	trip   time.Duration // the longest round trip before that
	slow   time.Time     // since when all are stuck; zero: they are not
}

func newUpstream(id uint64, b *Bounds) *upstream {
	u := &upstream{id: id, usual: newUsual()}
	u.limit.Store(int64(b.Initial))
	return u
}

// window is what was seen since the last adjustment.
type window struct {
	start   time.Time
	n       int
	fresh   int     // of those, that went since the limit changed
	sum     float64 // of logarithms of present over usual time
	squares float64
	dropped int
	gone    int // whose callers left later than an answer usually comes
	longest time.Duration
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

// exit counts a request that came back; g is the gate that u is of.
//
// A caller that left after more than the usual time has seen that the upstream takes at
// least so long: that counts as an answer of that time. One that left sooner says nothing:
// people close pages, and long polls are left as usual.
func (u *upstream) exit(now time.Time, endpoint uint64, took time.Duration, how Result, g *Gate) {
	b := g.bounds.Load()
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.inFlight.Load()
	w := &u.window
	w.peak = max(w.peak, n)
	if how == Gone {
		took = min(max(took, 0), longestWait)
		usual := u.usual.time(endpoint, b.Slow)
		if went := now.Add(-took).UnixNano(); u.ghosts.add(now.UnixNano(), endpoint, went, now.Add(took+usual).UnixNano()) {
			u.haunted.Add(1)
		} else {
			u.inFlight.Add(-1)
		}
		if usual == 0 || float64(took) <= b.Tolerance*float64(usual) {
			how = Left
		}
	} else {
		u.inFlight.Add(-1)
	}
	done := int64(0)
	if how == Answered {
		done = now.Add(-took).UnixNano()
	}
	u.free(now.UnixNano(), endpoint, done)
	if how == Answered || how == Gone {
		w.longest = max(w.longest, took)
	}
	if now.Add(-took).Before(u.fell) {
		how = Left // it went under a higher limit: a lower one is given a round trip to show
	}
	switch how {
	case Dropped:
		w.dropped++
	case Answered, Gone:
		w.n++
		if how == Gone {
			w.gone++
		}
		if !now.Add(-took).Before(u.moved) {
			w.fresh++
		}
		x := u.usual.compare(now, endpoint, max(took, b.Slow), how == Answered && !u.usual.exceeded)
		w.sum += x
		w.squares += x * x
	}
	if w.start.IsZero() {
		w.start = now
	}
	if age := now.Sub(w.start); age >= windowTime && w.n+w.dropped >= windowLeast || age >= windowLong && w.n+w.dropped > 0 {
		u.adjust(now, b, g)
		*w = window{start: now}
	}
}

// longestWait bounds how long a caller has waited that left.
const longestWait = 30 * time.Second

// free gives back the places of callers that have left, of which the upstream has done all
// that went to endpoint before done, 0 for none; mu is held.
func (u *upstream) free(now int64, endpoint uint64, done int64) {
	if n := u.ghosts.free(now, endpoint, done); n > 0 {
		u.inFlight.Add(-n)
		u.haunted.Add(-n)
	}
}

// adjust moves the limit by what the window has shown; mu is held.
func (u *upstream) adjust(now time.Time, b *Bounds, g *Gate) {
	w, limit := &u.window, float64(u.limit.Load())
	gradient := 1.0
	if w.n > 0 {
		gradient = min(b.Tolerance/math.Exp(w.slowness()), 1)
	}
	if w.dropped*10 > w.n {
		gradient = min(gradient, 0.7)
	}
	u.usual.exceeded = gradient < 1
	switch {
	case gradient < 1 && w.peak > int64(b.Minimum):
		limit = min(limit, float64(w.peak)) * max(gradient, 0.5)
		u.shrunk.Store(now.UnixNano())
	case w.gone*goneShare > w.n, now.Sub(u.fell) < u.trip:
		// What came in time is not all that was asked: callers have left, or what went
		// since the limit fell is on its way, but for what is quick anyway.
	case gradient == 1 && float64(w.peak) >= limit/2 && 2*w.fresh > w.n:
		limit += u.step(now, limit)
	}
	limit = min(max(limit, float64(b.Minimum)), float64(b.Maximum))
	switch old := u.limit.Swap(int64(limit)); {
	case old > int64(limit):
		u.fell, u.trip = now, max(w.longest, u.trip/2)
		fallthrough
	case old < int64(limit):
		u.moved = now
	}
	u.stuck.Store(gradient < 1 && int(limit) <= b.Minimum)
	u.rebase(now, u.stuck.Load() && g.allStuck())
}

// goneShare: the limit does not grow while more than one caller in so many left late.
const goneShare = 20

// step returns by how much the limit grows: carefully after an overload, else at
// once to where it is needed.
func (u *upstream) step(now time.Time, limit float64) float64 {
	if now.UnixNano()-u.shrunk.Load() > int64(calmAfter) {
		return limit
	}
	return math.Sqrt(limit)
}

// rebase makes present times the usual ones where fewer requests did not help.
func (u *upstream) rebase(now time.Time, stuck bool) {
	switch {
	case !stuck:
		u.slow = time.Time{}
	case u.slow.IsZero():
		u.slow = now
	case now.Sub(u.slow) >= rebaseAfter:
		u.slow, u.usual.exceeded = time.Time{}, false
		u.shrunk.Store(0)
		u.usual.shift(u.window.sum / float64(max(u.window.n, 1)))
	}
}
