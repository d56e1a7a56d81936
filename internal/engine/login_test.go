package engine

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Logins are told wherever their users stand: in a body, in Basic credentials, in
// the query. Basic credentials that merely go with each request are no login.
func TestLoginsInTheHead(t *testing.T) {
	basic := func(i int) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "user%d:secret", i)) + "\r\n"
	}
	for name, c := range map[string]struct {
		ask  func(i int) (target, more string)
		want bool
	}{
		"basic":              {func(i int) (string, string) { return "/api/login", basic(i) }, true},
		"query":              {func(i int) (string, string) { return fmt.Sprintf("/auth/session?user=u%d&password=secret", i), "" }, true},
		"query, no password": {func(i int) (string, string) { return fmt.Sprintf("/auth/session?user=u%d", i), "" }, false},
		"basic elsewhere":    {func(i int) (string, string) { return "/api/orders", basic(i) }, false},
	} {
		e, r := newEngine(t, options(policy.Observe)), new(request.Request)
		fanout := false
		for i := range 8 {
			target, more := c.ask(i)
			receive(r, "203.0.113.9", "GET", target, more)
			now := epoch.Add(time.Duration(i) * time.Second)
			v := e.Begin(now, r)
			e.End(now, r, v, request.Outcome{Answered: true, Status: 401})
			for _, s := range r.Signals {
				fanout = fanout || s.Kind == signal.LoginFanout && s.Band == signal.Likely
			}
		}
		if fanout != c.want {
			t.Errorf("%s: got a fan-out %v; want %v", name, fanout, c.want)
		}
	}
}

// An endpoint that answers 401 to users and passwords is a login, whatever it is
// called; one that does so to who shows a credential is not.
func TestLoginsByTheirAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		more string
		want bool
	}{"connect": {"", true}, "an expired token": {"Authorization: Bearer old\r\n", false}} {
		e, r := newEngine(t, options(policy.Observe)), new(request.Request)
		fanout := false
		for i := range 8 {
			body := fmt.Sprintf(`{"username":"user%d","password":"secret"}`, i)
			receive(r, "203.0.113.9", "POST", "/v1/accounts/connect", fmt.Sprintf("%sContent-Type: application/json\r\nContent-Length: %d\r\n", c.more, len(body)))
			now := epoch.Add(time.Duration(i) * time.Second)
			v := e.Begin(now, r)
			v = e.Body(now, r, v, []byte(body), true, new(Scratch))
			e.End(now, r, v, request.Outcome{Answered: true, Status: 401})
			for _, s := range r.Signals {
				fanout = fanout || s.Kind == signal.LoginFanout
			}
		}
		if fanout != c.want {
			t.Errorf("%s: got a fan-out %v; want %v", name, fanout, c.want)
		}
	}
}

// A program that asks for the pictures of many users where there are none asks for
// one thing; who tries names asks for many.
func TestMissingPathsAsideFromIDs(t *testing.T) {
	for target, want := range map[string]bool{"/v0/avatars/%d.png": false, "/v0/users/acct_%d/logo": false, "names": true} {
		e, r := newEngine(t, options(policy.Observe)), new(request.Request)
		spread := false
		for i := range 40 {
			path := "/" + strings.Repeat(string(rune('a'+i%26)), 2+i/26) + "/old"
			if !want {
				path = fmt.Sprintf(target, 1000+37*i)
			}
			receive(r, "203.0.113.9", "GET", path, "")
			now := epoch.Add(time.Duration(i) * time.Second)
			e.End(now, r, e.Begin(now, r), request.Outcome{Answered: true, Status: 404})
			for _, s := range r.Signals {
				spread = spread || s.Kind == signal.PathSpread
			}
		}
		if spread != want {
			t.Errorf("%s: got a spread of paths %v; want %v", target, spread, want)
		}
	}
}
