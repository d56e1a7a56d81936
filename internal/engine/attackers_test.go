package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/signal"
)

// An attacker is one entry, whatever number of records hold something against him, and
// says what he asks for, how often, and with what. Proof by repetition names the requests
// that proved it.
func TestAttackersAreOneEntryEach(t *testing.T) {
	e := New(Options{Policy: compile(t, options(policy.Enforce)), Detector: detect.New(1, lists), Clients: 1000, Seed: 1})
	for i := range 6 {
		exchange(e, time.Duration(i)*time.Second, "203.0.113.9", "GET", fmt.Sprintf("/items?q=%d'%%20UNION%%20SELECT%%20a%d,b%%20FROM%%20users--", i, i), "User-Agent: curl/8.5.0\r\n", "", 200)
	}
	now := epoch.Add(10 * time.Second)
	var own []Record
	for _, r := range e.Attackers(now, signal.Watch, 100) {
		if r.Address == "203.0.113.9/32" {
			own = append(own, r)
		}
	}
	if len(own) != 1 {
		t.Fatalf("got %d entries; want one: %+v", len(own), own)
	}
	a := own[0]
	if a.Target != "GET /items" || a.Software != "curl" || a.Notable != 6 || len(a.Also) != 1 {
		t.Errorf("got target %q by %q, %d requests, also %v", a.Target, a.Software, a.Notable, a.Also)
	}
	i := slices.IndexFunc(a.Parts, func(p Share) bool { return p.Name == signal.ExploitRepeated.String() })
	if i < 0 || len(a.Parts[i].Requests) == 0 {
		t.Errorf("got %+v; want a proof by repetition that names its requests", a.Parts)
	}
}

// Of several clients at one address those that have come further than it stay entries of
// their own.
func TestOneEach(t *testing.T) {
	client := func(name string, risk float64) Record {
		return Record{Name: name, Scope: "client", Address: "a", Risk: risk}
	}
	address := func(risk float64) Record { return Record{Name: "x", Scope: "address", Address: "a", Risk: risk} }
	for name, c := range map[string]struct {
		records []Record
		want    []string
	}{
		"one client":                     {[]Record{address(10), client("c", 20)}, []string{"c"}},
		"an address ahead of its client": {[]Record{address(30), client("c", 20)}, []string{"x"}},
		"a rotating attacker":            {[]Record{address(30), client("c", 20), client("d", 20)}, []string{"x"}},
		"two attackers":                  {[]Record{client("c", 40), client("d", 40), address(10)}, []string{"c", "d", "x"}},
		"a credential":                   {[]Record{{Name: "k", Scope: "credential", Address: "a", Risk: 5}, client("c", 9)}, []string{"k", "c"}},
	} {
		var got []string
		for _, r := range oneEach(c.records) {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
}
