package swarm

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"bartizan/internal/signal"
)

const (
	signaturesMax = 2000
	quietAfter    = 15 * time.Minute    // without a match: dormant
	forgetAfter   = 30 * 24 * time.Hour // dormant: forgotten
	mutationRate  = 0.25                // of the pace before: the old signature has lost its botnet
	samplesMax    = 20
	leastRate     = 0.02 // requests a second that a limit lets through
	canaryLeast   = 30   // canaries before their answers are judged
)

// adopt puts a proven signature to work, as part of a campaign.
func (s *Swarm) adopt(now int64, search *search, g *signature) {
	s.serial++
	g.Serial, g.Name = s.serial, "s-"+strconv.FormatUint(uint64(s.serial), 10)
	g.Born, g.Since, g.tally = now, now, new(tally)
	g.Scope = s.scopeName(search.scope)
	g.last.Store(now)
	if g.Action == signal.Limit {
		g.Rate = s.rate(g)
	}
	g.Kind, g.Target, g.Starved = search.scope.kind, search.scope.template, s.starved && g.Action == signal.ChallengeAction
	g.Volume = g.Action != signal.BlockAction && !search.scope.kind.failing() && search.scope.kind != ofSeeds
	c, parent := s.campaignFor(now, search, g)
	kind := "signature"
	switch {
	case c == nil:
		c = s.open()
		c.tool, c.target = toolAndTarget(search.rows, g)
		kind = "opened"
	case parent != nil:
		g.Parent, kind = parent.Name, "mutation"
	}
	g.Campaign = c.name
	search.scope.campaign = c
	c.signatures = append(c.signatures, g)
	s.attach(g, c, search)
	s.list = append(s.list, g)
	s.forgetOldest()
	s.changed = true // this very tick ends with a new matcher
	s.report(now, kind, c, g)
}

// attach books the requests that g was found in to its campaign.
func (s *Swarm) attach(g *signature, c *campaign, search *search) {
	answered, fine := 0, 0
	book := func(r *row) {
		if g.Volume && holdAll(g.Literals, r) {
			s.visited(g, r)
		}
		if r.match != 0 || r.is(trusted) || !holdAll(g.Literals, r) {
			return
		}
		if c.first == 0 || r.time < c.first {
			c.first = r.time
		}
		r.match = g.Serial // in this ring only: it is explained now
		answered++
		if r.status < 400 {
			fine++
		}
		s.join(c, r)
		if len(g.Samples) < samplesMax {
			g.Samples = append(g.Samples, idOf(r))
		}
	}
	s.source(search.scope).each(book)
	if answered > 0 {
		g.Success = float64(fine) / float64(answered)
	}
}

func idOf(r *row) string {
	n := slices.Index(r.id[:], 0)
	if n < 0 {
		n = len(r.id)
	}
	return string(r.id[:n])
}

// campaignFor finds the open campaign that g belongs to, and the signature that
// it replaces if the botnet has changed its tool: then the old one has lost most
// of its pace.
func (s *Swarm) campaignFor(now int64, search *search, g *signature) (*campaign, *signature) {
	tool, target := toolAndTarget(search.rows, g)
	for i := len(s.campaigns) - 1; i >= 0; i-- {
		k := s.campaigns[i]
		if k.closed != 0 || len(k.signatures) == 0 {
			continue
		}
		last := k.signatures[len(k.signatures)-1]
		switch {
		case k.resembles(g), k.tool == tool && k.target == target:
			return k, nil
		case k == search.scope.campaign && now-last.Born > 1000 && k.pace < mutationRate*k.peak:
			return k, last
		}
	}
	return nil, nil
}

// toolAndTarget are the kind of TLS and the endpoint of most requests that match g.
func toolAndTarget(rows []*row, g *signature) (tool, target uint32) {
	tools, targets := map[uint32]int{}, map[uint32]int{}
	for _, r := range rows {
		if holdAll(g.Literals, r) {
			tools[r.program()]++
			targets[r.at[Template]]++
		}
	}
	if len(tools) == 0 {
		return 0, 0
	}
	return top(tools, 1)[0], top(targets, 1)[0]
}

// resembles reports whether at least half of the campaign's own requests would
// match g too: then g is another view of one botnet.
func (c *campaign) resembles(g *signature) bool {
	n := 0
	for i := range c.examples {
		if holdAll(g.Literals, &c.examples[i]) {
			n++
		}
	}
	return 2*n >= len(c.examples)
}

