package swarm

import (
	"math"
	"slices"
)

// The least that a search needs.
const (
	leastPool      = 40   // requests above what is expected
	leastSeedPool  = 15   // the same for seeds
	leastShare     = 0.25 // of the pool that must be excess
	leastPrefixes  = 15   // distinct /24 or /48: with fewer, blocking clients is the tool
	seedPrefixes   = 12
	crowdElsewhere = 2             // times the usual requests to all else: a crowd, not an attack on one endpoint
	crowdWindow    = 30_000        // ms over which the rest is looked at
	starvedUntil   = 4 * 3_600_000 // ms of alarm where only too little is known
	sharedLeast    = 0.05          // of a surge must be known-good clients', or they do not share it
	sharedGrowth   = 1.5           // times what is usual: known-good clients share the surge
	leastGrown     = 20            // their requests that are expected, at least, to say that they grew
	vetoMemory     = 2_000         // ms until a surge that known-good clients share is looked at again
	retryAfter     = 30_000        // ms until a rejected candidate is tried again
	seedEvery      = 5_000         // ms between searches among seeds
	seedMemory     = 600_000
	lookBack       = 120_000 // ms that a pool reaches back at least
	giveUpAfter    = 600_000 // ms of alarm without a signature, at least
	crowded        = 2       // times the usual strangers: too many to tell rare ones by their number
)

// alarm searches every scope under alarm whose turn it is.
func (s *Swarm) alarm(now int64) {
	for _, c := range s.scopes.alarmed() {
		switch {
		case c.swells():
			c.fails = 0
		case now-c.tried < 250<<min(c.fails, 9):
			continue
		}
		c.tried, c.level = now, c.counts[1].lately
		if s.investigate(now, c) {
			return // one search in a tick leaves the processor to the requests
		}
	}
	if g := s.scopes.seeds; now-g.tried >= seedEvery<<min(g.fails, 4) {
		g.tried = now
		s.investigateSeeds(now)
	}
}

// investigate looks at a scope under alarm and reports whether it took a search.
func (s *Swarm) investigate(now int64, c *scope) bool {
	k := c.counts.alarmed()
	growth := 1.0
	if c.kind == ofOdd { // a crowd brings rare software too, each of its kinds in clumps
		growth = s.scopes.strangers.counts[max(k, 1)].growth()
	}
	if growth >= crowded {
		s.stats.Vetoed++
		return false
	}
	p, before := s.gather(now, c, k)
	p.crowd = c.kind == ofTemplate && s.scopes.elsewhere(c, k) >= crowdElsewhere &&
		s.elsewhere(now, c, k) >= crowdElsewhere
	p.expected *= growth
	if shared, certain := p.shared(before); shared {
		s.stats.Vetoed++
		if certain || now-c.counts[k].start > giveUpAfter {
			c.counts[k].accept(now, scales[k])
		}
		c.tried = now + vetoMemory
		return false
	}
	if known := c.campaign != nil && s.anyAwake(c.campaign); !known && !c.kind.failing() && !s.settled(now, p) {
		return false
	}
	if n := float64(len(p.rows)); n < p.expected+2*math.Sqrt(p.expected)+leastSeedPool && now-c.counts[k].start > 2*scales[k] {
		c.counts[k].end() // what made it rise is explained by now
		c.fails = 0
		return false
	}
	s.stats.Searches++
	s.starved = false
	if s.searchPools(now, p) > 0 {
		c.fails = 0
		return true
	}
	c.fails++
	patience := max(giveUpAfter, 20*scales[k])
	if s.starved {
		patience = max(patience, starvedUntil) // something tells it apart, and too little is known to prove it
	}
	if change := &c.counts[k]; now-change.start > patience {
		// Nothing tells it apart: that is how it is now. It teaches nobody.
		s.base.taint(c, change.start)
		change.accept(now, scales[k])
		c.fails = 0
	}
	return true
}

