package proxy_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"bartizan/internal/proxy"
)

// counted is an upstream that counts its requests and may be slow or unwell.
type counted struct {
	*httptest.Server
	n    atomic.Int64
	sick atomic.Bool
}

func newCounted(t *testing.T, slow time.Duration) *counted {
	u := &counted{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			if u.sick.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return
		}
		u.n.Add(1)
		time.Sleep(slow)
	}))
	t.Cleanup(u.Close)
	return u
}

// The upstream with the fewest requests gets the next one.
func (s suite) leastConnections(t *testing.T) {
	slow, quick := newCounted(t, 200*time.Millisecond), newCounted(t, 0)
	g := s.front.start(t, setup{upstreams: []string{slow.URL, quick.URL}})
	const requests = 60
	done := make(chan bool)
	for range requests {
		go func() {
			res, err := http.Get("http://" + g.plain + "/")
			if err == nil {
				res.Body.Close()
			}
			done <- err == nil
		}()
		time.Sleep(5 * time.Millisecond)
	}
	for range requests {
		if !<-done {
			t.Error("a request failed")
		}
	}
	if a, b := slow.n.Load(), quick.n.Load(); a > b/3 || a == 0 {
		t.Errorf("got %d for the slow upstream and %d for the quick one; want far fewer, and some", a, b)
	}
	eventually(t, "upstreams to be free", func() bool {
		u := g.proxy.Stats().Upstreams
		return u[0].Busy == 0 && u[1].Busy == 0
	})
}

// An upstream that says that it is not well gets nothing until it is.
func (s suite) health(t *testing.T) {
	a, b := newCounted(t, 0), newCounted(t, 0)
	g := s.front.start(t, setup{upstreams: []string{a.URL, b.URL}, health: proxy.Health{Path: "/healthz", Every: 300 * time.Millisecond}})
	healthy := func(want int) func() bool {
		return func() bool {
			n := 0
			for _, u := range g.proxy.Stats().Upstreams {
				if u.Healthy {
					n++
				}
			}
			return n == want
		}
	}
	a.sick.Store(true)
	eventually(t, "the sick one to be found", healthy(1))
	before := a.n.Load()
	for range 10 {
		if got := body(t, call(t, g, head("GET / HTTP/1.1\nHost: a\n"))); got != "" {
			t.Errorf("got %q; want an answer without a body", got)
		}
	}
	if got := a.n.Load() - before; got != 0 {
		t.Errorf("the sick one: got %d requests; want none", got)
	}
	a.sick.Store(false)
	eventually(t, "it to be found well", healthy(2))
	b.sick.Store(true)
	a.sick.Store(true)
	eventually(t, "both to be found sick", healthy(0))
	if res := call(t, g, head("GET / HTTP/1.1\nHost: a\n")); res.StatusCode != 200 {
		t.Errorf("both sick: got %d; want them asked all the same", res.StatusCode)
	}
}
