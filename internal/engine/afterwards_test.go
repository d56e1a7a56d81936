package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// afterwards returns an engine with rules over the outcome.
func afterwards(t testing.TB, mode policy.Mode, rules ...policy.Rule) *Engine {
	o := options(mode)
	o.Rules = rules
	return newEngine(t, o)
}

// answersWith has one client's request answered with o and returns the last verdict.
func answersWith(e *Engine, at time.Duration, client, target, more string, o request.Outcome) (*request.Request, Verdict, []Event) {
	r := new(request.Request)
	receive(r, client, "GET", target, more)
	now := epoch.Add(at)
	v := e.Begin(now, r)
	if v.Refused() {
		o = request.Outcome{}
	}
	return r, v, e.End(now.Add(o.Duration), r, v, o)
}

func ok(status int) request.Outcome {
	return request.Outcome{Answered: true, Status: status, Duration: time.Millisecond, ResponseType: "application/json", ResponseSize: 100}
}

// A rule over the outcome acts on the client that sent the request, from then on,
// for as long as it says; on nobody else.
func TestOutcomeRules(t *testing.T) {
	for name, c := range map[string]struct {
		when, action string
		outcome      request.Outcome
		hits         bool
	}{
		"status":       {`status == 402`, "block", ok(402), true},
		"other status": {`status == 402`, "block", ok(200), false},
		"slow":         {`duration > 3000 and endpoint == "/report"`, "limit", request.Outcome{Answered: true, Status: 200, Duration: 4 * time.Second}, true},
		"large":        {`response_size >= 1000000 and not accepted`, "tarpit", request.Outcome{Answered: true, Status: 200, ResponseSize: 1 << 20}, true},
		"type":         {`response_type startsWith "text/"`, "limit", request.Outcome{Answered: true, Status: 200, ResponseType: "text/csv"}, true},
		"unanswered":   {`not answered and duration > 10000`, "challenge", request.Outcome{Status: 504, ResponseSize: 9, Duration: time.Minute}, true},
		"no status":    {`status == 504 or response_size == 9`, "block", request.Outcome{Status: 504, ResponseSize: 9, Duration: time.Minute}, false},
	} {
		e := afterwards(t, policy.Enforce, policy.Rule{Name: "it", When: c.when, Action: c.action, For: 2 * time.Minute})
		first, v, events := answersWith(e, 0, "203.0.113.9", "/report", "", c.outcome)
		if v.Would != signal.Pass {
			t.Errorf("%s: the request itself: got %v", name, v.Would)
		}
		reported := slices.ContainsFunc(events, func(ev Event) bool {
			return ev.Type == "rule" && ev.Entry == "it" && ev.Action == c.action && ev.Sentence != nil && ev.Until.Sub(ev.Time) == 2*time.Minute
		})
		if reported != c.hits || first.Imposed != "" != c.hits {
			t.Errorf("%s: got %q imposed and events %+v; want %t", name, first.Imposed, events, c.hits)
		}
		at := c.outcome.Duration + time.Minute
		_, v, _ = answersWith(e, at, "203.0.113.9", "/a", "", ok(200))
		if got := v.Would.String() == c.action && v.Reason == policy.Ruled && v.Entry == "it" && v.Retry > 0 && v.Retry <= time.Minute+time.Second; got != c.hits {
			t.Errorf("%s: afterwards: got %+v", name, v.Decision)
		}
		if _, v, _ = answersWith(e, at, "203.0.113.10", "/a", "", ok(200)); v.Would != signal.Pass {
			t.Errorf("%s: another client: got %v", name, v.Would)
		}
		if _, v, _ = answersWith(e, at+2*time.Minute, "203.0.113.9", "/a", "", ok(200)); v.Would != signal.Pass {
			t.Errorf("%s: when it is over: got %v", name, v.Would)
		}
	}
}

// Rules that observe and dry ones touch nobody; a dry one notes whom it would touch.
func TestOutcomeRulesThatWatch(t *testing.T) {
	e := afterwards(t, policy.Enforce,
		policy.Rule{Name: "seen", When: "status == 402", Action: "observe"},
		policy.Rule{Name: "dry", When: "status == 402", Action: "block", DryRun: true})
	r, _, events := answersWith(e, 0, "203.0.113.9", "/a", "", ok(402))
	if !slices.Equal(r.Noted, []string{"seen"}) || r.Imposed != "dry" {
		t.Errorf("got %q noted, %q imposed", r.Noted, r.Imposed)
	}
	types := map[string]Event{}
	for _, ev := range events {
		types[ev.Type] = ev
	}
	if n := types["noted"]; !slices.Equal(n.Noted, []string{"seen"}) {
		t.Errorf("got events %+v; want one that notes the rule", events)
	}
	if x := types["rule"]; x.Would != "block" || x.Action != "pass" || x.Sentence != nil {
		t.Errorf("got event %+v; want a block that is not carried out, and nothing for the journal", x)
	}
	r, v, _ := answersWith(e, time.Second, "203.0.113.9", "/a", "", ok(200))
	if v.Would != signal.Pass || !slices.Equal(r.Noted, []string{"dry"}) {
		t.Errorf("afterwards: got %v, %q noted", v.Would, r.Noted)
	}
}

