package engine

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/attacker"
	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// options returns a policy's settings at their defaults, for one site in mode.
func options(mode policy.Mode) policy.Options {
	return policy.Options{
		Sites:       []policy.Site{{Hosts: []string{"*"}, Mode: mode}},
		Thresholds:  policy.Thresholds{Watch: 5, Interrogate: 30, Tarpit: 60, Block: 85},
		Block:       policy.Durations{First: 5 * time.Minute, Grow: 4, Max: 24 * time.Hour},
		BodyInspect: 64 << 10,
		Interrogation: policy.Interrogation{
			Enabled: true, Pass: time.Hour, Answer: 2 * time.Minute, Wait: 10 * time.Second, Difficulty: 6, Page: true, Cookies: true,
		},
	}
}

func compile(t testing.TB, o policy.Options) *policy.Policy {
	t.Helper()
	p, problems := policy.Compile(o)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

var lists = detect.Lists{
	ProbePaths: []string{".env", ".git/config"}, ScannerAgents: []string{"sqlmap", "nikto"},
	SystemFiles: []string{"etc/passwd"}, ShellWords: []string{"cat", "id", "wget"},
}

func newEngine(t testing.TB, o policy.Options) *Engine {
	t.Helper()
	return New(Options{
		Policy: compile(t, o), Detector: detect.New(1, lists), Clients: 100_000, Seed: 1, Start: epoch, Key: []byte("0123456789abcdef0123456789abcdef"),
		Codings: map[string]request.Coding{"broken": func(io.Reader) (io.Reader, error) { panic("a decoder fails") }},
	})
}

const raw = "%s %s HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: shop-app/3.2 (android 16)\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n%s\r\n"

// receive makes r the request of client as it would come in.
func receive(r *request.Request, client, method, target, more string) {
	r.Reset()
	request.ParseHead(fmt.Sprintf(raw, method, target, more), request.HeadLimits{Bytes: 32 << 10, Fields: 100, Target: 16 << 10}, &r.Head)
	r.Head.Scheme = "http"
	receiveConn(r, client)
}

func receiveConn(r *request.Request, client string) {
	r.Conn = request.Conn{ID: 1, Peer: addr.Of(netip.MustParseAddr(client))}
	r.Client = r.Conn.Peer
}

// exchange runs one request through the engine and returns the last verdict.
func exchange(e *Engine, at time.Duration, client, method, target, more, body string, status int) (Verdict, []Event) {
	r := new(request.Request)
	receive(r, client, method, target, more)
	now := epoch.Add(at)
	v := e.Begin(now, r)
	if !v.Refused() && body != "" {
		v = e.Body(now, r, v, []byte(body), true, new(Scratch))
	}
	return v, e.End(now.Add(time.Millisecond), r, v, request.Outcome{Answered: !v.Refused(), Status: status, Duration: time.Millisecond})
}

const union = "/item?id=1%27%20UNION%20SELECT%20password%20FROM%20users--"

func TestBenignPasses(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	v, events := exchange(e, 0, "203.0.113.9", "GET", "/api/products/17?sort=price", "", "", 200)
	if v.Action != signal.Pass || v.Would != signal.Pass || v.Reason != policy.Clean || len(events) > 0 || v.Inspect != 64<<10 {
		t.Errorf("got %+v, events %v; want a plain pass", v, events)
	}
}

func TestCertainExploitIsRefusedInEveryPlace(t *testing.T) {
	for name, c := range map[string]struct{ target, more, body string }{
		"query":  {union, "", ""},
		"header": {"/", "Referer: http://x/?id=1' UNION SELECT password FROM users--\r\n", ""},
		"cookie": {"/", "Cookie: a=1' UNION SELECT password FROM users--\r\n", ""},
		"json":   {"/", "Content-Type: application/json\r\nContent-Length: 60\r\n", `{"a":[{"b":"1' UNION SELECT password FROM users--"}]}`},
		"form":   {"/", "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60\r\n", "a=1%27+UNION+SELECT+password+FROM+users--"},
	} {
		e := newEngine(t, options(policy.Enforce))
		v, events := exchange(e, 0, "203.0.113.9", "POST", c.target, c.more, c.body, 200)
		if v.Action != signal.BlockAction || v.Reason != policy.Exploit {
			t.Errorf("%s: got %v by %v; want a block by exploit", name, v.Action, v.Reason)
		}
		if len(events) == 0 || events[len(events)-1].Type != "refused" || len(events[len(events)-1].Signals) == 0 {
			t.Errorf("%s: got events %+v; want a refusal with its signals", name, events)
		}
	}
}

// Observe mode computes the same verdict and touches nothing.
func TestObserveOnlySaysSo(t *testing.T) {
	e := newEngine(t, options(policy.Observe))
	for i := range 5 {
		v, _ := exchange(e, time.Duration(i)*time.Second, "203.0.113.9", "GET", strings.Replace(union, "1", fmt.Sprint(i), 1), "", "", 200)
		if v.Action != signal.Pass || v.Would != signal.BlockAction || v.Waiver != policy.ObserveMode {
			t.Errorf("request %d: got %v, would %v, waiver %v; want a pass that would block", i, v.Action, v.Would, v.Waiver)
		}
	}
}

// The block holds in the very request whose evidence crosses the threshold.
func TestBlockInTheSameRequest(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	exchange(e, 0, "203.0.113.9", "GET", union, "", "", 200)
	r := new(request.Request)
	receive(r, "203.0.113.9", "GET", strings.Replace(union, "password", "card", 1), "")
	v := e.Begin(epoch.Add(time.Second), r)
	if v.Action != signal.BlockAction || r.Standing.Stage != signal.Block {
		t.Errorf("second exploit: got %v at stage %v; want the block now", v.Action, r.Standing.Stage)
	}
	events := e.End(epoch.Add(time.Second), r, v, request.Outcome{})
	found := false
	for _, ev := range events {
		found = found || ev.Sentence != nil && ev.Stage == "block" && ev.Until != nil
	}
	if !found {
		t.Errorf("got events %+v; want one with the block's sentence", events)
	}
	if v, _ := exchange(e, 2*time.Second, "203.0.113.9", "GET", "/", "", "", 200); v.Action != signal.BlockAction || v.Reason != policy.StageReason || v.Retry <= 0 {
		t.Errorf("a harmless request while blocked: got %v by %v, retry %v; want a block by stage", v.Action, v.Reason, v.Retry)
	}
}

func TestWaivers(t *testing.T) {
	private := options(policy.Enforce)
	protected := private
	protected.ProtectPrivate = true
	for name, c := range map[string]struct {
		options policy.Options
		client  string
		prepare func(*Engine, *request.Request)
		action  signal.Action
		waiver  policy.Waiver
	}{
		"public client":              {private, "203.0.113.9", nil, signal.BlockAction, policy.NoWaiver},
		"private client":             {private, "10.0.0.5", nil, signal.Pass, policy.PrivateClient},
		"private client, protected":  {protected, "10.0.0.5", nil, signal.BlockAction, policy.NoWaiver},
		"break-glass":                {private, "203.0.113.9", func(e *Engine, _ *request.Request) { e.PassAll(epoch.Add(time.Minute)) }, signal.Pass, policy.PassAll},
		"break-glass that is over":   {private, "203.0.113.9", func(e *Engine, _ *request.Request) { e.PassAll(epoch.Add(-time.Minute)) }, signal.BlockAction, policy.NoWaiver},
		"behind a proxy nobody told": {protected, "10.0.0.5", func(_ *Engine, r *request.Request) { r.Client.Untold = true }, signal.Pass, policy.UntoldProxy},
	} {
		e, r := newEngine(t, c.options), new(request.Request)
		receive(r, c.client, "GET", union, "")
		if c.prepare != nil {
			c.prepare(e, r)
		}
		if v := e.Begin(epoch, r); v.Action != c.action || v.Waiver != c.waiver {
			t.Errorf("%s: got %v, waiver %v; want %v, %v", name, v.Action, v.Waiver, c.action, c.waiver)
		}
	}
}

func TestPreflightPassesAndHasNoBody(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	for range 3 {
		exchange(e, 0, "203.0.113.9", "GET", union+"1", "", "", 200)
	}
	v, _ := exchange(e, time.Second, "203.0.113.9", "OPTIONS", "/api", "Origin: https://app.example.com\r\nAccess-Control-Request-Method: PUT\r\n", "", 204)
	if v.Action != signal.Pass || v.Reason != policy.Preflight {
		t.Errorf("got %v by %v; want the preflight to pass", v.Action, v.Reason)
	}
	if v, _ := exchange(e, time.Second, "203.0.113.10", "OPTIONS", union, "Origin: https://app.example.com\r\nAccess-Control-Request-Method: PUT\r\n", "", 204); v.Action != signal.BlockAction {
		t.Errorf("an exploit that looks like a preflight: got %v; want a block", v.Action)
	}
}

// A panic inside becomes a pass with an alarm, or a refusal where the route says so.
func TestEngineFault(t *testing.T) {
	o := options(policy.Enforce)
	o.Sites[0].Routes = []policy.Route{{Match: "/closed/**", FailClosed: true}}
	e := newEngine(t, o)
	for target, want := range map[string]signal.Action{"/open": signal.Pass, "/closed/x": signal.BlockAction} {
		v, events := exchange(e, 0, "203.0.113.9", "POST", target, "Content-Encoding: broken\r\nContent-Length: 9\r\n", "some body", 200)
		if v.Action != want || v.Reason != policy.EngineFault || !strings.Contains(v.Cause, "a decoder fails") {
			t.Errorf("%s: got %v by %v, cause %.40q; want %v by an engine fault", target, v.Action, v.Reason, v.Cause, want)
		}
		if len(events) == 0 || events[0].Type != "fault" {
			t.Errorf("%s: got events %+v; want the alarm", target, events)
		}
	}
	if got := e.Stats().Faults; got != 2 {
		t.Errorf("got %d faults counted; want 2", got)
	}
}

func TestMalformedIsNeverForwarded(t *testing.T) {
	e := newEngine(t, options(policy.Observe))
	v, events := exchange(e, 0, "203.0.113.9", "POST", "/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "", 0)
	if v.Action != signal.BlockAction || v.Reason != policy.Malformed || v.Fault != request.FaultLengthAndCoding {
		t.Errorf("got %v by %v (%v); want a refusal even in observe mode", v.Action, v.Reason, v.Fault)
	}
	if len(events) == 0 {
		t.Error("got no event")
	}
}

func TestUnknownHost(t *testing.T) {
	o := options(policy.Enforce)
	o.Sites[0].Hosts = []string{"other.example.com"}
	if v, _ := exchange(newEngine(t, o), 0, "203.0.113.9", "GET", "/", "", "", 200); v.Action != signal.BlockAction || v.Reason != policy.UnknownHost {
		t.Errorf("got %v by %v; want unknown-host", v.Action, v.Reason)
	}
}

func TestExplainTellsWhyAndHowToUndo(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	r := new(request.Request)
	receive(r, "203.0.113.9", "GET", union, "Authorization: Bearer s3cr3t-t0ken\r\n")
	v := e.Begin(epoch, r)
	e.End(epoch, r, v, request.Outcome{})
	x, ok := e.Explain(epoch, r.ID)
	if !ok || x.Would != "block" || x.Reason != "exploit" || len(x.Signals) == 0 || len(x.Records) == 0 || len(x.Undo) == 0 {
		t.Fatalf("got %+v, %v; want verdict, signals, records and how to undo it", x, ok)
	}
	for _, p := range x.Records[0].Parts {
		if len(p.Requests) == 0 || p.Requests[0] != r.ID {
			t.Errorf("%s: got requests %v; want %s, which showed it", p.Name, p.Requests, r.ID)
		}
	}
	if all := fmt.Sprintf("%+v", x); strings.Contains(all, "s3cr3t") {
		t.Errorf("a secret is in the explanation: %s", all)
	}
	if _, ok := e.Explain(epoch, "nonesuch"); ok {
		t.Error("an unknown id was explained")
	}
}

// What undoes the block of a credential is told wherever it is shown, and nothing that does not.
func TestUndoIsToldWhereItHelps(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	const bearer = "Authorization: Bearer s3cr3t-t0ken\r\n"
	id := ""
	show := func(n int, client, target string, status int) Verdict {
		r, now := new(request.Request), epoch.Add(time.Duration(n)*time.Second)
		receive(r, client, "GET", target, bearer)
		v := e.Begin(now, r)
		e.End(now, r, v, request.Outcome{Answered: !v.Refused(), Status: status})
		id = r.ID
		return v
	}
	exchange(e, 0, "203.0.113.9", "GET", "/orders", "Authorization: Bearer false\r\n", "", 401)
	show(1, "203.0.113.9", "/orders", 200)
	for i := range 12 { // from one address they would bind to that
		show(2, fmt.Sprintf("203.0.113.%d", 9+i/4),
			fmt.Sprintf("/item?id=1%%27%%20UNION%%20SELECT%%20%d,password%%20FROM%%20users--", i), 0)
	}
	if v := show(10, "198.51.100.7", "/orders", 200); v.Reason != policy.StageReason {
		t.Fatalf("got %v; want a block for the credential", v.Reason)
	}
	x, _ := e.Explain(epoch.Add(11*time.Second), id)
	for _, u := range x.Undo {
		if u == "bartizan unblock 198.51.100.7" {
			t.Errorf("got %q among %q: that address has done nothing", u, x.Undo)
		}
	}
	if !slices.Contains(x.Undo, "bartizan unblock "+x.Attacker) {
		t.Errorf("got %q; want the credential's own name", x.Undo)
	}
}

// The ring of explanations stays bounded and finds the latest.
func TestExplainRingIsBounded(t *testing.T) {
	e := New(Options{Policy: compile(t, options(policy.Enforce)), Detector: detect.New(1, lists), Clients: 1000, Seed: 1, Recent: 8})
	var ids []string
	for i := range 100 {
		r := new(request.Request)
		receive(r, "203.0.113.9", "GET", union, "")
		r.ID = fmt.Sprint("r", i)
		v := e.Begin(epoch, r)
		e.End(epoch, r, v, request.Outcome{})
		ids = append(ids, r.ID)
	}
	for i, id := range ids {
		if _, ok := e.Explain(epoch, id); ok != (i >= 92) {
			t.Errorf("%s: got found %v; want %v", id, ok, i >= 92)
		}
	}
	if n := len(e.recent.at); n != 8 {
		t.Errorf("the index holds %d ids; want 8", n)
	}
}

func TestIDsAreUnique(t *testing.T) {
	e, other := newEngine(t, options(policy.Observe)), New(Options{Policy: compile(t, options(policy.Observe)), Detector: detect.New(1, lists), Clients: 1, Seed: 1, Start: epoch.Add(time.Second)})
	seen := map[string]bool{}
	for range 20_000 {
		for _, id := range []string{e.nextID(), other.nextID()} {
			if seen[id] || len(id) != 13 {
				t.Fatalf("id %q came twice or is not 13 digits", id)
			}
			seen[id] = true
		}
	}
}

// Snapshot and restore keep a block, under the same seed.
func TestStateSurvives(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	exchange(e, 0, "203.0.113.9", "GET", union, "", "", 200)
	exchange(e, 0, "203.0.113.9", "GET", union+"2", "", "", 200)
	var b bytes.Buffer
	if err := e.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	next := newEngine(t, options(policy.Enforce))
	if _, err := next.Restore(epoch, &b); err != nil {
		t.Fatal(err)
	}
	if v, _ := exchange(next, time.Second, "203.0.113.9", "GET", "/", "", "", 200); v.Action != signal.BlockAction {
		t.Errorf("got %v after a restart; want the block", v.Action)
	}
	if n := next.Unblock(attacker.Pardon{Address: netip.MustParseAddr("203.0.113.9")}); n == 0 {
		t.Error("unblock found nobody")
	}
	if v, _ := exchange(next, 2*time.Second, "203.0.113.9", "GET", "/", "", "", 200); v.Action != signal.Pass {
		t.Errorf("got %v after unblock; want a pass", v.Action)
	}
}

// A policy swap keeps what is known of clients.
func TestSwapKeepsState(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	exchange(e, 0, "203.0.113.9", "GET", union, "", "", 200)
	exchange(e, 0, "203.0.113.9", "GET", union+"2", "", "", 200)
	o := options(policy.Enforce)
	o.Allow = []policy.Entry{{Prefix: "198.51.100.0/24"}}
	e.Swap(compile(t, o), nil)
	if v, _ := exchange(e, time.Second, "203.0.113.9", "GET", "/", "", "", 200); v.Action != signal.BlockAction {
		t.Errorf("got %v; want the block to outlive the swap", v.Action)
	}
	if got := e.Stats().Policy; got != 2 {
		t.Errorf("got policy version %d; want 2", got)
	}
}

func TestLoginByShape(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	var last Verdict
	for i := range 80 {
		body := fmt.Sprintf(`{"email":"victim%d@example.com","password":"hunter%d"}`, i, i)
		last, _ = exchange(e, time.Duration(i)*time.Second, "203.0.113.9", "POST", "/v1/session", "Content-Type: application/json\r\nContent-Length: 60\r\n", body, 401)
	}
	if last.Action == signal.Pass {
		t.Errorf("80 users tried: got %v; want the client refused", last.Action)
	}
	// The same failures elsewhere are no logins.
	for i := range 80 {
		body := fmt.Sprintf(`{"email":"a%d@example.com","text":"hi"}`, i)
		last, _ = exchange(e, time.Duration(i)*time.Second, "203.0.113.10", "POST", "/v1/invite", "Content-Type: application/json\r\nContent-Length: 60\r\n", body, 401)
	}
	if last.Action != signal.Pass {
		t.Errorf("80 refused invitations: got %v; want a pass", last.Action)
	}
}

// The text of an error says that a payload got through; without a payload it is
// an error.
func TestLeak(t *testing.T) {
	o := options(policy.Observe)
	o.InspectAnswers = true
	const text = "<pre>You have an error in your SQL syntax; check the manual</pre>"
	leak := func(o policy.Options, target string, status int, prefix string) bool {
		e, r := newEngine(t, o), new(request.Request)
		receive(r, "203.0.113.9", "GET", target, "")
		v := e.Begin(epoch, r)
		e.End(epoch, r, v, request.Outcome{Answered: true, Status: status, ResponseType: "text/html", Prefix: []byte(prefix)})
		return slices.ContainsFunc(r.Signals, func(s signal.Signal) bool { return s.Kind == signal.ErrorLeak })
	}
	if !leak(o, union, 500, text) {
		t.Error("an SQL error after SQL injection was not seen")
	}
	if leak(o, "/item?id=1", 500, text) || leak(o, union, 500, "<pre>Something went wrong</pre>") || leak(o, union, 200, text) {
		t.Error("an error without a payload, a text that tells nothing, or a good answer was taken for a leak")
	}
	o.InspectAnswers = false
	if leak(o, union, 500, text) {
		t.Error("the key does not turn it off")
	}
}
