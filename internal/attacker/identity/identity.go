// Package identity links clients (an address and its software) that are one
// attacker: by a credential that an attacker was the first to show, an account that
// he was the first to log in to, a pass that one machine has earned and another
// uses, the signature of one botnet, or software that hardly anybody but suspects
// uses.
//
// A link is a fact with a reason and a time; it never says that two clients are
// one. Nothing links by address, by a common fingerprint, or by a credential or an
// account that somebody else had first: then people behind one address, and the
// victim of a theft, would be the attacker. Links fade after a day, and a client
// can be taken out. It decides nothing: what a link is worth is for package attacker.
//
// Everything is bounded and keyed by digests. A Graph is safe for concurrent use.
package identity

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what links clients.
type Kind uint8

// The kinds, with their weights in nats (design notes, section 2.4: a link counts from 6).
const (
	Credential Kind = iota // accepted, and first shown by an attacker: 9
	Pass                   // earned by an attacker: 9
	Signature              // of one botnet: 6, weak
	Account                // first logged in to by an attacker: 9
	Software               // rare in good traffic, and mostly suspects use it: 6, weak
	Kinds      = iota
)

// String returns the kind's name.
func (k Kind) String() string {
	return [...]string{"credential", "pass", "signature", "account", "software"}[min(k, Software)]
}

// Weight returns the kind's weight, in nats.
func (k Kind) Weight() float64 { return [...]float64{9, 9, 6, 9, 6}[min(k, Software)] }

// Weak reports whether the link carries half.
func (k Kind) Weak() bool { return k == Signature || k == Software }

// Facet is one thing that clients have in common.
type Facet struct {
	Kind Kind
	Key  uint64 // keyed digest
}

const (
	// Lasting is how long a link holds after it was last seen.
	Lasting = 24 * time.Hour
	// MostClients is how many clients of one facet are kept; more are counted.
	MostClients = 32
	// shared is from how many clients on a facet is nobody's own any more: an API
	// key in an app, for instance. A botnet's signature is meant to be.
	shared = 50
	// mostFacets is how many facets of one client are kept.
	mostFacets = 6
	// someSuspects is how many suspects make software that of an attacker; they must
	// also be at least half of those who use it.
	someSuspects = 3
)

// member is one client of a facet.
type member struct {
	client       uint64
	joined, seen int64 // ms
	risk         float32
	founder      bool
}

type node struct {
	members []member
	count   int // clients, also those that are not kept
	seen    int64
}

// Graph holds the links. Make one with New.
type Graph struct {
	max   int
	any   atomic.Bool
	mu    sync.RWMutex
	nodes map[Facet]*node
	of    map[uint64][]Facet
}

// New returns a graph of at most max facets: up to 1.5 KiB each with all their
// clients. Of a full one the eighth that was seen the longest ago is forgotten: an
// attacker who makes many facets loses links, which only ever lower thresholds.
func New(max int) *Graph {
	if max <= 0 {
		panic("identity: New needs a positive max")
	}
	return &Graph{max: max, nodes: map[Facet]*node{}, of: map[uint64][]Facet{}}
}

// Any reports whether there is any facet, without a lock.
func (g *Graph) Any() bool { return g.any.Load() }

// Mark notes at now (ms) that a client under suspicion has f, and how risky it is.
func (g *Graph) Mark(now int64, f Facet, client uint64, risk float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.nodes[f]
	if n == nil {
		if len(g.of[client]) >= mostFacets {
			return
		}
		if len(g.nodes) >= g.max {
			g.forget()
		}
		n = new(node)
		g.nodes[f] = n
		g.any.Store(true)
	}
	if m := g.join(n, now, f, client); m != nil {
		m.risk, m.founder = max(m.risk, float32(risk)), m.founder || len(n.members) == 1
	}
}

