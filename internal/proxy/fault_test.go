package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/request"
)

const simple = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// closedAddress is one where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

func (s suite) upstreamDown(t *testing.T) {
	address := closedAddress(t)
	g := s.front.start(t, setup{upstreams: []string{"http://" + address}})
	refused(t, call(t, g, simple), 503)
	refused(t, call(t, g, head("POST / HTTP/1.1\nHost: a\nContent-Length: 2\n")+"hi"), 503)
	if u := g.proxy.Stats().Upstreams[0]; u.Healthy || u.Failures != 2 {
		t.Errorf("got %+v; want two failures", u)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the port is taken: %v", err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "back") })}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	if got := body(t, call(t, g, simple)); got != "back" || !g.proxy.Stats().Upstreams[0].Healthy {
		t.Errorf("got %q, %+v; want it back at once: there is no other", got, g.proxy.Stats().Upstreams)
	}
}

func (s suite) failover(t *testing.T) {
	u := newRaw(t, nil)
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	dead := "http://" + closedAddress(t)
	g := s.front.start(t, setup{upstreams: []string{dead, u.url}, proxy: func(o *proxy.Options) { o.Now = func() time.Time { return time.Unix(0, now.Load()) } }})
	failures := func() uint64 { return g.proxy.Stats().Upstreams[0].Failures }
	for range 10 {
		// A body may go elsewhere too, as nobody has seen it.
		if got := body(t, call(t, g, head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n")+"2\r\nhi\r\n0\r\n\r\n")); got != "ok" {
			t.Fatalf("got %q; want ok from the other one", got)
		}
	}
	if n := failures(); n != 1 {
		t.Errorf("the dead one was tried %d times; want once: then it is passed over", n)
	}
	now.Add(int64(11 * time.Second))
	for range 4 {
		body(t, call(t, g, simple))
	}
	if n := failures(); n != 2 {
		t.Errorf("the dead one was tried %d times; want once more after a while", n)
	}
	for _, m := range u.messages()[:10] {
		if m.body != "hi" {
			t.Errorf("upstream got %q; want the whole body", m.body)
		}
	}
}

func (s suite) upstreamSilent(t *testing.T) {
	u := newRaw(t, func(_ net.Conn, in *bufio.Reader, _ *message) bool { in.Peek(1); return false })
	g := s.front.start(t, setup{upstreams: []string{u.url}, timeouts: proxy.Timeouts{Response: 200 * time.Millisecond}})
	refused(t, call(t, g, simple), 504)
	if n := len(u.messages()); n != 1 {
		t.Errorf("the upstream was asked %d times; want once", n)
	}
	// A listener whose queue is full does not answer at all.
	g = s.front.start(t, setup{upstreams: []string{"http://" + fullQueue(t)}, timeouts: proxy.Timeouts{Connect: 200 * time.Millisecond}})
	refused(t, call(t, g, simple), 504)
}

// fullQueue is an address that lets nobody connect, for want of a place to wait.
func fullQueue(t *testing.T) string {
	t.Helper()
	l, err := listenBacklog()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(l.close)
	for {
		c, err := net.DialTimeout("tcp", l.address, 100*time.Millisecond)
		if err != nil {
			return l.address
		}
		t.Cleanup(func() { c.Close() })
	}
}

// reset closes c so that the other end sees a reset.
func reset(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

func (s suite) resetBeforeHead(t *testing.T) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool { m.readBody(in); reset(c); return false })
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	refused(t, call(t, g, simple), 502)
	refused(t, call(t, g, head("POST / HTTP/1.1\nHost: a\nContent-Length: 2\n")+"hi"), 502)
	if n := len(u.messages()); n != 2 {
		t.Errorf("the upstream was asked %d times; want each request once: it has seen them", n)
	}
}

func (s suite) resetMidBody(t *testing.T) {
	for _, raw := range []string{
		head("HTTP/1.1 200 OK\nContent-Length: 100000\n") + strings.Repeat("x", 50_000),
		head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n") + "5\r\nhello\r\n",
		head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n") + "5\r\nhello\r\nzz\r\n",
	} {
		u := newRaw(t, func(c net.Conn, _ *bufio.Reader, _ *message) bool {
			io.WriteString(c, raw)
			time.Sleep(20 * time.Millisecond)
			reset(c)
			return false
		})
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		for _, c := range []struct{ protocol, url string }{{"http1", "http://" + g.plain}, {"h2", "https://" + g.secure}} {
			res, err := client(t, c.protocol).Get(c.url)
			if err != nil {
				continue // broken before the head was out is broken too
			}
			b, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil {
				t.Errorf("%s, %.60q: got %d bytes as if they were all; want an error", c.protocol, raw, len(b))
			}
		}
	}
}

