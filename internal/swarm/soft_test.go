package swarm

import (
	"slices"
	"testing"

	"bartizan/internal/signal"
)

// Of an HTTP/2 connection only the first request's order of header fields is known: good
// requests of which it is not known may have the one that a volume signature names.
func TestUnknownOrderMayBeAny(t *testing.T) {
	tool := Literal{HeaderOrder, 1<<31 | 77777}
	for name, c := range map[string]struct {
		kind  scopeKind
		order uint32 // of a good request in a hundred
		want  bool
	}{
		"volume, another order": {ofTemplate, 1<<31 | 5, true},
		"volume, unknown":       {ofTemplate, 0, false},
		"failures, unknown":     {ofOddFailures, 0, true},
	} {
		s := New(Options{Seed: 1})
		rows := people(s, 20_000)
		for i := range rows {
			rows[i].at[HeaderOrder] = 1<<31 | 5
			if i%100 == 0 {
				rows[i].at[HeaderOrder] = c.order
			}
			s.base.learn(&rows[i])
		}
		g := &signature{Action: signal.ChallengeAction, Literals: []Literal{tool}, Core: 1, Proof: Proof{Level: 0.01}}
		if got := s.holds(g, &search{pool: &pool{scope: &scope{kind: c.kind}}}, alphaGlobal); got != c.want {
			t.Errorf("%s: got %t, %d hits; want %t", name, got, g.Proof.Hits, c.want)
		}
	}
}

// poolOf is a search of n rows that all have the literals, with good rows that have none.
func poolOf(n int, list ...Literal) (*search, *candidate) {
	s := &search{pool: &pool{scope: new(scope), excess: float64(n), whole: n, scoped: true}}
	for range n {
		r := new(row)
		for _, l := range list {
			r.at[l.Attribute] = l.Value
		}
		s.rows, s.good = append(s.rows, r), append(s.good, new(row))
	}
	s.collect()
	c := s.singles[0]
	for i, l := range s.literals {
		if l.Attribute == list[0].Attribute {
			c = s.singles[i]
		}
	}
	return s, c
}

// A signature that names a tool's values is not guarded by how rare they are: one good
// client that has them would end it. One that names none is.
func TestGuardsOutliveTheFirstGoodClient(t *testing.T) {
	order, set := Literal{HeaderOrder, 1<<31 | 7}, Literal{HeaderSet, 1<<31 | 8}
	rarity := Literal{RaritySegment, unseen}
	has := func(list []Literal, a Attribute) bool {
		for _, l := range list {
			if l.Attribute == a {
				return true
			}
		}
		return false
	}
	s, c := poolOf(100, order, set, rarity)
	if got := s.guards(c); has(got, RaritySegment) || !has(got, HeaderSet) {
		t.Errorf("by a named order: got %v; want the header set and no rarity", got)
	}
	s, c = poolOf(100, Literal{RarityOrder, unseen}, rarity)
	if got := s.guards(c); !has(got, RaritySegment) {
		t.Errorf("by a rarity: got %v; want the other rarity", got)
	}
}

// Newcomers fetch a page before they ask for what it names. Clients that never did, and
// say that they come from it, stand out although their software is everybody's; where
// newcomers do so too, or the clients were here before, they do not.
func TestFirstCallsThatNameAPage(t *testing.T) {
	system, referer := Literal{AgentSystem, 9}, Literal{Referer, sameHostReferer}
	for name, c := range map[string]struct {
		age, newcomers uint32
		value          uint32
		want           bool
	}{
		"never seen, from a page":                  {0, 0, sameHostReferer, true},
		"pages come from elsewhere, newcomers too": {0, sameHostReferer, sameHostReferer, false},
		"seen before":                              {1, 0, sameHostReferer, false},
		"from another host":                        {0, 0, sameHostReferer + 1, false},
	} {
		referer.Value = c.value
		s, named := poolOf(100, system, referer)
		both := s.narrowed(named, slices.Index(s.literals, referer))
		var newcomers []*row
		for range 50 {
			r := new(row)
			r.at[AgentSystem], r.at[Referer] = system.Value, c.newcomers
			newcomers = append(newcomers, r)
		}
		for _, r := range s.rows {
			r.at[Age] = c.age
		}
		if got := s.standsOut(both, newcomers, true); got != c.want {
			t.Errorf("%s: got %t; want %t", name, got, c.want)
		}
	}
}