// Use notes that a client has f, if anybody under suspicion has had it.
func (g *Graph) Use(now int64, f Facet, client uint64) {
	g.mu.RLock()
	known := g.nodes[f] != nil
	g.mu.RUnlock()
	if !known {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.nodes[f]; n != nil {
		g.join(n, now, f, client)
	}
}

// join returns the client's place in n, nil if there is no room; g.mu is held.
func (g *Graph) join(n *node, now int64, f Facet, client uint64) *member {
	n.seen = now
	for i := range n.members {
		if m := &n.members[i]; m.client == client {
			m.seen = now
			return m
		}
	}
	n.count++
	facets := g.of[client]
	if len(n.members) >= MostClients || len(facets) >= mostFacets {
		return nil
	}
	g.of[client] = append(facets, f)
	n.members = append(n.members, member{client: client, joined: now, seen: now})
	return &n.members[len(n.members)-1]
}

// forget drops the eighth of facets that was seen the longest ago; g.mu is held.
func (g *Graph) forget() {
	all := make([]Facet, 0, len(g.nodes))
	for f := range g.nodes {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Facet) int {
		return cmp.Or(cmp.Compare(g.nodes[a].seen, g.nodes[b].seen), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind))
	})
	for _, f := range all[:max(len(all)/8, 1)] {
		g.drop(f)
	}
}

func (g *Graph) drop(f Facet) {
	for _, m := range g.nodes[f].members {
		g.detach(m.client, f)
	}
	delete(g.nodes, f)
}

func (g *Graph) detach(client uint64, f Facet) {
	if left := slices.DeleteFunc(g.of[client], func(o Facet) bool { return o == f }); len(left) > 0 {
		g.of[client] = left
	} else {
		delete(g.of, client)
	}
}

// Remove takes a client out of all links, as if it had never been in any.
func (g *Graph) Remove(client uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range slices.Clone(g.of[client]) {
		n := g.nodes[f]
		n.members = slices.DeleteFunc(n.members, func(m member) bool { return m.client == client })
		n.count--
		if g.detach(client, f); len(n.members) == 0 {
			delete(g.nodes, f)
		}
	}
}

// holds reports whether a facet links at all at now.
func (n *node) holds(now int64, f Facet) bool {
	if now-n.seen >= Lasting.Milliseconds() {
		return false
	}
	switch f.Kind {
	case Signature:
		return true
	case Software:
		suspects := 0
		for i := range n.members {
			if n.members[i].risk > 0 {
				suspects++
			}
		}
		return suspects >= someSuspects && 2*suspects >= n.count
	}
	return n.count <= shared
}

// Suspicion returns the highest risk of a client that is linked to client at now,
// weak links halved; 0 if there is none.
func (g *Graph) Suspicion(now int64, client uint64) float64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	top := float32(0)
	for _, f := range g.of[client] {
		n := g.nodes[f]
		if !n.holds(now, f) {
			continue
		}
		for _, m := range n.members {
			if m.client == client || now-m.seen >= Lasting.Milliseconds() {
				continue
			}
			risk := m.risk
			if f.Kind.Weak() {
				risk /= 2
			}
			top = max(top, risk)
		}
	}
	return float64(top)
}

// Link is one facet of an attacker, for people.
type Link struct {
	Facet
	Clients []Joined // in the order in which they joined, at most MostClients
	Count   int      // of clients in all
	Since   time.Time
	Seen    time.Time
}

// Joined is a client of a link, and when it joined.
type Joined struct {
	Client uint64
	At     time.Time
}

// Attacker returns the links of all clients that are linked to client, directly or
// over others, at most limit of them; strongest kinds first.
func (g *Graph) Attacker(now int64, client uint64, limit int) (out []Link) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	done, todo := map[Facet]bool{}, []uint64{client}
	seen := map[uint64]bool{client: true}
	for len(todo) > 0 && len(out) < limit {
		who := todo[0]
		todo = todo[1:]
		for _, f := range g.of[who] {
			n := g.nodes[f]
			if done[f] || !n.holds(now, f) || len(n.members) < 2 {
				continue
			}
			done[f] = true
			l := Link{Facet: f, Count: n.count, Since: time.UnixMilli(n.members[0].joined).UTC(), Seen: time.UnixMilli(n.seen).UTC()}
			for _, m := range n.members {
				l.Clients = append(l.Clients, Joined{m.client, time.UnixMilli(m.joined).UTC()})
				if !seen[m.client] {
					seen[m.client] = true
					todo = append(todo, m.client)
				}
			}
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Link) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}

// Len returns the number of facets.
func (g *Graph) Len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.nodes)
}
