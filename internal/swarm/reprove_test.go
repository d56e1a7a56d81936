package swarm

import (
	"math"
	"testing"

	"bartizan/internal/signal"
)

// unproven is a challenge that was made when nothing was known, put to work in s.
func unproven(s *Swarm, kind scopeKind, list ...Literal) *signature {
	g := &signature{
		Serial: 1, Name: "s-1", Action: signal.ChallengeAction, Starved: true, Volume: !kind.failing(), Kind: kind,
		tally: new(tally), Literals: list, Core: len(list),
	}
	g.Proof = Proof{Good: 500, Level: 0.01}
	s.list = append(s.list, g)
	s.ticked = epoch.UnixMilli()
	g.last.Store(s.ticked)
	g.Since = s.ticked
	return g
}

// A challenge that lacked proof becomes what its proof allows, goes on, or ends, when
// twice as much good traffic is known.
func TestReproof(t *testing.T) {
	tool := Literal{HeaderOrder, 1<<31 | 77777}
	for name, c := range map[string]struct {
		kind   scopeKind
		rows   int
		match  int // one good request in so many; 0: none
		action signal.Action
		state  state
	}{
		"volume, proven":           {ofTemplate, 60_000, 0, signal.Limit, active},
		"failures, proven":         {ofOddFailures, 60_000, 0, signal.BlockAction, active},
		"too little is known yet":  {ofTemplate, 4_000, 0, signal.ChallengeAction, active},
		"good traffic matches":     {ofTemplate, 60_000, 300, signal.ChallengeAction, retired},
		"not twice as much so far": {ofTemplate, 700, 20, signal.ChallengeAction, active},
	} {
		s := New(Options{Seed: 1})
		rows := people(s, c.rows)
		for i := range rows {
			if c.match > 0 && i%c.match == 0 {
				rows[i].at[HeaderOrder] = tool.Value
			}
			s.base.learn(&rows[i])
		}
		unproven(s, c.kind, tool)
		s.live(epoch.UnixMilli(), 0.25)
		if g := s.list[0]; g.Action != c.action || g.State != c.state || g.Action == signal.Limit && g.Rate < leastRate {
			t.Errorf("%s: got %v, %v, rate %v; want %v, %v", name, g.Action, g.State, g.Rate, c.action, c.state)
		} else if g.Starved != (c.action == signal.ChallengeAction) {
			t.Errorf("%s: got starved %t", name, g.Starved)
		}
	}
}

// A limit leaves room where clients that returned are among what it matches, and only
// there.
func TestLimitLeavesRoom(t *testing.T) {
	const template = 1<<31 | 5
	for _, returned := range []bool{false, true} {
		s := New(Options{Seed: 1})
		s.scopes.of(template).counts[1].mean = 800 // in 4 s
		g := unproven(s, ofTemplate, Literal{Template, template})
		g.Starved, g.Action, g.Rate, g.guests = false, signal.Limit, leastRate, new(guests)
		for i := range uint32(100) {
			g.guests.add(i, returned && i == 0)
		}
		s.live(epoch.UnixMilli(), 0.25)
		want := leastRate
		if returned {
			want = 10
		}
		if got := s.list[0].Rate; got != want {
			t.Errorf("returned %t: got %v requests a second; want %v", returned, got, want)
		}
		if returned && g.Rate != leastRate {
			t.Error("a signature was changed that the request path may read")
		}
	}
}

