package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"bartizan/internal/request"
)

func TestJA4LiveAndResumed(t *testing.T) {
	var mu sync.Mutex
	var facts []request.Conn
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) {
		mu.Lock()
		defer mu.Unlock()
		facts = append(facts, From(r.Context()).Facts())
	}}
	s := start(t, Options{Handler: h, TLS: testTLS(t)})
	for _, protocol := range []string{"h2", "http1"} {
		c := client(t, "http1", protocol)
		facts = nil
		for range 3 {
			get(t, c, "https://"+s.Addr().String())
			c.CloseIdleConnections()
		}
		for i, f := range facts {
			if f.TLS.JA4 != facts[0].TLS.JA4 || f.TLS.JA4Raw != facts[0].TLS.JA4Raw || f.TLS.Resumed != (i > 0) {
				t.Errorf("%s, connection %d: JA4 %s, resumed %v; want %s, resumed from the second on", protocol, i, f.TLS.JA4, f.TLS.Resumed, facts[0].TLS.JA4)
			}
			if f.TLS.SNI != "localhost" || f.TLS.Version != tls.VersionTLS13 || !f.Secure || !f.Peer.Addr.IsLoopback() || f.Port == 0 {
				t.Errorf("%s, facts: got %+v", protocol, f)
			}
		}
	}
	if n := s.Stats().Resumed; n != 4 {
		t.Errorf("Stats().Resumed = %d; want 4", n)
	}
}

// What a stock client of Go 1.26 sends, as measured apart from this code with
// FoxIO's own tool (design/dependencies.md).
func TestJA4OfGo(t *testing.T) {
	facts := make(chan request.Conn, 1)
	s := start(t, Options{TLS: testTLS(t), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { facts <- From(r.Context()).Facts() })})
	c := client(t, "http1", "h2")
	c.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = nil
	get(t, c, "https://"+s.Addr().String())
	if got, want := <-facts, "t13d1312h2_f57a46bbacb6_ab7e3b40a677"; got.TLS.JA4 != want {
		t.Errorf("got %s; want %s (raw %s)", got.TLS.JA4, want, got.TLS.JA4Raw)
	}
}

func TestHTTP1OverTLS(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h, TLS: testTLS(t)})
	if body := get(t, client(t, "http1"), "https://"+s.Addr().String()+"/x"); body != "GET /x #1 " {
		t.Errorf("got %q", body)
	}
	if head := h.requests()[0].head; head.Scheme != "https" || !head.Ordered {
		t.Errorf("head: got %+v; want https, ordered", head)
	}
	c := dial(t, s)
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") // plaintext to a TLS port
	io.ReadAll(c)
	if n := s.Stats().HandshakeFailed; n != 1 {
		t.Errorf("Stats().HandshakeFailed = %d; want 1", n)
	}
	if _, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

func TestHandshakeTimeout(t *testing.T) {
	s := start(t, Options{Handler: &recorder{}, TLS: testTLS(t), HandshakeTimeout: 100 * time.Millisecond})
	began := time.Now()
	io.ReadAll(dial(t, s))
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("silent client was kept %v; want 100ms", took)
	}
}

func TestNewRefuses(t *testing.T) {
	h := &recorder{}
	for name, o := range map[string]Options{
		"no address":       {Handler: h},
		"no handler":       {Address: "127.0.0.1:0"},
		"nobody trusted":   {Address: "127.0.0.1:0", Handler: h, ProxyProtocol: true},
		"negative":         {Address: "127.0.0.1:0", Handler: h, MaxConns: -1},
		"negative time":    {Address: "127.0.0.1:0", Handler: h, IdleTimeout: -1},
		"no certificate":   {Address: "127.0.0.1:0", Handler: h, TLS: &TLS{CertFile: "/none", KeyFile: "/none"}},
		"bad certificate":  {Address: "127.0.0.1:0", Handler: h, TLS: &TLS{CertPEM: []byte("x")}},
		"unusable address": {Address: "256.0.0.1:0", Handler: h},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: New succeeded", name)
		}
	}
}

func TestShutdownDrains(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) {
		close(begun)
		<-release
		w.Write([]byte("done"))
	}}
	s := start(t, Options{Handler: h})
	idle := dial(t, s)
	c := dial(t, s)
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	began := time.Now()
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	time.Sleep(50 * time.Millisecond)
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("a connection was accepted while shutting down")
	}
	close(release)
	if _, body := answer(t, bufio.NewReader(c), "GET"); body != "done" {
		t.Errorf("got %q; want the request in flight answered", body)
	}
	io.ReadAll(idle)
	if err := <-ended; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v; want no wait for a connection that never said anything", took)
	}
}

func TestShutdownClosesHijackedAtDeadline(t *testing.T) {
	taken := make(chan struct{})
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
		}
		close(taken)
		c.Read(make([]byte, 1)) // until it is closed
	}}
	s := start(t, Options{Handler: h})
	c := dial(t, s)
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	<-taken
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v; want deadline exceeded", err)
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("hijacked connection: %v; want it closed", err)
	}
}

// Whatever was going on, nothing is left behind.
func TestGoroutinesEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	h := &recorder{}
	s, err := New(Options{Address: "127.0.0.1:0", Handler: h, TLS: testTLS(t), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	for i := range 20 {
		raw := dial(t, s)
		switch i % 4 {
		case 0: // silent
		case 1:
			send(t, raw, "rubbish")
		case 2:
			c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
			io.WriteString(c, "GET / HTTP/1.1\r\nHost:")
		case 3:
			c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
			io.WriteString(c, preface+string(frame(frameSettings, 0, 0, nil)))
		}
	}
	c := client(t, "http1", "h2")
	get(t, c, "https://"+s.Addr().String())
	c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	s.Shutdown(ctx)
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	if st := s.Stats(); st.Open != 0 || st.Clients != 0 {
		t.Errorf("after Shutdown: %+v; want nothing open", st)
	}
}

// failing is a listener that is out of file descriptors for a while.
type failing struct {
	net.Listener
	mu   sync.Mutex
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	fail := f.left > 0
	f.left--
	f.mu.Unlock()
	if fail {
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}

func TestAcceptErrorsPass(t *testing.T) {
	reported := make(chan error, 100)
	s, err := New(Options{Address: "127.0.0.1:0", Handler: &recorder{}, Logger: slog.New(slog.DiscardHandler), OnError: func(err error) { reported <- err }})
	if err != nil {
		t.Fatal(err)
	}
	s.listener = &failing{Listener: s.listener, left: 4}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	if got := get(t, client(t, "http1"), "http://"+s.Addr().String()+"/"); got != "GET / #1 " {
		t.Errorf("got %q; want an answer after the errors", got)
	}
	if n := s.Stats().AcceptErrors; n != 4 || len(reported) != 1 {
		t.Errorf("%d errors counted, %d reported; want 4 and 1", n, len(reported))
	}
	s.Shutdown(t.Context())
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestPanicInWelcomeIsSurvived(t *testing.T) {
	reported := make(chan error, 10)
	s := start(t, Options{Handler: &recorder{}, ProxyProtocol: true, Logger: slog.New(slog.DiscardHandler),
		TrustedPeers: func(netip.Addr) bool { panic("oh") }, OnError: func(err error) { reported <- err }})
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		defer c.Close()
	}
	if err := <-reported; !strings.Contains(err.Error(), "oh") {
		t.Errorf("got %v; want the panic reported", err)
	}
	waitFor(t, "the place to be given back", func() bool { return s.Stats().Open == 0 })
}
