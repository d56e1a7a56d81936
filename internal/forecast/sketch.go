package forecast

import (
	"math"
	"math/bits"

	"bartizan/internal/digest"
)

const (
	registerBits = 8
	registers    = 1 << registerBits
)

// sketch counts distinct keys: HyperLogLog with 256 registers (Flajolet et al. 2007),
// and linear counting while few are set (Whang et al. 1990). Its standard error is
// 6.5 %, and far less below 100. The zero value is empty; 256 bytes.
type sketch [registers]uint8

// add counts key, which is a digest.
func (s *sketch) add(key uint64) {
	x := digest.Scramble(key)
	i := x >> (64 - registerBits)
	rank := uint8(bits.LeadingZeros64(x<<registerBits|1<<(registerBits-1))) + 1
	if rank > s[i] {
		s[i] = rank
	}
}

// merge adds all that other has counted.
func (s *sketch) merge(other *sketch) {
	for i, r := range other {
		s[i] = max(s[i], r)
	}
}

// count returns about how many different keys there were.
func (s *sketch) count() int {
	sum, zeros := 0.0, 0
	for _, r := range s {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zeros++
		}
	}
	const m = float64(registers)
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && zeros > 0 {
		estimate = m * math.Log(m/float64(zeros))
	}
	return int(estimate + 0.5)
}
