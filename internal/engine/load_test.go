package engine

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"bartizan/internal/load"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// crowd is an engine that enforces with rates and adaptive load.
func crowd(t testing.TB, mode policy.Mode, rates ...policy.Rate) *Engine {
	t.Helper()
	o := options(mode)
	o.Rates, o.Load = rates, policy.Load{Adaptive: true, Minimum: 16, Maximum: 8192, Tolerance: 2}
	o.Sites[0].Routes = []policy.Route{{Match: "/costly/**", Tags: []string{"costly"}}}
	return newEngine(t, o)
}

// ask sends one request that the upstream takes so long for, and returns the verdict.
func ask(e *Engine, at time.Duration, client, target, more string, takes time.Duration) Verdict {
	r := new(request.Request)
	receive(r, client, "GET", target, more)
	v := e.Begin(epoch.Add(at), r)
	o := request.Outcome{}
	if !v.Refused() {
		e.Depart(epoch.Add(at), r, Verdict{}, true)
		e.Assign(epoch.Add(at), r, 1)
		e.Arrive(epoch.Add(at+takes), r, 200)
		o = request.Outcome{Answered: true, Status: 200, Duration: takes}
	}
	e.End(epoch.Add(at+takes), r, v, o)
	return v
}

func TestRates(t *testing.T) {
	for name, c := range map[string]struct {
		rate    policy.Rate
		targets [2]string // of two clients in turn
		allowed int       // of twenty requests in a second
	}{
		"per client":     {policy.Rate{Requests: 3, Every: time.Minute}, [2]string{"/a", "/a"}, 6},
		"per endpoint":   {policy.Rate{Requests: 3, Every: time.Minute, Per: policy.PerEndpoint}, [2]string{"/a", "/b"}, 6},
		"per site":       {policy.Rate{Requests: 3, Every: time.Minute, Per: policy.PerSite}, [2]string{"/a", "/b"}, 3},
		"one path":       {policy.Rate{Requests: 3, Every: time.Minute, Match: "GET /a"}, [2]string{"/a", "/b"}, 13},
		"by tag":         {policy.Rate{Requests: 3, Every: time.Minute, Tag: "costly"}, [2]string{"/costly/x", "/b"}, 13},
		"a burst":        {policy.Rate{Requests: 1, Burst: 4, Every: time.Minute, Per: policy.PerSite}, [2]string{"/a", "/a"}, 4},
		"cost":           {policy.Rate{Cost: 35 * time.Millisecond, Every: time.Minute, Per: policy.PerSite}, [2]string{"/a", "/a"}, 4},
		"another method": {policy.Rate{Requests: 3, Every: time.Minute, Match: "POST /a"}, [2]string{"/a", "/a"}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			e, allowed := crowd(t, policy.Enforce, c.rate), 0
			for i := range 20 {
				v := ask(e, time.Duration(i)*50*time.Millisecond, fmt.Sprintf("203.0.113.%d", 1+i%2), c.targets[i%2], "", 10*time.Millisecond)
				if !v.Refused() {
					allowed++
				} else if v.Action != signal.Limit || v.Reason != policy.RateLimited || v.Retry <= 0 || v.Entry != "limits.rates[0]" {
					t.Fatalf("request %d: got %+v; want a limit with a time", i, v.Decision)
				}
			}
			if allowed != c.allowed {
				t.Errorf("got %d of 20 allowed; want %d", allowed, c.allowed)
			}
		})
	}
}

// Observe mode says what would be and touches nothing; our own limits are no
// evidence, and what a reload leaves alone keeps its state.
func TestRatesObserveScoreAndReload(t *testing.T) {
	rate := policy.Rate{Requests: 2, Every: time.Hour}
	e := crowd(t, policy.Observe, rate)
	for i := range 10 {
		v := ask(e, time.Duration(i)*time.Second, "203.0.113.9", "/a", "", time.Millisecond)
		want := signal.Pass
		if i >= 2 {
			want = signal.Limit
		}
		if v.Action != signal.Pass || v.Would != want {
			t.Errorf("request %d: got %v, would %v; want pass, would %v", i, v.Action, v.Would, want)
		}
	}
	o := options(policy.Enforce)
	o.Rates = []policy.Rate{rate}
	e.Swap(compile(t, o), nil)
	for i := range 200 {
		if v := ask(e, time.Duration(10+i)*time.Second, "203.0.113.9", "/a", "", 0); v.Action != signal.Limit {
			t.Fatalf("behind the reload: got %+v; want a limit", v.Decision)
		}
	}
	if got := e.ExplainAddress(epoch.Add(211*time.Second), netip.MustParseAddr("203.0.113.9")); len(got) > 0 && got[0].Risk > 1 {
		t.Errorf("risk after 200 refusals of ours: got %v; want none", got[0].Risk)
	}
}

