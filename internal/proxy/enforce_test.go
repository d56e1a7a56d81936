package proxy_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"bartizan/internal/listen"
	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/signal"
)

const exploit = `{"user":"x' UNION SELECT password FROM users WHERE '1'='1' -- "}`

// both runs f in either mode, with a fresh gateway before u.
func (s suite) both(t *testing.T, u *rawUpstream, f func(t *testing.T, g *gateway, enforce bool)) {
	for _, mode := range []policy.Mode{policy.Observe, policy.Enforce} {
		t.Run(mode.String(), func(t *testing.T) {
			f(t, s.front.start(t, setup{upstreams: []string{u.url}, mode: mode}), mode == policy.Enforce)
		})
	}
}

// judged checks the verdict on the last request.
func judged(t *testing.T, g *gateway, n int, enforce bool) {
	t.Helper()
	l := g.lines(t, n)[n-1]
	if l.verdict.Would != signal.BlockAction || l.verdict.Refused() != enforce || l.outcome.Answered == enforce {
		t.Errorf("got %+v, %+v; want a block that is carried out: %v", l.verdict, l.outcome, enforce)
	}
}

func (s suite) exploitHeld(t *testing.T) {
	u := newRaw(t, nil)
	s.both(t, u, func(t *testing.T, g *gateway, enforce bool) {
		for n, framing := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(exploit), exploit), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(exploit), exploit)} {
			before := u.received()
			res := call(t, g, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"+framing)
			if enforce {
				refused(t, res, 403)
				if u.received() != before {
					t.Errorf("the upstream saw %d bytes; want none", u.received()-before)
				}
			} else if got := body(t, res); got != "ok" {
				t.Errorf("got %q; want ok", got)
			}
			judged(t, g, n+1, enforce)
		}
	})
}

// exploitStreamed: the exploit comes when the beginning is upstream already.
func (s suite) exploitStreamed(t *testing.T) {
	u := newRaw(t, nil)
	s.both(t, u, func(t *testing.T, g *gateway, enforce bool) {
		before := len(u.messages())
		c := dial(t, g.plain)
		send(t, c, head("POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nTransfer-Encoding: chunked\n")+"1\r\n[\r\n")
		eventually(t, "the head to go upstream", func() bool { return len(u.messages()) == before+1 })
		for i := 0; i < len(exploit); i += 8 { // in pieces, so that no single one is an exploit
			piece := exploit[i:min(i+8, len(exploit))]
			io.WriteString(c, fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
			time.Sleep(2 * time.Millisecond)
		}
		io.WriteString(c, "1\r\n]\r\n0\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !enforce {
			if got := body(t, res); got != "ok" {
				t.Errorf("got %q; want ok", got)
			}
		} else {
			refused(t, res, 403)
			eventually(t, "the upstream request to break off", func() bool {
				b, rest := u.messages()[before].content()
				return b != "" && !strings.Contains(b, "--") && rest == ""
			})
		}
		judged(t, g, 1, enforce)
	})
}

// exploitExpect: asking for 100 Continue first does not get a body past us.
func (s suite) exploitExpect(t *testing.T) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		m.readBody(in)
		io.WriteString(c, fine)
		return true
	})
	s.both(t, u, func(t *testing.T, g *gateway, enforce bool) {
		before := len(u.messages())
		c := dial(t, g.plain)
		send(t, c, head("POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nExpect: 100-continue\nContent-Length: %d\n", len(exploit)))
		in := bufio.NewReader(c)
		if m, err := readHead(in); err != nil || m.start != "HTTP/1.1 100 Continue" {
			t.Fatalf("got %v, %v; want 100", m, err)
		}
		for i := 0; i < len(exploit); i += 16 {
			send(t, c, exploit[i:min(i+16, len(exploit))])
			time.Sleep(2 * time.Millisecond)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if enforce {
			refused(t, res, 403)
			if got, _ := u.messages()[before].content(); got != "" {
				t.Errorf("upstream got %q; want the head alone", got)
			}
		} else if got := body(t, res); got != "ok" {
			t.Errorf("got %q; want ok", got)
		}
		judged(t, g, 1, enforce)
	})
}

