package attacker

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// heap returns the bytes in use after a collection.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkMillionClients fills a table with a million clients that have each been
// answered about an object, and prints what it takes in all, and the time of one more request of
// any of them.
func BenchmarkMillionClients(b *testing.B) {
	const clients = 1_000_000
	before := heap()
	table := New(1<<20, seed)
	request := func(i int) {
		r := from(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), 1)
		answered(table, time.Duration(i)*time.Millisecond, r, 1, 200, Exchange{Endpoint: 1, Asked: uint64(i) | 1, Shown: []uint64{uint64(i) | 1}})
	}
	for i := range clients {
		request(i)
	}
	used := (heap() - before) / (1 << 20)
	for i := 0; b.Loop(); i++ {
		request(i * 7919 % clients)
	}
	b.ReportMetric(used, "MiB")
	b.ReportMetric(float64(table.Stats().Records), "clients")
}
