// Package apimap learns what an API looks like from the traffic that it answers
// well, and says where a request departs from that: an endpoint or method that
// nobody uses, a parameter that it never took, a value of another type.
//
// Endpoints are found by streaming path-template induction: "/users/17" and
// "/users/93" become "/users/{int}", and a word position that keeps producing new
// values becomes "{name}". Scanners cannot teach: only 2xx answers to requests
// without evidence do, a path counts once several distinct clients have had it,
// and a parameter once it has come from several. Everything is bounded.
//
// It decides nothing: departures are signals, graded by how sure the model is.
// All methods are safe for concurrent use.
package apimap

import (
	"sync"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// Options bound a Model. Zero values take the defaults beside them.
type Options struct {
	Seed uint64
	// Nodes bounds the tries of all sites; 20,000. A node takes about 250 bytes.
	Nodes int
	// Endpoints bounds profiles; 5,000. One takes up to 12 KiB.
	Endpoints int
	// MinimumRequests and MinimumTime are what a profile needs before it claims
	// any certainty; 500 and one minute.
	MinimumRequests int
	MinimumTime     time.Duration
	// EnforceAfter and EnforceNetworks are what a fact needs before it may be the law:
	// for how long it has been known, and from how many networks or accepted
	// credentials, at most MostSources; 72 hours and 20.
	EnforceAfter    time.Duration
	EnforceNetworks int
}

// teachers is how many distinct clients a path or a parameter must come from
// before it is believed: one client alone, or a tool of a few addresses, is not.
const teachers = 4

// Model is what is known of all sites.
type Model struct {
	options  Options
	mu       sync.RWMutex // guards sites, nodes and profiles; not the profiles' insides
	sites    map[string]*trie
	nodes    int
	profiles map[uint64]*profile
	lifts    bounded[uint64, lift]
	learned  uint64 // requests that taught
	found    uint64 // endpoints found
	refused  uint64 // what the bounds kept out
}

// New returns an empty model.
func New(o Options) *Model {
	set := func(v *int, otherwise int) {
		if *v == 0 {
			*v = otherwise
		}
	}
	set(&o.Nodes, 20_000)
	set(&o.Endpoints, 5_000)
	set(&o.MinimumRequests, 500)
	if o.MinimumTime == 0 {
		o.MinimumTime = time.Minute
	}
	if o.EnforceAfter == 0 {
		o.EnforceAfter = 72 * time.Hour
	}
	set(&o.EnforceNetworks, 20)
	return &Model{options: o, sites: map[string]*trie{}, profiles: map[uint64]*profile{},
		lifts: bounded[uint64, lift]{entries: map[uint64]*lift{}, max: MostLifts}}
}

// Locate fills r.Endpoint's Template, ID and Known from what has been learned;
// r must be parsed and its site set. A path that is not known keeps the template
// that its segments' types give. It does not allocate for known literal paths.
func (m *Model) Locate(r *request.Request) {
	e := &r.Endpoint
	e.ID, e.Known = 0, false
	m.mu.RLock()
	t := m.sites[r.Site]
	var n *node
	if t != nil {
		n = t.find(r.Steps())
	}
	if n != nil {
		e.Template, e.ID = n.template, endpointID(m.options.Seed, r.Site, r.Head.Method, n.template)
		e.Known = m.profiles[e.ID] != nil
		e.PathKnown = true
	}
	m.mu.RUnlock()
	if n == nil {
		e.PathKnown = false
		e.Template = r.PathTemplate()
		e.ID = endpointID(m.options.Seed, r.Site, r.Head.Method, e.Template)
	}
}

// endpointID identifies method and template of a site.
func endpointID(seed uint64, site, method, template string) uint64 {
	h := digest.Mix(digest.String(seed, site), digest.String(seed, method))
	return max(digest.Mix(h, digest.String(seed, template)), 1)
}

// profileOf returns the profile of an endpoint, or nil.
func (m *Model) profileOf(id uint64) *profile {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.profiles[id]
}

// Stats are the model's counters.
type Stats struct {
	Endpoints, Nodes        int
	Learned, Found, Refused uint64
	Lifts                   int // places where known clients broke the law, lifted or not
}

// Stats returns the counters.
func (m *Model) Stats() Stats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Stats{len(m.profiles), m.nodes, m.learned, m.found, m.refused, len(m.lifts.entries)}
}
