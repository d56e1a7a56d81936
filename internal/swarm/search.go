package swarm

import (
	"cmp"
	"math"
	"slices"

	"bartizan/internal/digest"
)

// Literal is one condition of a signature: an attribute has a value.
type Literal struct {
	Attribute Attribute
	Value     uint32
}

func (l Literal) holds(r *row) bool { return r.at[l.Attribute] == l.Value }

func holdAll(list []Literal, r *row) bool {
	for _, l := range list {
		if r.at[l.Attribute] != l.Value {
			return false
		}
	}
	return true
}

// mayHold is holdAll where an order of header fields that is not known may be any: of an
// HTTP/2 connection only the first request's is, and the good clients of a young gateway
// have hardly connected anew.
func mayHold(list []Literal, r *row) bool {
	for _, l := range list {
		if v := r.at[l.Attribute]; v != l.Value && (v != 0 || !l.Attribute.ofOrder()) {
			return false
		}
	}
	return true
}

// ofOrder reports whether the attribute is 0 where the order of header fields is not known.
func (a Attribute) ofOrder() bool { return a == HeaderOrder || a == RarityOrder || a == FitOrderAgent }

const (
	beamWidth   = 40
	depthMax    = 6 // literals in a core
	guardsMax   = 3
	tries       = 6 // candidates that are proven in one search
	poolRows    = 1500
	alphaGlobal = 3e-4 // of all good traffic, at most
	alphaScope  = 0.01 // of good traffic to the template
	leastCover  = 0.25 // share of the excess that a candidate explains
	volumeCover = 0.5  // the same where volume is all there is
	steps       = 50   // in which candidates are told apart by what they explain
)

// pool is what a search looks at.
type pool struct {
	scope    *scope
	rows     []*row          // suspicious: in the scope, since the change, nobody's we know
	live     []*row          // known-good clients in the scope since the change
	back     int             // the same of clients that only returned
	returned map[uint32]bool // these clients
	good     []*row          // good traffic: the part that is searched
	scoped   bool            // good is the template's own stratum
	expected float64         // how many of rows are good, presumably
	excess   float64         // the others
	crowd    bool            // the rest of the API is asked for far more often too
	whole    int             // rows of the scope's whole pool, of which this may be a part
}

// candidate is a conjunction under search.
type candidate struct {
	literals                  []int // places in search.literals, rising
	rows, good, live          bitmap
	rowCount, goodCount, seen int // seen: of live
	cover, value, rank        float64
	feasible                  bool
}

// search is one beam search (contrast mining: conjunctions that are frequent in
// the pool and rare in good traffic; Bay and Pazzani, "Detecting group
// differences: mining contrast sets", 2001, with the bounded depth and the
// excess mass of a change detector instead of a class label).
type search struct {
	*pool
	literals []Literal
	singles  []*candidate
}

// find returns feasible candidates, best first, and all others that were
// looked at, for whoever asks for less.
func (p *pool) find() (feasible, others []*candidate, s *search) {
	s = &search{pool: p}
	s.collect()
	current := slices.Clone(s.singles)
	seen := map[uint64]bool{}
	for depth := 1; depth <= depthMax && len(current) > 0; depth++ {
		best, bound := 0.0, 0.0
		others = append(others, current[:min(len(current), 200)]...)
		for _, c := range current {
			if c.feasible {
				feasible = append(feasible, c)
				best = math.Max(best, c.value)
			} else {
				bound = math.Max(bound, c.value) // coverage only shrinks with more literals
			}
		}
		if best > 0 && best >= bound-1.0/steps {
			break
		}
		current = s.extend(current, seen)
	}
	slices.SortStableFunc(feasible, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(math.Floor(b.value*steps), math.Floor(a.value*steps)), cmp.Compare(len(a.literals), len(b.literals)), cmp.Compare(b.rank, a.rank))
	})
	return feasible, others, s
}

