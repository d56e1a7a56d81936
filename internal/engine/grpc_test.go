package engine

import (
	"fmt"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// A gRPC answer is 200 whatever it says: what counts is its own status. Methods that
// are not there are no endpoints, and who asks for many of them is a scanner.
func TestGRPCStatusCounts(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	call := func(n int, client, method string, status int) *request.Request {
		r, now := new(request.Request), epoch.Add(time.Duration(n)*time.Second)
		receive(r, client, "POST", method, "Content-Type: application/grpc\r\n")
		v := e.Begin(now, r)
		e.End(now.Add(time.Millisecond), r, v, request.Outcome{Answered: !v.Refused(), Status: 200, GRPC: status, ResponseType: "application/grpc"})
		return r
	}
	for i := range 200 {
		call(i, fmt.Sprintf("198.51.100.%d", i%20), "/shop.Items/Get", 0)
	}
	var last *request.Request
	for i := range 60 {
		last = call(200+i, "203.0.113.9", fmt.Sprintf("/shop.Admin/Try%c%c", 'A'+i%26, 'a'+i/26), 12)
	}
	for _, p := range e.Endpoints(epoch.Add(time.Hour)) {
		if p.Template != "/shop.Items/Get" {
			t.Errorf("%s %s is an endpoint; want only what was answered well", p.Method, p.Template)
		}
	}
	if last.Standing.Stage == signal.Clear {
		t.Errorf("got %v at risk %.1f; want whoever tries sixty methods watched", last.Standing.Stage, last.Standing.Risk)
	}
}
