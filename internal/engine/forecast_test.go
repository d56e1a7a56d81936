package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// In observe mode the forecast says what enforcing would have refused, of whom, and the
// exception that mends it; it survives a restart, and the exception settles it.
func TestForecast(t *testing.T) {
	with := func(x ...policy.Exception) *policy.Policy {
		o := options(policy.Observe)
		o.Exceptions = x
		return compile(t, o)
	}
	observing := func() *Engine { return newEngine(t, options(policy.Observe)) }
	e, at := observing(), time.Duration(0)
	attack := func(n int) {
		at += time.Second
		exchange(e, at, fmt.Sprint("203.0.113.", n), "GET",
			"/items?q=1%27%20UNION%20SELECT%20password%20FROM%20users--", "", "", 200)
	}
	for n := range 5 {
		attack(n + 1)
	}
	for n := range 40 {
		at += time.Second
		exchange(e, at, fmt.Sprint("198.51.100.", n+1), "GET", "/items?q=lamp", "", "", 200)
	}
	now := epoch.Add(at)
	rep := e.Forecast(now)
	if len(rep.Sites) != 1 || rep.Sites[0].Requests != 45 || rep.Sites[0].Refused != 5 ||
		rep.Sites[0].RefusedClients != 5 {
		t.Fatalf("got %+v; want 5 of 45 requests refused, of 5 clients", rep)
	}
	g := rep.Sites[0].Refusals[0]
	if g.Reason != "exploit" || g.What != "sql-injection" || g.Field != "query:q" || g.Would != "block" {
		t.Errorf("got %+v; want the exploit in query:q", g)
	}
	if x := rep.Sites[0].Evidence[0].Exception; !strings.Contains(x, `field: "query:q", kind: sql-injection`) {
		t.Errorf("got exception %q", x)
	}
	var state bytes.Buffer
	if err := e.Snapshot(&state); err != nil {
		t.Fatal(err)
	}
	again := observing()
	if _, err := again.Restore(now, &state); err != nil {
		t.Fatal(err)
	}
	if got := again.Forecast(now); len(got.Sites) != 1 || got.Sites[0].Refused != 5 || !got.Changed.IsZero() {
		t.Errorf("after a restart: got %+v; want the same, unchanged", got)
	}
	e.Swap(with(policy.Exception{Endpoint: "GET /items", Field: "query:q", Kind: "sql-injection"}), nil)
	attack(1)
	if got := e.Forecast(now).Sites[0]; got.RefusedClients != 0 || !got.Refusals[0].Settled {
		t.Errorf("with the exception: got %+v; want nothing refused any more", got)
	}
}

// The key of an application, which everybody can have, makes no attacker a client known
// to be good; the key of one customer, refused by mistake, does.
func TestForecastOfSharedKey(t *testing.T) {
	for key, c := range map[string]struct{ bearers, good int }{"shared": {60, 0}, "own": {1, 1}} {
		e, at, field := newEngine(t, options(policy.Observe)), time.Duration(0), "X-Api-Key: "+key+"\r\n"
		exchange(e, 0, "198.51.100.250", "GET", "/orders", "", "", 401)
		for n := range 6 * c.bearers {
			at += time.Second
			exchange(e, at, fmt.Sprint("198.51.100.", n%c.bearers+1), "GET", "/orders", field, "", 200)
		}
		exchange(e, at+time.Second, "203.0.113.9", "GET", "/orders?q=1%27%20UNION%20SELECT%20password%20FROM%20users--",
			field, "", 200)
		if got := e.Forecast(epoch.Add(at + time.Second)).Sites[0]; got.RefusedClients != 1 ||
			got.RefusedGood != c.good {
			t.Errorf("%s: got %d clients refused, %d of them good; want 1 and %d", key, got.RefusedClients,
				got.RefusedGood, c.good)
		}
	}
}

// What the operator's own self tests show is no traffic.
func TestForecastLeavesSelfTestsOut(t *testing.T) {
	e := newEngine(t, options(policy.Observe))
	for i := range 4 {
		r, now := new(request.Request), epoch.Add(time.Duration(i)*time.Second)
		receive(r, "192.0.2.1", "GET", "/?q=1%27%20UNION%20SELECT%20password%20FROM%20users--", "")
		v := e.Begin(now, r)
		e.End(now, r, v, request.Outcome{Status: 204, Test: i > 0})
	}
	if got := e.Forecast(epoch.Add(time.Minute)).Sites; len(got) != 1 || got[0].Requests != 1 || got[0].Refused != 1 {
		t.Errorf("got %+v; want the one request that is no test", got)
	}
}
