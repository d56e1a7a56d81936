package detect

import (
	"slices"
	"strings"
)

// phrases finds which of many literals a text begins with, in any letter case.
// It is a sorted list in which no entry begins with another one, so that a
// binary search finds the only candidate: no automaton whose cache misses an
// attacker could buy, 16 bytes and the text an entry.
type phrases struct{ sorted []string }

func newPhrases(list []string) phrases {
	var low []string
	for _, p := range list {
		if p = strings.ToLower(strings.TrimSpace(p)); p != "" {
			low = append(low, p)
		}
	}
	slices.Sort(low)
	out := low[:0]
	for _, p := range low {
		if len(out) == 0 || !strings.HasPrefix(p, out[len(out)-1]) {
			out = append(out, p)
		}
	}
	return phrases{out}
}

// prefixOf returns the length of the phrase that s begins with, or 0.
func (p phrases) prefixOf(s string) int {
	lo, hi := 0, len(p.sorted)
	for lo < hi { // the last phrase that is not greater than s
		mid := int(uint(lo+hi) >> 1)
		if compareFold(p.sorted[mid], s) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0
	}
	if w := p.sorted[lo-1]; hasPrefixFold(s, w) {
		return len(w)
	}
	return 0
}

// compareFold compares low, which is lower case, with s in any case.
func compareFold(low, s string) int {
	for i := 0; i < len(low) && i < len(s); i++ {
		if c := lower(s[i]); low[i] != c {
			if low[i] < c {
				return -1
			}
			return 1
		}
	}
	return len(low) - len(s)
}

func hasPrefixFold(s, low string) bool {
	if len(s) < len(low) {
		return false
	}
	for i := 0; i < len(low); i++ {
		if lower(s[i]) != low[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}
