package swarm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// poisson draws by Knuth's method; the means of these tests are small.
func poisson(r *rand.Rand, mean float64) int {
	n, p, limit := 0, 1.0, math.Exp(-mean)
	for {
		if p *= r.Float64(); p <= limit {
			return n
		}
		n++
	}
}

// run feeds intervals of a mean count and returns in which one an alarm was raised; -1 for none.
func run(c *change, r *rand.Rand, intervals int, mean float64, from int64) int {
	for i := range intervals {
		c.x = poisson(r, mean)
		c.close(from+int64(i)*250, 250, false, 0)
		if c.alarmed {
			return i
		}
	}
	return -1
}

// A false alarm costs a search and nothing else, but they must stay rare.
func TestNoiseRaisesFewAlarms(t *testing.T) {
	alarms := 0
	for seed := range uint64(20) {
		c, r := new(change), rand.New(rand.NewPCG(seed, 1))
		if run(c, r, 5000, 3, 0) >= 0 {
			alarms++
		}
	}
	if alarms > 5 {
		t.Errorf("%d alarms in 100,000 intervals of unchanged traffic; want at most 5", alarms)
	}
}

func TestStepRaisesAlarm(t *testing.T) {
	c, r := new(change), rand.New(rand.NewPCG(1, 1))
	if run(c, r, 500, 3, 0) >= 0 {
		t.Fatal("alarm before the step")
	}
	at := run(c, r, 100, 12, 500*250)
	if at < 0 || at > 12 {
		t.Fatalf("a fourfold rise was seen after %d intervals; want at most 12", at)
	}
	if late := c.start - 500*250; late < -2000 || late > 1000 {
		t.Errorf("the change is put %d ms from where it was", late)
	}
	mean := c.mean
	for range 200 {
		c.x = 12
		c.close(1e6, 250, false, 0)
	}
	if c.mean != mean || !c.alarmed {
		t.Errorf("the mean learned under alarm: %g, then %g", mean, c.mean)
	}
	for range 200 {
		c.x = 3
		if c.close(1e6, 250, false, 0) {
			return
		}
	}
	t.Error("the alarm did not end with what raised it")
}

// A crowd fails as often as everybody, and more of it: no alarm. One that fails
// every time is another matter.
func TestFailuresAreMeasuredAgainstVolume(t *testing.T) {
	c, r := new(change), rand.New(rand.NewPCG(3, 1))
	step := func(volume, share float64) bool {
		all := poisson(r, volume)
		c.x = 0
		for range all {
			if r.Float64() < share {
				c.x++
			}
		}
		c.close(0, 250, false, all)
		return c.alarmed
	}
	for i := range 1000 {
		if step(20, 0.05) {
			t.Fatalf("alarm in interval %d of ordinary traffic", i)
		}
	}
	for i := range 400 {
		if step(200, 0.06) {
			t.Fatalf("alarm in interval %d of a crowd", i)
		}
	}
	for range 40 {
		if step(20, 0.6) {
			return
		}
	}
	t.Error("no alarm where most requests fail")
}

// Who takes the level of a surge for the new usual must learn the old one again.
func TestAcceptIsForgotten(t *testing.T) {
	c, r := new(change), rand.New(rand.NewPCG(4, 1))
	run(c, r, 500, 3, 0)
	if run(c, r, 100, 20, 0) < 0 {
		t.Fatal("no alarm")
	}
	c.level = 20
	c.accept(c.start+10_000, 250)
	if c.alarmed || c.mean < 15 {
		t.Fatalf("got alarmed %t, mean %g; want the surge's level", c.alarmed, c.mean)
	}
	run(c, r, 120, 3, 0)
	if c.mean > 8 {
		t.Errorf("30 s later the mean is %g; want it near 3", c.mean)
	}
}

func TestLongScalesInherit(t *testing.T) {
	short, long := change{mean: 2, phi: 1, n: 100}, change{}
	long.inherit(&short, 16)
	if long.mean != 32 || long.n != warmUp {
		t.Errorf("got mean %g after %d intervals; want 32 and %d", long.mean, long.n, warmUp)
	}
}