// exploitUpgrade: nor does asking for another protocol, or calling it gRPC.
func (s suite) exploitUpgrade(t *testing.T) {
	u := newRaw(t, nil)
	s.both(t, u, func(t *testing.T, g *gateway, enforce bool) {
		for n, line := range []string{"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Type: application/json", "Content-Type: application/grpc"} {
			before := len(u.messages())
			res := call(t, g, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\n%s\r\nContent-Length: %d\r\n\r\n%s", line, len(exploit), exploit))
			if enforce {
				if n == 0 {
					refused(t, res, 403)
				} else {
					refusedCall(t, res, "7")
				}
				for _, m := range u.messages()[before:] {
					if got, _ := m.content(); got != "" {
						t.Errorf("upstream got %q; want no body", got)
					}
				}
			} else if got := body(t, res); got != "ok" {
				t.Errorf("got %q; want ok", got)
			}
			judged(t, g, n+1, enforce)
		}
	})
}

func coded(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	default:
		w, _ = flate.NewWriter(&b, 5)
	}
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (s suite) exploitCoded(t *testing.T) {
	u := newRaw(t, nil)
	s.both(t, u, func(t *testing.T, g *gateway, enforce bool) {
		for n, name := range []string{"gzip", "br", "deflate"} {
			b := coded(t, name, exploit)
			before := len(u.messages())
			res := call(t, g, head("POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Encoding: %s\nContent-Length: %d\n", name, len(b))+b)
			if enforce {
				refused(t, res, 403)
			} else if body(t, res); u.messages()[before].body != b || u.messages()[before].get("Content-Encoding") != name {
				t.Errorf("%s: upstream got %q; want it untouched", name, u.messages()[before].body)
			}
			judged(t, g, n+1, enforce)
		}
	})
}

// exploitPadded: filler that is longer than what is held hides no exploit. Its
// beginning is upstream by then, its end never is.
func (s suite) exploitPadded(t *testing.T) {
	u := newRaw(t, nil)
	const boundary = "b0b1"
	part := func(disposition, content string) string {
		return "--" + boundary + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
	}
	s.both(t, u, func(t *testing.T, g *gateway, enforce bool) {
		n := 0
		for _, filler := range []int{70_000, 300_000} {
			pad := strings.Repeat("b", filler)
			for _, c := range []struct{ contentType, body string }{
				{"application/x-www-form-urlencoded", "pad=" + pad + "&text=%27+union+select+password+from+users--+"},
				{"application/json", `{"pad":"` + pad + `","deep":[` + exploit + `]}`},
				{"application/json", `{"pad":"` + pad + `","deep":[` + exploit + `],"more":"` + pad + `"}`},
				{"multipart/form-data; boundary=" + boundary, part(`name="f"; filename="a.bin"`, "\x00\x01"+pad) +
					part(`name="text"`, "' union select password from users-- ") + "--" + boundary + "--\r\n"},
				{"text/xml", "<!--" + pad + `--><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>`},
			} {
				for _, framing := range []string{
					fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(c.body), c.body),
					fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body),
				} {
					before := len(u.messages())
					conn := dial(t, g.plain)
					go io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: "+c.contentType+"\r\n"+framing)
					res, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil {
						t.Fatalf("%s, %d bytes of filler: %v", c.contentType, filler, err)
					}
					if enforce {
						refused(t, res, 403)
					} else if got := body(t, res); got != "ok" || len(u.messages()[before].body) != len(c.body) {
						t.Errorf("%s: got %q for %d of %d bytes; want all of it passed on", c.contentType, got,
							len(u.messages()[before].body), len(c.body))
					}
					n++
					judged(t, g, n, enforce)
				}
			}
		}
		eventually(t, "the room of the bodies to be given back", func() bool { return g.proxy.Stats().Held == 0 })
	})
}

func (s suite) budget(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}, mode: policy.Enforce, proxy: func(o *proxy.Options) { o.Budget = 1000 }})
	for _, framing := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 5000+len(exploit), strings.Repeat(" ", 5000)+exploit), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", 5000+len(exploit), strings.Repeat(" ", 5000)+exploit)} {
		if got := body(t, call(t, g, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"+framing)); got != "ok" {
			t.Errorf("got %q; want ok: there is no room to judge it", got)
		}
	}
	g.lines(t, 2)
	if st := g.proxy.Stats(); st.Uninspected != 2 || st.Held != 0 {
		t.Errorf("got %d uninspected, %d held; want 2 and 0", st.Uninspected, st.Held)
	}
	small := fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(exploit), exploit)
	refused(t, call(t, g, small), 403)
}

// A body that is refused before its end must not upset net/http, which would read
// on, and begin with the next request before it is done with this one.
func TestRefusedBodyLeavesNoPanic(t *testing.T) {
	u := newRaw(t, nil)
	var log lockedBuffer
	g := proxyFront{}.start(t, setup{upstreams: []string{u.url}, mode: policy.Enforce, listen: func(o *listen.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) }})
	for range 10 {
		before := len(u.messages())
		c := dial(t, g.plain)
		send(t, c, head("POST / HTTP/1.1\nHost: a\nContent-Type: application/json\nTransfer-Encoding: chunked\n")+"1\r\n[\r\n")
		eventually(t, "the head to go upstream", func() bool { return len(u.messages()) == before+1 })
		send(t, c, fmt.Sprintf("%x\r\n%s\r\n", len(exploit), exploit))
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 403 {
			t.Fatalf("got %v, %v; want 403", res, err)
		}
		io.WriteString(c, "0\r\n\r\n") // the connection may be gone
		time.Sleep(5 * time.Millisecond)
		c.Close()
	}
	time.Sleep(50 * time.Millisecond)
	if s := log.String(); strings.Contains(s, "panic") {
		t.Errorf("got %.300s; want no panic", s)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
