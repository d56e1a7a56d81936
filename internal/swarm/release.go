package swarm

// What a release of new software needs so that it is not taken for a botnet: time for
// its people to log in, and that those who did speak for the others.

const (
	continuityLeast = 600_000 // ms of good traffic from which on a surge may be a release
	settleSoon      = 4_000   // ms that a surge is left alone, to see what its clients do next
	settleLate      = 30_000  // the same where they go on to other endpoints, as people do
	onePlace        = 0.9     // of their requests to one endpoint: they do not go on
	urgentTimes     = 5       // the rate of all good traffic: no time to wait
	urgentLeast     = 100     // requests a second below which nothing is urgent
	settleClients   = 500     // that are looked at
	newSoftware     = 0.001   // of good traffic, at most
)

// settled reports whether the clients of a surge have had time to show that they
// return. An app asks for its settings first and logs in some calls later; until then
// nothing tells it from a tool. Failures are never waited for, nor is anything where
// hardly anybody has a past, so that it could not show.
func (s *Swarm) settled(now int64, p *pool) bool {
	if now-s.base.first < continuityLeast || len(p.rows) == 0 ||
		trustedShare(s.base.uniform.rows, false, trusted|returning) < sharedLeast {
		return true
	}
	first, clients := now, map[uint32]bool{}
	for _, r := range p.rows {
		first = min(first, r.time)
		if len(clients) < settleClients {
			clients[r.client] = true
		}
	}
	lasted := now - first
	rate := 1000 * float64(len(p.rows)) / float64(max(lasted, 1000))
	if lasted >= settleLate || rate >= max(urgentTimes*s.base.rate, urgentLeast) {
		return true
	}
	if lasted < settleSoon {
		return false
	}
	n, most, by := 0, 0, map[uint32]int{}
	s.recent.each(func(r *row) {
		if r.time >= first && clients[r.client] {
			n++
			by[r.at[Template]]++
			most = max(most, by[r.at[Template]])
		}
	})
	return float64(most) >= onePlace*float64(n)
}

// released reports whether known-good clients have taken up the software that g
// describes, and nobody had it before: then those with it who are new here are new
// people with a new version. What g says of their past does not matter.
func (s *Swarm) released(now int64, g *signature, search *search) bool {
	var list []Literal
	for _, l := range g.Literals {
		if attributes[l.Attribute].class == software {
			list = append(list, l)
		}
	}
	if good, hits, _ := tested(s.base.uniform.rows, list, holdAll); len(list) == 0 || float64(hits) > newSoftware*float64(good) {
		return false
	}
	_, _, people := s.lives(now, list, search)
	return people
}

// lives counts the requests of the last minute that match list, of known-good clients
// and of others, and reports whether too many are the known-good ones': of requests
// where their clients have been good here before, of clients where these returned.
func (s *Swarm) lives(now int64, list []Literal, search *search) (known, others int, people bool) {
	good, returned, clients := 0, map[uint32]bool{}, map[uint32]bool{}
	s.recent.each(func(r *row) {
		if r.time < now-liveMemory || !holdAll(list, r) {
			return
		}
		clients[r.client] = true
		switch {
		case r.is(trusted):
			known++
			good++
		case s.known(r):
			known++
			returned[r.client] = true
		default:
			others++
		}
	})
	if n := len(returned); good >= n {
		good += n
	}
	return known, others, search.trusts(good, others) || lowerBound(len(returned), len(clients), 0.01) > sharedLeast
}
