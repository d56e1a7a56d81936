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
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

func TestConnectionLimits(t *testing.T) {
	key := func(c net.Conn) bool { // whether c is served
		c.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		_, err := c.Read(make([]byte, 1))
		return err == nil
	}
	for _, tc := range []struct {
		name string
		o    Options
		want int
	}{
		{"per client", Options{MaxConnsPerClient: 3}, 3},
		{"in all", Options{MaxConns: 4}, 4},
		{"exempt", Options{MaxConnsPerClient: 1, Exempt: netip.Addr.IsLoopback}, 6},
	} {
		tc.o.Handler = &recorder{}
		s := start(t, tc.o)
		served := 0
		var conns []net.Conn
		for range 6 {
			c, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				continue // refused before it looked at the connection
			}
			conns = append(conns, c)
			if key(c) {
				served++
			}
		}
		if served != tc.want {
			t.Errorf("%s: %d of 6 connections served; want %d (%+v)", tc.name, served, tc.want, s.Stats())
		}
		for _, c := range conns {
			c.Close()
		}
		waitFor(t, "places to be given back", func() bool { st := s.Stats(); return st.Open == 0 && st.Clients == 0 })
		if !key(dial(t, s)) {
			t.Errorf("%s: no place after all were given back", tc.name)
		}
	}
}

