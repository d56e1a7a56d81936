package load

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a Gate.
type Bounds struct {
	// Minimum is the least concurrency that an upstream's limit falls to, Maximum the
	// most that it grows to, Initial where it begins; in requests.
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
	calmAfter = 30 * time.Second // without a refusal an overload is over
	buckets   = 256              // of endpoints in flight
)

// Gate holds one site's concurrency: how many requests are with its upstreams,
// how many may be, and who is turned away when they are too many.
//
// Each upstream has a limit of its own; the site's is their sum, over those that
// requests go to. So one that turns slow loses its own share and no more, and Room
// tells who chooses among them to give it less.
type Gate struct {
	bounds    atomic.Pointer[Bounds]
	upstreams atomic.Pointer[[]*upstream] // grows only; a new one is a new list
	sending   atomic.Int64                // whose bodies are on their way still; counted apart
	shedFrom  atomic.Int64                // ns since the epoch: when this overload began; 0 for none
	shedLast  atomic.Int64                // ns since the epoch
	shed      [Classes]atomic.Uint64
	dropped   atomic.Uint64
	gone      atomic.Uint64
	hot       [buckets]atomic.Int32 // in flight, by endpoint

	promises promises
	growing  sync.Mutex
}

// mostUpstreams bounds the upstreams of a site that are told apart: 48 KiB each.
// Those beyond share the limits of others.
const mostUpstreams = 64

// NewGate returns a gate with nothing in flight.
func NewGate(b Bounds) *Gate {
	g := new(Gate)
	g.bounds.Store(&b)
	g.upstreams.Store(new([]*upstream))
	return g
}

// Bind sets other bounds from now on.
func (g *Gate) Bind(b Bounds) {
	g.bounds.Store(&b)
	for _, u := range *g.upstreams.Load() {
		u.limit.Store(min(max(u.limit.Load(), int64(b.Minimum)), int64(b.Maximum)))
	}
}

// upstream returns the upstream with this id.
func (g *Gate) upstream(id uint64) *upstream {
	if u := locate(*g.upstreams.Load(), id); u != nil {
		return u
	}
	g.growing.Lock()
	defer g.growing.Unlock()
	list := *g.upstreams.Load()
	if u := locate(list, id); u != nil {
		return u
	}
	u := newUpstream(id, g.bounds.Load())
	list = append(slices.Clip(list), u)
	g.upstreams.Store(&list)
	return u
}

func locate(list []*upstream, id uint64) *upstream {
	for _, u := range list {
		if u.id == id {
			return u
		}
	}
	if len(list) == mostUpstreams {
		return list[id%mostUpstreams]
	}
	return nil
}

// idle is for how long an upstream that gets nothing, while others do, counts as one.
const idle = 10 * time.Second

// since returns from when on an upstream of list must have been used to count.
func since(list []*upstream) int64 {
	newest := int64(math.MinInt64 + idle)
	for _, u := range list {
		newest = max(newest, u.used.Load())
	}
	return newest - int64(idle)
}

// totals returns how many requests are in flight, and how many may be. What an upstream
// has beyond times its limit takes no other's room: it may have come when that was higher.
// One that is not in use any more counts for neither.
func (g *Gate) totals(times int64) (n, limit int64) {
	list := *g.upstreams.Load()
	from := since(list)
	for _, u := range list {
		if u.used.Load() >= from {
			most := u.limit.Load()
			n += min(u.inFlight.Load(), times*most)
			limit += most
		}
	}
	if len(list) == 0 {
		limit = int64(g.bounds.Load().Initial)
	}
	return n, limit
}

// Room returns how many requests the upstream with this id may have at once at now,
// for whoever chooses among several. Half a minute after its limit last fell it has
// the room of a new one, unless it is slow still; such a one is tried by one request
// in ten seconds where it gets none.
func (g *Gate) Room(now time.Time, id uint64) int64 {
	initial, at := int64(g.bounds.Load().Initial), now.UnixNano()
	u := locate(*g.upstreams.Load(), id)
	switch {
	case u == nil:
		return initial
	case u.shrunk.Load() > at-int64(calmAfter), u.stuck.Load() && u.used.Load() > at-int64(idle):
		return u.limit.Load()
	}
	return max(u.limit.Load(), initial)
}

// Ask is a request that asks for room.
type Ask struct {
	Class    Class
	Risk     float64 // 0 to 100; orders suspects
	Endpoint uint64  // a well-mixed key
	Varied   bool    // the client has been answered something else than this endpoint
	Key      uint64  // a well-mixed key of client and request; the same when it is sent again
	Salt     uint64  // spreads the times that those who are turned away are told
}

