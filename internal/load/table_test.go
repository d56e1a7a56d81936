package load

import (
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Unix(1_700_000_000, 0)

func TestTake(t *testing.T) {
	rate := Rate{Units: 60, Per: time.Minute, Burst: 3}
	type act struct {
		at    time.Duration
		units int64
		want  Decision
	}
	yes := Decision{Allowed: true}
	for name, acts := range map[string][]act{
		"a burst, then the rate": {
			{0, 1, yes}, {0, 1, yes}, {0, 1, yes}, {0, 1, Decision{Retry: time.Second}}, {time.Second, 1, yes}, {time.Second, 1, Decision{Retry: time.Second}},
		},
		"hammering costs nothing": {
			{0, 3, yes}, {900 * time.Millisecond, 1, Decision{Retry: 100 * time.Millisecond}},
			{950 * time.Millisecond, 1, Decision{Retry: 50 * time.Millisecond}}, {time.Second, 1, yes},
		},
		"asking costs nothing":                  {{0, 0, yes}, {0, 0, yes}, {0, 3, yes}, {0, 0, Decision{Retry: time.Second}}},
		"a clock that goes back gives nothing":  {{time.Minute, 3, yes}, {0, 1, Decision{Retry: 61 * time.Second}}},
		"more than a burst waits for all of it": {{0, 9, yes}, {0, 1, Decision{Retry: 7 * time.Second}}},
	} {
		t.Run(name, func(t *testing.T) {
			table := NewTable(1)
			for i, a := range acts {
				if got := table.Take(epoch.Add(a.at), 42, rate, a.units); got != a.want {
					t.Fatalf("act %d at %v: got %+v; want %+v", i, a.at, got, a.want)
				}
			}
		})
	}
}

// A cost is known afterwards: it is charged in full, up to a bound, and then the key waits.
func TestCharge(t *testing.T) {
	table, rate := NewTable(1), Rate{Units: int64(time.Second), Per: 10 * time.Second, Burst: int64(time.Second)}
	for _, step := range []struct {
		cost time.Duration
		want time.Duration // until the next is allowed
	}{{500 * time.Millisecond, 0}, {1500 * time.Millisecond, 10 * time.Second}, {time.Hour, MostDebt - 10*time.Second}} {
		table.Charge(epoch, 7, rate, int64(step.cost))
		got := table.Take(epoch, 7, rate, 0)
		if got.Allowed != (step.want == 0) || (got.Retry-step.want).Abs() > time.Millisecond {
			t.Errorf("after a cost of %v: got %+v; want to wait %v", step.cost, got, step.want)
		}
	}
}

// A flood of fresh keys must not wash away the debt of the one who sends it.
func TestFloodKeepsDebt(t *testing.T) {
	table, slow, quick := NewTable(4096), Rate{Units: 1, Per: time.Minute, Burst: 2}, Rate{Units: 1, Per: time.Second, Burst: 1}
	attacker := uint64(0x9e3779b97f4a7c15)
	for range 2 {
		table.Take(epoch, attacker, slow, 1)
	}
	before, r := table.Bytes(), rand.New(rand.NewPCG(1, 2))
	for i := range 1_000_000 {
		table.Take(epoch.Add(time.Duration(i)*time.Microsecond), r.Uint64(), quick, 1)
	}
	if got := table.Take(epoch.Add(time.Second), attacker, slow, 1); got.Allowed {
		t.Errorf("after a million fresh keys: got %+v; want a refusal", got)
	}
	if got := table.Bytes(); got != before || got > 2*4096*16 {
		t.Errorf("after a million fresh keys: got %d bytes; want %d", got, before)
	}
}

// bucket is a token bucket written the slow, obvious way.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) take(now time.Time, r Rate, units int64) bool {
	b.tokens = min(float64(r.Burst), b.tokens+float64(now.Sub(b.last))/float64(r.Per)*float64(r.Units))
	b.last = now
	if b.tokens < float64(units) {
		return false
	}
	b.tokens -= float64(units)
	return true
}

// The table must decide as the obvious bucket does, whatever the rate and the pauses.
func FuzzTableAgainstBucket(f *testing.F) {
	f.Add(uint64(1), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, burst uint8) {
		rate := Rate{Units: 1, Per: time.Second, Burst: 4 + int64(burst)}
		r := rand.New(rand.NewPCG(seed, 7))
		table, oracle := NewTable(1), bucket{tokens: float64(rate.Burst), last: epoch}
		now := epoch
		for i := range 500 {
			now = now.Add(time.Duration(r.IntN(16)) * time.Second / 8) // eighths are exact in a float
			units := 1 + r.Int64N(4)
			if got, want := table.Take(now, 1, rate, units).Allowed, oracle.take(now, rate, units); got != want {
				t.Fatalf("seed %d, burst %d, act %d: got %v; want %v", seed, rate.Burst, i, got, want)
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	table, rate := NewTable(1<<20), Rate{Units: 1, Per: time.Second, Burst: 10}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		r, now := rand.New(rand.NewPCG(rand.Uint64(), 1)), epoch
		for p.Next() {
			now = now.Add(time.Microsecond)
			table.Take(now, r.Uint64()&(1<<20-1)*0x9e3779b97f4a7c15, rate, 1)
		}
	})
}