// saturate fills e's gate: a limit of 16 and twenty requests that do not come back.
func saturate(e *Engine, at time.Duration) { saturateWith(e, at, 20) }

func saturateWith(e *Engine, at time.Duration, requests int) {
	e.current.Load().gates["*"].Bind(load.Bounds{Minimum: 16, Initial: 16, Maximum: 16, Tolerance: 2})
	for range requests {
		r := new(request.Request)
		receive(r, "198.51.100.1", "GET", "/a", "")
		e.Begin(epoch.Add(at), r)
		e.Depart(epoch.Add(at), r, Verdict{}, true)
		e.Assign(epoch.Add(at), r, 1)
	}
}

// Saturated: the unknown are turned away, who was known before is not, nor who is
// on the allow list; in observe mode nobody is.
func TestSaturation(t *testing.T) {
	e := crowd(t, policy.Enforce)
	for i := range 10 {
		ask(e, time.Duration(i)*time.Second, "203.0.113.9", "/a", "", 20*time.Millisecond)
	}
	now := 5 * time.Minute
	saturate(e, now)
	if v := ask(e, now, "203.0.113.77", "/a", "", 0); v.Action != signal.Limit || v.Reason != policy.Saturated || v.Retry <= 0 || v.Entry != "unknown" {
		t.Errorf("unknown: got %+v; want shed with a time", v.Decision)
	}
	if v := ask(e, now+time.Second, "203.0.113.9", "/a", "", 0); v.Refused() {
		t.Errorf("known since five minutes: got %+v; want pass", v.Decision)
	}
	if ev := e.Tick(epoch.Add(now + time.Second)); len(ev) != 1 || ev[0].Type != "overload" || ev[0].Load.State != "began" || ev[0].Load.Shed["unknown"] != 9 {
		t.Errorf("events: got %+v; want that an overload began", ev)
	}
	if ev := e.Tick(epoch.Add(now + time.Minute)); len(ev) != 1 || ev[0].Load.State != "over" {
		t.Errorf("events: got %+v; want that it is over", ev)
	}

	e = crowd(t, policy.Observe)
	saturate(e, now)
	if v := ask(e, now, "203.0.113.77", "/a", "", 0); v.Action != signal.Pass || v.Would != signal.Limit || v.Waiver != policy.ObserveMode {
		t.Errorf("observe: got %+v; want pass, would limit", v.Decision)
	}
}

// Whoever became known only in the flood does not count as known.
func TestFloodDoesNotVouchForItself(t *testing.T) {
	e := crowd(t, policy.Enforce)
	now := 5 * time.Minute
	for i := range 10 {
		ask(e, now-30*time.Second+time.Duration(i)*time.Second, "203.0.113.9", "/a", "", 20*time.Millisecond)
	}
	saturate(e, now)
	ask(e, now, "203.0.113.77", "/a", "", 0) // the overload begins
	if v := ask(e, now+time.Second, "203.0.113.9", "/a", "", 0); v.Reason != policy.Saturated {
		t.Errorf("established 30 s before the overload: got %+v; want shed", v.Decision)
	}
}