// collect finds the literals that are frequent enough and which rows hold them.
func (s *search) collect() {
	least := int(math.Max(math.Min(12, 0.4*s.excess), 0.15*s.excess))
	counts := map[uint32]int{}
	for a := range Attribute(Attributes) {
		clear(counts)
		for _, r := range s.rows {
			counts[r.at[a]]++
		}
		var values []uint32
		for v, n := range counts {
			if n >= least && s.usable(Literal{a, v}) {
				values = append(values, v)
			}
		}
		slices.Sort(values)
		for _, v := range values {
			s.literals = append(s.literals, Literal{a, v})
		}
	}
	rows, good, live := holding(s.rows, s.literals), holding(s.good, s.literals), holding(s.live, s.literals)
	for i := range s.literals {
		c := &candidate{literals: []int{i}, rows: rows[i], good: good[i], live: live[i]}
		s.score(c)
		s.singles = append(s.singles, c)
	}
}

// usable leaves out what says nothing: derived values that are unknown, and,
// where good traffic to this very endpoint is not known, contents never seen in
// good traffic, for a new endpoint brings new contents.
func (s *search) usable(l Literal) bool {
	switch {
	case l.Attribute >= derived && l.Value == 0:
		return false
	case l.Attribute == Visit && s.scope.kind.failing():
		return false // it is for what nothing else tells: a surplus of good answers
	case l.Attribute == RarityObject:
		return s.scoped && l.Value == unseen && s.walks()
	case !s.scoped && attributes[l.Attribute].class == content && l.Attribute < derived:
		n := 0
		for _, r := range s.good {
			if l.holds(r) {
				if n++; n >= 5 {
					return true
				}
			}
		}
		return false
	}
	return true
}

// walks reports whether the pool asks for one new object after the other, which good
// traffic does not: not where each asks for his own, or all are new, and not where many
// come for one that somebody has just linked to.
func (s *search) walks() bool {
	known, asked, objects := 0, 0, map[uint32]bool{}
	for _, r := range s.good {
		known += int(bit(r.at[RarityObject] == unseen))
	}
	for _, r := range s.rows {
		if r.at[RarityObject] == unseen {
			asked++
			objects[r.at[Object]] = true
		}
	}
	return float64(known) <= objectsNew*float64(len(s.good)) && 2*len(objects) >= asked
}

// holding returns for each literal which rows hold it. Rows are large and far
// apart in memory, so each is looked at once.
func holding(rows []*row, list []Literal) []bitmap {
	out := make([]bitmap, len(list))
	for i := range out {
		out[i] = newBitmap(len(rows))
	}
	for n, r := range rows {
		for i, l := range list {
			if r.at[l.Attribute] == l.Value {
				out[i].set(n)
			}
		}
	}
	return out
}

// score measures a candidate: how much of the excess it explains, what that is
// worth, and whether good traffic would bear it.
func (s *search) score(c *candidate) {
	c.rowCount, c.goodCount, c.seen = c.rows.count(), c.good.count(), c.live.count()
	p := (float64(c.goodCount) + 0.5) / float64(len(s.good)+1)
	c.cover = (float64(c.rowCount) - s.expected*p) / s.excess
	c.value = c.cover
	for _, i := range c.literals {
		c.value -= attributes[s.literals[i].Attribute].class.cost()
	}
	c.rank = c.value * math.Log(math.Max(c.cover, 0.01)/p)
	least := leastCover
	if s.scope.kind == ofTemplate || s.scope.kind == ofOdd {
		least = volumeCover
	}
	bearable := float64(c.goodCount) <= 0.7*alphaGlobal*float64(len(s.good))
	if s.scoped {
		bearable = p <= alphaScope
	}
	c.feasible = bearable && c.cover >= least && !s.trusts(c.seen, c.rowCount) && s.specific(c)
}

// specific: a signature must say something of the client, not only of what is
// asked for, unless the endpoint's own good traffic is what it is held against.
func (s *search) specific(c *candidate) bool { return s.scoped || s.describes(c) }

// describes reports whether a candidate says anything of the client's software, other
// than that it is as usual.
func (s *search) describes(c *candidate) bool {
	for _, i := range c.literals {
		if l := s.literals[i]; attributes[l.Attribute].class == software && (l.Attribute < derived || l.Value > common) {
			return true
		}
	}
	return false
}

