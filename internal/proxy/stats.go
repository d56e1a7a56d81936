package proxy

import (
	"sync/atomic"
	"time"

	"bartizan/internal/proxy/tarpit"
	"bartizan/internal/signal"
)

// stats are the proxy's counters.
type stats struct {
	nowhere        tally // requests for no site
	signals        [signal.Kinds]atomic.Uint64
	added          [len(bounds) + 1]atomic.Uint64
	addedSum       atomic.Int64 // ns
	inFlight       atomic.Int64
	panics         atomic.Uint64
	upstreamErrors atomic.Uint64
	uninspected    atomic.Uint64
}

// tally counts the requests of one site.
type tally struct {
	requests [signal.Actions]atomic.Uint64 // by action
	would    [signal.Actions]atomic.Uint64 // by verdict
}

// bounds of the added-latency histogram.
var bounds = [...]time.Duration{
	5 * time.Microsecond, 10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond,
	500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
}

func (s *stats) count(x *exchange) {
	t := &s.nowhere
	if site := (*x.proxy.sites.Load())[x.req.Site]; site != nil {
		t = site.tally
	}
	t.requests[x.verdict.Action].Add(1)
	t.would[x.verdict.Would].Add(1)
	for _, sig := range x.req.Signals {
		s.signals[sig.Kind].Add(1)
	}
	if x.added > 0 {
		i := 0
		for i < len(bounds) && x.added > bounds[i] {
			i++
		}
		s.added[i].Add(1)
		s.addedSum.Add(int64(x.added))
	}
}

// Stats are the proxy's counters at one moment.
type Stats struct {
	Sites          []SiteStats
	Signals        [signal.Kinds]uint64
	InFlight       int64
	Held           int64  // body bytes held for inspection
	Panics         uint64 // caught while serving
	UpstreamErrors uint64
	TurnedAway     uint64 // requests that found no place among those under way
	Uninspected    uint64 // bodies that were not held: the budget was used up
	// Added is the time that judging added before a request went upstream:
	// cumulative counts by upper bound, their number and sum.
	Added      map[time.Duration]uint64
	AddedCount uint64
	AddedSum   time.Duration
	Upstreams  []UpstreamStats
	Tarpit     tarpit.Stats
}

// SiteStats are the requests of one site; the name is empty for those of none.
type SiteStats struct {
	Name            string
	Requests, Would [signal.Actions]uint64 // by action taken, by verdict
}

func (t *tally) stats(name string) SiteStats {
	out := SiteStats{Name: name}
	for i := range t.requests {
		out.Requests[i], out.Would[i] = t.requests[i].Load(), t.would[i].Load()
	}
	return out
}

// UpstreamStats are those of one upstream.
type UpstreamStats struct {
	Site, URL string
	Healthy   bool
	Failures  uint64
	Busy      int64 // requests that it has
	Room      int64 // that it may have at once; 1 where load is not adaptive
}

// Stats returns the counters.
func (p *Proxy) Stats() Stats {
	s := &p.stats
	out := Stats{
		InFlight: s.inFlight.Load(), Held: p.held.Load(), Panics: s.panics.Load(), UpstreamErrors: s.upstreamErrors.Load(),
		Uninspected: s.uninspected.Load(), Added: make(map[time.Duration]uint64, len(bounds)), AddedSum: time.Duration(s.addedSum.Load()),
	}
	out.Tarpit, out.TurnedAway = p.pit.Stats(), p.flight.turnedAway()
	out.Sites = append(out.Sites, s.nowhere.stats(""))
	for i := range s.signals {
		out.Signals[i] = s.signals[i].Load()
	}
	for i := range s.added {
		out.AddedCount += s.added[i].Load()
		if i < len(bounds) {
			out.Added[bounds[i]] = out.AddedCount
		}
	}
	now := p.options.Now()
	for name, site := range *p.sites.Load() {
		out.Sites = append(out.Sites, site.tally.stats(name))
		for _, u := range site.upstreams {
			out.Upstreams = append(out.Upstreams, UpstreamStats{name, u.raw, u.healthy(now), u.failures.Load(), u.busy.Load(), p.options.Engine.Room(now, name, u.id)})
		}
	}
	return out
}
