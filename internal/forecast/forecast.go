// Package forecast says what enforcing would do, from what was observed: whom it would
// have refused and why, how many clients known to be good are among them, and whether
// it is safe to begin.
//
// A Ledger counts; it decides nothing about a request. It keeps no request and no
// client, only bounded counts and sketches, so that no store is needed: at most
// maxSites sites with maxGroups groups each, about 600 bytes a group. Where more come,
// the group that says the least gives way, and is counted among the rest. An attacker
// can push out groups of attackers only: one that has hit a good client stays.
//
// A Ledger is safe for concurrent use; time is a parameter.
package forecast

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"bartizan/internal/signal"
)

const (
	maxSites    = 32
	maxGroups   = 96 // of one site, refusals and evidence each
	maxExamples = 3
	turnover    = 100 * time.Millisecond
	// remembered is how long a group is told that was not seen again.
	remembered = 7 * 24 * time.Hour
)

// Request is what is counted of one request that has ended.
type Request struct {
	Site   string
	ID     string
	Client uint64 // key of the client's record
	// Good says that the client is known to be good: it shows a credential that the
	// API accepted before, or has answered a challenge. Established says that it was
	// answered well before and had shown nothing.
	Good, Established bool
	// Exempt says that nothing is enforced against the client since its address is
	// private, Untold that an unnamed proxy stands before us.
	Exempt, Untold bool
	// Refusal is why enforcing would have refused it; empty if it would not. Would is
	// what would have been done.
	Refusal Refusal
	Would   signal.Action
	// Proven says that the refusal stands on proof: an exploit in the request, hard
	// evidence, a botnet's signature.
	Proven bool
	// Evidence is strong evidence in the request, whatever followed from it; without
	// Kind from where there is no more. An array costs no allocation.
	Evidence [MaxEvidence]Evidence
}

// MaxEvidence is how much of a request's evidence is counted.
const MaxEvidence = 4

// Refusal is why a request would have been refused.
type Refusal struct {
	Reason   string // as events print it
	What     string // kind of evidence, or intent of the client
	Endpoint string // "POST /api/posts"; empty where it is no matter of one
	Field    string // "body:content"; empty where there is none
}

// Evidence is one finding that is at least likely.
type Evidence struct {
	Kind, Band, Endpoint, Field string
}

// Ledger counts. Make one with New.
type Ledger struct {
	mu      sync.Mutex
	since   time.Time
	changed time.Time // when the configuration last changed what would be refused
	under   uint64    // the configuration; 0 before it is known
	pending bool      // it has changed since the last request
	sites   map[string]*site
}

// site are the counts of one site.
type site struct {
	requests, refused, exempt, exemptRefused, untold uint64
	turned                                           time.Time // when a group gave way last
	clients, good, established                       sketch
	restRequests, groups                             uint64 // of groups that gave way; made so far
	refusals                                         map[Refusal]*group
	evidence                                         map[Evidence]*group
}

// group is what happened alike.
type group struct {
	requests      uint64
	refused       uint64 // of evidence: requests with it that would have been refused
	first, last   time.Time
	would         signal.Action // hardest
	proven        bool
	clients, good sketch
	hasGood       bool
	examples      []string
	number        uint64 // of all groups ever made, so that no two are equal
}

// New returns a ledger that begins at now.
func New(now time.Time) *Ledger { return &Ledger{since: now, sites: make(map[string]*site)} }

// Under says which configuration decides from now on, by a digest of what in it decides
// who is refused. Once it is another one, what was counted before is told apart, for the
// change may have mended it.
func (l *Ledger) Under(configuration uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = l.pending || l.under != 0 && l.under != configuration
	l.under = configuration
}

// Reset forgets everything and begins anew.
func (l *Ledger) Reset(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since, l.changed, l.pending, l.sites = now, time.Time{}, false, make(map[string]*site)
}

// Count counts one request.
func (l *Ledger) Count(now time.Time, r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending {
		l.changed, l.pending = now, false
	}
	s := l.site(r.Site)
	if s == nil {
		return
	}
	s.requests++
	s.clients.add(r.Client)
	if r.Good {
		s.good.add(r.Client)
	}
	if r.Established {
		s.established.add(r.Client)
	}
	if r.Untold {
		s.untold++
	}
	refused := r.Refusal.Reason != ""
	if r.Exempt {
		s.exempt++
		if refused {
			s.exemptRefused++
		}
		return // nothing would be refused
	}
	if refused {
		s.refused++
		if g := groupOf(s, s.refusals, r.Refusal, now, r.Good); g != nil {
			g.count(now, r)
		}
	}
	for i := range r.Evidence {
		e := r.Evidence[i]
		if e.Kind == "" {
			break
		}
		g := groupOf(s, s.evidence, e, now, r.Good)
		if g == nil {
			continue
		}
		if g.count(now, r); refused {
			g.refused++
		}
	}
}

func (l *Ledger) site(name string) *site {
	s := l.sites[name]
	if s == nil && len(l.sites) < maxSites {
		s = &site{refusals: make(map[Refusal]*group), evidence: make(map[Evidence]*group)}
		l.sites[name] = s
	}
	return s
}

// groupOf returns the group of key, in place of the one that says the least where there
// is no room. Finding that one takes a look at all, so a new group has to wait for
// turnover since the last came, unless a good client is in it; until then it is nil.
func groupOf[K comparable](s *site, groups map[K]*group, key K, now time.Time, good bool) *group {
	g := groups[key]
	if g != nil {
		return g
	}
	if len(groups) >= maxGroups {
		if !good && now.Sub(s.turned) < turnover {
			s.restRequests++
			return nil
		}
		s.turned = now
		var least K
		var found *group
		for k, other := range groups {
			if found == nil || less(other, found, now) {
				least, found = k, other
			}
		}
		s.restRequests += found.requests
		delete(groups, least)
	}
	s.groups++
	g = &group{first: now, number: s.groups}
	groups[key] = g
	return g
}

// less reports whether a says less than b: it is old, hit no good client, is small.
func less(a, b *group, now time.Time) bool {
	old := func(g *group) bool { return now.Sub(g.last) > remembered }
	switch {
	case old(a) != old(b):
		return old(a)
	case a.hasGood != b.hasGood:
		return b.hasGood
	case a.requests != b.requests:
		return a.requests < b.requests
	}
	return a.number < b.number
}

func (g *group) count(now time.Time, r *Request) {
	g.requests++
	g.last = now
	g.would = max(g.would, r.Would)
	g.proven = g.proven || r.Proven
	g.clients.add(r.Client)
	if r.Good {
		g.good.add(r.Client)
		g.hasGood = true
	}
	if len(g.examples) < maxExamples {
		g.examples = append(g.examples, r.ID)
	} else if r.Good { // what hit a good client is worth more
		g.examples[int(g.requests)%maxExamples] = r.ID
	}
}

// ordered returns the keys of groups, those that hit good clients first, then the
// largest.
func ordered[K comparable](groups map[K]*group, less func(a, b K) int) []K {
	keys := make([]K, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int {
		x, y := groups[a], groups[b]
		if x.hasGood != y.hasGood {
			if x.hasGood {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(y.requests, x.requests), less(a, b))
	})
	return keys
}
