package attacker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// A browser's credential that programs in many networks show is evidence where
// hardly any is carried around so; a key that programs share, or everybody, is none.
func TestCredentialSpread(t *testing.T) {
	show := func(table *Table, at time.Duration, family fingerprint.Family, network int, credential uint64) *request.Request {
		r := with(from(fmt.Sprintf("44.1.%d.7", network), uint64(family)+1), credential)
		r.Software.Claimed = family
		answered(table, at, r, 1, 200, Exchange{Endpoint: 5})
		return r
	}
	for name, c := range map[string]struct {
		owner             fingerprint.Family
		programs, carried int // networks that show it; other credentials that are carried around
		browsers          int // networks
		people            int
		want              bool
		band              signal.Band
	}{
		"stolen":                  {fingerprint.Chrome, 20, 0, 1, 80, true, signal.Hint},
		"by thirty":               {fingerprint.Chrome, 32, 0, 1, 80, true, signal.Likely},
		"by few":                  {fingerprint.Chrome, 8, 0, 1, 80, false, 0},
		"a program's key":         {0, 32, 0, 0, 80, false, 0},
		"everybody's":             {fingerprint.Chrome, 32, 0, 20, 80, false, 0},
		"a new site":              {fingerprint.Chrome, 32, 0, 1, 20, false, 0},
		"a service carries them":  {fingerprint.Chrome, 32, 8, 1, 80, false, 0},
		"one other is carried so": {fingerprint.Chrome, 32, 1, 1, 150, true, signal.Likely},
	} {
		table := New(10_000, seed)
		answered(table, 0, from("198.51.100.1", 9), 1, 401, Exchange{Endpoint: 5})
		for i := range c.people {
			show(table, 0, fingerprint.Chrome, i, 1000+uint64(i))
		}
		for i := range c.carried {
			for n := range 16 {
				show(table, time.Minute, 0, 100+n, 1000+uint64(i))
			}
		}
		show(table, time.Minute, c.owner, 1, 7)
		for n := range c.browsers {
			show(table, time.Minute, fingerprint.Chrome, n, 7)
		}
		var found []signal.Signal
		for n := range c.programs {
			found = append(found, show(table, 2*time.Minute, 0, 200+n%56, 7).Signals...)
		}
		got, band := false, signal.Band(0)
		for s := range slices.Values(found) {
			if s.Kind == signal.CredentialSpread {
				got, band = true, s.Band
			}
		}
		if got != c.want || band != c.band {
			t.Errorf("%s: got %v, %v; want %v, %v", name, got, band, c.want, c.band)
		}
		if st := stand(table, 2*time.Minute, with(from("44.1.1.7", uint64(c.owner)+1), 7)); st.Stage > signal.Watch {
			t.Errorf("%s: its owner is at %v; want watch at most", name, st.Stage)
		}
	}
}

// No more sites are counted than there is room for.
func TestCarriedIsBounded(t *testing.T) {
	n := carried{of: map[uint64]*[2]uint32{}}
	for site := range uint64(2 * mostSites) {
		n.note(site, true, false)
	}
	if len(n.of) != mostSites {
		t.Errorf("got %d sites; want %d", len(n.of), mostSites)
	}
	for range 3 * shownMost {
		n.note(0, true, false)
	}
	if shown := n.of[0][0]; shown >= shownMost {
		t.Errorf("got %d credentials; want fewer than %d", shown, shownMost)
	}
}
