package swarm

import (
	"cmp"
	"slices"
)

// soft returns what would do for a challenge, best first: less certain, or on
// good traffic that nobody vouches for. It is for one endpoint only. It must describe most of the surplus, and
// far more of it than of those who come for the first time: a crowd of newcomers
// has no cookies and no credentials either, and all kinds of software.
// hasty says that few searches were made: then only unusual software is asked.
func (s *search) soft(others []*candidate, newcomers []*row, hasty bool) (out []*candidate) {
	vouched := newBitmap(len(s.good))
	n := 0
	for i, r := range s.good {
		if r.is(trusted) {
			vouched.set(i)
			n++
		}
	}
	for _, c := range others {
		p := UpperBound(c.goodCount, len(s.good), errorBudget)
		if !s.scoped {
			p *= 10
		}
		if known := c.good.countAnd(vouched); s.scoped && c.goodCount >= 10 && n >= 50 && UpperBound(known, c.goodCount, errorBudget) <= 2*verifiedShare {
			p = UpperBound(known, n, errorBudget)
		}
		if c.cover >= volumeCover && p <= unfair && !s.trusts(c.seen, c.rowCount) && s.describes(c) && (s.scope.kind.local() || s.uses(c, Template)) {
			c.rank = c.value - p
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *candidate) int { return cmp.Compare(b.rank, a.rank) })
	return slices.DeleteFunc(out[:min(len(out), softMost)], func(c *candidate) bool {
		few := len(newcomers) < leastNewcomers
		return s.share(c) < softShare || (few || hasty) && !s.unusual(c) || !s.standsOut(c, newcomers, true)
	})
}

// strange returns the candidates that say something of the client and stand out of
// newcomers.
func (s *search) strange(list []*candidate, newcomers []*row) (out []*candidate) {
	object := slices.Index(s.literals, Literal{RarityObject, unseen})
	for _, c := range list[:min(len(list), softMost)] {
		if !s.describes(c) {
			continue
		}
		if !s.standsOut(c, newcomers, true) && object >= 0 && !s.uses(c, RarityObject) {
			c = s.narrowed(c, object) // by its past, and now by what it asks for
		}
		if c.feasible && s.standsOut(c, newcomers, true) && s.ordered(c) {
			out = append(out, c)
		}
	}
	return out
}

// ordered reports whether good traffic would bear a candidate also if all its requests
// had their header fields in the candidate's order, where theirs is not known.
func (s *search) ordered(c *candidate) bool {
	n, list := 0, s.literalsOf(c)
	for _, r := range s.good {
		n += int(bit(mayHold(list, r)))
	}
	return float64(n) <= 0.002*float64(len(s.good))
}

// narrowed is c with one literal more.
func (s *search) narrowed(c *candidate, i int) *candidate {
	x := s.singles[i]
	out := &candidate{
		literals: with(c.literals, i), rows: c.rows.and(x.rows), good: c.good.and(x.good), live: c.live.and(x.live),
	}
	s.score(out)
	return out
}

// unusual reports whether hardly any good traffic has some of the software that c
// describes: where few newcomers are known a crowd, in what everybody has, may be them.
func (s *search) unusual(c *candidate) bool {
	for _, i := range c.literals {
		if attributes[s.literals[i].Attribute].class == software &&
			float64(s.singles[i].goodCount) <= alphaScope*float64(len(s.good)) {
			return true
		}
	}
	return false
}

// share is how much of the scope's whole pool a candidate is.
func (s *search) share(c *candidate) float64 { return float64(c.rowCount) / float64(max(s.whole, 1)) }

// stands reports whether a candidate is far more frequent in the pool than among
// newcomers, wherever they go and whatever they did before: a slice of a crowd of
// newcomers is not. Where too few newcomers are known it does not say no.
func (s *search) stands(c *candidate, newcomers []*row) bool {
	return len(newcomers) < leastNewcomers || s.standsOut(c, newcomers, false)
}

// standsOut is stands where less is proven otherwise: the fewer newcomers are known,
// the wider is the bound, so that no least number of them is needed. strict compares
// nothing but software, network, whether the object is new, and whether a first call
// says that a page of this host led to it.
func (s *search) standsOut(c *candidate, newcomers []*row, strict bool) bool {
	list := slices.DeleteFunc(s.literalsOf(c), func(l Literal) bool {
		switch l.Attribute {
		case Template, Method, Depth, Extension, Object: // where it goes
			return true
		case RarityObject:
			return false
		case Referer:
			return strict && (l.Value != sameHostReferer || !s.strangers(c))
		}
		// What no newcomer has, or asks for, stands out by itself.
		class := attributes[l.Attribute].class
		return class == history || class == content && strict
	})
	n := 0
	for _, r := range newcomers {
		if holdAll(list, r) {
			n++
		}
	}
	return UpperBound(n, len(newcomers), errorBudget)*lift <= s.share(c)
}

// strangers reports whether nearly all of a candidate's requests are the first ones of
// their clients. Newcomers have fetched the page before what it asks for.
func (s *search) strangers(c *candidate) bool {
	first := 0
	for i, r := range s.rows {
		if r.at[Age] == 0 && c.rows.has(i) {
			first++
		}
	}
	return 10*first >= 9*c.rowCount
}

// newcomers are good clients that have never been here, of the part that is searched.
func (s *Swarm) newcomers() (out []*row) {
	for i := range s.base.uniform.rows {
		if r := &s.base.uniform.rows[i]; r.searched() && r.at[Age] == 0 && r.at[CookieNames] == 0 && r.at[AuthScheme] == 0 {
			out = append(out, r)
		}
	}
	return out
}