// What is harder and acts already stays, and what is dry hides nothing that acts.
func TestOutcomeRulesTogether(t *testing.T) {
	e := afterwards(t, policy.Enforce,
		policy.Rule{Name: "in", When: `header("x-office") == "yes"`, Action: "allow"},
		policy.Rule{Name: "dry", When: "status >= 400", Action: "block", DryRun: true},
		policy.Rule{Name: "ask", When: "status >= 400", Action: "challenge"},
		policy.Rule{Name: "mild", When: "status == 200", Action: "limit"})
	answersWith(e, 0, "203.0.113.9", "/a", "", ok(404))
	_, v, _ := answersWith(e, time.Second, "203.0.113.9", "/a", "X-Office: yes\r\n", ok(200))
	if v.Would != signal.Pass || v.Entry != "in" {
		t.Errorf("a rule that allows: got %v by %q; want it to override", v.Would, v.Entry)
	}
	if _, v, _ = answersWith(e, 2*time.Second, "203.0.113.9", "/a", "", ok(200)); v.Would != signal.ChallengeAction || v.Entry != "ask" {
		t.Errorf("got %v by %q; want the question to stay", v.Would, v.Entry)
	}
	e.Swap(func() *policy.Policy { p, _ := policy.Compile(options(policy.Enforce)); return p }(), nil)
	if _, v, _ = answersWith(e, 3*time.Second, "203.0.113.9", "/a", "", ok(200)); v.Would != signal.Pass {
		t.Errorf("without the rule: got %v; want it to have ended", v.Would)
	}
}

// Of several accepted credentials behind one address and software only the one
// whose request it was is touched.
func TestOutcomeRulesSpareNeighbours(t *testing.T) {
	e := afterwards(t, policy.Enforce, policy.Rule{Name: "it", When: "status == 402", Action: "block"})
	ada, bob := "Authorization: Bearer ada\r\n", "Authorization: Bearer bob\r\n"
	answersWith(e, 0, "198.51.100.1", "/me", "", ok(401)) // the endpoint checks credentials
	for i := range 4 {
		at := time.Duration(i) * time.Second
		answersWith(e, at, "203.0.113.9", "/me", ada, ok(200))
		answersWith(e, at, "203.0.113.9", "/me", bob, ok(200))
	}
	answersWith(e, 10*time.Second, "203.0.113.9", "/me", ada, ok(402))
	for credential, want := range map[string]signal.Action{ada: signal.BlockAction, bob: signal.Pass, "": signal.Pass} {
		if _, v, _ := answersWith(e, 20*time.Second, "203.0.113.9", "/me", credential, ok(200)); v.Would != want {
			t.Errorf("%q: got %v; want %v", credential, v.Would, want)
		}
	}
}

// It shows in explanations, goes with an unblock, and outlives a restart by
// snapshot or journal.
func TestOutcomeRuleIsExplainedAndEnded(t *testing.T) {
	e := afterwards(t, policy.Enforce, policy.Rule{Name: "it", When: "status == 402", Action: "block"})
	first, _, events := answersWith(e, 0, "203.0.113.9", "/a", "", ok(402))
	refused, _, _ := answersWith(e, time.Second, "203.0.113.9", "/a", "", ok(200))
	now := epoch.Add(2 * time.Second)
	for id, what := range map[string]string{first.ID: "imposed", refused.ID: "refused"} {
		x, found := e.Explain(now, id)
		if !found || len(x.Records) == 0 || x.Records[0].Rule != "it" || !slices.ContainsFunc(x.Undo, func(s string) bool { return strings.HasPrefix(s, "bartizan unblock a-") }) {
			t.Errorf("explain %s: got %+v, %t", what, x, found)
		}
	}
	sentence := events[slices.IndexFunc(events, func(ev Event) bool { return ev.Type == "rule" })].Sentence
	again := afterwards(t, policy.Enforce, policy.Rule{Name: "it", When: "status == 402", Action: "block"})
	if !again.Impose(now, *sentence) {
		t.Fatal("the journal's sentence is not taken")
	}
	for _, e := range []*Engine{e, again} {
		if _, v, _ := answersWith(e, 3*time.Second, "203.0.113.9", "/a", "", ok(200)); v.Would != signal.BlockAction || v.Reason != policy.Ruled {
			t.Errorf("got %v because of %v; want the rule to act", v.Would, v.Reason)
		}
		if n := e.Unblock(attacker.Pardon{Address: netip.MustParseAddr("203.0.113.9")}); n == 0 {
			t.Error("unblock: got nothing")
		}
		if _, v, _ := answersWith(e, 4*time.Second, "203.0.113.9", "/a", "", ok(200)); v.Would != signal.Pass {
			t.Errorf("after unblock: got %v", v.Would)
		}
	}
}

