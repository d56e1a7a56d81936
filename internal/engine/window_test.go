package engine

import (
	"fmt"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

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
