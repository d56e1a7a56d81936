package addr

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// Set is an immutable set of prefixes: merged ranges in sorted arrays, searched
// by halving. A million separate prefixes take 8 MB (IPv4) or 32 MB (IPv6) and
// 20 steps. A nil Set is empty.
type Set struct {
	v4 []range4
	v6 []range6
}

type range4 struct{ lo, hi uint32 }

type range6 struct{ lo, hi u128 }

type u128 struct{ hi, lo uint64 }

func (a u128) less(b u128) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// next returns a+1; the largest value stays.
func (a u128) next() u128 {
	switch {
	case a.lo != ^uint64(0):
		return u128{a.hi, a.lo + 1}
	case a.hi != ^uint64(0):
		return u128{a.hi + 1, 0}
	}
	return a
}

// NewSet returns the set of prefixes, which may overlap and come in any order.
// IPv4-mapped IPv6 prefixes count as IPv4.
func NewSet(prefixes []netip.Prefix) *Set {
	s := new(Set)
	for _, p := range prefixes {
		p = unmapPrefix(p).Masked()
		if p.Addr().Is4() {
			lo := u32(p.Addr())
			s.v4 = append(s.v4, range4{lo, lo | uint32(1<<(32-p.Bits())-1)})
			continue
		}
		s.v6 = append(s.v6, range6of(p))
	}
	s.v4, s.v6 = merge4(s.v4), merge6(s.v6)
	return s
}

func range6of(p netip.Prefix) range6 {
	lo := u128of(p.Addr())
	hi := lo
	switch free := 128 - p.Bits(); {
	case free >= 64:
		hi.lo = ^uint64(0)
		hi.hi |= 1<<(free-64) - 1
	default:
		hi.lo |= 1<<free - 1
	}
	return range6{lo, hi}
}

func merge4(r []range4) []range4 {
	slices.SortFunc(r, func(a, b range4) int { return int(int64(a.lo) - int64(b.lo)) })
	out := r[:0]
	for _, x := range r {
		if n := len(out); n > 0 && (x.lo <= out[n-1].hi || x.lo-1 == out[n-1].hi) {
			out[n-1].hi = max(out[n-1].hi, x.hi)
			continue
		}
		out = append(out, x)
	}
	return slices.Clip(out)
}

func merge6(r []range6) []range6 {
	sort.Slice(r, func(i, j int) bool { return r[i].lo.less(r[j].lo) })
	out := r[:0]
	for _, x := range r {
		if n := len(out); n > 0 && !out[n-1].hi.next().less(x.lo) {
			if out[n-1].hi.less(x.hi) {
				out[n-1].hi = x.hi
			}
			continue
		}
		out = append(out, x)
	}
	return slices.Clip(out)
}

// Contains reports whether a lies in one of the prefixes.
func (s *Set) Contains(a netip.Addr) bool {
	if s == nil || !a.IsValid() {
		return false
	}
	if a = a.Unmap(); a.Is4() {
		v := u32(a)
		i := sort.Search(len(s.v4), func(i int) bool { return s.v4[i].hi >= v })
		return i < len(s.v4) && s.v4[i].lo <= v
	}
	v := u128of(a)
	i := sort.Search(len(s.v6), func(i int) bool { return !s.v6[i].hi.less(v) })
	return i < len(s.v6) && !v.less(s.v6[i].lo)
}

// Len returns the number of separate ranges.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.v4) + len(s.v6)
}

func u32(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func u128of(a netip.Addr) u128 {
	b := a.As16()
	return u128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func unmapPrefix(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return netip.PrefixFrom(p.Addr().WithZone(""), p.Bits())
}

// ParsePrefix reads "192.0.2.0/24", "2001:db8::/32" or a bare address.
// Bits set beyond the prefix length are an error: they are nearly always a typing slip.
func ParsePrefix(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("parsing address %q: want an address or a prefix such as 192.0.2.0/24", s)
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("parsing prefix %q: want an address or a prefix such as 192.0.2.0/24", s)
	}
	if p = unmapPrefix(p); p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("parsing prefix %q: bits are set beyond its length; did you mean %s?", s, p.Masked())
	}
	return p, nil
}