func (s suite) garbage(t *testing.T) {
	for name, raw := range map[string]string{
		"not http":   "SSH-2.0-OpenSSH_9.6\r\n\r\n",
		"bad status": "HTTP/1.1 abc\r\n\r\n",
		"bad length": "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"huge head":  "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n",
		"many 1xx":   strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </"+strings.Repeat("a", 9000)+">\r\n\r\n", 200),
		"nothing":    "",
	} {
		t.Run(name, func(t *testing.T) {
			u := newRaw(t, says(raw, false))
			g := s.front.start(t, setup{upstreams: []string{u.url}})
			c := dial(t, g.plain)
			send(t, c, simple)
			in := bufio.NewReader(c)
			res, err := http.ReadResponse(in, nil)
			for err == nil && res.StatusCode == 103 {
				res, err = http.ReadResponse(in, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			refused(t, res, 502)
		})
	}
	t.Run("large head", func(t *testing.T) {
		big := strings.Repeat("x", 200<<10)
		u := newRaw(t, says("HTTP/1.1 200 OK\r\nX: "+big+"\r\nContent-Length: 0\r\n\r\n", true))
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		if got := call(t, g, simple).Header.Get("X"); got != big {
			t.Errorf("got %d bytes; want all %d", len(got), len(big))
		}
	})
}

func (s suite) postNotRepeated(t *testing.T) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		m.readBody(in)
		if m.start == simple[:len(m.start)] {
			io.WriteString(c, fine)
			return true
		}
		return false // a kept connection dies under a request that has come
	})
	other := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url, other.url}})
	for range 4 { // keep a connection to each
		body(t, call(t, g, simple))
	}
	before := len(u.messages()) + len(other.messages())
	for range 2 { // one to each upstream
		res := call(t, g, head("POST / HTTP/1.1\nHost: a\nContent-Length: 2\n")+"hi")
		if res.StatusCode != 200 {
			refused(t, res, 502)
		}
		res.Body.Close()
	}
	if n := len(u.messages()) + len(other.messages()); n != before+2 {
		t.Errorf("two posts reached upstreams %d times; want twice", n-before)
	}
}

// panics is a content coding that does.
func panics(o *engine.Options) {
	o.Codings = map[string]request.Coding{"x-bad": func(io.Reader) (io.Reader, error) { panic("boom") }}
}

func (s suite) engineFault(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}, mode: policy.Enforce, engine: panics, policy: func(o *policy.Options) {
		o.Sites[0].Routes = []policy.Route{{Match: "* /closed/**", FailClosed: true}}
	}})
	raw := "POST %s HTTP/1.1\nHost: a\nContent-Encoding: x-bad\nContent-Length: 2\n"
	if got := body(t, call(t, g, head(raw, "/open")+"hi")); got != "ok" {
		t.Errorf("got %q; want it passed: the engine fails open", got)
	}
	refused(t, call(t, g, head(raw, "/closed/x")+"hi"), 503)
	if n := len(u.messages()); n != 1 {
		t.Errorf("the upstream saw %d requests; want one", n)
	}
	g.lines(t, 2)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.events) < 2 || g.events[0].Type != "fault" || !strings.Contains(g.events[0].Cause, "boom") {
		t.Errorf("got events %+v; want a fault each", g.events)
	}
}

func (s suite) handlerPanic(t *testing.T) {
	u := newRaw(t, nil)
	bad := atomic.Bool{}
	bad.Store(true)
	g := s.front.start(t, setup{upstreams: []string{u.url}, proxy: func(o *proxy.Options) {
		fill := o.Fill
		o.Fill = func(hr *http.Request, r *request.Request) {
			fill(hr, r)
			if bad.Load() {
				panic("boom")
			}
		}
	}})
	if res := call(t, g, simple); res.StatusCode != 503 {
		t.Errorf("got %d; want 503", res.StatusCode)
	}
	res, err := client(t, "h2").Get("https://" + g.secure)
	if read(t, res, err); res.StatusCode != 503 {
		t.Errorf("http2: got %d; want 503", res.StatusCode)
	}
	bad.Store(false)
	if got := body(t, call(t, g, simple)); got != "ok" {
		t.Errorf("got %q; want ok afterwards", got)
	}
	if st := g.proxy.Stats(); st.Panics != 2 || st.InFlight != 0 || st.Held != 0 {
		t.Errorf("got %+v; want two panics and nothing left", st)
	}
}

func (s suite) drain(t *testing.T) {
	release := make(chan bool)
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		io.WriteString(c, head("HTTP/1.1 200 OK\nContent-Length: 4\n")+"ha")
		<-release
		io.WriteString(c, "lf")
		return true
	})
	t.Run("finishes", func(t *testing.T) {
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		res := call(t, g, simple)
		done := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			done <- g.shutdown(ctx)
		}()
		eventually(t, "the listener to close", func() bool {
			c, err := net.Dial("tcp", g.plain)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		release <- true
		if got := body(t, res); got != "half" {
			t.Errorf("got %q; want the whole answer", got)
		}
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v; want nil", err)
		}
	})
	t.Run("is cut at the deadline", func(t *testing.T) {
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		res := call(t, g, simple)
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		if err := g.shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v; want the deadline", err)
		}
		if b, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("got %q as if it were all; want an error", b)
		}
		res.Body.Close()
		release <- true
		g.lines(t, 1)
	})
}
