package swarm

import (
	"math/rand/v2"
	"testing"

	"bartizan/internal/signal"
)

// slowFind is the matcher without an index.
func slowFind(list []*signature, at *[Attributes]uint32) int {
	best := -1
	for _, g := range list {
		if g.State.watched() && len(g.Literals) > 0 && holdsAt(g.Literals, at) {
			best = max(best, rank(g))
		}
	}
	return best
}

func TestMatcherFindsTheStrongest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	found := 0
	for round := range 200 {
		var list []*signature
		for i := range random.IntN(40) {
			g := &signature{Serial: uint32(i), State: state(random.IntN(5)), Action: signal.Action(1 + random.IntN(5))}
			for range 1 + random.IntN(3) {
				g.Literals = append(g.Literals, Literal{Attribute(random.IntN(6)), random.Uint32N(3)})
			}
			list = append(list, g)
		}
		m := compile(list)
		for range 50 {
			var at [Attributes]uint32
			for a := range 6 {
				at[a] = random.Uint32N(3)
			}
			want, got := slowFind(list, &at), -1
			if g := m.find(&at); g != nil {
				got = rank(g)
				found++
				if !holdsAt(g.Literals, &at) {
					t.Fatalf("round %d: found a signature that does not hold", round)
				}
			}
			if got != want {
				t.Fatalf("round %d: got rank %d; want %d", round, got, want)
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d rows matched anything: the test is weak", found)
	}
}

func TestWorstCaseOfTheMatcherStaysShort(t *testing.T) {
	// A thousand signatures with a literal in common must not form one list.
	var list []*signature
	for i := range 1000 {
		list = append(list, &signature{Serial: uint32(i), Action: signal.BlockAction, Literals: []Literal{{Method, 1}, {Template, uint32(i)}}})
	}
	for _, x := range compile(list).indices {
		for _, s := range x.slots {
			if len(s.list) > 10 {
				t.Errorf("a list of %s has %d signatures", x.attribute, len(s.list))
			}
		}
	}
}
