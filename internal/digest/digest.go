// Package digest hashes strings under a key.
//
// Tables and evidence keep 64-bit digests instead of values: they are small,
// they hide secrets from whoever reads a snapshot without the seed, and an
// attacker who does not know the seed cannot choose values that collide. They
// are not cryptographic: never show them beside the value they stand for.
//
// All functions are pure and safe for concurrent use.
package digest

import "math/bits"

const (
	k0 = 0xa0761d6478bd642f
	k1 = 0xe7037ed1a0b428db
	k2 = 0x8ebc6af09c88c6e3
)

// Mix combines two digests into one; order matters.
func Mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^k0, bits.RotateLeft64(b, 29)^k1)
	return hi ^ lo ^ b
}

// Scramble spreads the bits of x; it is a bijection, so no two values meet.
//
// Source: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
func Scramble(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// String hashes s under seed; it allocates nothing.
//
// Source: the 64x64 to 128-bit multiply and fold of wyhash (Wang Yi, 2019, public domain).
func String(seed uint64, s string) uint64 {
	h := seed ^ k2
	n := uint64(len(s))
	for len(s) >= 8 {
		h = fold(h^Word(s), k1)
		s = s[8:]
	}
	var tail uint64
	for i := 0; i < len(s); i++ {
		tail |= uint64(s[i]) << (8 * i)
	}
	return fold(fold(h^tail, k0)^n, k2)
}

// Folded hashes s as String would hash its ASCII lower-case form.
func Folded(seed uint64, s string) uint64 {
	h := seed ^ k2
	n := uint64(len(s))
	for len(s) >= 8 {
		h = fold(h^lower(Word(s)), k1)
		s = s[8:]
	}
	var tail uint64
	for i := 0; i < len(s); i++ {
		tail |= uint64(s[i]) << (8 * i)
	}
	return fold(fold(h^lower(tail), k0)^n, k2)
}

// lower puts the ASCII capitals among eight bytes into lower case.
func lower(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	low := w &^ highs
	atLeastA, beyondZ := low+ones*(0x80-'A'), low+ones*(0x7f-'Z') // each in the high bit of its byte
	return w | (atLeastA&^beyondZ&highs&^w)>>2
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo ^ bits.RotateLeft64(a, 32)
}

// Word returns the first eight bytes of s, which must have them, in little-endian order.
func Word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
