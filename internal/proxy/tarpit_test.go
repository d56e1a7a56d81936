package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/request"
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

// Over TLS connections are held as well; on HTTP/2 the request waits for as long as
// the first byte would take, and its connection goes on.
func (s suite) tarpitTLS(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, pitfall(u, 100, 3*time.Second))
	for _, http2 := range []bool{false, true} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
		defer tr.CloseIdleConnections()
		client := &http.Client{Transport: tr}
		res, err := client.Post("https://"+g.secure+"/", "application/json", strings.NewReader(exploit))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, res, 403)
		before, start := g.proxy.Stats().Tarpit.Total, time.Now()
		if res, err = client.Get("https://" + g.secure + "/"); err != nil {
			t.Fatal(err)
		}
		refused(t, res, 429)
		took, whole := time.Since(start), 2*time.Second
		if http2 {
			whole = 200 * time.Millisecond
		}
		if got := g.proxy.Stats().Tarpit; res.ProtoMajor == 2 != http2 || took < whole || http2 && took > 2*time.Second || got.Total != before+1 {
			t.Errorf("%s: got the answer after %v, %+v; want it held for %v", res.Proto, took, got, whole)
		}
	}
}

// Of what a client at the tarpit stage uploads next to nothing is read, slowly, and
// then it gets the answer that it would have got; over TLS too.
func (s suite) tarpitSips(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, pitfall(u, 100, 3*time.Second))
	fall(t, g)
	refused(t, call(t, g, head("GET / HTTP/1.1\nHost: a\n")), 429)
	for _, secure := range []bool{false, true} {
		c := dial(t, g.plain)
		if secure {
			c = tls.Client(dial(t, g.secure), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			io.WriteString(c, head("POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Length: %d\n", len(exploit))+exploit)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, res, 403)
			c.Close()
			c = tls.Client(dial(t, g.secure), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		}
		before, start := g.proxy.Stats().Tarpit, time.Now()
		io.WriteString(c, head("POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Length: 30000000\n"))
		uploaded := make(chan int, 1)
		go func() {
			n, _ := c.Write(make([]byte, 30_000_000))
			uploaded <- n
		}()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, res, 429)
		if after := g.proxy.Stats().Tarpit; time.Since(start) < 2*time.Second || after.Sipped == before.Sipped || after.Sipped > before.Sipped+16<<10 {
			t.Errorf("secure %t: answered after %v, %d bytes read; want about three seconds, and a few kilobytes", secure, time.Since(start), after.Sipped-before.Sipped)
		}
		c.Close()
		if n := <-uploaded; n == 30_000_000 {
			t.Errorf("secure %t: got the whole body uploaded", secure)
		}
	}
	if n := u.received(); n > 0 {
		t.Errorf("got %d bytes upstream; want none", n)
	}
}

// Where several accepted credentials use the address and software nobody is held,
// not even the one of them who attacks: he is answered at once.
func (s suite) tarpitSparesShared(t *testing.T) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		m.readBody(in)
		if !slices.ContainsFunc(m.fields, func(f request.Field) bool { return f.Name == "Authorization" }) {
			io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
			return true
		}
		io.WriteString(c, fine)
		return true
	})
	g := s.front.start(t, pitfall(u, 100, time.Minute))
	ask := func(who, more string) *http.Response {
		return call(t, g, head("GET / HTTP/1.1\nHost: a\nUser-Agent: shop-app/1\nAuthorization: Bearer %s\n", who)+more)
	}
	if res := call(t, g, head("GET / HTTP/1.1\nHost: a\nUser-Agent: shop-app/1\n")); res.StatusCode != 401 {
		t.Fatalf("without a credential: got %d; want 401", res.StatusCode)
	}
	people := []string{"0f8e7d6c5b4a39281706", "1f8e7d6c5b4a39281706", "2f8e7d6c5b4a39281706"}
	for range 4 {
		for _, who := range people {
			ask(who, "")
		}
	}
	refused(t, call(t, g, head("POST / HTTP/1.1\nHost: a\nUser-Agent: shop-app/1\nAuthorization: Bearer %s\nContent-Type: application/json\nContent-Length: %d\n", people[0], len(exploit))+exploit), 403)
	start := time.Now()
	res := ask(people[0], "")
	l := g.lines(t, 1)
	if last := l[len(l)-1]; last.verdict.Action != signal.TarpitAction {
		t.Fatalf("the attacker: got %+v; want the tarpit stage", last.verdict.Decision)
	}
	refused(t, res, 429)
	if got := g.proxy.Stats().Tarpit; got.Total != 0 || time.Since(start) > 5*time.Second {
		t.Errorf("got %+v after %v; want nobody held", got, time.Since(start))
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
