package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"runtime"
	"strings"
	"testing"
	"time"
)

func (s suite) expectAccepted(t *testing.T) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		m.readBody(in)
		io.WriteString(c, fine)
		return true
	})
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for _, name := range []string{"Expect", "expect"} {
		c := dial(t, g.plain)
		in := bufio.NewReader(c)
		for range 2 {
			before := len(u.messages())
			send(t, c, head("PUT / HTTP/1.1\nHost: a\n%s: 100-continue\nContent-Length: 5\n", name))
			if m, err := readHead(in); err != nil || m.start != "HTTP/1.1 100 Continue" {
				t.Fatalf("got %v, %v; want 100", m, err)
			}
			if got := len(u.messages()); got != before+1 {
				t.Errorf("the client was asked for its body with %d requests upstream; want %d", got, before+1)
			}
			send(t, c, "hello")
			res, err := http.ReadResponse(in, nil)
			if got := read(t, res, err); got != "ok" {
				t.Errorf("got %q; want ok", got)
			}
			if m := u.messages()[before]; m.body != "hello" || m.get("Expect") != "100-continue" {
				t.Errorf("upstream got %q, Expect %q; want hello, 100-continue", m.body, m.get("Expect"))
			}
		}
	}
}

func (s suite) expectRefused(t *testing.T) {
	large := strings.Repeat("no", 200_000)
	for _, status := range []string{"417 Expectation Failed", "401 Unauthorized"} {
		for _, closing := range []bool{false, true} {
			u := newRaw(t, func(c net.Conn, in *bufio.Reader, _ *message) bool {
				io.WriteString(c, head("HTTP/1.1 %s\nContent-Length: %d\n", status, len(large))+large)
				if !closing {
					in.Peek(1)
				}
				return false
			})
			g := s.front.start(t, setup{upstreams: []string{u.url}})
			c := dial(t, g.plain)
			send(t, c, head("PUT / HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 5\n"))
			begun := time.Now()
			b, err := io.ReadAll(c)
			if got := string(b); err != nil || !strings.HasPrefix(got, "HTTP/1.1 "+status[:3]) || !strings.HasSuffix(got, "\r\n\r\n"+large) {
				t.Errorf("got %.100q, %v; want %s, no 100, all of it, and the end", got, err, status)
			}
			if took := time.Since(begun); took > 900*time.Millisecond {
				t.Errorf("took %v; want no wait for a body that does not come", took)
			}
		}
	}
}

// expectIgnored: an upstream that never says 100 gets the body all the same.
func (s suite) expectIgnored(t *testing.T) {
	for _, kind := range []string{"http", "h2c"} {
		up := upstream(t, kind, func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Expect")
			time.Sleep(1200 * time.Millisecond)
			io.Copy(w, r.Body)
		})
		g := s.front.start(t, setup{upstreams: []string{up}})
		c := dial(t, g.plain)
		in := bufio.NewReader(c)
		send(t, c, head("PUT / HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 5\n"))
		if m, err := readHead(in); err != nil || m.start != "HTTP/1.1 100 Continue" {
			t.Fatalf("%s: got %v, %v; want 100 in the end", kind, m, err)
		}
		send(t, c, "hello")
		res, err := http.ReadResponse(in, nil)
		if got := read(t, res, err); got != "hello" {
			t.Errorf("%s: got %q; want hello", kind, got)
		}
	}
}

func (s suite) eventStream(t *testing.T) {
	for _, kind := range []string{"http", "h2c"} {
		next := make(chan bool)
		up := upstream(t, kind, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			rc := http.NewResponseController(w)
			rc.Flush()
			for n := 0; <-next; n++ {
				fmt.Fprintf(w, "data: %d\n\n", n)
				rc.Flush()
			}
		})
		g := s.front.start(t, setup{upstreams: []string{up}})
		for _, c := range []struct{ protocol, url string }{{"http1", "http://" + g.plain}, {"h2", "https://" + g.secure}} {
			res, err := client(t, c.protocol).Get(c.url) // returns before the first event
			if err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(res.Body)
			for n := range 5 {
				next <- true
				for _, want := range []string{fmt.Sprintf("data: %d\n", n), "\n"} {
					if got, err := in.ReadString('\n'); got != want {
						t.Fatalf("got %q, %v; want %q before the next event", got, err, want)
					}
				}
			}
			next <- false
			read(t, res, nil)
		}
	}
}

