package swarm

import (
	"math/rand/v2"
	"testing"
)

// A flood of values that never repeat must not push out what is common.
func TestSketchKeepsTheCommon(t *testing.T) {
	s, r := newSketch(), rand.New(rand.NewPCG(1, 1))
	for i := range 500 {
		for range 20 {
			s.add(one(Agent, uint32(i)))
		}
	}
	for range 2_000_000 {
		s.add(one(JA4, r.Uint32()))
	}
	lost := 0
	for i := range 500 {
		if s.get(one(Agent, uint32(i))) < 20 {
			lost++
		}
	}
	if lost > 5 {
		t.Errorf("%d of 500 common values were lost in a flood", lost)
	}
}

func TestSketchFades(t *testing.T) {
	s := newSketch()
	for range 100 {
		s.add(1 << 40)
	}
	s.total.Store(100)
	s.fade()
	if s.get(1<<40) != 50 || s.total.Load() != 50 {
		t.Errorf("got %d of %d; want 50 of 50", s.get(1<<40), s.total.Load())
	}
}

func TestDerived(t *testing.T) {
	s := newSketch()
	chrome, firefox := uint32(1<<31|1), uint32(1<<31|2)
	for i := range 4000 {
		r := row{}
		r.at[JA4], r.at[AgentFamily] = chrome, chrome
		if i%2 == 0 {
			r.at[JA4], r.at[AgentFamily] = firefox, firefox
		}
		s.learn(&r)
	}
	for name, c := range map[string]struct{ ja4, family, rarity, fit uint32 }{
		"as usual":    {chrome, chrome, common, consistent},
		"mixed":       {chrome, firefox, common, contradicts},
		"unseen":      {1<<31 | 9, chrome, unseen, noFit},
		"without TLS": {0, chrome, noRarity, noFit},
	} {
		var at [Attributes]uint32
		at[JA4], at[AgentFamily] = c.ja4, c.family
		s.derive(&at)
		if at[RarityJA4] != c.rarity || at[FitJA4Agent] != c.fit {
			t.Errorf("%s: got %s, %s; want %s, %s", name, rarities[at[RarityJA4]], fits[at[FitJA4Agent]], rarities[c.rarity], fits[c.fit])
		}
	}
}

func TestNothingIsOddBeforeAnythingIsKnown(t *testing.T) {
	var at [Attributes]uint32
	at[JA4], at[HeaderOrder] = 1<<31|5, 1<<31|6
	newSketch().derive(&at)
	if odd(&at) {
		t.Error("a request is odd to who knows nothing")
	}
}

func TestReservoirIsBounded(t *testing.T) {
	v, r := reservoir{max: 100, each: 3, enter: 1}, rand.New(rand.NewPCG(1, 1))
	for i := range 10_000 {
		v.add(&row{client: uint32(i % 7)}, r) // seven clients alone
	}
	if len(v.rows) != 21 {
		t.Errorf("seven clients have %d rows; want 3 each", len(v.rows))
	}
	for i := range 10_000 {
		v.add(&row{client: uint32(i)}, r)
	}
	if len(v.rows) != 100 || cap(v.rows) > 120 || len(v.clients) > 100 {
		t.Errorf("got %d rows, capacity %d, %d clients; want at most 100", len(v.rows), cap(v.rows), len(v.clients))
	}
	seen := map[uint32]uint8{}
	for i := range v.rows {
		seen[v.rows[i].client]++
	}
	for c, n := range seen {
		if n > 3 || v.clients[c] != n {
			t.Errorf("client %d has %d rows and is counted %d times; want at most 3", c, n, v.clients[c])
		}
	}
}

func TestLogLog(t *testing.T) {
	var l loglog
	r := rand.New(rand.NewPCG(1, 1))
	for n, want := range map[int]int{100: 100, 5_000: 5_000, 200_000: 200_000} {
		l = loglog{}
		for range n {
			l.add(r.Uint64())
		}
		if got := l.count(); got < want*88/100 || got > want*112/100 {
			t.Errorf("got about %d distinct values; want about %d", got, want)
		}
	}
}
