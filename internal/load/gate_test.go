package load

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// server is an upstream that does so much at once and lets the rest wait, in
// virtual time.
type server struct {
	gate    *Gate
	random  *rand.Rand
	workers int
	work    func(endpoint uint64) time.Duration
	busy    []time.Duration // when each worker is free
	now     time.Duration
	out     exits
	tally   [Classes]struct{ ok, shed int }
	took    [Classes]time.Duration // longest
}

// exit is an answer that is to come.
type exit struct {
	at, took time.Duration
	endpoint uint64
}

type exits []exit

func (e exits) Len() int           { return len(e) }
func (e exits) Less(i, j int) bool { return e[i].at < e[j].at }
func (e exits) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *exits) Push(x any)        { *e = append(*e, x.(exit)) }
func (e *exits) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

const unlimited = 0 // workers

func newServer(workers int, work func(uint64) time.Duration) *server {
	return &server{gate: NewGate(DefaultBounds()), random: rand.New(rand.NewPCG(1, 2)), workers: workers, work: work, busy: make([]time.Duration, workers)}
}

func (s *server) until(t time.Duration) {
	for len(s.out) > 0 && s.out[0].at <= t {
		x := heap.Pop(&s.out).(exit)
		s.gate.Exit(epoch.Add(x.at), 0, x.endpoint, x.took, Answered)
	}
	s.now = t
}

func (s *server) ask(class Class, endpoint uint64) {
	if !s.gate.Admit(epoch.Add(s.now), Ask{Class: class, Endpoint: endpoint}).Allowed {
		s.tally[class].shed++
		return
	}
	s.gate.Enter(epoch.Add(s.now), 0, endpoint)
	end := s.now + s.work(endpoint)
	if s.workers > 0 {
		first := slices.Index(s.busy, slices.Min(s.busy))
		end += max(s.busy[first]-s.now, 0)
		s.busy[first] = end
	}
	s.tally[class].ok++
	s.took[class] = max(s.took[class], end-s.now)
	heap.Push(&s.out, exit{end, end - s.now, endpoint})
}

// play has clients of each class ask at random at so many a second.
func (s *server) play(lasting time.Duration, perSecond [Classes]float64, endpoint func(Class) uint64) {
	s.tally, s.took = [Classes]struct{ ok, shed int }{}, [Classes]time.Duration{}
	total := 0.0
	for _, v := range perSecond {
		total += v
	}
	for end := s.now + lasting; s.now < end; {
		s.until(s.now + time.Duration(s.random.ExpFloat64()/total*float64(time.Second)))
		x, class := s.random.Float64()*total, Class(0)
		for x > perSecond[class] {
			x -= perSecond[class]
			class++
		}
		s.ask(class, endpoint(class))
	}
}

const usualMost = 2 * time.Second

// A flood of ten times what the upstream can do: unknown clients are turned away,
// known-good ones hardly ever, and the answers come in time. Suspects go first.
func TestFloodShedsByClass(t *testing.T) {
	s := newServer(8, func(uint64) time.Duration { return 50 * time.Millisecond })
	one := func(Class) uint64 { return 7 }
	s.play(30*time.Second, [Classes]float64{KnownGood: 40}, one)
	if n := s.tally[KnownGood].shed; n > 0 {
		t.Fatalf("before the flood: got %d shed; want none", n)
	}
	s.play(3*time.Second, [Classes]float64{Suspect: 400, Unknown: 1200, KnownGood: 40}, one) // it finds its limit
	s.play(60*time.Second, [Classes]float64{Suspect: 400, Unknown: 1200, KnownGood: 40}, one)
	good, unknown, suspect := s.tally[KnownGood], s.tally[Unknown], s.tally[Suspect]
	if share := float64(good.ok) / float64(good.ok+good.shed); share < 0.995 || s.took[KnownGood] > usualMost {
		t.Errorf("known good: got %.2f %% served, at most %v; want 99.5 %% within %v", share*100, s.took[KnownGood], usualMost)
	}
	if unknown.ok < 60*60 || unknown.shed < unknown.ok {
		t.Errorf("unknown: got %d served and %d shed; want the rest of 160 a second served", unknown.ok, unknown.shed)
	}
	if share := float64(suspect.ok) / float64(unknown.ok); share > 0.05 {
		t.Errorf("suspects: got %d served beside %d unknown; want next to none", suspect.ok, unknown.ok)
	}
	if got := s.gate.Overload(epoch.Add(s.now)); got < 60*time.Second {
		t.Errorf("overload: got %v; want at least 60s", got)
	}
}

