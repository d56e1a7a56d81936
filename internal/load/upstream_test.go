package load

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// fleet is a site with several upstreams, of which each does so much at once, behind
// one gate, in virtual time. Who chooses among them does it as the proxy does.
type fleet struct {
	gate    *Gate
	random  *rand.Rand
	work    []time.Duration   // by upstream
	busy    [][]time.Duration // when each of its workers is free
	has     []int64           // requests
	now     time.Duration
	out     fleetExits
	got     []int // requests, by upstream
	shed    int
	overdue int // took more than half a second
}

type fleetExit struct {
	exit
	upstream int
}

type fleetExits []fleetExit

func (e fleetExits) Len() int           { return len(e) }
func (e fleetExits) Less(i, j int) bool { return e[i].at < e[j].at }
func (e fleetExits) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *fleetExits) Push(x any)        { *e = append(*e, x.(fleetExit)) }
func (e *fleetExits) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

func newFleet(upstreams, workers int, work time.Duration) *fleet {
	f := &fleet{gate: NewGate(DefaultBounds()), random: rand.New(rand.NewPCG(5, 6)), has: make([]int64, upstreams)}
	for range upstreams {
		f.work, f.busy = append(f.work, work), append(f.busy, make([]time.Duration, workers))
	}
	return f
}

// play has unknown clients ask at random, so many a second.
func (f *fleet) play(lasting time.Duration, perSecond float64) {
	f.got, f.shed, f.overdue = make([]int, len(f.work)), 0, 0
	for end := f.now + lasting; f.now < end; {
		next := f.now + time.Duration(f.random.ExpFloat64()/perSecond*float64(time.Second))
		for len(f.out) > 0 && f.out[0].at <= next {
			x := heap.Pop(&f.out).(fleetExit)
			f.has[x.upstream]--
			f.gate.Exit(epoch.Add(x.at), uint64(x.upstream), 1, x.took, Answered)
		}
		f.now = next
		if !f.gate.Admit(epoch.Add(f.now), Ask{Class: Unknown, Endpoint: 1}).Allowed {
			f.shed++
			continue
		}
		f.ask(f.pick())
	}
}

// pick is proxy.site.pick: the fewest requests for the room, in turn where they are equal.
func (f *fleet) pick() int {
	best, start := -1, f.random.IntN(len(f.work))
	var most, busy int64
	for i := range f.work {
		u := (start + i) % len(f.work)
		if n, room := f.has[u]+1, f.gate.Room(epoch.Add(f.now), uint64(u)); best < 0 || n*most < busy*room {
			best, busy, most = u, n, room
		}
	}
	return best
}

func (f *fleet) ask(u int) {
	f.gate.Enter(epoch.Add(f.now), uint64(u), 1)
	f.has[u]++
	f.got[u]++
	workers := f.busy[u]
	first := slices.Index(workers, slices.Min(workers))
	end := max(workers[first], f.now) + f.work[u]
	workers[first] = end
	if end-f.now > 500*time.Millisecond {
		f.overdue++
	}
	heap.Push(&f.out, fleetExit{exit{end, end - f.now, 1}, u})
}

// One of two upstreams turns slow: it is sent little, nobody is turned away while the
// other copes, and when it is well again it has its share.
func TestSlowUpstreamLosesItsShareOnly(t *testing.T) {
	f := newFleet(2, 40, 100*time.Millisecond)
	f.play(30*time.Second, 300)
	if f.shed > 0 || f.got[0] < 4000 || f.got[1] < 4000 {
		t.Fatalf("both well: got %d and %d, %d shed; want half each, none shed", f.got[0], f.got[1], f.shed)
	}
	f.work[1] = 10 * time.Second // 4 a second
	f.play(20*time.Second, 300)
	f.play(60*time.Second, 300)
	share := float64(f.got[1]) / float64(f.got[0]+f.got[1])
	t.Logf("one slow: %.1f %% to it, %d of %d shed, %d overdue, limit %d", 100*share, f.shed, f.got[0]+f.got[1], f.overdue, f.gate.Stats(epoch).Limit)
	if share > 0.02 || f.shed > 0 {
		t.Errorf("one slow: got %.1f %% sent to it, %d shed; want 2 %% at most, none shed", 100*share, f.shed)
	}
	if room := f.gate.Room(epoch.Add(f.now), 1); room > int64(DefaultBounds().Minimum) {
		t.Errorf("one slow: got room %d; want the minimum", room)
	}
	f.work[1] = 100 * time.Millisecond
	f.play(90*time.Second, 300)
	f.play(30*time.Second, 300)
	if f.shed > 0 || f.got[1] < 4000 {
		t.Errorf("well again: got %d and %d, %d shed; want half each, none shed", f.got[0], f.got[1], f.shed)
	}
}

// At a flood, what the slow one cannot do is taken off the site's limit, and what the
// other can do is used.
func TestFloodWithASlowUpstream(t *testing.T) {
	f := newFleet(2, 8, 50*time.Millisecond)
	f.play(30*time.Second, 50)
	f.work[1] = 5 * time.Second
	f.play(20*time.Second, 1000)
	f.play(60*time.Second, 1000)
	served := f.got[0] + f.got[1]
	t.Logf("%d and %d served, %d shed, limit %d", f.got[0], f.got[1], f.shed, f.gate.Stats(epoch).Limit)
	if f.got[0] < 60*160*9/10 || f.got[1] > served/20 {
		t.Errorf("got %d and %d served; want nine tenths of what the well one can do (%d), and a twentieth at most from the other", f.got[0], f.got[1], 60*160)
	}
}

// All upstreams slow at once is a release: it is learned.
func TestSlowerReleaseOnAllUpstreams(t *testing.T) {
	f := newFleet(3, 1000, 500*time.Millisecond)
	f.play(20*time.Second, 300)
	for i := range f.work {
		f.work[i] *= 3
	}
	f.play(60*time.Second, 300)
	if f.play(30*time.Second, 300); f.shed > 0 {
		t.Errorf("a minute behind the release: got %d shed, limit %d; want none", f.shed, f.gate.Stats(epoch).Limit)
	}
}

// An upstream that gets nothing any more is no room, more upstreams than the bound
// share what there is, and what enters leaves again.
func TestUpstreamsAreBounded(t *testing.T) {
	g := NewGate(DefaultBounds())
	for i := range uint64(3 * mostUpstreams) {
		g.Enter(epoch, i, 1)
	}
	if n := len(*g.upstreams.Load()); n != mostUpstreams {
		t.Errorf("got %d upstreams; want %d", n, mostUpstreams)
	}
	for i := range uint64(3 * mostUpstreams) {
		g.Exit(epoch.Add(time.Second), i, 1, time.Second, Answered)
	}
	g.Enter(epoch.Add(time.Minute), 1, 1)
	if st := g.Stats(epoch.Add(time.Minute)); st.InFlight != 1 || st.Limit > int64(DefaultBounds().Initial) {
		t.Errorf("got %d in flight, limit %d; want one, and the room of one upstream", st.InFlight, st.Limit)
	}
}
