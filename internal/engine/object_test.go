package engine

import (
	"fmt"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// shop plays exchanges whose answers are read as a front end reads them.
type shop struct {
	e *Engine
	t *testing.T
	r request.Request
	a Answer
}

func (s *shop) call(at time.Duration, client, method, target, body, answer string, status int) {
	s.t.Helper()
	more := ""
	if body != "" {
		more = fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	receive(&s.r, client, method, target, more)
	now := epoch.Add(at)
	v := s.e.Begin(now, &s.r)
	if body != "" {
		v = s.e.Body(now, &s.r, v, []byte(body), true, new(Scratch))
	}
	if v.Refused() {
		s.t.Fatalf("%s %s: refused", method, target)
	}
	o := request.Outcome{Answered: true, Status: status, ResponseType: "application/json", ResponseSize: int64(len(answer))}
	s.a.Reset()
	if status/100 == 2 {
		s.e.Read(&s.a, []byte(answer))
	}
	s.e.Issued(&s.a, &o, "", status/100 == 2)
	s.e.End(now, &s.r, v, o)
}

// foreign reports whether the last request was told to ask for what nobody showed.
func (s *shop) foreign() bool {
	for _, g := range s.r.Signals {
		if g.Kind == signal.ForeignObject {
			return true
		}
	}
	return false
}

const uuid = "%08x-6f1c-4d0e-9a43-7f2f5b1d9c01"

// trained is a shop whose customers list orders and open them, for two hours.
func trained(t *testing.T) *shop {
	s := &shop{e: newEngine(t, options(policy.Observe)), t: t}
	for i := range 7200 {
		at, client := time.Duration(i)*time.Second, fmt.Sprintf("198.51.100.%d", i%40)
		order := fmt.Sprintf(uuid, i)
		s.call(at, client, "GET", "/api/orders", "", `{"orders":[{"id":"`+order+`"}]}`, 200)
		s.call(at, client, "GET", "/api/orders/"+order, "", `{"id":"`+order+`"}`, 200)
		if s.foreign() {
			t.Fatalf("order %d of a customer: got evidence", i)
		}
	}
	return s
}

// Who fetches orders that were never shown to him, one after the other, shows;
// who was shown them elsewhere, made them, or opens a few by links, does not.
func TestForeignObjects(t *testing.T) {
	s := trained(t)
	const at = 2 * time.Hour
	walk := func(client string, n int, before func(order string)) (found bool) {
		for i := range n {
			order := fmt.Sprintf(uuid, 1<<20+i)
			if before != nil {
				before(order)
			}
			s.call(at+time.Duration(i)*20*time.Second, client, "GET", "/api/orders/"+order, "", `{"id":"`+order+`"}`, 200)
			found = found || s.foreign()
		}
		return found
	}
	if !walk("203.0.113.1", 40, nil) {
		t.Error("40 orders that nobody was shown: got no evidence")
	}
	for name, got := range map[string]bool{
		"five by links": walk("203.0.113.2", 5, nil),
		"shown by another endpoint": walk("203.0.113.3", 40, func(order string) {
			s.call(at, "203.0.113.3", "GET", "/api/search?q=x", "", `{"hits":[{"href":"/api/orders/`+order+`"}]}`, 200)
		}),
		"made by itself": walk("203.0.113.4", 40, func(order string) {
			s.call(at, "203.0.113.4", "POST", "/api/orders", `{"id":"`+order+`"}`, "", 201)
		}),
		"put there by itself": walk("203.0.113.5", 40, func(order string) {
			s.call(at, "203.0.113.5", "PUT", "/api/orders/"+order, `{"n":1}`, "", 201)
		}),
		"one and the same": func() bool {
			found := false
			for i := range 100 {
				s.call(at+time.Duration(i)*time.Second, "203.0.113.6", "GET", "/api/orders/"+fmt.Sprintf(uuid, 1<<21), "", "{}", 200)
				found = found || s.foreign()
			}
			return found
		}(),
	} {
		if got {
			t.Errorf("%s: got evidence; want none", name)
		}
	}
}

// Where many good clients come with ids of their own, no id is foreign: the
// endpoint has to be one whose ids are shown.
func TestIDsFromElsewhere(t *testing.T) {
	s := &shop{e: newEngine(t, options(policy.Observe)), t: t}
	for i := range 14400 {
		s.call(time.Duration(i)*time.Second/2, fmt.Sprintf("198.51.100.%d", i%200), "GET", "/api/parcels/"+fmt.Sprintf(uuid, i), "", `{"state":"sent"}`, 200)
		if s.foreign() {
			t.Fatalf("parcel %d: got evidence; want none", i)
		}
	}
}