// Who floods one endpoint leaves room for unknown clients of the others.
func TestHotEndpointGoesFirst(t *testing.T) {
	s := newServer(16, func(e uint64) time.Duration {
		if e == 7 {
			return 100 * time.Millisecond
		}
		return 5 * time.Millisecond
	})
	s.play(20*time.Second, [Classes]float64{Unknown: 40}, func(Class) uint64 { return s.random.Uint64N(2) * 7 })
	hot := 0
	s.play(33*time.Second, [Classes]float64{Unknown: 2000, KnownGood: 1}, func(c Class) uint64 {
		if s.random.Float64() < 0.98 {
			hot++
			return 7
		}
		return 300
	})
	shedHot := hot - 33*160
	if cold := s.tally[Unknown].shed - shedHot; cold > 33*40/4 {
		t.Errorf("of 1,320 requests for another endpoint: got about %d shed; want less than a quarter", cold)
	}
}

// Nobody is turned away for times that vary, for slow endpoints, or for growth
// that the upstream copes with.
func TestNoFalseAlarm(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, work := range map[string]func(uint64) time.Duration{
		"steady": func(uint64) time.Duration { return 20 * time.Millisecond },
		"log-normal": func(uint64) time.Duration {
			return time.Duration(float64(20*time.Millisecond) * math.Exp(random.NormFloat64()))
		},
		"a quick upstream on a busy machine": func(uint64) time.Duration {
			if random.IntN(10) < 5 {
				return time.Millisecond
			}
			return time.Duration(30+random.IntN(300)) * time.Millisecond
		},
		"cache hit or miss": func(uint64) time.Duration {
			if random.IntN(2) == 0 {
				return time.Millisecond
			}
			return 100 * time.Millisecond
		},
		"one in fifty takes 3 s": func(uint64) time.Duration {
			if random.IntN(50) == 0 {
				return 3 * time.Second
			}
			return 10 * time.Millisecond
		},
		"slow and quick endpoints": func(e uint64) time.Duration {
			return []time.Duration{time.Millisecond, 30 * time.Millisecond, 2 * time.Second}[e%3]
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(unlimited, work)
			shed := 0
			for _, perSecond := range []float64{5, 50, 300, 1000, 3000} {
				s.play(10*time.Second, [Classes]float64{Unknown: perSecond}, func(Class) uint64 { return random.Uint64N(3) })
				shed += s.tally[Unknown].shed
			}
			if shed > 0 {
				t.Errorf("got %d shed, limit %d; want none", shed, s.gate.Stats(epoch).Limit)
			}
		})
	}
}

// A release that makes everything three times slower is no overload: after a
// few seconds at the minimum these times are the usual ones.
func TestSlowerReleaseIsLearned(t *testing.T) {
	times := 500 * time.Millisecond
	s := newServer(unlimited, func(uint64) time.Duration { return times })
	all := [Classes]float64{Unknown: 300}
	one := func(Class) uint64 { return 1 }
	s.play(20*time.Second, all, one)
	times *= 3
	s.play(45*time.Second, all, one)
	s.play(30*time.Second, all, one)
	if n := s.tally[Unknown].shed; n > 0 {
		t.Errorf("45 s behind the release: got %d shed in 30 s, limit %d; want none", n, s.gate.Stats(epoch).Limit)
	}
}

// A burst long after an overload finds the old limit gone.
func TestOldLimitIsForgotten(t *testing.T) {
	g := NewGate(DefaultBounds())
	g.upstream(0).limit.Store(16)
	g.upstream(0).shrunk.Store(epoch.UnixNano())
	for range 16 {
		g.Enter(epoch, 0, 1)
	}
	if got := g.Admit(epoch.Add(time.Second), Ask{Class: Unknown, Endpoint: 1}); got.Allowed || got.Retry <= 0 {
		t.Errorf("just after it: got %+v; want a refusal with a time", got)
	}
	if got := g.Admit(epoch.Add(time.Minute), Ask{Class: Unknown, Endpoint: 1}); !got.Allowed {
		t.Errorf("a minute later: got %+v; want room", got)
	}
}

// Upstreams that do not answer are an overload too, and exempt clients are let through.
func TestDroppedShrinks(t *testing.T) {
	g := NewGate(DefaultBounds())
	for i := range 400 {
		for range 40 {
			g.Enter(epoch, 0, 1)
		}
		for range 40 {
			g.Exit(epoch.Add(time.Duration(i)*50*time.Millisecond), 0, 1, time.Second, Dropped)
		}
	}
	if got := g.Stats(epoch).Limit; got != int64(DefaultBounds().Minimum) {
		t.Errorf("limit: got %d; want the minimum", got)
	}
	for range 100 {
		g.Enter(epoch, 0, 1)
	}
	if got := g.Admit(epoch.Add(20*time.Second), Ask{Class: Exempt, Endpoint: 1}); !got.Allowed {
		t.Errorf("exempt: got %+v; want allowed", got)
	}
}

func BenchmarkGate(b *testing.B) {
	g := NewGate(DefaultBounds())
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		now := epoch
		for p.Next() {
			now = now.Add(time.Microsecond)
			g.Admit(now, Ask{Class: Unknown, Endpoint: 17})
			g.Enter(now, 0, 17)
			g.Exit(now, 0, 17, 20*time.Millisecond, Answered)
		}
	})
}
