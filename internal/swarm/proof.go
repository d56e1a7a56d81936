package swarm

import (
	"math"
	"slices"
	"time"

	"bartizan/internal/signal"
)

// Proof says on what grounds a signature may act: tests on good traffic that
// the search has not seen.
type Proof struct {
	// Look numbers the proofs of the day; each spends a part of the error budget:
	// Level is the chance that a bound of this look is wrong.
	Look  int     `json:"look"`
	Level float64 `json:"level"`
	// Good requests that were held out, how many of them match, and the exact
	// upper bound on the share of all good traffic that does.
	Good  int     `json:"good"`
	Hits  int     `json:"hits"`
	Bound float64 `json:"bound"`
	// The same for good requests to the attacked endpoint; ScopeGood is 0 where
	// too few are known.
	ScopeGood  int     `json:"scope_good,omitempty"`
	ScopeHits  int     `json:"scope_hits,omitempty"`
	ScopeBound float64 `json:"scope_bound,omitempty"`
	// Live known-good clients among what matches now, and all others.
	Trusted   int `json:"trusted"`
	Untrusted int `json:"untrusted"`
	// Groups are the populations that were looked at for fairness.
	Groups int `json:"groups"`
	// Unverified: the good traffic that matches has no known-good identity in it.
	Unverified bool `json:"unverified,omitempty"`
	Young      bool `json:"young,omitempty"` // less than a day of good traffic was known
}

const (
	errorBudget   = 0.05 // chance that any signature of a day breaks its bound; half of it is for volume
	softFactor    = 20   // how much looser the bounds are for a challenge
	softScope     = 0.2
	unfair        = 0.25 // share of a population that a signature must not hit
	softAfter     = 4    // searches without a block before less is asked for
	liveMemory    = 60_000
	verifiedShare = 0.03
	softShare     = 0.5 // of the surplus, at least
	lift          = 2.5 // times as frequent as among newcomers, at least
	softMost      = 40  // candidates that are compared with newcomers
	softPool      = 60  // requests above what is expected

	leastNewcomers = 100
)

// synthesise searches one pool and puts what can be proven to work. It returns
// how many signatures came of it.
func (s *Swarm) synthesise(now int64, p *pool) int {
	feasible, others, search := p.find()
	newcomers := s.newcomers()
	before := s.starved
	s.starved = false
	defer func() { s.starved = s.starved || before }()
	if s.try(now, search, feasible, newcomers, signal.BlockAction) {
		return 1
	}
	s.stats.Refused++
	failing, small := p.scope.kind.failing(), s.small()
	least := float64(softPool)
	if s.starved && (small || !failing) {
		least = leastPool
	}
	if p.excess < least || p.scope.fails < softAfter && !s.starved {
		return 0
	}
	if !failing {
		// Volume is all there is, and too little good traffic is known to stop it:
		// whoever matches is asked until enough is.
		if s.starved && !p.crowd &&
			s.try(now, search, search.strange(feasible, newcomers), newcomers, signal.ChallengeAction) {
			return 1
		}
		return 0
	}
	hasty := small && (p.scope.fails < softAfter || p.excess < softPool)
	if s.try(now, search, search.soft(others, newcomers, hasty), newcomers, signal.ChallengeAction) {
		return 1
	}
	return 0
}

// small reports whether so little good traffic is known that not even the first look of
// a day could prove a block on all of it.
func (s *Swarm) small() bool { return UpperBound(0, s.base.heldOut(), errorBudget/4) > alphaGlobal }

// try proves candidates, best first, until one holds.
func (s *Swarm) try(now int64, search *search, list []*candidate, newcomers []*row, action signal.Action) bool {
	type extent struct{ rows, good, live int }
	seen := map[extent]bool{}
	tried := 0
	c := search.scope
	if c.rejected == nil || len(c.rejected) > 1000 {
		c.rejected = map[uint64]int64{}
	}
	for _, x := range list {
		e := extent{x.rowCount, x.goodCount, x.seen}
		key := search.key(x.literals) + uint64(action)
		if seen[e] || now < c.rejected[key] {
			continue
		}
		seen[e] = true
		if !search.diverse(x) || c.kind.failing() && !search.stands(x, newcomers) {
			continue
		}
		if tried++; tried > tries>>min(c.fails, 2) {
			return false
		}
		if action == signal.BlockAction {
			x = search.minimise(x)
		}
		if g := s.prove(now, search, x, action); g != nil {
			s.adopt(now, search, g)
			return true
		}
		c.rejected[key] = now + retryAfter
	}
	return false
}

// diverse reports whether a candidate's requests come from many networks, and
// not mostly from one of them: a partner's server is no botnet.
func (s *search) diverse(c *candidate) bool {
	least := leastPrefixes
	if s.scope.kind == ofSeeds {
		least = seedPrefixes
	}
	n, most, by := 0, 0, map[uint64]int{}
	for i, r := range s.rows {
		if c.rows.has(i) {
			k := r.prefix()
			by[k]++
			n, most = n+1, max(most, by[k])
		}
	}
	return len(by) >= least && 3*most <= n
}

