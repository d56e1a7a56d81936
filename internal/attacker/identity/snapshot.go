package identity

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// A facet in a snapshot, all little-endian: kind, key, clients counted, when seen,
// members kept; of each: client, when it joined and was seen, risk, founder.
const (
	facetBytes  = 1 + 8 + 4 + 8 + 1
	memberBytes = 8 + 8 + 8 + 4 + 1
)

var (
	le         = binary.LittleEndian
	errDamaged = errors.New("links are damaged")
)

// MostBytes is the length of the longest snapshot.
func (g *Graph) MostBytes() int { return g.max * (facetBytes + MostClients*memberBytes) }

// Append appends a snapshot of all links to b.
func (g *Graph) Append(b []byte) []byte {
	g.mu.RLock()
	defer g.mu.RUnlock()
	all := make([]Facet, 0, len(g.nodes))
	for f := range g.nodes {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Facet) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	for _, f := range all {
		n := g.nodes[f]
		b = le.AppendUint64(append(b, byte(f.Kind)), f.Key)
		b = le.AppendUint64(le.AppendUint32(b, uint32(min(n.count, math.MaxUint32))), uint64(n.seen))
		b = append(b, byte(len(n.members)))
		for _, m := range n.members {
			b = le.AppendUint64(le.AppendUint64(le.AppendUint64(b, m.client), uint64(m.joined)), uint64(m.seen))
			b = le.AppendUint32(b, math.Float32bits(m.risk))
			if b = append(b, 0); m.founder {
				b[len(b)-1] = 1
			}
		}
	}
	return b
}

// Restore takes a snapshot over into an empty graph. now (ms) bounds what it may
// claim: no link is from the future. On an error the graph is empty.
func (g *Graph) Restore(now int64, b []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.restore(now, b) {
		clear(g.nodes)
		clear(g.of)
		return errDamaged
	}
	g.any.Store(len(g.nodes) > 0)
	return nil
}

func (g *Graph) restore(now int64, b []byte) bool {
	for len(b) > 0 {
		if len(b) < facetBytes || Kind(b[0]) >= Kinds || len(g.nodes) >= g.max {
			return false
		}
		f := Facet{Kind(b[0]), le.Uint64(b[1:])}
		n := &node{count: int(le.Uint32(b[9:])), seen: min(int64(le.Uint64(b[13:])), now)}
		members := int(b[21])
		b = b[facetBytes:]
		if g.nodes[f] != nil || members > MostClients || len(b) < members*memberBytes {
			return false
		}
		g.nodes[f] = n
		for range members {
			m := member{client: le.Uint64(b), joined: min(int64(le.Uint64(b[8:])), now), seen: min(int64(le.Uint64(b[16:])), now),
				risk: math.Float32frombits(le.Uint32(b[24:])), founder: b[28] == 1}
			b = b[memberBytes:]
			if !(m.risk >= 0 && m.risk <= 100) {
				return false
			}
			if len(g.of[m.client]) < mostFacets {
				g.of[m.client] = append(g.of[m.client], f)
				n.members = append(n.members, m)
			}
		}
	}
	return true
}
