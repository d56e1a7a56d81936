package listen

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"
)

// held answers /busy only when told, so that the connection stays busy.
func held() (*recorder, func()) {
	h, done := &recorder{}, make(chan struct{})
	h.then = func(w http.ResponseWriter, r *http.Request, s *seen) {
		if s.head.Target == "/busy" {
			w.WriteHeader(200)
			http.NewResponseController(w).Flush()
			<-done
		}
	}
	return h, sync.OnceFunc(func() { close(done) })
}

// served asks for target on c and reports whether an answer begins.
func served(c net.Conn, target string) bool {
	c.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n")
	_, err := c.Read(make([]byte, 1))
	return err == nil
}

// Connections with a request under way are never ended, so that many of them fill the
// places; those of one client are bounded.
func TestConnectionLimits(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want int
	}{
		{"per client", Options{MaxConnsPerClient: 3}, 3},
		{"in all", Options{MaxConns: 4}, 4},
		{"exempt", Options{MaxConnsPerClient: 1, Exempt: netip.Addr.IsLoopback}, 6},
	} {
		h, release := held()
		defer release()
		tc.o.Handler = h
		s := start(t, tc.o)
		n := 0
		var conns []net.Conn
		for range 6 {
			c, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				continue // refused before it looked at the connection
			}
			conns = append(conns, c)
			if served(c, "/busy") {
				n++
			}
		}
		if n != tc.want {
			t.Errorf("%s: %d of 6 connections served; want %d (%+v)", tc.name, n, tc.want, s.Stats())
		}
		release()
		for _, c := range conns {
			c.Close()
		}
		waitFor(t, "places to be given back", func() bool { st := s.Stats(); return st.Open == 0 && st.Clients == 0 })
		if !served(dial(t, s), "/") {
			t.Errorf("%s: no place after all were given back", tc.name)
		}
	}
}

// from dials from a loopback address of its own.
func from(t *testing.T, s *Server, last byte) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 7, last)}}
	c, err := d.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ended reports whether the other side has ended c.
func ended(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := io.Copy(io.Discard, c)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// Idle connections that fill all places keep nobody out, whatever they are idle with:
// the longest idle one of whoever holds the most goes first.
func TestIdleConnectionsGiveWay(t *testing.T) {
	for name, use := range map[string]func(c net.Conn) bool{
		"one request": func(c net.Conn) bool { return served(c, "/") },
		"silence":     func(net.Conn) bool { return true },
		"half a head": func(c net.Conn) bool { _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHo"); return err == nil },
		"http2": func(c net.Conn) bool {
			io.WriteString(c, preface+string(frame(frameSettings, 0, 0, nil))+string(frame(frameHeaders,
				flagEndHeaders|flagEndStream, 1,
				block(":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a"))))
			return readFrames(c,
				func(kind, flags byte, stream uint32) bool { return stream == 1 && flags&flagEndStream != 0 }) == nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, release := held()
			defer release()
			s := start(t, Options{Handler: h, MaxConns: 20, MaxConnsPerClient: 100, HeaderTimeout: time.Minute})
			busy := from(t, s, 1)
			if !served(busy, "/busy") {
				t.Fatal("the first request is not served")
			}
			friend := from(t, s, 2)
			if !served(friend, "/") {
				t.Fatal("the friend is not served")
			}
			var heavy []net.Conn
			for range 18 {
				c := from(t, s, 3)
				if c.SetDeadline(time.Now().Add(5 * time.Second)); !use(c) {
					t.Fatal("an idle connection could not be made")
				}
				heavy = append(heavy, c)
				// The answer reaches us a moment before the connection counts as idle.
				waitFor(t, "the connection to be idle", func() bool {
					return s.limits.idleOf("127.0.7.3/32") == min(len(heavy), leastShare)
				})
			}
			waitFor(t, "all places to be taken", func() bool { return s.Stats().Open >= 18 })
			for n := range 12 { // visitors
				if !served(from(t, s, byte(10+n)), "/") {
					t.Fatalf("visitor %d found no place (%+v)", n, s.Stats())
				}
			}
			lost := 0
			for i, c := range heavy {
				if ended(c) {
					if lost++; lost <= i {
						t.Errorf("connection %d gave way before an older one", i)
					}
				}
			}
			if lost < 10 {
				t.Errorf("the heaviest lost %d connections; want at least 10", lost)
			}
			if ended(friend) || ended(busy) {
				t.Error("a light or busy client lost its connection")
			}
			if st := s.Stats(); st.Open > 20 || st.Evicted == 0 {
				t.Errorf("got %+v; want at most 20 open, and some that gave way", st)
			}
		})
	}
}

// idleOf returns how many idle connections a client has.
func (l *Limits) idleOf(client string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.holders[netip.MustParsePrefix(client)]; h != nil {
		return h.idle
	}
	return 0
}

// A client over its share gives up its own idle connections, and the share shrinks
// with what is left.
func TestShareOfConnections(t *testing.T) {
	s := start(t, Options{Handler: &recorder{}, MaxConns: 200, MaxConnsPerClient: 100})
	var conns []net.Conn
	for range 60 {
		c := from(t, s, 1)
		if !served(c, "/") {
			t.Fatal("a connection of a client over its share is not served")
		}
		conns = append(conns, c)
	}
	open := 0
	for _, c := range conns {
		if !ended(c) {
			open++
		}
	}
	if open > 25 || open < leastShare {
		t.Errorf("one client keeps %d of 200 places; want an eighth or so", open)
	}
}

// However many connections come and go, in whatever state, the tables agree.
func TestLimitsAreBounded(t *testing.T) {
	l := NewLimits(100, 10)
	r := rand.New(rand.NewPCG(1, 2))
	var conns []*Conn
	for i := range 100_000 {
		nc, other := net.Pipe()
		other.Close()
		c := &Conn{raw: &rawConn{Conn: nc}}
		if !l.enter() {
			continue
		}
		if !l.claim(c, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(3)), byte(i)}), 32), i%50 == 0) {
			l.leave()
			continue
		}
		conns = append(conns, c)
		switch c := conns[r.IntN(len(conns))]; r.IntN(4) {
		case 0:
			l.busy(c)
		case 1:
			l.idle(c)
		}
		if len(conns) > 150 || r.IntN(3) == 0 {
			n := r.IntN(len(conns))
			c := conns[n]
			conns = append(conns[:n], conns[n+1:]...)
			if c.uncounted.CompareAndSwap(false, true) {
				l.leave()
			}
			l.release(c)
		}
		if l.open > 100 || len(l.holders) > len(conns) {
			t.Fatalf("step %d: %d open, %d clients of %d connections; want 100 and no more clients than connections", i,
				l.open, len(l.holders), len(conns))
		}
	}
	for _, c := range conns {
		if c.uncounted.CompareAndSwap(false, true) {
			l.leave()
		}
		l.release(c)
	}
	if l.open != 0 || len(l.holders) != 0 || l.victim() != nil || l.exempt.conns != 0 {
		t.Errorf("at the end: %d open, %d clients, victim %v; want none", l.open, len(l.holders), l.victim())
	}
}