// elsewhere returns how many times as much comes now of what c does not have as came
// just before c's change: the mean of a young gateway is of when it was younger.
func (s *Swarm) elsewhere(now int64, c *scope, k int) float64 {
	start, before, after := c.counts[k].start, 0, 0
	since := max(start, now-crowdWindow)
	s.recent.each(func(r *row) {
		switch {
		case c.has(r):
		case r.time >= since:
			after++
		case r.time < start && r.time >= start-crowdWindow:
			before++
		}
	})
	if before < leastPool {
		return crowdElsewhere // nobody knows
	}
	return float64(after) / float64(max(now-since, 1)) / (float64(before) / crowdWindow)
}

// source is the ring that holds a scope's rows longest.
func (s *Swarm) source(c *scope) *ring {
	switch {
	case c.kind == ofSeeds:
		return s.seeds
	case c.kind == ofOdd, c.kind == ofOddFailures:
		return s.odd
	case c.kind.failing():
		return s.failed
	}
	return s.recent
}

// gather collects the scope's rows since its change, and whose they were before.
func (s *Swarm) gather(now int64, c *scope, k int) (*pool, shares) {
	source := s.source(c)
	from := max(c.counts[k].start, now-max(lookBack, 32*scales[k]), source.oldest())
	p := &pool{scope: c, returned: map[uint32]bool{}}
	before := 0
	var known, good int
	source.each(func(r *row) {
		switch {
		case !c.has(r) || s.covered(r):
		case r.time < from:
			before++
			good += int(bit(r.is(trusted)))
			known += int(bit(s.known(r)))
		case r.is(trusted):
			p.live = append(p.live, r)
		case s.known(r):
			p.back++
			p.returned[r.client] = true
		default:
			p.rows = append(p.rows, r)
		}
	})
	intervals := float64(now-from) / float64(scales[k])
	p.expected = c.counts[k].mean * intervals
	if c.kind.failing() {
		p.expected = math.Max(c.counts[k].mean, c.counts[k].expected) * intervals
	}
	if before >= 50 {
		return p, shares{float64(known) / float64(before), float64(good) / float64(before)}
	}
	rows := s.base.uniform.rows
	if stratum := s.base.strata[c.template]; c.kind.local() && stratum != nil && len(stratum.rows) > 50 {
		rows = stratum.rows
	}
	failing := c.kind.failing()
	return p, shares{trustedShare(rows, failing, trusted|returning), trustedShare(rows, failing, trusted)}
}

// shares are those of a scope before its change: of the requests of all clients that
// are known, and of those that are known-good.
type shares struct{ known, good float64 }

// shared is the control group: if the known-good clients share the surge, it is
// a flash crowd, an outage or a release, and not the clients' doing (difference
// in differences). Otherwise their part is taken out of what is expected, and the
// others are expected to have grown as the known-good ones did.
//
// Clients that are only known to have returned are weighed by their number, among all
// clients of the surge, and certain is false: some stolen accounts, used at the
// beginning of an attack, must not speak for what follows.
func (p *pool) shared(before shares) (shared, certain bool) {
	least := func(expected float64) float64 { return sharedGrowth*expected + 3*math.Sqrt(expected+1) + 2 }
	good := float64(len(p.live))
	known := good + float64(p.back)
	certain = good > least(p.expected*before.good) && good >= sharedLeast*(known+float64(len(p.rows)))
	few := float64(min(p.back, len(p.returned))) // one request of each client that returned
	mixed := good >= few && good+few >= sharedLeast*(good+few+float64(len(p.rows)))
	if certain || known > least(p.expected*before.known) && (mixed || p.returnedShare() > sharedLeast) {
		return true, certain
	}
	growth := good / math.Max(p.expected*before.good, leastGrown)
	p.expected *= (1 - before.known) * math.Max(1, math.Min(growth, sharedGrowth))
	return false, false
}

// returnedShare is the least share of the surge's clients that returned: the exact
// lower limit, as in signature.inhabited.
func (p *pool) returnedShare() float64 {
	strangers := map[uint32]bool{}
	for _, r := range p.rows {
		strangers[r.client] = true
	}
	return lowerBound(len(p.returned), len(p.returned)+len(strangers), 0.01)
}

