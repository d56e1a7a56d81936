package engine

import (
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// The end of a patch is reported a day before and when it has come, once each.
func TestEndsAreReported(t *testing.T) {
	o := options(policy.Enforce)
	end := epoch.Add(48 * time.Hour)
	o.Patches = []policy.Patch{{Name: "hole", Endpoint: "/a", Field: "query:id", Allow: policy.Allowance{Type: "int"}, Until: end}}
	o.Rules = []policy.Rule{{Name: "ever", When: "tls", Action: "observe"}, {Name: "past", When: "tls", Action: "block", Until: epoch.Add(-time.Hour)}}
	e := newEngine(t, o)
	var got []string
	for at := time.Duration(0); at < 72*time.Hour; at += 10 * time.Minute {
		if at == 30*time.Hour || at == 60*time.Hour { // a reload repeats nothing
			e.Swap(compile(t, o), nil)
		}
		for _, ev := range e.Tick(epoch.Add(at)) {
			if ev.Type == "expiry" {
				got = append(got, at.String()+" "+ev.Entry+": "+ev.Cause)
			}
		}
	}
	want := []string{"0s past: the rule has ended: it holds no more", "24h0m0s hole: the patch ends in 24h0m0s", "48h10m0s hole: the patch has ended: it holds no more"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	o.Patches[0].Until = end.Add(72 * time.Hour) // longer: another end
	e.Swap(compile(t, o), nil)
	if events := e.Tick(epoch.Add(80 * time.Hour)); len(events) != 0 {
		t.Errorf("got %v for a patch that goes on; want none", events)
	}
	if events := e.Tick(epoch.Add(97 * time.Hour)); len(events) != 1 {
		t.Errorf("got %d events a day before the new end; want one", len(events))
	}
}

// A match of a rule is evidence where its author says so, and else none.
func TestRulesThatAreEvidence(t *testing.T) {
	o := options(policy.Enforce)
	o.Rules = []policy.Rule{
		{Name: "country", When: `path == "/country"`, Action: "block"},
		{Name: "dry", When: `path == "/dry"`, Action: "block", Evidence: true, DryRun: true},
		{Name: "hole", When: `query("cmd") != ""`, Action: "block", Evidence: true},
		{Name: "watched", When: `path == "/watched"`, Action: "observe", Evidence: true},
	}
	e := newEngine(t, o)
	for target, want := range map[string]int{"/country": 0, "/dry": 0, "/a?cmd=1": 1, "/watched": 1, "/b": 0, "/watched?cmd=1": 1} {
		r := new(request.Request)
		receive(r, "203.0.113.9", "GET", target, "")
		v := e.Begin(epoch, r)
		v = e.Body(epoch, r, v, nil, true, new(Scratch)) // the rules are asked again
		if len(r.Signals) != want || want > 0 && r.Signals[0].Kind != signal.PatchHit {
			t.Errorf("%s: got %v, %v; want %d signals", target, v.Would, r.Signals, want)
		}
	}
	o.Exceptions = []policy.Exception{{Kind: "patch-hit", Endpoint: "/a"}}
	e.Swap(compile(t, o), nil)
	r := new(request.Request)
	receive(r, "203.0.113.10", "GET", "/a?cmd=1", "")
	if v := e.Begin(epoch, r); len(r.Signals) != 0 || v.Would != signal.BlockAction {
		t.Errorf("with an exception: got %v, %v; want a refusal without evidence", v.Would, r.Signals)
	}
	for _, x := range []policy.Rule{{Name: "a", When: "tls", Action: "allow", Evidence: true}, {Name: "a", When: "status == 404", Action: "block", Evidence: true}} {
		o.Rules = []policy.Rule{x}
		if _, problems := policy.Compile(o); len(problems) != 1 || problems[0].Path != "rules[0].evidence" {
			t.Errorf("%q: got %v; want a problem with evidence", x.When, problems)
		}
	}
}
