package apimap

import (
	"math/bits"
	"slices"
	"strings"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Lawful reports whether s, evidence of this model on r, would refuse the request
// if the model were the law and settled: what it has never seen of an endpoint that it knows
// well. What is merely unusual (sizes, steps, credentials) never is.
func Lawful(r *request.Request, s signal.Signal) bool {
	e := &r.Endpoint
	switch s.Kind {
	case signal.UnknownEndpoint:
		return e.Foreign
	case signal.UnknownMethod:
		return s.Band >= signal.Likely && !e.Known
	case signal.UnknownParameter, signal.ParameterType:
		return s.Band >= signal.Likely && e.Ripe
	}
	return false
}

// Methods returns the methods that the API has answered well at r's path, sorted.
func (m *Model) Methods(r *request.Request) []string {
	var out []string
	for _, method := range [...]string{"DELETE", "GET", "PATCH", "POST", "PUT"} {
		if m.profileOf(endpointID(m.options.Seed, r.Site, method, r.Endpoint.Template)) != nil {
			out = append(out, method)
		}
	}
	return out
}

// departed counts what the law would have refused.
type departed struct {
	requests uint64
	good     uint64 // of those, answered well
	clients  uint64 // linear counting bits
	places   [4]tally
}

// tally counts what departed in one of the first places that did.
type tally struct {
	where string
	n     uint64
}

func (d *departed) add(r *request.Request, good bool) {
	d.requests++
	if good {
		d.good++
	}
	d.clients |= 1 << (digest.Mix(r.Standing.Keys[0], 3) & 63)
	for _, s := range r.Signals {
		if !Lawful(r, s) {
			continue
		}
		for i := range d.places {
			p := &d.places[i]
			if p.n == 0 {
				p.where = strings.Clone(request.Excerpt(s.Where, 64))
			}
			if p.where == s.Where {
				p.n++
				break
			}
		}
	}
}

// Depart notes that r, of which r.Endpoint.Departs says so, would have been
// refused; good says that the API answered it well.
func (m *Model) Depart(r *request.Request, good bool) {
	if p := m.profileOf(r.Endpoint.ID); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.departed.add(r, good)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.sites[r.Site]
	switch {
	case t == nil:
	case r.Endpoint.PathKnown:
		t.methods.add(r, good)
	default:
		t.paths.add(r, good)
	}
}

// Departure says what the learned model as the law would have refused of one
// endpoint since the program began; of all unknown paths or methods of a site
// where Template is empty.
type Departure struct {
	Site, Method, Template string
	Ripe                   bool // the model is certain enough
	Settled                bool // and old enough, of enough networks, or approved: it refuses where it is the law
	Requests               int  // that taught
	Refused                int
	Clients                int // of those refused, about; 64 at most
	Good                   int // of those refused, answered well: whoever enforces would break these
	Places                 []string
}

func (d *departed) describe(site, method, template string) Departure {
	out := Departure{Site: site, Method: method, Template: template, Refused: int(d.requests), Clients: bits.OnesCount64(d.clients), Good: int(d.good)}
	for _, p := range d.places {
		if p.n > 0 {
			out.Places = append(out.Places, p.where)
		}
	}
	return out
}

// Departures lists all endpoints, and unknown paths and methods of each site, by
// site, template and method.
func (m *Model) Departures(now time.Time) []Departure {
	m.mu.RLock()
	all := make([]*profile, 0, len(m.profiles))
	for _, p := range m.profiles {
		all = append(all, p)
	}
	var out []Departure
	ripe := float64(m.learned) >= ripeTimes*siteRipe && float64(m.found)/float64(m.learned) < strangeRate
	for site, t := range m.sites {
		for _, d := range []Departure{t.paths.describe(site, "any", ""), t.methods.describe(site, "unknown", "")} {
			d.Ripe, d.Settled = ripe, ripe && m.settled(now.UnixMilli(), t.first, t.approved, t.by)
			out = append(out, d)
		}
	}
	m.mu.RUnlock()
	for _, p := range all {
		p.mu.Lock()
		d := p.departed.describe(p.site, p.method, p.template)
		d.Ripe, d.Requests = p.certain(m, now) && p.n >= ripeTimes*float64(m.options.MinimumRequests), int(p.n)
		d.Settled = d.Ripe && m.settled(now.UnixMilli(), p.first, p.approved, p.by)
		p.mu.Unlock()
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Departure) int {
		return strings.Compare(a.Site+"\x00"+a.Template+"\x00"+a.Method, b.Site+"\x00"+b.Template+"\x00"+b.Method)
	})
	return out
}