// longPoll: the head of an answer does not wait for its first piece.
func (s suite) longPoll(t *testing.T) {
	release := make(chan bool, 1)
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		io.WriteString(c, head("HTTP/1.1 200 OK\nContent-Type: application/json\nTransfer-Encoding: chunked\n"))
		<-release
		io.WriteString(c, "2\r\nok\r\n0\r\n\r\n")
		return true
	})
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for range 3 {
		res := call(t, g, head("GET / HTTP/1.1\nHost: a\n"))
		release <- true
		if got := body(t, res); got != "ok" {
			t.Errorf("got %q; want ok", got)
		}
	}
}

// conversation: each side waits for the other before it says more.
func (s suite) conversation(t *testing.T) {
	for _, kind := range []string{"http", "https", "h2c"} {
		up := upstream(t, kind, func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			rc.EnableFullDuplex()
			in := bufio.NewReader(r.Body)
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				io.WriteString(w, "echo "+l)
				rc.Flush()
			}
		})
		g := s.front.start(t, setup{upstreams: []string{up}})
		for _, c := range []struct{ protocol, url string }{{"h2", "https://" + g.secure}, {"h2c", "http://" + g.plain}} {
			pr, pw := io.Pipe()
			go io.WriteString(pw, "0\n")
			res, err := client(t, c.protocol).Post(c.url, "text/plain", pr)
			if err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(res.Body)
			for n := range 5 {
				if got, err := in.ReadString('\n'); got != fmt.Sprintf("echo %d\n", n) {
					t.Fatalf("%s to %s: got %q, %v; want echo %d", c.protocol, kind, got, err, n)
				}
				fmt.Fprintf(pw, "%d\n", n+1)
			}
			pw.Close()
			read(t, res, nil)
		}
		s.conversationHTTP1(t, g, kind)
	}
}

func (s suite) conversationHTTP1(t *testing.T, g *gateway, kind string) {
	c := dial(t, g.plain)
	send(t, c, head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n")+"2\r\n0\n\r\n")
	in := bufio.NewReader(c)
	if _, err := readHead(in); err != nil {
		t.Fatalf("http1 to %s: %v", kind, err)
	}
	chunks := bufio.NewReader(httputil.NewChunkedReader(in))
	for n := range 5 {
		if got, err := chunks.ReadString('\n'); got != fmt.Sprintf("echo %d\n", n) {
			t.Fatalf("http1 to %s: got %q, %v; want echo %d", kind, got, err, n)
		}
		send(t, c, fmt.Sprintf("2\r\n%d\n\r\n", n+1))
	}
	send(t, c, "0\r\n\r\n")
	io.ReadAll(chunks)
}

// earlyAnswer: the upstream answers before it has read the body.
func (s suite) earlyAnswer(t *testing.T) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		io.WriteString(c, head("HTTP/1.1 413 Too Large\nContent-Length: 2\nConnection: close\n")+"no")
		io.Copy(io.Discard, io.LimitReader(in, 1<<20))
		return false
	})
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	t.Run("client waits", func(t *testing.T) {
		c := dial(t, g.plain)
		send(t, c, head("POST / HTTP/1.1\nHost: a\nContent-Length: 1000000\n")+strings.Repeat("x", 100_000))
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if got := read(t, res, err); got != "no" || res.StatusCode != 413 {
			t.Errorf("got %d %q; want 413 while the body is still being sent", res.StatusCode, got)
		}
	})
	t.Run("chunked, client waits", func(t *testing.T) {
		c := dial(t, g.plain)
		send(t, c, head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n")+"3\r\nabc\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if got := read(t, res, err); got != "no" || res.StatusCode != 413 {
			t.Errorf("got %d %q; want 413 while the body is still being sent", res.StatusCode, got)
		}
	})
	for _, protocol := range []string{"http1", "h2c"} {
		t.Run(protocol+" sends on", func(t *testing.T) {
			for range 5 {
				res, err := client(t, protocol).Post("http://"+g.plain, "text/plain", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 150_000))})
				if got := read(t, res, err); got != "no" {
					t.Errorf("got %q; want no", got)
				}
			}
		})
	}
	for _, l := range g.lines(t, 12) {
		if l.outcome.Status != 413 || !l.outcome.Answered {
			t.Errorf("got outcome %+v; want the upstream's 413", l.outcome)
		}
	}
}

