package swarm

import (
	"math"
	"slices"

	"bartizan/internal/signal"
)

// roomShare is the share of its endpoint's usual rate that a limit leaves to clients
// among which some have returned.
const roomShare = 0.05

// rate is how many requests a second a limit lets through: twice what good traffic
// like it sends. Where clients have returned, too few to retire the signature, newcomers
// with their software may be among the others; then it is at least what the endpoint
// bears easily. An attacker gets no more for an account.
func (s *Swarm) rate(g *signature) float64 {
	rate := max(2*s.base.rate*float64(g.Proof.Hits)/float64(max(g.Proof.Good, 1)), leastRate)
	if g.guests == nil || g.guests.known == 0 {
		return rate
	}
	i := slices.IndexFunc(g.Literals, func(l Literal) bool { return l.Attribute == Template })
	if i < 0 {
		return rate
	}
	if t := s.scopes.templates[g.Literals[i].Value]; t != nil {
		rate = math.Max(rate, roomShare*1000*t.counts[1].mean/float64(scales[1]))
	}
	return rate
}

// reconsider brings g up to date with what is known by now: a challenge that was made
// for want of good traffic is proven anew each time that twice as much is known, and a
// limit is raised when it turns out to match clients that returned.
func (s *Swarm) reconsider(now int64, g *signature) {
	if g.Starved && s.base.heldOut() >= 2*max(g.Proof.Good, 1) {
		s.reprove(now, g)
	}
	if g.Volume && g.Action == signal.Limit && g.State == active && g.guests != nil && g.guests.known > 0 && !g.Roomy {
		again := *g
		again.Rate, again.Roomy = max(g.Rate, s.rate(g)), true
		s.replace(g, &again)
	}
}

// reprove tests a challenge on the good traffic of today. It ends at the first bound
// that it breaks, and becomes what its proof allows as soon as enough is known.
func (s *Swarm) reprove(now int64, g *signature) {
	found := &search{pool: &pool{scope: &scope{kind: g.Kind, template: g.Target}}}
	s.goodFor(found.pool)
	again := *g
	if !s.holds(&again, found, alphaGlobal) || g.Volume && !again.Proof.promising() {
		s.set(now, g, retired)
		g.Note = "good requests that came to be known match it"
		s.report(now, "retired", s.campaignNamed(g.Campaign), g)
		s.release(now, g)
		return
	}
	if proven := again; s.harder(now, &proven, found) {
		again = proven
	}
	s.replace(g, &again)
}

// harder turns a challenge into a block, or where volume is all there is into a limit,
// if good traffic proves it.
func (s *Swarm) harder(now int64, g *signature, found *search) bool {
	g.Action = signal.BlockAction
	if !s.harmless(now, g, found) || !s.look(now, g, found) || !s.holds(g, found, alphaGlobal) {
		return false
	}
	g.Starved = false
	if g.Volume {
		g.Action = signal.Limit
		g.Rate = s.rate(g)
	}
	return true
}

// replace puts again in the place of g: the request path reads a signature without a
// lock, so none that it may hold is changed.
func (s *Swarm) replace(g, again *signature) {
	s.list[slices.Index(s.list, g)] = again
	if c := s.campaignNamed(g.Campaign); c != nil {
		if i := slices.Index(c.signatures, g); i >= 0 {
			c.signatures[i] = again
		}
	}
	s.changed = true
}
