package addr

import (
	"net/netip"
	"strings"
)

// maxHops bounds the walk along X-Forwarded-For: real chains have two or three.
const maxHops = 32

// Resolver finds the client behind trusted hops. The zero value trusts nobody.
type Resolver struct{ trusted *Set }

// NewResolver returns a resolver that believes what hops in trusted say.
func NewResolver(trusted *Set) Resolver { return Resolver{trusted} }

// Resolve returns the client of an exchange whose transport peer is peer and
// whose X-Forwarded-For lines are forwarded, in order of arrival.
//
// It walks from the right, since only the right end was written by hops that we
// trust: whatever a client put there itself stands further left. The first hop
// that is not trusted is the client. An entry that is no address ends the walk
// at the hop that wrote it.
func (r Resolver) Resolve(peer netip.Addr, forwarded []string) Client {
	client := Of(peer)
	if len(forwarded) == 0 {
		return client
	}
	if r.trusted.Len() == 0 {
		client.Untold = client.Private()
		return client
	}
	walk := hops{lines: forwarded}
	for n := 0; n < maxHops && r.trusted.Contains(client.Addr); n++ {
		entry, ok := walk.next()
		if !ok {
			break
		}
		a, ok := parseHop(entry)
		if !ok {
			break
		}
		client = Of(a)
		client.Forwarded = true
	}
	return client
}

// hops yields the entries of X-Forwarded-For from the right.
type hops struct {
	lines []string
	rest  string
	open  bool // rest still holds entries
}

func (h *hops) next() (string, bool) {
	if !h.open {
		if len(h.lines) == 0 {
			return "", false
		}
		h.rest, h.open = h.lines[len(h.lines)-1], true
		h.lines = h.lines[:len(h.lines)-1]
	}
	i := strings.LastIndexByte(h.rest, ',')
	entry := strings.TrimSpace(h.rest[i+1:])
	h.open = i >= 0
	h.rest = h.rest[:max(i, 0)]
	return entry, true
}

// parseHop reads an address with or without port, brackets or quotes.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, `"`)
	if a, err := netip.ParseAddr(s); err == nil {
		return a, true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr(), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil {
			return a, true
		}
	}
	return netip.Addr{}, false
}
