package challenge

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
)

// Zeros returns the leading zero bits of SHA-256 over answer, which is a nonce, a
// dot and a counter in decimal digits, at most 64 of them counted.
//
// Source: Hashcash (Back, 2002), with SHA-256 (FIPS 180-4).
func Zeros(answer string) int {
	h := sha256.Sum256([]byte(answer))
	return bits.LeadingZeros64(binary.BigEndian.Uint64(h[:]))
}

// Solve returns the answer to a nonce, trying at most tries counters; ok is
// false if none of them does. It is what clients do.
func Solve(nonce string, difficulty int, tries uint64) (answer string, ok bool) {
	b := append([]byte(nonce), '.')
	for n := range tries {
		b = strconv.AppendUint(b[:len(nonce)+1], n, 10)
		h := sha256.Sum256(b)
		if bits.LeadingZeros64(binary.BigEndian.Uint64(h[:])) >= difficulty {
			return string(b), true
		}
	}
	return "", false
}

// maxCounter is the most digits that a counter may have.
const maxCounter = 16

// split takes an answer apart; ok is false if it is none. Each number has one
// spelling, so that an answer has one too.
func split(answer string) (nonce string, ok bool) {
	nonce, counter, found := strings.Cut(answer, ".")
	if !found || len(nonce) != tokenSize || counter == "" || len(counter) > maxCounter || counter[0] == '0' && len(counter) > 1 {
		return "", false
	}
	for i := range len(counter) {
		if counter[i]-'0' > 9 {
			return "", false
		}
	}
	return nonce, true
}
