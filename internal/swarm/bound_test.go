package swarm

import (
	"math"
	"testing"
)

// binomial is P(X <= k) by summing, the slow way.
func binomial(k, n int, p float64) float64 {
	sum := 0.0
	for i := 0; i <= k; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// By definition, at the upper limit k or fewer are seen with probability delta.
func TestUpperBoundIsExact(t *testing.T) {
	for _, c := range []struct {
		k, n  int
		delta float64
	}{{0, 10, 0.05}, {0, 49_000, 0.025}, {1, 20, 0.05}, {3, 500, 0.001}, {40, 100, 0.01}, {7, 12_345, 1e-6}} {
		p := UpperBound(c.k, c.n, c.delta)
		if got := binomial(c.k, c.n, p); math.Abs(got-c.delta) > 1e-6*math.Max(1, c.delta*1e4) && math.Abs(got/c.delta-1) > 1e-3 {
			t.Errorf("UpperBound(%d, %d, %g) = %g, where P(X <= k) = %g; want %g", c.k, c.n, c.delta, p, got, c.delta)
		}
		if q := lowerBound(c.k, c.n, c.delta); q > float64(c.k)/float64(c.n) || c.k > 0 && math.Abs((1-binomial(c.k-1, c.n, q))/c.delta-1) > 1e-2 {
			t.Errorf("lowerBound(%d, %d, %g) = %g", c.k, c.n, c.delta, q)
		}
	}
	for _, c := range [][2]int{{0, 0}, {5, 5}, {9, 5}} {
		if got := UpperBound(c[0], c[1], 0.05); got != 1 {
			t.Errorf("UpperBound(%d, %d) = %g; want 1", c[0], c[1], got)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		k, n int
		p    float64
	}{{1, 10, 0.1}, {3, 40, 0.02}, {10, 10, 0.5}} {
		if got, want := atLeast(c.k, c.n, c.p), 1-binomial(c.k-1, c.n, c.p); math.Abs(got-want) > 1e-9 {
			t.Errorf("atLeast(%d, %d, %g) = %g; want %g", c.k, c.n, c.p, got, want)
		}
	}
	if atLeast(0, 5, 0.1) != 1 || atLeast(6, 5, 0.1) != 0 {
		t.Error("atLeast at its ends")
	}
}