// prove turns a candidate into a signature if all tests hold, else nil.
func (s *Swarm) prove(now int64, search *search, c *candidate, action signal.Action) *signature {
	g := &signature{Literals: search.literalsOf(c), Action: action}
	g.Core = len(g.Literals)
	g.Literals = append(g.Literals, search.guards(c)...)
	g.Coverage, g.Support, g.Excess = c.cover, c.rowCount, search.excess
	local := search.scope.kind.local()
	named := slices.ContainsFunc(g.Literals, func(l Literal) bool { return l.Attribute == Template })
	if local && !named {
		g.Literals = append(g.Literals, Literal{Template, search.scope.template})
	}
	if !s.harmless(now, g, search) || !s.look(now, g, search) {
		return nil
	}
	if !s.holds(g, search, alphaGlobal) {
		return nil
	}
	if action == signal.ChallengeAction && !search.scope.kind.failing() && !g.Proof.promising() {
		return nil
	}
	if local && !named && action == signal.BlockAction {
		s.generalise(now, g, search)
	}
	if action == signal.BlockAction {
		g.Action = s.grounds(g, search)
	}
	return g
}

// look spends a part of the day's error budget on g: the sum over all looks is
// at most errorBudget, since the sum of 1/(i(i+1)) is 1. Volume alone, which
// changes without any attack, has a budget of its own, so that it cannot use up
// what an attack's refusals will need. It spends nothing, and
// returns false, where so little good traffic is known that no hit at all would
// not be proof enough.
func (s *Swarm) look(now int64, g *signature, search *search) bool {
	if day := now / (24 * time.Hour).Milliseconds(); day != s.day {
		s.day, s.looks = day, [2]int{}
	}
	looks := &s.looks[0]
	if search.scope.kind == ofTemplate {
		looks = &s.looks[1]
	}
	i := float64(*looks + 1)
	best := Proof{Look: *looks + 1, Level: errorBudget / 2 / (i * (i + 1)), Young: s.base.young(now), Good: s.base.heldOut()}
	if search.scoped {
		best.ScopeGood = len(s.base.strata[search.scope.template].rows) * (holdOut - 1) / holdOut
	}
	s.bound(&best, g, search)
	if !best.bearable(g.Action, alphaGlobal) {
		s.starved = s.starved || g.Action == signal.BlockAction
		return false
	}
	g.Proof.Look, g.Proof.Level, g.Proof.Young = best.Look, best.Level, best.Young
	*looks++
	return true
}

// bound computes the bounds of a proof from its counts. The one on all good
// traffic holds for all signatures of a day together; the one on the endpoint's
// for this signature by itself, since few requests to it may be known.
func (s *Swarm) bound(p *Proof, g *signature, search *search) {
	p.Bound, p.ScopeBound = UpperBound(p.Hits, p.Good, p.Level), 0
	if p.ScopeGood == 0 {
		return
	}
	p.ScopeBound = UpperBound(p.ScopeHits, p.ScopeGood, errorBudget/2)
	if slices.Contains(g.Literals, Literal{Template, search.scope.template}) {
		// What is hit of the endpoint's, times its share of all, bounds what is hit of all.
		share := math.Max(s.base.share(search.scope.template), s.recentShare(search.scope.template))
		p.Bound = math.Min(p.Bound, share*UpperBound(p.ScopeHits, p.ScopeGood, p.Level))
	}
}

// harmless runs the tests that say nothing of the good traffic held out.
func (s *Swarm) harmless(now int64, g *signature, search *search) bool {
	return s.bearsLive(now, g, search) && !s.released(now, g, search) &&
		(g.Action == signal.ChallengeAction || s.fair(g, search))
}

// generalise drops the endpoint if the signature stays safe without: then it
// also stops the botnet's next target.
func (s *Swarm) generalise(now int64, g *signature, search *search) {
	wide := *g
	wide.Literals = slices.Clone(g.Literals[:len(g.Literals)-1])
	if wide.Core == 0 || !slices.ContainsFunc(wide.Literals, func(l Literal) bool { return attributes[l.Attribute].class == software }) {
		return
	}
	if s.harmless(now, &wide, search) && s.holds(&wide, search, alphaGlobal/2) {
		*g = wide
	}
}

