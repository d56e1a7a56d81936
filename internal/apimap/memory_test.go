package apimap

import (
	"fmt"
	"runtime"
	"testing"
)

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// large is a model of n endpoints with eight parameters each.
func large(n int) *world {
	w := newWorld()
	for i := range n {
		for client := range 10 {
			w.send(call{method: "POST", target: fmt.Sprintf("/area%d/part%d/thing?page=1&sort=name", i/50, i), client: client, schema: uint64(i) + 1,
				json: map[string]string{"name": "a lamp", "price": "17", "size.width": "3", "size.height": "4", "tags[]": "new", "note": "ring twice"}})
		}
	}
	return w
}

// BenchmarkFullModel prints what a model of 5,000 endpoints takes, and what a flood
// of a million random paths adds to it: endpoints, and MiB.
func BenchmarkFullModel(b *testing.B) {
	before := heap()
	w := large(5000)
	full, endpoints := heap(), w.m.Stats().Endpoints
	for i := range 1_000_000 {
		w.send(call{target: "/" + babble(w.r) + "/" + babble(w.r), client: i % 5000, status: 404})
	}
	flooded := heap()
	if got := w.m.Stats().Endpoints; got != endpoints {
		b.Errorf("a flood of paths: got %d endpoints; want %d", got, endpoints)
	}
	for i := 0; b.Loop(); i++ {
		w.send(call{target: fmt.Sprintf("/area%d/part%d/thing?page=1", i%5000/50, i%5000), client: i % 10, schema: uint64(i%5000) + 1})
	}
	b.ReportMetric((full-before)/(1<<20), "MiB")
	b.ReportMetric(float64(endpoints), "endpoints")
	b.ReportMetric((flooded-full)/(1<<20), "MiB-by-flood")
}