// open opens a campaign.
func (s *Swarm) open() *campaign {
	s.opened++
	c := &campaign{name: "c-" + strconv.Itoa(s.opened), members: map[netip.Addr]uint32{}, networks: map[uint32]int{}, targets: map[uint32]int{}}
	if len(s.campaigns) >= campaignsMax {
		s.members -= len(s.campaigns[0].members)
		s.campaigns = slices.Delete(s.campaigns, 0, 1)
	}
	s.campaigns = append(s.campaigns, c)
	return c
}

func (s *Swarm) campaignNamed(name string) *campaign {
	for _, c := range s.campaigns {
		if c.name == name {
			return c
		}
	}
	return nil
}

// forgetOldest keeps the list bounded: what sleeps longest goes first.
func (s *Swarm) forgetOldest() {
	for len(s.list) > signaturesMax {
		i := slices.IndexFunc(s.list, func(g *signature) bool { return !g.State.watched() && !g.Operator })
		s.list = slices.Delete(s.list, max(i, 0), max(i, 0)+1)
	}
}

// live moves signatures and campaigns through their lives.
func (s *Swarm) live(now int64, seconds float64) {
	for _, g := range slices.Clone(s.list) {
		s.age(now, g)
	}
	n := len(s.list)
	s.list = slices.DeleteFunc(s.list, func(g *signature) bool {
		return !g.Operator && g.State >= dormant && now-g.Since > forgetAfter.Milliseconds() || g.Until != 0 && now > g.Until
	})
	s.changed = s.changed || n != len(s.list)
	for _, c := range s.campaigns {
		if c.closed != 0 {
			continue
		}
		c.tick(seconds)
		if now-c.last > closeAfter.Milliseconds() && !s.anyAwake(c) {
			c.closed = now
			s.report(now, "closed", c, nil)
		}
	}
}

func (s *Swarm) anyAwake(c *campaign) bool {
	return slices.ContainsFunc(c.signatures, func(g *signature) bool { return g.State.watched() })
}

// age moves one signature on.
func (s *Swarm) age(now int64, g *signature) {
	if !g.State.watched() || g.Operator || g.Pinned {
		return
	}
	switch {
	case g.Volume && g.inhabited():
		s.set(now, g, retired)
		g.Note = "clients that it matches log in to accounts that were here before: it hits people"
		s.report(now, "retired", s.campaignNamed(g.Campaign), g)
		s.release(now, g)
	case s.innocent(g):
		s.set(now, g, retired)
		g.Note = "its canaries were answered well much more often than the attack was: it hits good clients"
		s.report(now, "retired", s.campaignNamed(g.Campaign), g)
	case now-max(g.last.Load(), g.Since) > quietAfter.Milliseconds():
		s.set(now, g, dormant)
	case !g.Approved:
		s.reconsider(now, g)
	}
}

// release takes what a retired signature's scope has come to as its new usual.
func (s *Swarm) release(now int64, g *signature) {
	for _, c := range s.scopes.list {
		if c.campaign == nil || c.campaign.name != g.Campaign {
			continue
		}
		for k := range c.counts {
			if c.counts[k].alarmed {
				c.counts[k].accept(now, scales[k])
			}
		}
	}
}

func (s *Swarm) set(now int64, g *signature, to state) {
	g.State, g.Since, s.changed = to, now, true
	if !to.watched() {
		g.guests = nil // what lives in it when it wakes counts
	}
}

// innocent reports whether the canaries, an unbiased sample of what matches,
// succeed so much more often than the attack did that good clients must be among
// them. Where the attack itself succeeds, success says nothing.
func (s *Swarm) innocent(g *signature) bool {
	n := int(g.canaries.Load())
	if n < canaryLeast || g.Success > 0.4 {
		return false
	}
	return lowerBound(min(int(g.good.Load()), n), n, 0.01) > 2*max(g.Success, 0.02)
}

// wake looks whether dormant signatures explain a pool: then they are proven
// anew and put to work without a search.
func (s *Swarm) wake(now int64, p *pool) int {
	n := 0
	for _, g := range s.list {
		if g.State != dormant {
			continue
		}
		matches := 0
		for _, r := range p.rows {
			if holdAll(g.Literals, r) {
				matches++
			}
		}
		if float64(matches) < leastCover*float64(len(p.rows)) || matches < leastSeedPool {
			continue
		}
		again := *g
		found := &search{pool: p}
		if !s.harmless(now, &again, found) || !s.look(now, &again, found) || !s.holds(&again, found, alphaGlobal) {
			continue
		}
		g.Proof = again.Proof
		s.set(now, g, active)
		g.last.Store(now)
		if c := s.campaignNamed(g.Campaign); c != nil {
			c.closed = 0
			s.report(now, "returned", c, g)
		}
		n++
	}
	return n
}