// Admit asks whether a request may go upstream at now.
//
// Suspects may fill half of the limit, less as their risk rises, unknown clients all
// of it, but three quarters if most of what is in flight is for the endpoint that
// they ask for and they have asked for nothing else, known-good ones twice the limit:
// they wait at the upstream before anybody turns them away.
func (g *Gate) Admit(now time.Time, a Ask) Decision {
	g.expire(now)
	times := int64(1)
	if a.Class == KnownGood {
		times = 2
	}
	n, limit := g.totals(times)
	room := limit
	switch a.Class {
	case Suspect:
		room = int64(float64(limit) * (1 - min(max(a.Risk, 0), 100)/100) / 2)
	case Unknown:
		if !a.Varied && int64(g.hot[a.Endpoint%buckets].Load()) > limit/2 {
			room = limit - limit/4
		}
	case KnownGood:
		room = times * limit
	}
	if n < room || a.Class == Exempt || g.stale(now) {
		return Decision{Allowed: true}
	}
	retry := time.Second * time.Duration(1+a.Salt%5)
	if a.Class == Unknown {
		if inFlight, _ := g.totals(2); inFlight < limit+limit/4 && g.promises.redeem(now, a.Key) {
			return Decision{Allowed: true}
		}
		retry = g.promises.keep(now, a.Key, retry)
	}
	g.refused(now, a.Class)
	return Decision{Retry: retry}
}

// expire frees the places of those whose callers have left long ago, where nothing is
// answered that would.
func (g *Gate) expire(now time.Time) {
	for _, u := range *g.upstreams.Load() {
		if u.haunted.Load() > 0 && u.mu.TryLock() {
			u.free(now.UnixNano(), 0, 0)
			u.mu.Unlock()
		}
	}
}

// stale reports whether the limit is of an overload that is over. Then it begins
// anew: the next burst may be the first visitors of the morning.
func (g *Gate) stale(now time.Time) (anew bool) {
	old, initial := now.UnixNano()-int64(calmAfter), int64(g.bounds.Load().Initial)
	if g.shedLast.Load() > old {
		return false
	}
	for _, u := range *g.upstreams.Load() {
		if u.shrunk.Load() <= old && u.limit.Load() < initial {
			u.limit.Store(initial)
			anew = true
		}
	}
	return anew
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

// Enter counts a request that goes to an upstream at now. Exit must follow.
func (g *Gate) Enter(now time.Time, upstream, endpoint uint64) {
	u := g.upstream(upstream)
	u.inFlight.Add(1)
	u.used.Store(now.UnixNano())
	g.hot[endpoint%buckets].Add(1)
}

// Send takes a place for a request of class that goes upstream while its body is on
// its way, or reports that there is none: half of the limit for suspects, all of it
// for others, twice for known-good ones. They have places of their own: how long
// they take is their clients' doing, so slow bodies must not keep anybody else out,
// nor may a flood of them pass uncounted. Sent must follow.
func (g *Gate) Send(now time.Time, class Class) Decision {
	n := g.sending.Add(1)
	_, limit := g.totals(1)
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
	Left                   // it says nothing: an error, a client that sets the pace
	Gone                   // its caller left before an answer: took is how long it waited
)

// Exit counts a request that came back from the upstream at now, took after it went.
func (g *Gate) Exit(now time.Time, upstream, endpoint uint64, took time.Duration, how Result) {
	g.hot[endpoint%buckets].Add(-1)
	switch how {
	case Dropped:
		g.dropped.Add(1)
	case Gone:
		g.gone.Add(1)
	}
	g.upstream(upstream).exit(now, endpoint, took, how, g)
}

// allStuck reports whether every upstream that is in use is as slow with as few
// requests as can be.
func (g *Gate) allStuck() bool {
	list := *g.upstreams.Load()
	from := since(list)
	for _, u := range list {
		if !u.stuck.Load() && u.used.Load() >= from {
			return false
		}
	}
	return true
}

// Stats are a gate's numbers at one moment.
type Stats struct {
	Limit, InFlight int64
	Sending         int64           // with bodies on their way, beside those in flight
	Shed            [Classes]uint64 // turned away, by class
	Dropped         uint64          // that the upstream did not answer
	Gone            uint64          // whose callers left before they were answered
	Overload        time.Duration   // for how long clients have been turned away
}

// Stats returns the numbers.
func (g *Gate) Stats(now time.Time) Stats {
	s := Stats{Sending: g.sending.Load(), Dropped: g.dropped.Load(), Gone: g.gone.Load(), Overload: g.Overload(now)}
	_, s.Limit = g.totals(1)
	for _, u := range *g.upstreams.Load() {
		s.InFlight += u.inFlight.Load()
	}
	for i := range s.Shed {
		s.Shed[i] = g.shed[i].Load()
	}
	return s
}
