package swarm

import "math"

// UpperBound returns the exact one-sided upper confidence limit at level 1-delta
// for a rate of which k of n were seen.
//
// Source: Clopper and Pearson, "The use of confidence or fiducial limits
// illustrated in the case of the binomial", Biometrika 1934.
func UpperBound(k, n int, delta float64) float64 {
	switch {
	case n == 0 || k >= n:
		return 1
	case k == 0:
		return 1 - math.Pow(delta, 1/float64(n))
	}
	low, high := float64(k)/float64(n), 1.0
	for range 60 {
		m := (low + high) / 2
		if 1-incompleteBeta(float64(k+1), float64(n-k), m) > delta {
			low = m
		} else {
			high = m
		}
	}
	return high
}

// lowerBound is the lower limit: the upper one of what was not seen, mirrored.
func lowerBound(k, n int, delta float64) float64 {
	if n == 0 {
		return 0
	}
	return 1 - UpperBound(n-k, n, delta)
}

// atLeast returns the probability of k or more of n where each has probability p.
func atLeast(k, n int, p float64) float64 {
	if k <= 0 {
		return 1
	}
	if k > n {
		return 0
	}
	return incompleteBeta(float64(k), float64(n-k+1), p)
}

// incompleteBeta returns the regularised incomplete beta function I_x(a, b).
//
// Source: Press and others, "Numerical Recipes", section 6.4: the continued
// fraction of Abramowitz and Stegun 26.5.8, evaluated by Lentz's method.
func incompleteBeta(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return front * betaFraction(a, b, x) / a
	}
	return 1 - front*betaFraction(b, a, 1-x)/b
}

func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m < 300; m++ {
		t := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+t*d)
		c = away(1 + t/c)
		h *= d * c
		t = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+t*d)
		c = away(1 + t/c)
		step := d * c
		h *= step
		if math.Abs(step-1) < 3e-12 {
			break
		}
	}
	return h
}
