package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/challenge"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const suspect = "203.0.113.9"

// strict are options by which one certain exploit, a risk of 28, is enough to be asked.
func strict(mode policy.Mode) policy.Options {
	o := options(mode)
	o.Thresholds.Interrogate = 20
	return o
}

// suspicious returns an engine that has seen one certain exploit of suspect: it
// is at the interrogate stage then.
func suspicious(t testing.TB, mode policy.Mode) *Engine {
	t.Helper()
	e := newEngine(t, strict(mode))
	exchange(e, 0, suspect, "GET", union, "", "", 200)
	return e
}

// begin returns the verdict on a request's head, and the request.
func begin(e *Engine, at time.Duration, client, method, target, more string) (*request.Request, Verdict) {
	r := new(request.Request)
	receive(r, client, method, target, more)
	return r, e.Begin(epoch.Add(at), r)
}

// answer solves the challenge that suspect is posed at the time.
func answer(t testing.TB, e *Engine, at time.Duration) string {
	t.Helper()
	r, v := begin(e, at, suspect, "GET", "/api/x", "")
	if v.Action != signal.ChallengeAction || e.Step(r) != PoseAnswer {
		t.Fatalf("got %v, step %d; want a challenge", v.Action, e.Step(r))
	}
	q := e.Question(epoch.Add(at), r, false)
	e.End(epoch.Add(at), r, v, request.Outcome{})
	out, ok := challenge.Solve(q.Nonce, q.Bits, 1<<20)
	if !ok {
		t.Fatal("no answer in 2^20 tries")
	}
	return out
}

// pass returns a pass that suspect has earned.
func pass(t testing.TB, e *Engine, at time.Duration) string {
	t.Helper()
	r, v := begin(e, at, suspect, "GET", "/api/x", "Bartizan-Answer: "+answer(t, e, at)+"\r\n")
	if v.Action != signal.Pass || v.Reason != policy.Passed {
		t.Fatalf("a right answer: got %v by %v; want a pass", v.Action, v.Reason)
	}
	token, until, ok := e.Grant(r)
	if !ok || until.Before(epoch.Add(at)) {
		t.Fatalf("got no pass for a right answer (until %v)", until)
	}
	return token
}

func kinds(r *request.Request) (out []signal.Kind) {
	for _, s := range r.Signals {
		out = append(out, s.Kind)
	}
	return out
}

func TestSuspectsAreAsked(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	token := pass(t, e, time.Second)
	for name, c := range map[string]struct {
		client, method, more string
		want                 signal.Action
		reason               policy.Reason
	}{
		"without a pass":   {suspect, "GET", "", signal.ChallengeAction, policy.StageReason},
		"with it":          {suspect, "GET", "Bartizan-Pass: " + token, signal.Pass, policy.Passed},
		"as a cookie":      {suspect, "POST", "Cookie: bartizan-pass=" + token, signal.Pass, policy.Passed},
		"an innocent":      {"198.51.100.4", "GET", "", signal.Pass, policy.Clean},
		"preflight":        {suspect, "OPTIONS", "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT", signal.Pass, policy.Preflight},
		"exploit, pass":    {suspect, "GET", "Bartizan-Pass: " + token + "\r\nReferer: /?a=1' UNION SELECT password FROM users--", signal.BlockAction, policy.Exploit},
		"innocent, stolen": {"198.51.100.5", "GET", "Bartizan-Pass: " + token, signal.Pass, policy.Clean},
	} {
		if name == "exploit, pass" {
			continue // it changes what the others see
		}
		if _, v := begin(e, 2*time.Second, c.client, c.method, "/api/x", c.more+"\r\n"); v.Action != c.want || v.Reason != c.reason {
			t.Errorf("%s: got %v by %v; want %v by %v", name, v.Action, v.Reason, c.want, c.reason)
		}
	}
	if _, v := begin(e, 2*time.Hour, suspect, "GET", "/api/x", "Bartizan-Pass: "+token+"\r\n"); v.Reason == policy.Passed {
		t.Error("a pass that is over still counts")
	}
}

// What a pass is worth lowers risk and stage for the request that carries it, and
// for no other.
func TestPassVouches(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	token := pass(t, e, time.Second)
	r, _ := begin(e, 2*time.Second, suspect, "GET", "/api/x", "Bartizan-Pass: "+token+"\r\n")
	if st := r.Standing; st.Stage != signal.Watch || !st.Vouched || st.Risk > 10 {
		t.Errorf("with a pass: got stage %v, risk %.1f, vouched %v; want watch, about 5", st.Stage, st.Risk, st.Vouched)
	}
	r, _ = begin(e, 2*time.Second, suspect, "GET", "/api/x", "")
	if st := r.Standing; st.Stage != signal.Interrogate || st.Vouched || st.Risk < 25 {
		t.Errorf("without: got stage %v, risk %.1f; want interrogate, about 28: who has paid stays suspect", st.Stage, st.Risk)
	}
	if teaches(&request.Request{Standing: request.Standing{Stage: signal.Watch, Vouched: true}}) {
		t.Error("a suspect with a pass teaches the API model")
	}
}

