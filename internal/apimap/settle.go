package apimap

import (
	"math/bits"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// What was learned becomes the law only when it has stood for days and many have taught
// it, or when an operator has looked at it: ten addresses send thousands of good
// requests within seconds, and would teach everybody's law. As evidence it counts at
// once. Where known clients are refused, the law is lifted.

// sources tells apart who has taught a fact: 64 bits, as linear counting has them
// (Whang, Vander-Zanden and Taylor, 1990), about a tenth off at 20.
type sources uint64

func (s *sources) add(source uint64) { *s |= 1 << (source >> 58) }

func (s sources) count() float64 {
	b := [1]uint64{uint64(s)}
	return count(b[:])
}

// MostSources is the highest number that Options.EnforceNetworks may be.
const MostSources = 100

// sourceOf returns what r counts as: its credential if few show that and the upstream
// has accepted it, else its network, an IPv4 /24 or IPv6 /48.
func sourceOf(r *request.Request) uint64 {
	if r.Standing.Known {
		return digest.Scramble(r.Standing.Keys[2])
	}
	ip := r.Client.Key.Addr().As16()
	n := 6
	if r.Client.Key.Addr().Is4() {
		n = 15
	}
	h := uint64(1)
	for _, b := range ip[:n] {
		h = digest.Mix(h, uint64(b))
	}
	return digest.Scramble(h)
}

// settled reports whether a fact may be the law: since first (ms), by these sources, or
// approved at a time (ms) after it was first seen; 0 if it was not.
func (m *Model) settled(now, first, approved int64, by sources) bool {
	o := &m.options
	return first != 0 &&
		(first <= approved || now-first >= o.EnforceAfter.Milliseconds() &&
			by.count() >= 0.9*float64(o.EnforceNetworks))
}

// Approve makes what has been learned of a site the law, at now, without waiting for
// days and networks: an operator has looked at Departures. It returns the number of
// its endpoints, 0 if nothing is known of the site.
func (m *Model) Approve(now time.Time, site string) (endpoints int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.sites[site]
	if t == nil {
		return 0
	}
	t.approved = now.UnixMilli()
	for _, p := range m.profiles {
		if p.site == site {
			p.mu.Lock()
			p.approved = t.approved
			p.mu.Unlock()
			endpoints++
		}
	}
	return endpoints
}

// The law is lifted where known clients of so many sources were refused: a share of
// EnforceNetworks, and never fewer than the least.
const (
	liftShare = 0.5
	liftLeast = 3
	oldClient = 24 * time.Hour // from when on a client is known without good answers of late
	// MostLifts is how many places are counted at a time, about 64 bytes each; of a full
	// table those of one source go.
	MostLifts = 4096
)

// lift counts the known clients that one part of the law refuses.
type lift struct {
	by     sources
	lifted bool
}

// placeOf identifies what s departs from at r's endpoint.
func (m *Model) placeOf(r *request.Request, s signal.Signal) uint64 {
	return digest.Mix(digest.Mix(r.Endpoint.ID, uint64(s.Kind)), digest.String(m.options.Seed, s.Where))
}

// InForce reports whether s, evidence of this model on r, refuses the request where
// the model is the law: it is settled, and not lifted.
func (m *Model) InForce(r *request.Request, s signal.Signal) bool {
	if !s.Settled || !Lawful(r, s) {
		return false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	l := m.lifts.entries[m.placeOf(r, s)]
	return l == nil || !l.lifted
}

// Refuse notes that r was refused by the law. It returns where that has just been
// lifted, because many known clients were refused there; none as a rule.
func (m *Model) Refuse(r *request.Request) (lifted []string) {
	st := &r.Standing
	if !st.Known && !st.Served && st.Age < oldClient || st.Stage > signal.Watch || st.Elsewhere != 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range r.Signals {
		if !s.Settled || !Lawful(r, s) {
			continue
		}
		l := m.lifts.at(m.placeOf(r, s), func(l *lift) bool { return !l.lifted && bits.OnesCount64(uint64(l.by)) < 2 })
		if l == nil || l.lifted {
			continue
		}
		if l.by.add(sourceOf(r)); l.by.count() >= max(liftLeast, liftShare*float64(m.options.EnforceNetworks))-0.5 {
			l.lifted = true
			lifted = append(lifted, request.Excerpt(s.Where, 96))
		}
	}
	return lifted
}
