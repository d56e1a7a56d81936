package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bartizan/internal/proxy"
)

// restarts: the upstream is stopped and started again and again while people send GET
// and POST. Each request is answered, at most with 502 or 503 while it is away, and
// all is well within a moment once it is back.
func (s suite) restarts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	run := func(l net.Listener) *http.Server {
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, r.Method, len(b))
		})}
		go server.Serve(l)
		return server
	}
	server := run(l)
	g := s.front.start(t, setup{upstreams: []string{"http://" + address}})
	var up atomic.Bool // for long enough that requests must succeed
	up.Store(true)
	stop := make(chan struct{})
	var good atomic.Int64
	var workers sync.WaitGroup
	for n := range 4 {
		workers.Go(func() {
			c := client(t, "http1")
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				method, body := "GET", ""
				if (i+n)%2 == 0 {
					method, body = "POST", strings.Repeat("x", 100_000*(i%2)+10)
				}
				before := up.Load()
				req, _ := http.NewRequest(method, "http://"+g.plain+"/", strings.NewReader(body))
				res, err := c.Do(req)
				if err != nil {
					t.Errorf("%s: %v; want an answer whatever the upstream does", method, err)
					continue
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				switch {
				case res.StatusCode == 200 && err == nil && string(got) == fmt.Sprint(method, len(body)):
					good.Add(1)
				case res.StatusCode == 200 && err == nil:
					t.Errorf("%s: got %q; want the answer to this request", method, got)
				case before && up.Load():
					t.Errorf("%s: got %d while the upstream was up", method, res.StatusCode)
				case res.StatusCode != 502 && res.StatusCode != 503 && err == nil:
					t.Errorf("%s: got %d; want 502 or 503", method, res.StatusCode)
				}
			}
		})
	}
	for range 6 {
		time.Sleep(100 * time.Millisecond)
		up.Store(false)
		server.Close()
		time.Sleep(50 * time.Millisecond)
		var l net.Listener
		eventually(t, "the port to be free", func() bool { l, err = net.Listen("tcp", address); return err == nil })
		server = run(l)
		time.Sleep(50 * time.Millisecond)
		up.Store(true)
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	workers.Wait()
	server.Close()
	if good.Load() < 20 {
		t.Errorf("got %d good answers; want many", good.Load())
	}
}

// upstreamTLS: the certificate of an https upstream is checked against the site's own
// authority and name.
func (s suite) upstreamTLS(t *testing.T) {
	up := upstream(t, "https", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	for _, c := range []struct {
		name   string
		edit   func(*proxy.Site)
		status int
	}{
		{"right", func(*proxy.Site) {}, 200},
		{"another authority", func(s *proxy.Site) { s.Roots = nil }, 502},
		{"another name", func(s *proxy.Site) { s.ServerName = "api.test" }, 502},
		{"its other name", func(s *proxy.Site) { s.ServerName = "localhost" }, 200},
	} {
		g := s.front.start(t, setup{upstreams: []string{up}, proxy: func(o *proxy.Options) { c.edit(&o.Sites[0]) }})
		if res := call(t, g, simple); res.StatusCode != c.status && (c.status == 200 || res.StatusCode != 503) {
			t.Errorf("%s: got %d; want %d", c.name, res.StatusCode, c.status)
		}
	}
}

// upstreamIdle: a kept connection is closed before the upstream closes it.
func (s suite) upstreamIdle(t *testing.T) {
	up := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{up.url}, timeouts: proxy.Timeouts{Idle: 50 * time.Millisecond}})
	for range 3 {
		if res := call(t, g, simple); res.StatusCode != 200 {
			t.Fatalf("got %d", res.StatusCode)
		}
		time.Sleep(150 * time.Millisecond)
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.conns != 3 {
		t.Errorf("got %d connections; want 3, each closed when idle", up.conns)
	}
}

// turnedAway: requests beyond the bound are answered 503 with Retry-After, in observe
// mode too, and the others go on.
func (s suite) turnedAway(t *testing.T) {
	release := make(chan struct{})
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-release
		}
	})
	g := s.front.start(t, setup{upstreams: []string{up}, proxy: func(o *proxy.Options) { o.Requests = 128 }})
	f := newFrames(t, g.plain, false)
	for n := range 60 {
		f.begin(uint32(1+2*n), true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/wait")
	}
	f.flush(t)
	eventually(t, "the places to be taken", func() bool { return g.proxy.Stats().TurnedAway == 35 })
	refused(t, call(t, g, simple), 503)
	close(release)
	eventually(t, "the places to be given back", func() bool { return g.proxy.Stats().InFlight == 0 })
	if res := call(t, g, simple); res.StatusCode != 200 {
		t.Errorf("then: got %d; want 200", res.StatusCode)
	}
	turned := 0
	for _, l := range g.lines(t, 62) {
		if l.outcome.Status == 503 {
			turned++
		}
	}
	if turned != 36 {
		t.Errorf("got %d requests answered 503; want 36", turned)
	}
	f.conn.Close()
}
