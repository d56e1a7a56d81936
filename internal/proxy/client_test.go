package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"bartizan/internal/listen"
	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/request"
)

func (s suite) clientGoes(t *testing.T) {
	gone := make(chan error, 1)
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/head" {
			w.WriteHeader(200)
			http.NewResponseController(w).Flush()
		}
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		gone <- r.Context().Err()
	})
	g := s.front.start(t, setup{upstreams: []string{up}})
	wait := func(what string) {
		t.Helper()
		select {
		case <-gone:
		case <-time.After(2 * time.Second):
			t.Errorf("%s: the upstream request goes on", what)
		}
	}
	for _, raw := range []string{simple, strings.Replace(simple, " / ", " /head ", 1), head("POST / HTTP/1.1\nHost: a\nContent-Length: 2\n") + "hi", head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n") + "2\r\nhi\r\n"} {
		c := dial(t, g.plain)
		send(t, c, raw)
		eventually(t, "the request", func() bool { return g.proxy.Stats().InFlight == 1 })
		time.Sleep(100 * time.Millisecond)
		c.Close()
		wait(raw)
		eventually(t, "the end", func() bool { return g.proxy.Stats().InFlight == 0 })
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", "https://"+g.secure, nil)
	if _, err := client(t, "h2").Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want the client's own deadline", err)
	}
	wait("http2")
	for _, l := range g.lines(t, 5) {
		if !l.outcome.Aborted {
			t.Errorf("%s: got outcome %+v; want it aborted", l.method, l.outcome)
		}
	}
}

func (s suite) slowHead(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}, listen: func(o *listen.Options) { o.HeaderTimeout = 200 * time.Millisecond }})
	for _, raw := range []string{"GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost: a\r\n", "G"} {
		id := refused(t, call(t, g, raw), 408)
		if _, ok := g.engine.Explain(time.Now(), id); !ok {
			t.Errorf("%q: no evidence", raw)
		}
	}
	c := dial(t, g.plain)
	begun := time.Now()
	if b, err := io.ReadAll(c); len(b) > 0 || err != nil || time.Since(begun) > 2*time.Second {
		t.Errorf("a silent client: got %q, %v after %v; want the end soon", b, err, time.Since(begun))
	}
}

func (s suite) slowBody(t *testing.T) {
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	g := s.front.start(t, setup{upstreams: []string{up}, proxy: func(o *proxy.Options) { o.BodyGrace, o.BodyRate = 300*time.Millisecond, 100 }})
	for name, c := range map[string]struct {
		head  string
		piece string
	}{
		"known length, silent":   {head("POST / HTTP/1.1\nHost: a\nContent-Length: 1000\n"), ""},
		"chunked, silent":        {head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n"), ""},
		"known length, dripping": {head("POST / HTTP/1.1\nHost: a\nContent-Length: 1000\n"), "x"},
		"chunked, dripping":      {head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n"), "1\r\nx\r\n"},
		"large, dripping":        {head("POST / HTTP/1.1\nHost: a\nContent-Length: 1000000\n") + strings.Repeat("x", 70_000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, g.plain)
			send(t, conn, c.head)
			stop := make(chan bool)
			defer close(stop)
			go func() {
				for c.piece != "" {
					select {
					case <-stop:
						return
					case <-time.After(50 * time.Millisecond):
						io.WriteString(conn, c.piece)
					}
				}
			}()
			begun := time.Now()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			id := refused(t, res, 408)
			if took := time.Since(begun); took > 3*time.Second {
				t.Errorf("took %v; want about 0.3 s", took)
			}
			if l := g.lines(t, 1); l[len(l)-1].outcome.Aborted || l[len(l)-1].outcome.Fault != request.FaultSlow {
				t.Errorf("got outcome %+v; want the fault, and nobody gone", l[len(l)-1].outcome)
			}
			if x, ok := g.engine.Explain(time.Now(), id); !ok || x.Reason != "slow" {
				t.Errorf("got %+v; want evidence", x.Event)
			}
		})
	}
	t.Run("http2", func(t *testing.T) {
		pr, pw := io.Pipe()
		defer pw.Close()
		res, err := client(t, "h2").Post("https://"+g.secure, "text/plain", pr)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, res, 408)
	})
	t.Run("fast enough", func(t *testing.T) {
		conn := dial(t, g.plain)
		send(t, conn, head("POST / HTTP/1.1\nHost: a\nContent-Length: 200\n"))
		for range 20 { // 1 s, 200 bytes a second
			time.Sleep(50 * time.Millisecond)
			send(t, conn, "0123456789")
		}
		in := bufio.NewReader(conn)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 200 {
			t.Errorf("got %v, %v; want 200", res, err)
		}
		time.Sleep(400 * time.Millisecond) // no deadline is left behind
		send(t, conn, simple)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 200 {
			t.Errorf("the next request: got %v, %v; want 200", res, err)
		}
	})
	t.Run("slow answer to a whole body", func(t *testing.T) {
		slow := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			time.Sleep(600 * time.Millisecond)
		})
		g := s.front.start(t, setup{upstreams: []string{slow}, proxy: func(o *proxy.Options) { o.BodyGrace = 200 * time.Millisecond }})
		for _, raw := range []string{head("POST / HTTP/1.1\nHost: a\nContent-Length: 2\n") + "hi", head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n") + "2\r\nhi\r\n0\r\n\r\n"} {
			if res := call(t, g, raw); res.StatusCode != 200 {
				t.Errorf("got %d; want 200: the client has done its part", res.StatusCode)
			}
		}
	})
}