func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	files := TLS{CertFile: filepath.Join(dir, "c.pem"), KeyFile: filepath.Join(dir, "k.pem")}
	write := func(name string) {
		t.Helper()
		cert, key, err := SelfSigned([]string{name}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(files.CertFile, cert, 0o600), os.WriteFile(files.KeyFile, key, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("one.example")
	var mu sync.Mutex
	var reported []error
	s := start(t, Options{Handler: &recorder{}, TLS: &files, OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reported = append(reported, err)
	}})
	served := func() string {
		c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := served(); got != "one.example" {
		t.Fatalf("got %s; want one.example", got)
	}
	if err := os.WriteFile(files.KeyFile, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the bad key to be reported", func() bool {
		if got := served(); got != "one.example" {
			t.Fatalf("with a bad key got %s; want the old certificate", got)
		}
		mu.Lock()
		defer mu.Unlock()
		return len(reported) > 0
	})
	write("two.example")
	waitFor(t, "the new certificate", func() bool { return served() == "two.example" })
	mu.Lock()
	defer mu.Unlock()
	if len(reported) > 2 { // the files are written one after the other
		t.Errorf("%d errors reported; want one for each change: %v", len(reported), reported)
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

func TestProxyProtocol(t *testing.T) {
	h := &recorder{}
	peers := make(chan request.Conn, 10)
	h.then = func(w http.ResponseWriter, r *http.Request, s *seen) {
		f := From(r.Context()).Facts()
		if host, _, _ := net.SplitHostPort(r.RemoteAddr); host != f.Peer.Addr.String() {
			t.Errorf("RemoteAddr %s; want %s", r.RemoteAddr, f.Peer.Addr)
		}
		peers <- f
	}
	const get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	trusted := Options{Handler: h, ProxyProtocol: true, TrustedPeers: netip.Addr.IsLoopback}
	plain := start(t, trusted)
	for _, tc := range []struct{ header, want string }{
		{"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1"},
		{"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "2001:db8::1"},
		{"PROXY UNKNOWN\r\n", "127.0.0.1"},
		{proxyV2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", "192.0.2.1"},
		{proxyV2 + "\x20\x00\x00\x00", "127.0.0.1"},
	} {
		if got := exchange(t, plain, tc.header+get); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("%q: got %q", tc.header, got)
			continue
		}
		if got := <-peers; got.Peer.Addr.String() != tc.want {
			t.Errorf("%q: peer %v; want %s", tc.header, got.Peer, tc.want)
		}
	}
	for _, raw := range []string{get, "PROXY TCP4 1.2.3.4\r\n" + get, proxyV2 + "\x21\x11\x00\x01x" + get} {
		c := dial(t, plain)
		send(t, c, raw)
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Errorf("%.30q from a trusted peer: got %q; want it closed", raw, b)
		}
	}

	trusted.TrustedPeers = func(netip.Addr) bool { return false }
	stranger := start(t, trusted)
	for _, header := range []string{"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", proxyV2 + "\x20\x00\x00\x00"} {
		c := dial(t, stranger)
		send(t, c, header+get)
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Errorf("%.30q from a stranger: got %q; want it refused", header, b)
		}
	}
	if got := exchange(t, stranger, get); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("no header from a stranger: got %q; want it served", got)
	}
	if got := <-peers; got.Peer.Addr.String() != "127.0.0.1" {
		t.Errorf("peer of a stranger: got %v", got.Peer)
	}
	if n := stranger.Stats().ProxyFailed; n != 2 {
		t.Errorf("Stats().ProxyFailed = %d; want 2", n)
	}
}

func TestProxyProtocolBeforeTLS(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h, TLS: testTLS(t), ProxyProtocol: true, TrustedPeers: netip.Addr.IsLoopback, MaxConnsPerClient: 1})
	dialAs := func(addr string) *tls.Conn {
		raw := dial(t, s)
		send(t, raw, "PROXY TCP4 "+addr+" 198.51.100.1 56324 443\r\n")
		return tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	}
	a := dialAs("192.0.2.1")
	if err := a.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := dialAs("192.0.2.1").Handshake(); err == nil {
		t.Error("second connection of a client beyond its limit was served")
	}
	if err := dialAs("192.0.2.2").Handshake(); err != nil {
		t.Errorf("another client: %v", err)
	}
	io.WriteString(a, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if status, _ := answer(t, bufio.NewReader(a), "GET"); status != 200 {
		t.Errorf("got %d; want 200", status)
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

func TestCountsAreBounded(t *testing.T) {
	c := newCounts(100, 10)
	for i := range 100_000 {
		if !c.enter() {
			break
		}
		c.claim(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
	}
	if open, clients := c.size(); open != 100 || clients != 100 {
		t.Errorf("%d open, %d clients after a flood; want 100 at most", open, clients)
	}
}

func FuzzParseProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"))
	f.Add([]byte("PROXY UNKNOWN whatever\r\n"))
	f.Add([]byte(proxyV2 + "\x21\x21\x00\x24" + strings.Repeat("x", 36)))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseProxy(b)
		if err == nil && (h.size <= 0 || h.size > len(b) || h.size > maxProxyHeader) {
			t.Fatalf("size %d of %d bytes", h.size, len(b))
		}
		if errors.Is(err, errProxyShort) && len(b) >= maxProxyHeader {
			t.Fatalf("%d bytes are too short", len(b))
		}
		if err == nil {
			for i := range h.size { // every shorter input asks for more
				if _, err := parseProxy(b[:i]); !errors.Is(err, errProxyShort) {
					t.Fatalf("the first %d of %d bytes: %v; want short", i, h.size, err)
				}
			}
		}
	})
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nrest"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		var whole, parts chunkReader
		n, fault := whole.scan(b)
		m, in := 0, slices.Clone(b)
		var fault2 request.Fault
		for len(in) > 0 && !parts.done() && fault2 == request.Fine {
			k := min(len(in), int(step)+1)
			var d int
			d, fault2 = parts.scan(in[:k])
			m += d
			in = in[d:]
		}
		if n != m || fault != fault2 {
			t.Fatalf("at once %d, %v; in pieces %d, %v", n, fault, m, fault2)
		}
		if fault == request.Fine && whole.done() { // what we take, net/http takes, and to the same end
			req, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + string(b[:n]))))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(req.Body); err != nil {
				t.Fatalf("net/http refuses %q: %v", b[:n], err)
			}
		}
	})
}