// However an exchange ends, nothing stays counted.
func TestNothingStaysCounted(t *testing.T) {
	e := crowd(t, policy.Enforce)
	passing := Verdict{Mode: policy.Enforce, Decision: policy.Decision{Would: signal.Pass, Action: signal.Pass}}
	for i, end := range []func(*request.Request){
		func(r *request.Request) { e.Arrive(epoch, r, 200) },
		func(r *request.Request) { e.Arrive(epoch, r, 0) },
		func(r *request.Request) { e.Arrive(epoch, r, 101) },
		func(r *request.Request) {
			e.release(epoch, r, 0, load.Left)
			if v := e.Depart(epoch, r, passing, false); v.Refused() || e.Loads(epoch)[0].Sending != 1 {
				t.Errorf("a body on its way: got %+v; want it counted", v.Decision)
			}
		},
		func(*request.Request) {},
	} {
		r := new(request.Request)
		receive(r, "203.0.113.9", "GET", "/a", "")
		v := e.Begin(epoch, r)
		e.Depart(epoch, r, v, true)
		e.Assign(epoch, r, 1)
		end(r)
		e.End(epoch, r, v, request.Outcome{Aborted: true})
		if got := e.Loads(epoch)[0]; got.InFlight != 0 || got.Sending != 0 {
			t.Errorf("case %d: got %+v; want nothing in flight", i, got)
		}
	}
}

// Bodies on their way have places of their own: when these are taken, one more is
// turned away, but for those who observe, and nobody else is.
func TestUnfinishedBodiesHavePlacesOfTheirOwn(t *testing.T) {
	e := crowd(t, policy.Enforce)
	e.current.Load().gates["*"].Bind(load.Bounds{Minimum: 16, Initial: 16, Maximum: 16, Tolerance: 2})
	var last Verdict
	var r *request.Request
	for i := range 17 {
		r = new(request.Request)
		receive(r, "203.0.113.9", "POST", "/a", "Content-Length: 5\r\n")
		v := e.Begin(epoch, r)
		if last = e.Depart(epoch, r, v, false); last.Refused() != (i == 16) {
			t.Fatalf("body %d: got %+v; want the 17th refused", i, last.Decision)
		}
	}
	if last.Reason != policy.Saturated || last.Retry <= 0 {
		t.Errorf("got %+v; want saturated, with a time", last.Decision)
	}
	if v := ask(e, 0, "203.0.113.77", "/a", "", 0); v.Refused() {
		t.Errorf("without a body: got %+v; want pass", v.Decision)
	}
	if v := e.Depart(epoch, r, Verdict{Mode: policy.Observe, Decision: policy.Decision{Would: signal.Pass, Action: signal.Pass}}, false); v.Refused() {
		t.Errorf("observe: got %+v; want pass", v.Decision)
	}
}

// Who is turned away and sends the same request again when it was told to is let in.
func TestNewcomerComesAgain(t *testing.T) {
	e := crowd(t, policy.Enforce)
	saturateWith(e, 0, 17)
	first := ask(e, 0, "203.0.113.9", "/a?q=1", "", 0)
	if first.Reason != policy.Saturated || first.Retry <= 0 {
		t.Fatalf("got %+v; want shed with a time", first.Decision)
	}
	for _, c := range []struct {
		client, target string
		refused        bool
	}{{"203.0.113.8", "/a?q=1", true}, {"203.0.113.9", "/a?q=2", true}, {"203.0.113.9", "/a?q=1", false}} {
		if v := ask(e, first.Retry, c.client, c.target, "", 0); v.Refused() != c.refused {
			t.Errorf("%s %s: got %+v; want refused %t", c.client, c.target, v.Decision, c.refused)
		}
	}
}

// Calls that are left while they are worked on are a surge like any other for the botnet
// search; pages that are closed at once are not seen by it.
func TestAbandonedCallsAreSearched(t *testing.T) {
	for waited, want := range map[time.Duration]uint64{10 * time.Millisecond: 0, time.Second: 20} {
		e := crowd(t, policy.Enforce)
		for i := range 20 {
			r := new(request.Request)
			receive(r, fmt.Sprintf("203.0.113.%d", i), "GET", "/api/report?day=1", "")
			at := epoch.Add(time.Duration(i) * 10 * time.Millisecond)
			v := e.Depart(at, r, e.Begin(at, r), true)
			e.Assign(at, r, 1)
			e.End(at.Add(waited), r, v, request.Outcome{Aborted: true, Duration: waited})
		}
		e.Tick(epoch.Add(3 * time.Second))
		if got := uint64(e.Certainty().Waiting) + e.Stats().Swarm.Learned; got != want {
			t.Errorf("left after %v: got %d calls that the search has seen; want %d", waited, got, want)
		}
		if got := e.Loads(epoch)[0]; got.Gone != 20 {
			t.Errorf("left after %v: got %d gone; want 20", waited, got.Gone)
		}
	}
}
