package swarm

import (
	"math"
	"math/bits"
)

// loglog estimates the number of distinct values in 1 KiB, about 3 % off.
//
// Source: Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog", 2007, with linear
// counting for small numbers.
type loglog [1 << 10]uint8

// add takes a well-spread digest.
func (l *loglog) add(h uint64) {
	i := h >> 54
	l[i] = max(l[i], uint8(bits.LeadingZeros64(h<<10|1<<9)+1))
}

func (l *loglog) count() int {
	sum, zero := 0.0, 0
	for _, r := range l {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zero++
		}
	}
	m := float64(len(l))
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && zero > 0 {
		estimate = m * math.Log(m/float64(zero))
	}
	return int(estimate + 0.5)
}