// A block stands whatever pass is shown.
func TestPassDoesNotLiftABlock(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	token := pass(t, e, time.Second)
	exchange(e, 2*time.Second, suspect, "GET", strings.Replace(union, "password", "card", 1), "", "", 200)
	if _, v := begin(e, 3*time.Second, suspect, "GET", "/", "Bartizan-Pass: "+token+"\r\n"); v.Action != signal.BlockAction {
		t.Errorf("got %v; want the block", v.Action)
	}
}

// Where several people share address and software, a pass spares from the block
// that one of them has earned.
func TestPassOnASharedAddress(t *testing.T) {
	e := newEngine(t, strict(policy.Enforce))
	signIn(e, "/api/orders", 0)
	exchange(e, time.Second, suspect, "GET", union, "", "", 200)
	exchange(e, 2*time.Second, suspect, "GET", strings.Replace(union, "password", "card", 1), "", "", 200)
	_, v := begin(e, 3*time.Second, suspect, "GET", "/api/x", "")
	if v.Action != signal.ChallengeAction {
		t.Fatalf("somebody there: got %v; want a question instead of the block", v.Action)
	}
	token := pass(t, e, 4*time.Second)
	if _, v := begin(e, 5*time.Second, suspect, "GET", "/api/x", "Bartizan-Pass: "+token+"\r\n"); v.Action != signal.Pass {
		t.Errorf("with a pass: got %v by %v; want it spared", v.Action, v.Reason)
	}
}

// signIn has two people at suspect's address sign in with credentials that the
// API has accepted.
func signIn(e *Engine, target string, at time.Duration) {
	exchange(e, at, suspect, "GET", target, "Authorization: Bearer wrong\r\n", "", 401)
	for n := range 2 {
		exchange(e, at, suspect, "GET", target, fmt.Sprintf("Authorization: Bearer person-%d\r\n", n), "", 200)
	}
}

// A credential that is known and clear is not asked, whoever else shares the address.
func TestKnownCredentialIsNotAsked(t *testing.T) {
	e := newEngine(t, strict(policy.Enforce))
	exchange(e, 0, suspect, "GET", "/api/orders", "Authorization: Bearer wrong\r\n", "", 401)
	exchange(e, 0, suspect, "GET", "/api/orders", "Authorization: Bearer partner\r\n", "", 200)
	exchange(e, time.Second, suspect, "GET", union, "", "", 200)
	if _, v := begin(e, 2*time.Second, suspect, "GET", "/api/x", ""); v.Action != signal.ChallengeAction {
		t.Fatalf("without the credential: got %v; want a challenge", v.Action)
	}
	if _, v := begin(e, 2*time.Second, suspect, "GET", "/api/x", "Authorization: Bearer partner\r\n"); v.Action != signal.Pass || v.Reason != policy.KnownGood {
		t.Errorf("with it: got %v by %v; want a pass, known-good", v.Action, v.Reason)
	}
	exchange(e, 3*time.Second, suspect, "GET", union, "Authorization: Bearer partner\r\n", "", 200)
	if _, v := begin(e, 4*time.Second, suspect, "GET", "/api/x", "Authorization: Bearer partner\r\n"); v.Action == signal.Pass {
		t.Errorf("after an exploit with it: got %v; want no pass", v.Action)
	}
}

// A forged pass and an answer that is sent again and again are proof; what is
// stolen, too old or of another key is not.
func TestForgedAndReplayedAreHardEvidence(t *testing.T) {
	flip := func(s string) string { return s[:75] + string('A'+('E'-s[75]+4)%8) + s[76:] }
	for name, c := range map[string]struct {
		more func(t *testing.T, e *Engine) string
		kind signal.Kind
		want signal.Action
	}{
		"forged": {func(t *testing.T, e *Engine) string { return "Bartizan-Pass: " + flip(pass(t, e, time.Second)) }, signal.PassForged, signal.BlockAction},
		"replayed": {func(t *testing.T, e *Engine) string {
			a := "Bartizan-Answer: " + answer(t, e, time.Second)
			begin(e, time.Second, suspect, "GET", "/api/x", a+"\r\n")
			return a
		}, signal.AnswerReplayed, signal.BlockAction},
		"masked":  {func(*testing.T, *Engine) string { return "Cookie: bartizan-pass=~0123456789abcdef" }, signal.None, signal.ChallengeAction},
		"garbled": {func(*testing.T, *Engine) string { return "Bartizan-Pass: x" }, signal.None, signal.ChallengeAction},
	} {
		t.Run(name, func(t *testing.T) {
			e := suspicious(t, policy.Enforce)
			more := c.more(t, e)
			r, v := begin(e, time.Minute, suspect, "GET", "/api/x", more+"\r\n")
			if v.Action != c.want || c.kind != signal.None && !slices.Contains(kinds(r), c.kind) {
				t.Errorf("got %v with signals %v; want %v with %v", v.Action, kinds(r), c.want, c.kind)
			}
		})
	}
}