// sufficient thins a pool to what a search can bear and reports whether there is
// enough in it.
func (p *pool) sufficient(least float64, share float64, prefixes int) bool {
	if n := len(p.rows); n > poolRows {
		thin := make([]*row, poolRows)
		for i := range thin {
			thin[i] = p.rows[i*n/poolRows]
		}
		p.rows = thin
		p.expected *= float64(poolRows) / float64(n)
	}
	p.excess = float64(len(p.rows)) - p.expected
	return p.excess >= least && p.excess >= share*float64(len(p.rows)) && distinctPrefixes(p.rows, prefixes)
}

func distinctPrefixes(rows []*row, enough int) bool {
	seen := map[uint64]bool{}
	for _, r := range rows {
		seen[r.prefix()] = true
		if len(seen) >= enough {
			return true
		}
	}
	return false
}

// searchPools splits a pool by tool, since one botnet is one tool and two make
// two clear signatures instead of a vague one, and searches the parts; then the
// whole, if no part gave anything. It returns how many signatures came of it.
func (s *Swarm) searchPools(now int64, whole *pool) int {
	least, prefixes := float64(leastPool), leastPrefixes
	if whole.scope.kind == ofSeeds {
		least, prefixes = leastSeedPool, seedPrefixes
	}
	found := s.wake(now, whole)
	if found > 0 {
		return found
	}
	for _, part := range s.parts(whole) {
		if part.sufficient(0.85*least, leastShare, prefixes) {
			found += s.synthesise(now, part)
		}
	}
	whole.whole = min(len(whole.rows), poolRows)
	if found == 0 && whole.sufficient(least, leastShare, prefixes) {
		s.goodFor(whole)
		found += s.synthesise(now, whole)
	}
	return found
}

// tool tells tools apart: by the TLS prefix, and all that was never seen is one.
func tool(r *row) uint32 {
	if r.at[RarityJA4] == unseen || r.at[RarityOrder] == unseen {
		return 1
	}
	return r.program()
}

const partsMax = 4

// parts returns the pool's parts by tool, those with the largest excess first.
func (s *Swarm) parts(whole *pool) []*pool {
	s.goodFor(whole)
	usual := map[uint32]float64{}
	rows := s.base.uniform.rows
	if whole.scoped {
		rows = s.base.strata[whole.scope.template].rows
	}
	for i := range rows {
		usual[tool(&rows[i])] += 1 / float64(len(rows))
	}
	by := map[uint32]*pool{}
	var order []uint32
	of := func(t uint32) *pool {
		if by[t] == nil {
			by[t] = &pool{
				scope: whole.scope, good: whole.good, scoped: whole.scoped, crowd: whole.crowd, whole: len(whole.rows),
				expected: whole.expected * usual[t],
			}
			order = append(order, t)
		}
		return by[t]
	}
	for _, r := range whole.rows {
		p := of(tool(r))
		p.rows = append(p.rows, r)
	}
	for _, r := range whole.live {
		p := of(tool(r))
		p.live = append(p.live, r)
	}
	out := make([]*pool, 0, len(order))
	for _, t := range order {
		out = append(out, by[t])
	}
	slices.SortStableFunc(out, func(a, b *pool) int {
		x, y := float64(len(a.rows))-a.expected, float64(len(b.rows))-b.expected
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return out[:min(len(out), partsMax)]
}

// goodFor chooses what good traffic the pool is compared with: the template's
// own where enough of it is known.
func (s *Swarm) goodFor(p *pool) {
	rows := s.base.uniform.rows
	if stratum := s.base.strata[p.scope.template]; p.scope.kind.local() && stratum != nil && len(stratum.rows) >= stratumLeast {
		rows, p.scoped = stratum.rows, true
	}
	p.good = split(rows, true)
}

// investigateSeeds searches what condemned clients sent in the last ten minutes.
// Seeds that many networks send are a botnet even where nothing else changed.
func (s *Swarm) investigateSeeds(now int64) {
	c := s.scopes.seeds
	p := &pool{scope: c}
	first := now
	s.seeds.each(func(r *row) {
		if r.time < now-seedMemory || r.is(trusted) || s.covered(r) {
			return
		}
		first = min(first, r.time)
		p.rows = append(p.rows, r)
	})
	p.expected = s.seedRate * float64(now-first) / 1000
	s.starved = false
	if len(p.rows) < leastSeedPool || s.searchPools(now, p) == 0 {
		c.fails++
		return
	}
	c.fails = 0
}