// holds tests g on the good traffic held out, and on the endpoint's own, and
// fills its proof.
func (s *Swarm) holds(g *signature, search *search, alpha float64) bool {
	p := &g.Proof
	var vouched int
	test := holdAll
	if g.Action == signal.ChallengeAction && !search.scope.kind.failing() {
		test = mayHold
	}
	p.Good, p.Hits, vouched = tested(s.base.uniform.rows, g.Literals, test)
	p.ScopeGood, p.ScopeHits = 0, 0
	if search.scoped {
		p.ScopeGood, p.ScopeHits, _ = tested(s.base.strata[search.scope.template].rows, g.Literals, test)
	}
	s.bound(p, g, search)
	p.Unverified = p.Hits >= 20 && UpperBound(vouched, p.Hits, errorBudget) <= verifiedShare
	return p.bearable(g.Action, alpha)
}

// tested counts the rows held out of a sample, those of them that match, and
// those of these that come from known-good clients.
func tested(rows []row, list []Literal, match func([]Literal, *row) bool) (good, hits, vouched int) {
	for i := range rows {
		r := &rows[i]
		if r.searched() {
			continue
		}
		good++
		if match(list, r) {
			hits++
			if r.is(trusted) {
				vouched++
			}
		}
	}
	return good, hits, vouched
}

// recentShare is the share of good requests to a template among the last ones:
// a baseline from before the template was known would make it too small.
func (s *Swarm) recentShare(template uint32) float64 {
	n, m := 0, 0
	s.recent.each(func(r *row) {
		if r.is(trusted) {
			m++
			if r.at[Template] == template {
				n++
			}
		}
	})
	if m < 100 {
		return 0
	}
	return float64(n) / float64(m)
}

// bearable reports whether the bounds allow the action.
func (p *Proof) bearable(action signal.Action, alpha float64) bool {
	if action == signal.ChallengeAction {
		return p.Unverified || p.Bound <= softFactor*alpha && (p.ScopeGood == 0 || p.ScopeBound <= softScope)
	}
	few := float64(p.ScopeHits) <= 0.002*float64(p.ScopeGood)+1
	return p.Bound <= alpha && (p.ScopeGood == 0 || p.ScopeBound <= alphaScope && few)
}

// promising reports whether nothing but too little good traffic keeps the bounds from
// allowing more.
func (p *Proof) promising() bool {
	return float64(p.Hits) <= alphaGlobal/2*float64(p.Good) && float64(p.ScopeHits) <= 0.002*float64(p.ScopeGood)
}

// bearsLive looks at what matches now: if known-good clients are among it, this
// may be a new release of honest software.
func (s *Swarm) bearsLive(now int64, g *signature, search *search) bool {
	p := &g.Proof
	var people bool
	p.Trusted, p.Untrusted, people = s.lives(now, g.Literals, search)
	return !people
}

// fair reports whether no known population would lose more than a quarter of
// what it asks for here.
func (s *Swarm) fair(g *signature, search *search) bool {
	p := &g.Proof
	p.Groups = 0
	named := slices.Contains(g.Literals, Literal{Template, search.scope.template})
	for _, v := range s.base.groups {
		if len(v.rows) < 8 || len(v.clients) < 4 || named && v.rows[0].at[Template] != search.scope.template {
			continue
		}
		p.Groups++
		n := 0
		for i := range v.rows {
			if holdAll(g.Literals, &v.rows[i]) {
				n++
			}
		}
		if float64(n) > unfair*float64(len(v.rows)) {
			return false
		}
	}
	return true
}

// usualFailures is the share of good requests that fail, of odd software's if
// that fails more often.
func (s *Swarm) usualFailures() float64 {
	var all, failed [2]int
	for i := range s.base.uniform.rows {
		r, k := &s.base.uniform.rows[i], 0
		if odd(&r.at) {
			k = 1
		}
		all[k]++
		if r.failed() {
			failed[k]++
		}
	}
	usual := 0.02
	for k := range all {
		usual = math.Max(usual, float64(failed[k]+1)/float64(all[k]+10))
	}
	return usual
}

// grounds says what a proven signature may do: block where the clients fail, or
// where many of them are condemned by themselves; volume alone is limited.
func (s *Swarm) grounds(g *signature, search *search) signal.Action {
	if search.scope.kind.failing() || search.scope.kind == ofSeeds {
		return signal.BlockAction
	}
	matches, seeds, failures := 0, 0, 0
	for _, r := range search.rows {
		if !holdAll(g.Literals, r) {
			continue
		}
		matches++
		if r.is(seed) {
			seeds++
		}
		if r.failed() {
			failures++
		}
	}
	usual := s.usualFailures()
	if stratum := s.base.strata[search.scope.template]; search.scoped {
		n := 1
		for i := range stratum.rows {
			if stratum.rows[i].failed() {
				n++
			}
		}
		usual = float64(n) / float64(len(stratum.rows)+1)
	}
	switch {
	case seeds >= 2 && atLeast(seeds, matches, 0.0004) < 1e-3,
		failures >= 10 && float64(failures) > 2*usual*float64(matches) && atLeast(failures, matches, usual) < 1e-4:
		return signal.BlockAction
	}
	return signal.Limit
}
