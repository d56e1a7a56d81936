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

const page = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,*/*\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nCookie: a=b%s\r\n"

// window makes r the request of a browser window.
func window(r *request.Request, client, method, target, cookie string) {
	r.Reset()
	request.ParseHead(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: api.example.com\r\n"+page+"\r\n", method, target, cookie), request.HeadLimits{Bytes: 32 << 10, Fields: 100, Target: 16 << 10}, &r.Head)
	r.Head.Scheme = "http"
	receiveConn(r, client)
}

// A browser window is first asked to follow and to bring the cookie, then shown a
// page; forms are told to come back; and if pages are off it is asked like all.
func TestStepsOfABrowser(t *testing.T) {
	o := strict(policy.Enforce)
	e := newEngine(t, o)
	r := new(request.Request)
	window(r, suspect, "GET", union, "")
	e.End(epoch, r, e.Begin(epoch, r), request.Outcome{})

	window(r, suspect, "GET", "/shop", "")
	v := e.Begin(epoch.Add(time.Second), r)
	if v.Action != signal.ChallengeAction || e.Step(r) != Redirect {
		t.Fatalf("first: got %v, step %d; want a redirect", v.Action, e.Step(r))
	}
	cookie, _, ok := e.Cookie(epoch.Add(time.Second), r, v)
	token := e.RedirectToken(epoch.Add(time.Second), r, "/shop")
	if !ok {
		t.Fatal("got no cookie")
	}
	window(r, suspect, "GET", "/.well-known/bartizan/follow?t="+token+"&to=/shop", "; bartizan-pass="+cookie)
	v = e.Begin(epoch.Add(2*time.Second), r)
	if ours, kept := e.Followed(epoch.Add(2*time.Second), r, token, "/shop"); !ours || !kept || !e.Interrogates(r) {
		t.Fatalf("followed: got ours %v, kept %v; want both", ours, kept)
	}
	followed, _, _ := e.Grant(r)
	window(r, suspect, "GET", "/shop", "; bartizan-pass="+followed)
	if v = e.Begin(epoch.Add(3*time.Second), r); v.Action != signal.ChallengeAction || e.Step(r) != ShowPage {
		t.Errorf("then: got %v, step %d; want the page", v.Action, e.Step(r))
	}
	window(r, suspect, "POST", "/shop", "")
	if e.Begin(epoch.Add(3*time.Second), r); e.Step(r) != ShowForm {
		t.Errorf("a form: got step %d; want it told to come back", e.Step(r))
	}
	o.Interrogation.Page = false
	e.Swap(compile(t, o), nil)
	window(r, suspect, "GET", "/shop", "")
	if e.Begin(epoch.Add(3*time.Second), r); e.Step(r) != PoseAnswer {
		t.Errorf("without pages: got step %d; want a plain challenge", e.Step(r))
	}
}

// A browser that does not keep the cookie that it was handed shows it.
func TestCookieLost(t *testing.T) {
	run := func(brings bool) (lost int) {
		e := newEngine(t, strict(policy.Enforce))
		r := new(request.Request)
		window(r, suspect, "GET", "/?q=%3Cscript%3E", "") // a hint, or more: it is watched
		e.End(epoch, r, e.Begin(epoch, r), request.Outcome{})
		cookie := ""
		for n := range 30 {
			now := epoch.Add(time.Duration(n+1) * 3 * time.Second)
			window(r, suspect, "GET", "/shop", cookie)
			v := e.Begin(now, r)
			if c, _, ok := e.Cookie(now, r, v); ok && brings {
				cookie = "; bartizan-pass=" + c
			}
			e.End(now, r, v, request.Outcome{Answered: !v.Refused(), Status: 200})
			for _, k := range kinds(r) {
				if k == signal.CookieLost {
					lost++
				}
			}
		}
		return lost
	}
	if got := run(true); got > 0 {
		t.Errorf("a browser that keeps it: got %d signals; want none", got)
	}
	if got := run(false); got == 0 {
		t.Error("a browser that loses it: got no evidence")
	}
}

// Nobody who is clear is handed anything, nor anybody where nothing is enforced.
func TestWhoIsHandedACookie(t *testing.T) {
	for name, c := range map[string]struct {
		mode    policy.Mode
		cookies bool
		client  string
		want    bool
	}{
		"suspect":                  {policy.Enforce, true, suspect, true},
		"suspect, without cookies": {policy.Enforce, false, suspect, true}, // who is asked needs one
		"innocent":                 {policy.Enforce, true, "198.51.100.4", false},
		"suspect, observing":       {policy.Observe, true, suspect, false},
	} {
		e := suspicious(t, c.mode)
		o := strict(c.mode)
		o.Interrogation.Cookies = c.cookies
		e.Swap(compile(t, o), nil)
		r, v := begin(e, time.Second, c.client, "GET", "/", "")
		if _, _, ok := e.Cookie(epoch.Add(time.Second), r, v); ok != c.want {
			t.Errorf("%s: got handed %v; want %v", name, ok, c.want)
		}
	}
}

// An allowed client and a preflight are handed nothing, whatever is known of them.
func TestAllowedAreHandedNothing(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	o := strict(policy.Enforce)
	o.Allow = []policy.Entry{{Prefix: suspect}}
	r, v := begin(e, time.Second, suspect, "OPTIONS", "/", "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n")
	if _, _, ok := e.Cookie(epoch.Add(time.Second), r, v); ok || v.Action != signal.Pass {
		t.Errorf("a preflight: got %v, handed %v; want it passed and untouched", v.Action, ok)
	}
	e.Swap(compile(t, o), nil)
	r, v = begin(e, time.Second, suspect, "GET", "/", "")
	if _, _, ok := e.Cookie(epoch.Add(time.Second), r, v); ok || v.Action != signal.Pass {
		t.Errorf("an allowed client: got %v, handed %v; want it passed and untouched", v.Action, ok)
	}
}

// Our own tokens look like no payload, in whatever place they travel.
func TestTokensShowNoPayload(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	for n := range 3000 {
		at := time.Duration(n) * time.Millisecond
		r, v := begin(e, at, suspect, "GET", "/shop", "")
		q := e.Question(epoch.Add(at), r, n%2 == 0)
		cookie, _, _ := e.Cookie(epoch.Add(at), r, v)
		r, _ = begin(e, at, "198.51.100.4", "GET", "/.well-known/bartizan/wait?t="+q.Nonce+"&to=%2Fshop%3Fa%3Db",
			"Cookie: bartizan-pass="+cookie+"\r\nBartizan-Pass: "+cookie+"\r\nBartizan-Answer: "+q.Nonce+".123456\r\nBartizan-Probe: 0\r\n")
		for _, s := range r.Signals {
			if s.Kind.Info().Vantage == signal.Payload {
				t.Fatalf("token %s: got %v at %s; want no payload in it", q.Nonce, s.Kind, s.Where)
			}
		}
	}
}

func TestObserveSaysWouldChallenge(t *testing.T) {
	e := suspicious(t, policy.Observe)
	r, v := begin(e, time.Second, suspect, "GET", "/api/x", "")
	if v.Action != signal.Pass || v.Would != signal.ChallengeAction || v.Waiver != policy.ObserveMode || e.Interrogates(r) {
		t.Errorf("got %v, would %v; want a pass that would challenge, and no reserved paths", v.Action, v.Would)
	}
}

// What a recording says of a pass is believed where the token cannot be read.
func TestReplayHonoursPass(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	for s, want := range map[string]signal.Action{"": signal.ChallengeAction, "solved": signal.Pass, "waited": signal.Pass, "kept": signal.ChallengeAction, "expired": signal.ChallengeAction} {
		r := new(request.Request)
		receive(r, suspect, "GET", "/api/x", "Bartizan-Pass: ~0123456789abcdef\r\n")
		r.Pass, _ = request.PassNamed(s)
		if v := e.Begin(epoch.Add(time.Second), r); v.Action != want {
			t.Errorf("pass %q: got %v; want %v", s, v.Action, want)
		}
	}
}

// The reserved paths are no departure from anybody's API.
func TestReservedPathsAreNoDeparture(t *testing.T) {
	e := suspicious(t, policy.Enforce)
	r, _ := begin(e, time.Second, "198.51.100.4", "POST", "/.well-known/bartizan/answer", "")
	if len(r.Signals) > 0 {
		t.Errorf("got %v; want no evidence", kinds(r))
	}
}
