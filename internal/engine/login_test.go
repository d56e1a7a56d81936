package engine

import (
	"encoding/base64"
	"fmt"
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
