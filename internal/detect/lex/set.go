package lex

// Set is a set of bytes. Its Skip costs the same for a long one as for a short one.
type Set [256]bool

// SetOf returns the set of the bytes of s.
func SetOf(s string) *Set {
	t := new(Set)
	for i := range len(s) {
		t[s[i]] = true
	}
	return t
}

// Skip is Skip(s, i, set).
func (t *Set) Skip(s string, i int) int {
	for end := min(len(s), i+48); i < end && t[s[i]]; i++ {
	}
	return i
}

// Run remembers where the last run of bytes of one set ends in one text, so that a
// Skip from each byte of it costs one pass. The zero value is ready.
type Run struct{ from, end int }

// Skip is t.Skip(s, i).
func (r *Run) Skip(t *Set, s string, i int) int {
	if i >= len(s) {
		return i
	}
	if i < r.from || i >= r.end {
		end := i
		for end < len(s) && t[s[end]] {
			end++
		}
		*r = Run{i, end}
	}
	return max(min(r.end, i+48), i)
}

// Needles are literals that are looked for together, in one pass.
type Needles [256][]string // by their first byte, the shorter ones first

// NeedlesOf returns the set of words, none of which is empty.
func NeedlesOf(words ...string) *Needles {
	n := new(Needles)
	for size := range 64 {
		for _, w := range words {
			if len(w) == size {
				n[w[0]] = append(n[w[0]], w)
			}
		}
	}
	return n
}

// at returns the length of the shortest literal at s[i:], 0 if none stands there.
func (n *Needles) at(s string, i int) int {
	for _, w := range n[s[i]] {
		if len(s)-i >= len(w) && (len(w) < 2 || s[i+1] == w[1]) && s[i:i+len(w)] == w {
			return len(w)
		}
	}
	return 0
}

// At reports whether one of the needles stands at s[i:].
func (n *Needles) At(s string, i int) bool { return n.at(s, i) > 0 }

// Next remembers where in one text the next of some Needles stands, so that all
// questions of a look that goes forward cost one pass. The zero value is ready.
type Next struct {
	from, at int // no literal begins in between
	end      int // of the shortest one that begins at at; 0 if it is not known
}

// In reports whether one of the needles stands in s[from:to].
func (n *Needles) In(s string, from, to int, m *Next) bool {
	p := from
	if m.from <= from && from <= m.at {
		p = m.at
	} else {
		*m = Next{from: from, at: from}
	}
	for ; m.end == 0 && p < to; p++ {
		if k := n.at(s, p); k > 0 {
			m.end = p + k
			break
		}
	}
	m.at = p
	switch {
	case m.end == 0 || p >= to:
		return false
	case m.end <= to:
		return true
	}
	for p++; p < to; p++ { // it goes beyond the end; a shorter one may stand behind its beginning
		if k := n.at(s, p); k > 0 && p+k <= to {
			return true
		}
	}
	return false
}
