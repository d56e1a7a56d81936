package listen

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

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
