package swarm

import (
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// canaries: one match in so many is let through.
const canaries = 250

// canary reports whether a match is let through to see what comes of it: one
// request in canaries, and where volume is all there is one client in
// canaryClients, with all that it does, since only a whole visit shows a person.
func (s *Swarm) canary(r *request.Request, g *signature) bool {
	if g.Volume {
		return digest.Scramble(r.Standing.Keys[0]^uint64(g.Serial)<<32)%canaryClients == 0
	}
	return digest.Scramble(digest.String(s.seed, r.ID))%canaries == 0
}

// engage decides what the match means for this client. A known-good one is
// never blocked: it is asked, or let through where less than a block is proven.
func (s *Swarm) engage(now time.Time, r *request.Request, g *signature) {
	m := &r.Match
	switch {
	case s.trusts(r), g.Volume && (s.returns(r) || s.people.back.has(fold32(r.Standing.Keys[0]))):
		g.spared.Add(1)
		if g.Action == signal.BlockAction {
			m.Action = signal.ChallengeAction
		}
		return
	case !g.Operator && s.canary(r, g):
		g.canaries.Add(1)
		m.Canary = true
		return
	case g.Volume && logsIn(r) && !g.stuffs.Load():
		return // who gets in is somebody; who does not will be seen to fail
	case g.Action == signal.Limit:
		wait, ok := g.admit(now, g.Rate)
		if ok || r.Pass.Answers() {
			return
		}
		m.Retry = wait
		if r.Navigation() { // it can answer
			m.Action = signal.ChallengeAction
			return
		}
	}
	m.Action = g.Action
}

// logsIn reports whether r goes where people log in, as far as its head says.
func logsIn(r *request.Request) bool {
	return r.Endpoint.Enters || r.Head.Method == "POST" && (r.Endpoint.Tags.Has(request.TagLogin) || r.LoginPath())
}

// stageMost is the stage of a client that may still be one of the people we know.
const stageMost = signal.Watch

// trusts reports whether r comes from a known-good client: a verified robot, or
// one that has been served well, or whose credential has been accepted, since
// before the traffic that is still in quarantine.
func (s *Swarm) trusts(r *request.Request) bool {
	st := &r.Standing
	if r.Network.Bot != "" {
		return true
	}
	old := s.trust.Load()
	return st.Stage == signal.Clear && (st.Known || st.Established) && old > 0 && st.Age.Milliseconds() >= old
}
