package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bartizan/internal/request"
)

// seen is one request as the handler found it.
type seen struct {
	head   request.Head
	number int
	method string // as net/http said
	body   string
	err    error
	fault  request.Fault // of the connection, once the body was read
}

// recorder is a handler that notes what it sees and answers faults as a front
// end would.
type recorder struct {
	mu   sync.Mutex
	all  []seen
	then func(w http.ResponseWriter, r *http.Request, s *seen) // optional
}

func (h *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var s seen
	if !Head(r, &s.head) {
		panic("no head")
	}
	c := From(r.Context())
	s.number, s.method = c.Number(), r.Method
	if h.then != nil {
		h.then(w, r, &s)
	} else {
		body, err := io.ReadAll(r.Body)
		s.body, s.err = string(body), err
	}
	s.fault = c.Fault()
	h.mu.Lock()
	h.all = append(h.all, s)
	h.mu.Unlock()
	if h.then != nil {
		return
	}
	fault := s.head.Fault
	if fault == request.Fine {
		fault = s.fault
	}
	if fault != request.Fine {
		http.Error(w, fault.String(), fault.Status())
		return
	}
	fmt.Fprintf(w, "%s %s #%d %s", s.head.Method, s.head.Target, s.number, s.body)
}

func (h *recorder) requests() []seen {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]seen(nil), h.all...)
}

// wait returns the requests once there are n of them.
func (h *recorder) wait(t *testing.T, n int) []seen {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d requests", n), func() bool { return len(h.requests()) >= n })
	return h.requests()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// start serves o on loopback until the test ends.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Address = "127.0.0.1:0"
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	s, err := New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx) // a test may leave connections open
		if err := <-done; err != nil {
			t.Errorf("Serve: %v; want nil after Shutdown", err)
		}
		if open := s.Stats().Open; open != 0 {
			t.Errorf("%d connections open after Shutdown; want 0", open)
		}
	})
	return s
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "bug") || strings.Contains(string(p), "panic") {
		w.t.Errorf("log: %s", p)
	}
	return len(p), nil
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatalf("dialing: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatalf("writing %.60q: %v", s, err)
	}
}

// answer reads one response; method is that of the request.
func answer(t *testing.T, r *bufio.Reader, method string) (status int, body string) {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("reading response: %v", err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading response body: %v", err)
	}
	return res.StatusCode, string(b)
}

// exchange sends raw on a new connection and returns all that comes back.
func exchange(t *testing.T, s *Server, raw string) string {
	t.Helper()
	c := dial(t, s)
	send(t, c, raw)
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("after %.60q, reading to the end: %v (got %q)", raw, err, b)
	}
	return string(b)
}

// selfSigned is a certificate for the tests, made once.
var selfSigned = sync.OnceValues(func() (TLS, error) {
	cert, key, err := SelfSigned([]string{"localhost", "127.0.0.1"}, time.Now())
	return TLS{CertPEM: cert, KeyPEM: key}, err
})

func testTLS(t *testing.T) *TLS {
	t.Helper()
	source, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	return &source
}

// client returns a Go client that trusts anyone, with sessions to resume.
func client(t *testing.T, protocols ...string) *http.Client {
	t.Helper()
	var p http.Protocols
	for _, name := range protocols {
		p.SetHTTP1(p.HTTP1() || name == "http1")
		p.SetHTTP2(p.HTTP2() || name == "h2")
		p.SetUnencryptedHTTP2(p.UnencryptedHTTP2() || name == "h2c")
	}
	tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return string(b)
}
