package proxy

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func clientOf(n int) netip.Prefix {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 0x0a000000+uint32(n))
	return netip.PrefixFrom(netip.AddrFrom4(a), 32)
}

// Whoever has many requests under way is turned away first, and people with a few come
// in while thousands stall. Nothing is left behind.
func TestFlight(t *testing.T) {
	const most = 8000
	f := newFlight(most)
	took := map[int]int{}
	for n := range 200 { // attackers, each as many as it gets
		for f.enter(clientOf(n), false) {
			took[n]++
		}
	}
	if took[0] > most/share || took[0] < most/share/2 {
		t.Errorf("the first to come took %d places; want about a fifth of %d", took[0], most)
	}
	if f.all > most+most/4 || len(f.clients) > f.all {
		t.Errorf("got %d places taken by %d clients; want at most %d", f.all, len(f.clients), most+most/4)
	}
	for n := 1000; n < 1050; n++ {
		if !f.enter(clientOf(n), false) {
			t.Fatalf("an honest client, number %d, found no place behind 200 attackers (%d taken)", n, f.all)
		}
		f.leave(clientOf(n))
	}
	for n, places := range took {
		for range places {
			f.leave(clientOf(n))
		}
	}
	if f.all != 0 || len(f.clients) != 0 {
		t.Errorf("got %d places and %d clients at the end; want none", f.all, len(f.clients))
	}
}

// However many clients come, the places are bounded.
func TestFlightIsBounded(t *testing.T) {
	const most = 1000
	f := newFlight(most)
	for n := range 100_000 {
		f.enter(clientOf(n), false)
	}
	if f.all > most+most/4 || len(f.clients) > f.all {
		t.Errorf("got %d places and %d clients; want at most %d", f.all, len(f.clients), most+most/4)
	}
	if want := uint64(100_000 - f.all); f.turnedAway() != want {
		t.Errorf("got %d turned away; want %d", f.turnedAway(), want)
	}
}

func BenchmarkFlight(b *testing.B) {
	f := newFlight(defaultRequests)
	b.ReportAllocs()
	for i := range b.N {
		c := clientOf(i & 1023)
		f.enter(c, false)
		f.leave(c)
	}
}
