package swarm

import "math/bits"

// bitmap is a set of row numbers.
type bitmap []uint64

func newBitmap(n int) bitmap { return make(bitmap, (n+63)/64) }

func (b bitmap) set(i int) { b[i>>6] |= 1 << (i & 63) }

func (b bitmap) has(i int) bool { return b[i>>6]>>(i&63)&1 == 1 }

func (b bitmap) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b bitmap) and(c bitmap) bitmap {
	out := make(bitmap, len(b))
	for i := range b {
		out[i] = b[i] & c[i]
	}
	return out
}

func (b bitmap) countAnd(c bitmap) int {
	n := 0
	for i := range b {
		n += bits.OnesCount64(b[i] & c[i])
	}
	return n
}