func (s suite) pipelining(t *testing.T) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		m.readBody(in)
		got := m.start + m.body
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(got), got)
		return true
	})
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	c := dial(t, g.plain)
	var all strings.Builder
	for n := range 20 {
		fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d", n, n)
		fmt.Fprintf(&all, "PUT /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n%02d\r\n0\r\n\r\n", n, n)
	}
	go io.WriteString(c, all.String())
	in := bufio.NewReader(c)
	for n := range 20 {
		for _, method := range []string{"POST", "PUT"} {
			res, err := http.ReadResponse(in, nil)
			if got, want := read(t, res, err), fmt.Sprintf("%s /%d HTTP/1.1%02d", method, n, n); got != want {
				t.Fatalf("got %q; want %q", got, want)
			}
		}
	}
	if u.conns > 2 {
		t.Errorf("got %d connections upstream; want them kept", u.conns)
	}
}

// slowUpload: what came before a silence goes on, and so does each piece.
func (s suite) slowUpload(t *testing.T) {
	arrived := make(chan byte, 4)
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		one := make([]byte, 1)
		for {
			if _, err := r.Body.Read(one); err != nil {
				return
			}
			arrived <- one[0]
		}
	})
	g := s.front.start(t, setup{upstreams: []string{up}})
	c := dial(t, g.plain)
	send(t, c, head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n"))
	for n := range 4 {
		send(t, c, fmt.Sprintf("1\r\n%d\r\n", n))
		select {
		case got := <-arrived:
			if got != byte('0'+n) {
				t.Errorf("got %q; want %d", got, n)
			}
		case <-time.After(900 * time.Millisecond):
			t.Fatalf("byte %d did not arrive before the next was sent", n)
		}
		time.Sleep(900 * time.Millisecond)
	}
	send(t, c, "0\r\n\r\n")
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 200 {
		t.Errorf("got %v, %v; want 200", res, err)
	}
}

const gigabyte = 1 << 30

// zeros is an endless reader of nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// peak watches the memory in use until stop is called.
func peak() (stop func() uint64) {
	done, out := make(chan bool), make(chan uint64)
	go func() {
		var most uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.Sys-m.HeapReleased)
			select {
			case <-done:
				out <- most
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(done); return <-out }
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

const growth = 64 << 20

func (s suite) largeUpload(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("2 GiB take a while")
	}
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
		fmt.Fprint(w, n, err)
	})
	g := s.front.start(t, setup{upstreams: []string{up}})
	before, stop := inUse(), peak()
	req, err := http.NewRequest("PUT", "http://"+g.plain+"/big", io.LimitReader(zeros{}, 2*gigabyte))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 2 * gigabyte
	res, err := client(t, "http1").Do(req)
	if got, want := read(t, res, err), fmt.Sprint(2*gigabyte, error(nil)); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if used := stop(); used > before+growth {
		t.Errorf("memory grew by %d MiB; want at most 64", (used-before)>>20)
	}
}

func (s suite) largeDownload(t *testing.T) {
	size := int64(512 << 20)
	if testing.Short() || raceEnabled {
		size = 32 << 20
	}
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, io.LimitReader(zeros{}, size)) })
	g := s.front.start(t, setup{upstreams: []string{up}})
	before, stop := inUse(), peak()
	for _, protocol := range []string{"http1", "h2c"} {
		res, err := client(t, protocol).Get("http://" + g.plain)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(struct{ io.Writer }{io.Discard}, res.Body)
		res.Body.Close()
		if n != size || err != nil {
			t.Errorf("%s: got %d, %v; want %d", protocol, n, err, size)
		}
	}
	if used := stop(); used > before+growth {
		t.Errorf("memory grew by %d MiB; want at most 64", (used-before)>>20)
	}
}
