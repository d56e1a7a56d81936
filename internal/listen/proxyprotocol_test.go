package listen

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"bartizan/internal/request"
)

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
	h, release := held()
	defer release()
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
	if !served(a, "/busy") {
		t.Fatal("the first connection is not served")
	}
	if err := dialAs("192.0.2.1").Handshake(); err == nil {
		t.Error("second connection of a client beyond its limit was served")
	}
	if err := dialAs("192.0.2.2").Handshake(); err != nil {
		t.Errorf("another client: %v", err)
	}
	release()
	in := bufio.NewReader(a)
	for line := ""; line != "0\r\n"; { // the last chunk
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatalf("after %q: %v; want the answer to its end", line, err)
		}
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