// trusts reports whether too many known-good clients are among the matches.
func (s *search) trusts(seen, matches int) bool {
	return seen >= 3 && float64(seen) > 0.05*float64(matches)
}

// extend adds one literal to each of the best infeasible candidates.
func (s *search) extend(current []*candidate, seen map[uint64]bool) (next []*candidate) {
	slices.SortStableFunc(current, func(a, b *candidate) int { return cmp.Compare(b.rank, a.rank) })
	for _, c := range current[:min(len(current), beamWidth)] {
		if c.feasible {
			continue
		}
		for i, single := range s.singles {
			if s.uses(c, s.literals[i].Attribute) {
				continue
			}
			list := with(c.literals, i)
			if k := s.key(list); seen[k] {
				continue
			} else {
				seen[k] = true
			}
			if n := float64(c.rows.countAnd(single.rows)); n < leastCover*s.excess || n == 0 {
				continue
			}
			if c.good.countAnd(single.good) >= c.goodCount-c.goodCount/20 {
				continue // it spares no good request
			}
			next = append(next, s.narrowed(c, i))
		}
	}
	return next
}

func (s *search) uses(c *candidate, a Attribute) bool {
	for _, i := range c.literals {
		if s.literals[i].Attribute == a {
			return true
		}
	}
	return false
}

func with(list []int, i int) []int {
	out := append(slices.Clone(list), i)
	slices.Sort(out)
	return out
}

// key identifies a conjunction.
func (s *search) key(list []int) uint64 {
	h := uint64(len(list))
	for _, i := range list {
		h = digest.Mix(h, uint64(s.literals[i].Attribute)<<32|uint64(s.literals[i].Value))
	}
	return h
}

// minimise drops literals that the candidate can do without.
func (s *search) minimise(c *candidate) *candidate {
	for again := true; again && len(c.literals) > 1; {
		again = false
		for i := range c.literals {
			if fewer := s.without(c, i); fewer.feasible && fewer.goodCount <= c.goodCount {
				c, again = fewer, true
				break
			}
		}
	}
	return c
}

func (s *search) without(c *candidate, drop int) *candidate {
	out := &candidate{literals: slices.Delete(slices.Clone(c.literals), drop, drop+1)}
	for n, i := range out.literals {
		if n == 0 {
			out.rows, out.good, out.live = s.singles[i].rows, s.singles[i].good, s.singles[i].live
			continue
		}
		out.rows, out.good, out.live = out.rows.and(s.singles[i].rows), out.good.and(s.singles[i].good), out.live.and(s.singles[i].live)
	}
	s.score(out)
	return out
}

// guards are literals that nearly all covered rows share: they cost no coverage
// and make the signature match less of the good traffic than any sample could
// show. When the attacker changes one, what is left over raises the alarm again. How
// rare a value is does not guard one that the candidate names: the first good client
// with it would end the signature.
func (s *search) guards(c *candidate) []Literal {
	named := slices.ContainsFunc(s.literalsOf(c), func(l Literal) bool {
		return l.Attribute < derived && attributes[l.Attribute].class == software
	})
	type guard struct {
		literal Literal
		share   float64
	}
	var list []guard
	for i, single := range s.singles {
		l := s.literals[i]
		if s.uses(c, l.Attribute) || named && l.Attribute >= derived || attributes[l.Attribute].class.cost() >= network.cost() {
			continue
		}
		if float64(c.rows.countAnd(single.rows)) >= 0.995*float64(c.rowCount) {
			list = append(list, guard{l, float64(single.goodCount+1) / float64(len(s.good)+1)})
		}
	}
	slices.SortStableFunc(list, func(a, b guard) int { return cmp.Compare(a.share, b.share) })
	var out []Literal
	for _, g := range list {
		if len(out) == guardsMax || g.share > 0.5 {
			break
		}
		if !slices.ContainsFunc(out, func(l Literal) bool { return l.Attribute == g.literal.Attribute }) {
			out = append(out, g.literal)
		}
	}
	return out
}

func (s *search) literalsOf(c *candidate) []Literal {
	out := make([]Literal, len(c.literals))
	for i, n := range c.literals {
		out[i] = s.literals[n]
	}
	return out
}
