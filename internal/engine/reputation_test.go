package engine

import (
	"net/netip"
	"testing"

	"bartizan/internal/addr"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Being on a list is evidence with the list's name, held once and never a refusal.
func TestReputationLists(t *testing.T) {
	o := options(policy.Enforce)
	o.Reputations = []policy.Reputation{{Name: "known-bad", Band: signal.Likely, Prefixes: addr.NewSet([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")})}}
	e := newEngine(t, o)
	for address, want := range map[string]int{"203.0.113.9": 1, "198.51.100.9": 0} {
		for range 50 {
			r := new(request.Request)
			receive(r, address, "GET", "/items", "")
			v := e.Begin(epoch, r)
			got := 0
			for _, s := range r.Signals {
				if s.Kind == signal.ListedAddress && s.Note == "known-bad" {
					got++
				}
			}
			if got != want || v.Refused() || r.Standing.Stage > signal.Watch {
				t.Fatalf("%s: got %d signals, %v at %v; want %d, a pass", address, got, v.Action, r.Standing.Stage, want)
			}
		}
	}
}