func (s suite) truncatedBody(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for _, raw := range []string{head("POST / HTTP/1.1\nHost: a\nContent-Length: 10\n") + "half", head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n") + "5\r\nhal"} {
		c := dial(t, g.plain)
		send(t, c, raw)
		c.(*net.TCPConn).CloseWrite()
		if b, _ := io.ReadAll(c); len(b) > 0 && !bytes.HasPrefix(b, []byte("HTTP/1.1 400")) {
			t.Errorf("%.60q: got %q; want no answer, or a 400", raw, b)
		}
	}
	for _, l := range g.lines(t, 2) {
		if !l.outcome.Aborted || l.outcome.Answered {
			t.Errorf("got outcome %+v; want it aborted", l.outcome)
		}
	}
}

func (s suite) oversized(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for _, c := range []struct {
		raw    string
		status int
	}{
		{head("GET /%s HTTP/1.1\nHost: a\n", strings.Repeat("x", 20_000)), 414},
		{head("GET / HTTP/1.1\nHost: a\nX: %s\n", strings.Repeat("x", 40_000)), 431},
		{head("GET / HTTP/1.1\nHost: a\n%s", strings.Repeat("X: y\n", 600)), 431},
	} {
		before := u.received()
		refused(t, call(t, g, c.raw), c.status)
		if u.received() != before {
			t.Error("the upstream saw something of it")
		}
	}
}

func (s suite) oddBodies(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}, mode: policy.Enforce})
	for name, b := range map[string]string{
		"10 MB of arrays": strings.Repeat("[", 5<<20) + strings.Repeat("]", 5<<20),
		"invalid utf-8":   "{\"a\":\"\xff\xfe\x80\",\"\xc3\":1}",
		"nul":             "{\"a\":\"\x00\"}",
		"half":            `{"a":{"b":[1,2,`,
		"big number":      `{"a":` + strings.Repeat("9", 100_000) + `}`,
	} {
		for _, framing := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(b), b), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(b), b)} {
			before := len(u.messages())
			if got := body(t, call(t, g, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"+framing)); got != "ok" {
				t.Errorf("%s: got %q; want ok", name, got)
			}
			if m := u.messages()[before]; m.body != b {
				t.Errorf("%s: upstream got %d bytes; want all %d unchanged", name, len(m.body), len(b))
			}
		}
	}
}

func (s suite) slowReader(t *testing.T) {
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, io.LimitReader(zeros{}, 64<<20)) })
	g := s.front.start(t, setup{upstreams: []string{up}, listen: func(o *listen.Options) { o.WriteTimeout = 300 * time.Millisecond }})
	c := dial(t, g.plain)
	send(t, c, simple)
	eventually(t, "the request", func() bool { return g.proxy.Stats().InFlight == 1 })
	if l := g.lines(t, 1)[0]; !l.outcome.Aborted || l.outcome.ResponseSize >= 64<<20 {
		t.Errorf("got outcome %+v; want it aborted: the client reads nothing", l.outcome)
	}
}

// bodyIsNoHead: what is left of a body that was not read to its end, since the
// upstream answered early, is never taken for the next request.
func (s suite) bodyIsNoHead(t *testing.T) {
	early := func(field string, more bool) *rawUpstream {
		return newRaw(t, func(c net.Conn, in *bufio.Reader, _ *message) bool {
			return says(head("HTTP/1.1 413 Too Large\nContent-Length: 2\n%s", field)+"no", more)(c, in, &message{})
		})
	}
	for _, u := range []*rawUpstream{early("Connection: close\n", false), early("", true)} {
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		for _, framing := range []string{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 70_000)} {
			c := dial(t, g.plain)
			send(t, c, "POST / HTTP/1.1\r\nHost: a\r\n"+framing)
			in := bufio.NewReader(c)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if read(t, res, nil); res.StatusCode != 413 {
				t.Errorf("got %d; want 413", res.StatusCode)
			}
			io.WriteString(c, simple) // within the body, as far as framing goes; the connection may be gone
			c.SetDeadline(time.Now().Add(5 * time.Second))
			if b, err := io.ReadAll(in); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %.80q, %v; want the end, and no answer to what stands in a body", b, err)
			}
		}
		for _, m := range u.messages() {
			if !strings.HasPrefix(m.start, "POST ") {
				t.Errorf("upstream got %q out of a body", m.start)
			}
		}
	}
}
