package identity

import (
	"testing"
	"time"
)

const day = int64(24 * time.Hour / time.Millisecond)

func TestLinksFadeAndChain(t *testing.T) {
	g := New(100)
	a, b := Facet{Credential, 1}, Facet{Pass, 2}
	g.Use(0, a, 10) // nobody suspects it yet
	if g.Len() != 0 {
		t.Fatal("a facet that no suspect has was kept")
	}
	g.Mark(1, a, 10, 60)
	g.Use(2, a, 11)
	g.Mark(3, b, 11, 5)
	g.Use(4, b, 12)
	if l := g.Attacker(5, 12, 10); len(l) != 2 || len(l[0].Clients) != 2 || l[0].Kind != Credential {
		t.Errorf("got %+v; want both links, over a client between", l)
	}
	if got := g.Suspicion(5, 11); got != 60 {
		t.Errorf("got %.0f; want 60", got)
	}
	if got := g.Suspicion(5, 12); got != 5 {
		t.Errorf("two links away: got %.0f; want the neighbour's 5 only", got)
	}
	if got := g.Suspicion(5+2*day, 11); got != 0 {
		t.Errorf("two days later: got %.0f; want 0", got)
	}
	g.Remove(11)
	if l := g.Attacker(5, 12, 10); len(l) != 0 {
		t.Errorf("after the client between was taken out: got %+v", l)
	}
}

// What very many have is nobody's own, unless it is a botnet's signature, which is weak.
func TestSharedFacets(t *testing.T) {
	for kind, want := range map[Kind]float64{Credential: 0, Pass: 0, Signature: 30} {
		g := New(100)
		f := Facet{kind, 1}
		g.Mark(1, f, 1, 60)
		for c := range uint64(200) {
			g.Use(2, f, 100+c)
		}
		if got := g.Suspicion(3, 100); got != want {
			t.Errorf("%v of 201 clients: got %.0f; want %.0f", kind, got, want)
		}
	}
}

// A flood of facets and of clients must not grow the graph beyond its bounds.
func TestFlood(t *testing.T) {
	const most = 1000
	g := New(most)
	for i := range uint64(100_000) {
		f := Facet{Kind(i % Kinds), i}
		g.Mark(int64(i), f, i, 60)
		g.Use(int64(i), f, i+1)
		g.Use(int64(i), f, 7) // one client with everything
	}
	if g.Len() > most {
		t.Errorf("got %d facets; want at most %d", g.Len(), most)
	}
	if n := len(g.of); n > most*MostClients || len(g.of[7]) > mostFacets {
		t.Errorf("got %d clients, %d facets of one; want few", n, len(g.of[7]))
	}
	for f, n := range g.nodes {
		if len(n.members) > MostClients {
			t.Errorf("%v: got %d clients; want at most %d", f, len(n.members), MostClients)
		}
	}
}