// A stolen pass opens nothing, and is evidence against who shows it; a farm of
// bots that share one is noticed.
func TestStolenAndShared(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	token := pass(t, e, time.Second)
	r := new(request.Request)
	receive(r, "203.0.113.77", "GET", "/", "Bartizan-Pass: "+token+"\r\n")
	r.Head.Fields[1].Value = "curl/8.1"
	e.Begin(epoch.Add(2*time.Second), r)
	if r.Pass.Result != request.PassStolen || !slices.Contains(kinds(r), signal.PassStolen) {
		t.Errorf("other software: got %v with %v; want it stolen", r.Pass.Result, kinds(r))
	}
	handed := e.keeper.Cookie(epoch.Add(time.Second), e.current.Load().ask, r)
	receive(r, "203.0.113.77", "GET", "/", "Cookie: bartizan-pass="+handed+"\r\n")
	r.Head.Fields[1].Value = "WordPress/6.1; http://api.example.com"
	if e.Begin(epoch.Add(2*time.Second), r); r.Pass.Result != request.PassElsewhere || len(kinds(r)) > 0 {
		t.Errorf("a cookie that was only handed out, handed on: got %v with %v; want it to say nothing", r.Pass.Result, kinds(r))
	}
	shared := 0
	for n := range 40 {
		r, _ := begin(e, 3*time.Second, fmt.Sprintf("203.0.114.%d", n), "GET", "/", "Bartizan-Pass: "+token+"\r\n")
		if slices.Contains(kinds(r), signal.PassShared) {
			shared++
		}
	}
	if want := 40 - challenge.MostUsers; shared < want {
		t.Errorf("a farm of 40: got %d noticed; want at least %d", shared, want)
	}
}

// Silence is soft evidence, told once a band, and never blocks.
func TestUnanswered(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	seen := 0
	for n := range 600 {
		at := time.Duration(n) * 100 * time.Millisecond
		r, v := begin(e, at, suspect, "GET", "/api/x", "")
		if v.Action == signal.BlockAction {
			t.Fatalf("request %d: got a block; want silence never to block: risk %.1f", n, r.Standing.Risk)
		}
		e.End(epoch.Add(at), r, v, request.Outcome{})
		for _, k := range kinds(r) {
			if k == signal.Unanswered {
				seen++
			}
		}
	}
	if seen != 2 {
		t.Errorf("got %d signals of silence in 60 s; want one for each band", seen)
	}
}

// A browser window is shown so many pages and no more; the count is its own, and
// programs are asked as often as they like: that costs no more than refusing them.
func TestLoopGuard(t *testing.T) {
	e := newEngine(t, strict(policy.Enforce))
	r := new(request.Request)
	window(r, suspect, "GET", union, "")
	e.End(epoch, r, e.Begin(epoch, r), request.Outcome{})
	cookie, pages := "", 0
	for range 3 * challenge.MostPages {
		window(r, suspect, "GET", "/shop", cookie)
		e.Begin(epoch.Add(time.Second), r)
		if step := e.Step(r); step == Enough {
			break
		} else if cookie != "" && step != ShowPage {
			t.Fatalf("page %d: got step %d; want a page", pages, step)
		}
		c, _ := e.Shown(epoch.Add(time.Second), r)
		cookie = "; bartizan-pass=" + c
		pages++
	}
	if pages != challenge.MostPages {
		t.Errorf("got %d pages; want %d", pages, challenge.MostPages)
	}
	window(r, suspect, "GET", "/shop", cookie)
	if e.Begin(epoch.Add(15*time.Minute), r); e.Step(r) == Enough {
		t.Error("a quarter of an hour later: got no page; want it asked anew")
	}
	receive(r, suspect, "GET", "/", "")
	r.Standing.Asked = 1000
	if got := e.Step(r); got != PoseAnswer {
		t.Errorf("a program: got step %d; want it asked", got)
	}
}

// Who comes back before the time that it was told, second for second, shows it;
// parallel requests do not.
func TestRetryAfterIgnored(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	early := func(from, to time.Duration, step time.Duration) (n int) {
		for at := from; at < to; at += step {
			r, v := begin(e, at, suspect, "GET", "/api/x", "")
			e.End(epoch.Add(at), r, v, request.Outcome{})
			for _, k := range kinds(r) {
				if k == signal.RetryIgnored {
					n++
				}
			}
		}
		return n
	}
	if n := early(0, 2*time.Second, 20*time.Millisecond); n > 0 {
		t.Errorf("100 requests within two seconds: got %d; want none yet", n)
	}
	if n := early(2*time.Second, 20*time.Second, time.Second); n == 0 {
		t.Error("a request every second for 20 s against Retry-After: got no evidence")
	}
}