// A surge that may be a release is left alone for a while, a flood is not.
func TestSettled(t *testing.T) {
	const now = continuityLeast + 100_000
	for name, c := range map[string]struct {
		rows, clients, places int
		lasted                int64 // ms
		first                 int64 // ms: when good traffic began
		good                  flags
		want                  bool
	}{
		"just begun":                   {50, 50, 1, 1_000, 1, trusted, false},
		"in one place":                 {200, 200, 1, 5_000, 1, trusted, true},
		"they go on":                   {200, 50, 4, 5_000, 1, trusted, false},
		"half a minute of it":          {900, 50, 4, 30_000, 1, trusted, true},
		"a flood":                      {3_000, 50, 1, 1_000, 1, trusted, true},
		"a young gateway":              {50, 50, 1, 1_000, now - 60_000, trusted, true},
		"where nobody has a past":      {50, 50, 1, 1_000, 1, 0, true},
		"where people returned before": {50, 50, 1, 1_000, 1, returning, false},
	} {
		s := New(Options{Seed: 1})
		s.base.first, s.base.rate = c.first, 30
		for i := range uint32(400) {
			s.base.uniform.add(&row{client: i, flags: c.good}, s.base.random)
		}
		p := &pool{scope: &scope{}}
		for i := range c.rows {
			r := row{client: uint32(i % c.clients), time: now - c.lasted + c.lasted*int64(i)/int64(c.rows)}
			r.at[Template] = uint32(i % c.places)
			s.recent.add(&r)
			p.rows = append(p.rows, &r)
		}
		if got := s.settled(now, p); got != c.want {
			t.Errorf("%s: got %t; want %t", name, got, c.want)
		}
	}
}

// Clients that returned speak for a surge by their number, those known to be good by
// what they send.
func TestShared(t *testing.T) {
	for name, c := range map[string]struct {
		good, back, returned, strangers, rows int
		shared, certain                       bool
	}{
		"nobody":                {0, 0, 0, 300, 300, false, false},
		"many known-good":       {60, 0, 0, 300, 300, true, true},
		"three requests of one": {3, 0, 0, 1000, 1000, false, false},
		"a release":             {0, 200, 150, 150, 300, true, false},
		"ten thieves that send as much as others": {0, 300, 10, 300, 300, false, false},
	} {
		p := &pool{scope: &scope{}, expected: 5, returned: map[uint32]bool{}, back: c.back}
		for i := range c.good {
			p.live = append(p.live, &row{client: uint32(i)})
		}
		for i := range c.returned {
			p.returned[uint32(1000+i)] = true
		}
		for i := range c.rows {
			p.rows = append(p.rows, &row{client: uint32(5000 + i%c.strangers)})
		}
		if shared, certain := p.shared(shares{0.5, 0.5}); shared != c.shared || certain != c.certain {
			t.Errorf("%s: got %t, %t; want %t, %t", name, shared, certain, c.shared, c.certain)
		}
	}
}

// Where known-good clients send more than usual, the others are expected to have grown
// as much, half as much again at most.
func TestOthersGrowAsKnownGood(t *testing.T) {
	for name, c := range map[string]struct {
		good int
		want float64
	}{
		"as usual": {50, 50}, "a fifth more": {60, 60}, "less": {20, 50}, "far more than is expected": {76, 75},
	} {
		p := &pool{scope: &scope{}, expected: 100, returned: map[uint32]bool{}}
		for i := range c.good {
			p.live = append(p.live, &row{client: uint32(i)})
		}
		for i := range 2000 {
			p.rows = append(p.rows, &row{client: uint32(5000 + i)})
		}
		if shared, _ := p.shared(shares{0.5, 0.5}); shared || math.Abs(p.expected-c.want) > 0.01 {
			t.Errorf("%s: got shared %t, %.1f of the others expected; want %.1f", name, shared, p.expected, c.want)
		}
	}
}

// New objects are a walk where each request is for another one, and good traffic asks
// for what was asked for before.
func TestWalks(t *testing.T) {
	for name, c := range map[string]struct {
		objects, good int // different ones in 100 requests; new ones in 100 good requests
		want          bool
	}{
		"a walk": {100, 10, true}, "a link that goes round": {3, 10, false}, "each asks for his own": {100, 60, false},
	} {
		s := &search{pool: &pool{scoped: true}}
		for i := range 100 {
			r, g := new(row), new(row)
			r.at[RarityObject], r.at[Object] = unseen, uint32(i%c.objects)
			if g.at[RarityObject] = common; i < c.good {
				g.at[RarityObject] = unseen
			}
			s.rows, s.good = append(s.rows, r), append(s.good, g)
		}
		if got := s.usable(Literal{RarityObject, unseen}); got != c.want {
			t.Errorf("%s: got %t; want %t", name, got, c.want)
		}
		if s.scoped = false; s.usable(Literal{RarityObject, unseen}) {
			t.Errorf("%s: usable where good traffic to the endpoint is not known", name)
		}
	}
}
