package swarm

import (
	"cmp"
	"slices"

	"bartizan/internal/signal"
)

// matcher finds the strongest signature that a row matches. Signatures are
// indexed by one literal each, chosen so that the lists stay short; a row asks
// each attribute that is used as an index once. It is immutable.
type matcher struct {
	indices []lookup
	all     []*signature
}

// lookup holds the signatures that are found by one attribute.
type lookup struct {
	attribute Attribute
	mask      uint32
	slots     []slot // open addressing, at most half full
}

type slot struct {
	value uint32
	used  bool
	list  []*signature
}

// compile makes a matcher of the signatures that are watched.
func compile(list []*signature) *matcher {
	m := &matcher{}
	for _, g := range list {
		if g.State.watched() && len(g.Literals) > 0 {
			m.all = append(m.all, g)
		}
	}
	// The strongest first, so that the first match is the one.
	slices.SortStableFunc(m.all, func(a, b *signature) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a.Serial, b.Serial))
	})
	by := map[Literal][]*signature{}
	used := map[Attribute]bool{}
	for _, g := range m.all {
		l := indexLiteral(g, by, used)
		by[l] = append(by[l], g)
		used[l.Attribute] = true
	}
	for a := range Attribute(Attributes) {
		if used[a] {
			m.indices = append(m.indices, newIndex(a, by))
		}
	}
	return m
}

// rank orders signatures: those that act before those that only watch.
func rank(g *signature) int {
	if g.State != active {
		return 0
	}
	return 1 + int(g.Action)
}

// indexLiteral chooses the literal with the shortest list, and among equals an
// attribute that is an index already: each index costs a look.
func indexLiteral(g *signature, by map[Literal][]*signature, used map[Attribute]bool) Literal {
	best := g.Literals[0]
	for _, l := range g.Literals[1:] {
		a, b := len(by[l]), len(by[best])
		if a < b || a == b && used[l.Attribute] && !used[best.Attribute] {
			best = l
		}
	}
	return best
}

func newIndex(a Attribute, by map[Literal][]*signature) lookup {
	var values []uint32
	for l := range by {
		if l.Attribute == a {
			values = append(values, l.Value)
		}
	}
	slices.Sort(values)
	size := uint32(2)
	for int(size) < 2*len(values) {
		size *= 2
	}
	x := lookup{a, size - 1, make([]slot, size)}
	for _, v := range values {
		i := spread(v) & x.mask
		for x.slots[i].used {
			i = (i + 1) & x.mask
		}
		x.slots[i] = slot{v, true, by[Literal{a, v}]}
	}
	return x
}

func spread(v uint32) uint32 { return v * 2654435761 >> 7 }

func (x *lookup) find(v uint32) []*signature {
	for i := spread(v) & x.mask; x.slots[i].used; i = (i + 1) & x.mask {
		if x.slots[i].value == v {
			return x.slots[i].list
		}
	}
	return nil
}

// find returns the strongest signature that holds, or nil.
func (m *matcher) find(at *[Attributes]uint32) *signature {
	var best *signature
	for i := range m.indices {
		for _, g := range m.indices[i].find(at[m.indices[i].attribute]) {
			if best != nil && rank(best) >= rank(g) {
				break // lists are in this order
			}
			if holdsAt(g.Literals, at) {
				best = g
				break
			}
		}
	}
	return best
}

func holdsAt(list []Literal, at *[Attributes]uint32) bool {
	for _, l := range list {
		if at[l.Attribute] != l.Value {
			return false
		}
	}
	return true
}

// acts reports whether a match has consequences.
func (g *signature) acts() bool { return g.State == active && g.Action > signal.Pass }