// Observe mode touches nobody, and who is on allow is asked nothing.
func TestOutcomeRulesWaived(t *testing.T) {
	o := options(policy.Observe)
	o.Rules = []policy.Rule{{Name: "it", When: "status == 402", Action: "block"}}
	o.Allow = []policy.Entry{{Prefix: "198.51.100.0/24"}}
	e := newEngine(t, o)
	for client, would := range map[string]signal.Action{"203.0.113.9": signal.BlockAction, "198.51.100.9": signal.Pass} {
		answersWith(e, 0, client, "/a", "", ok(402))
		if _, v, _ := answersWith(e, time.Second, client, "/a", "", ok(200)); v.Action != signal.Pass || v.Would != would {
			t.Errorf("%s: got %v, would %v; want pass, would %v", client, v.Action, v.Would, would)
		}
	}
}

func TestOutcomeRulesAreChecked(t *testing.T) {
	for want, r := range map[string]policy.Rule{
		"rules[0].action: is allow":         {When: "status == 200", Action: "allow"},
		"rules[0].for: goes with an action": {When: "status == 200", Action: "observe", For: time.Minute},
		"rules[0].for: is 48h0m0s":          {When: "status == 200", Action: "block", For: 48 * time.Hour},
		"rules[0].for: is for rules over":   {When: `method == "GET"`, Action: "block", For: time.Minute},
		"rules[0].when: ":                   {When: `status == "ok"`, Action: "block", For: time.Minute},
	} {
		o := options(policy.Enforce)
		r.Name = "it"
		o.Rules = []policy.Rule{r}
		if _, problems := policy.Compile(o); len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), want) {
			t.Errorf("got %v; want one problem, %q", problems, want)
		}
	}
}

// Who is blocked by his address or credential comes as new software each time, which has
// no record of its own: his refusals are one event every ten seconds all the same.
func TestRefusalsOfNewSoftwareAreQuiet(t *testing.T) {
	as := func(e *Engine, at time.Duration, client, software, target, more string, status int) (Verdict, []Event) {
		r, now := new(request.Request), epoch.Add(at)
		receive(r, client, "GET", target, more)
		r.Conn.H2 = software
		v := e.Begin(now, r)
		return v, e.End(now.Add(time.Millisecond), r, v, request.Outcome{Answered: !v.Refused(), Status: status})
	}
	const attack, key = "/items?q=1%27%20UNION%20SELECT%20password%20FROM%20users--", "X-Api-Key: own\r\n"
	for scope, more := range map[string]string{"address": "", "credential": key} {
		e := newEngine(t, options(policy.Enforce))
		if more != "" {
			as(e, 0, "203.0.113.9", "app", "/orders", "", 401)
			for i := range 8 {
				as(e, time.Duration(i)*time.Second, "203.0.113.9", "app", "/orders", more, 200)
			}
		}
		from := "203.0.113.9"
		for i := range 12 {
			if more != "" {
				from = fmt.Sprint("203.0.113.", 9+i%4)
			}
			as(e, time.Minute+time.Duration(i)*100*time.Millisecond, from, fmt.Sprint("tool ", i), attack, more, 200)
		}
		if more != "" {
			from = "203.0.113.50"
		}
		told, refused := 0, 0
		for i := range 200 { // in 20 s
			v, events := as(e, 2*time.Minute+time.Duration(i)*100*time.Millisecond, from, fmt.Sprint("new ", i),
				"/orders", more, 200)
			if v.Refused() {
				refused++
			}
			for _, ev := range events {
				told++
				if ev.Scope != scope || told > 1 && ev.Repeats < 90 {
					t.Errorf("%s: got event %s of %s with %d repeats", scope, ev.Type, ev.Scope, ev.Repeats)
				}
			}
		}
		if refused != 200 || told > 3 {
			t.Errorf("%s: got %d of 200 refused and %d events; want all, and one in ten seconds", scope, refused, told)
		}
	}
}
