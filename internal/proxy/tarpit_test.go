package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/signal"
)

// pitfall is a setup in which one exploit brings its client to the tarpit stage.
func pitfall(u *rawUpstream, connections int, lasting time.Duration) setup {
	return setup{
		upstreams: []string{u.url}, mode: policy.Enforce,
		policy: func(o *policy.Options) {
			o.Thresholds = policy.Thresholds{Watch: 1, Interrogate: 2, Tarpit: 3, Block: 99.9}
		},
		proxy: func(o *proxy.Options) {
			o.Tarpit = proxy.Tarpit{Connections: connections, Memory: 64 << 20, Time: lasting}
		},
	}
}

// fall has the test's client reach the tarpit stage.
func fall(t *testing.T, g *gateway) {
	t.Helper()
	refused(t, call(t, g, head("POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Length: %d\n", len(exploit))+exploit), 403)
}

// A client at the tarpit stage gets the answer that it would have got, late and
// slowly, and holds no goroutine meanwhile.
func (s suite) tarpitHolds(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, pitfall(u, 100, 3*time.Second))
	fall(t, g)
	before := runtime.NumGoroutine()
	const clients = 40
	start := time.Now()
	var all []net.Conn
	for range clients {
		c := dial(t, g.plain)
		io.WriteString(c, head("GET / HTTP/1.1\nHost: a\n"))
		all = append(all, c)
	}
	eventually(t, "all to be held", func() bool { return g.proxy.Stats().Tarpit.Held == clients })
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+2 })
	for _, c := range all {
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, res, 429)
		if res.Header.Get("Retry-After") == "" || !res.Close {
			t.Errorf("got %v; want Retry-After, and the connection to end", res.Header)
		}
	}
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("got all after %v; want about three seconds", took)
	}
	l := g.lines(t, clients+1)[clients]
	if l.verdict.Action != signal.TarpitAction || l.outcome.Status != 429 || !l.outcome.Held {
		t.Errorf("got %+v, %+v; want a held 429", l.verdict, l.outcome)
	}
	eventually(t, "all to be let go", func() bool { return g.proxy.Stats().Tarpit.Memory == 0 })
}

// Where there is no room, and on HTTP/2 beyond a short wait, the answer comes as usual.
func (s suite) tarpitSheds(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, pitfall(u, 1, 4*time.Second))
	fall(t, g)
	first := dial(t, g.plain)
	io.WriteString(first, head("GET / HTTP/1.1\nHost: a\n"))
	eventually(t, "the first to be held", func() bool { return g.proxy.Stats().Tarpit.Held == 1 })
	start := time.Now()
	refused(t, call(t, g, head("GET / HTTP/1.1\nHost: a\n")), 429)
	if took := time.Since(start); took > 300*time.Millisecond {
		t.Errorf("without room: got an answer after %v; want it at once", took)
	}
	if s := g.proxy.Stats().Tarpit; s.Full == 0 {
		t.Errorf("got %+v; want that there was no room", s)
	}
}

// The gateway shuts down at once, whoever is held; so it does over TLS.
func (s suite) tarpitShutdown(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, pitfall(u, 100, time.Minute))
	fall(t, g)
	for range 5 {
		c := dial(t, g.plain)
		io.WriteString(c, head("GET / HTTP/1.1\nHost: a\n"))
	}
	eventually(t, "all to be held", func() bool { return g.proxy.Stats().Tarpit.Held == 5 })
	start := time.Now()
	g.proxy.LetGo()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := g.shutdown(ctx); err != nil || time.Since(start) > 2*time.Second {
		t.Errorf("shutdown: got %v after %v; want none at once", err, time.Since(start))
	}
}
