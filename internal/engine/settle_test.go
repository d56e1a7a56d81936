package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/detect"
	"bartizan/internal/policy"
)

const day = 24 * time.Hour

// lawful returns an engine whose law is what it learns, with the defaults.
func lawful(t *testing.T) *Engine {
	o := options(policy.Enforce)
	o.Sites[0].Learned = policy.Enforce
	return New(Options{Policy: compile(t, o), Detector: detect.New(1, lists), Clients: 1000, Seed: 1, Start: epoch})
}

// teach has clients, each in a network of its own, ask well for reports by number, 9,000 times
// from at on, half of them over the time that follows.
func teach(t *testing.T, e *Engine, at, during time.Duration, networks int) {
	t.Helper()
	for i := range 9000 {
		now := at + time.Duration(i)*10*time.Millisecond
		if i >= 4500 {
			now = at + during
		}
		if v, _ := exchange(e, now, fmt.Sprintf("198.51.%d.7", i%networks), "GET",
			fmt.Sprintf("/reports?from=%d&sort=%d", 1000+i, i%7), "", "", 200); v.Refused() {
			t.Fatalf("exchange %d: got %v by %v", i, v.Action, v.Reason)
		}
	}
}

const asked = "/reports?from=last%20week&sort=name%20asc"

// What many have taught for days is the law; what few have, or many within hours, is not.
func TestLawTakesDaysAndNetworks(t *testing.T) {
	for name, c := range map[string]struct {
		during   time.Duration
		networks int
		approve  bool
		refused  bool
	}{
		"days and networks":     {4 * day, 40, false, true},
		"many, in a day":        {day, 40, false, false},
		"ten networks for days": {4 * day, 10, false, false},
		"approved":              {time.Hour, 10, true, true},
	} {
		e := lawful(t)
		teach(t, e, 0, c.during, c.networks)
		if c.approve {
			if n := e.Approve(epoch.Add(c.during), "*"); n == 0 {
				t.Fatalf("%s: nothing approved", name)
			}
		}
		v, _ := exchange(e, c.during+time.Minute, "203.0.113.9", "GET", asked, "", "", 200)
		if v.Refused() != c.refused {
			t.Errorf("%s: got %v by %v; want refused %t", name, v.Action, v.Reason, c.refused)
		}
		var b bytes.Buffer
		if err := e.Snapshot(&b); err != nil {
			t.Fatal(err)
		}
		again := lawful(t)
		if _, err := again.Restore(epoch.Add(c.during), &b); err != nil {
			t.Fatal(err)
		}
		if v, _ := exchange(again, c.during+2*time.Minute, "203.0.113.10", "GET", asked, "", "",
			200); v.Refused() != c.refused {
			t.Errorf("%s, after a restart: got %v by %v; want refused %t", name, v.Action, v.Reason, c.refused)
		}
	}
}

// What is learned behind an approval is no law by it.
func TestApprovalIsOfWhatWasThere(t *testing.T) {
	e := lawful(t)
	if n := e.Approve(epoch, "*"); n != 0 {
		t.Errorf("got %d endpoints approved of a model that knows nothing", n)
	}
	teach(t, e, 0, time.Hour, 10)
	e.Approve(epoch.Add(30*time.Second), "*")
	if d := e.Departures(epoch.Add(2 * time.Hour)); len(d) == 0 || !d[len(d)-1].Settled {
		t.Errorf("got %+v; want the endpoint settled", d)
	}
	e = lawful(t)
	exchange(e, 0, "198.51.100.1", "GET", "/other", "", "", 200)
	e.Approve(epoch, "*")
	teach(t, e, time.Minute, time.Hour, 10)
	if v, _ := exchange(e, 2*time.Hour, "203.0.113.9", "GET", asked, "", "", 200); v.Refused() {
		t.Error("an endpoint that came behind the approval: got a refusal")
	}
}

// Where many known clients are refused, the law ends, and says so; elsewhere it stays.
func TestLawLiftsItself(t *testing.T) {
	e := lawful(t)
	teach(t, e, 0, 4*day, 40)
	refused, told := 0, []string{}
	for i := range 40 {
		v, events := exchange(e, 4*day+time.Duration(i)*time.Second, fmt.Sprintf("198.51.%d.7", i), "GET", asked, "",
			"", 200)
		if v.Refused() {
			refused++
		}
		for _, ev := range events {
			if ev.Type == "lifted" {
				told = append(told, ev.Cause)
			}
		}
	}
	if refused < 5 || refused > 12 {
		t.Errorf("got %d known clients refused; want about ten before the law ends", refused)
	}
	if all := strings.Join(told, "; "); !strings.Contains(all, "query:from") || !strings.Contains(all, "query:sort") {
		t.Errorf("got events %q; want both fields", told)
	}
	if v, _ := exchange(e, 4*day+time.Hour, "203.0.113.9", "GET", "/reports?from=5&debug=1", "", "",
		200); !v.Refused() {
		t.Errorf("another field: got %v; want it refused still", v.Action)
	}
	// Strangers lift nothing, however many they are.
	e = lawful(t)
	teach(t, e, 0, 4*day, 40)
	for i := range 200 {
		if v, _ := exchange(e, 4*day+time.Hour, fmt.Sprintf("203.0.%d.9", i), "GET", asked, "", "", 200); !v.Refused() {
			t.Fatalf("stranger %d: got %v; want him refused", i, v.Action)
		}
	}
}

// The bounds hold: a flood of refused places keeps no more than so many.
func TestLiftsAreBounded(t *testing.T) {
	e := lawful(t)
	teach(t, e, 0, 4*day, 40)
	for i := range 6000 {
		exchange(e, 4*day, fmt.Sprintf("198.51.%d.7", i%40), "GET", fmt.Sprintf("/reports?x%d=1", i), "", "", 200)
	}
	if got, most := e.Stats().Model.Lifts, apimap.MostLifts; got == 0 || got > most {
		t.Errorf("got %d places; want some, at most %d", got, most)
	}
}
