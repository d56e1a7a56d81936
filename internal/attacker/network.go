package attacker

import (
	"cmp"
	"encoding/binary"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Whoever rents a network has more addresses than anybody could judge one by
// one: with an IPv6 /48 come 65,536 of the /64s that a client is known by. So
// where most of what comes from a network is suspect, newcomers from it are
// asked first. Nothing is refused for its network alone, and nobody is asked who
// came before them, is answered well, shows an accepted credential or a pass.
//
// The levels, narrow before wide, and their numbers are the design notes' (section
// 2.4), which ask four of a /56 and, by limits that grow four times a level, sixteen
// of a /48. They count from risk 60; here a child counts from interrogate, since who
// is asked and has no answer seldom gets further.
var levels = [...]struct {
	bits, bad int
	v4        bool
}{{24, 8, true}, {56, 4, false}, {48, 16, false}}

const (
	// mostNetworks bounds those that are watched, in all about 2 MiB.
	mostNetworks = 8192
	// suspectShare is the least share of a network's active children.
	suspectShare = 0.6
	// ripening is how long a network is watched at least: who else is in it must
	// have had a chance to come.
	ripening = 60 * 1000 // ms
	// asking is for how long newcomers are asked after the last look that found
	// enough suspects.
	asking = 6 * 60 * 60 * 1000 // ms
)

// networks watches the networks that suspect clients come from. The widest network
// of an address decides on its shard.
type networks struct {
	any    atomic.Bool
	shards [16]networkShard
}

type networkShard struct {
	mu sync.Mutex
	of map[netip.Prefix]*block
}

// shard locks and returns the shard for ip.
func (n *networks) shard(ip netip.Addr) *networkShard {
	s := &n.shards[mix(wide(ip))%uint64(len(n.shards))]
	s.mu.Lock()
	return s
}

// block is one network. Children are addresses, of IPv6 /64s.
type block struct {
	begun, last int64    // ms: when the first and the latest suspect child came
	bad, active distinct // children
	owned       int64    // ms: when an accepted credential was last shown from there
	until       int64    // ms: until when newcomers are asked
}

// around yields the networks that ip is in, narrow before wide, each with the number
// of suspects that it takes.
func around(ip netip.Addr) iter.Seq2[netip.Prefix, int] {
	return func(yield func(netip.Prefix, int) bool) {
		for _, l := range levels {
			if l.v4 != ip.Is4() {
				continue
			}
			if p, err := ip.Prefix(l.bits); err == nil && !yield(p, l.bad) {
				return
			}
		}
	}
}

// child returns what an address counts as.
func child(ip netip.Addr) uint64 {
	n := networkOf(ip.As16())
	return binary.BigEndian.Uint64(n[:])
}

// wide returns the widest network that is told apart around an address, a /24 of IPv4
// or a /48, as one number.
func wide(ip netip.Addr) uint64 {
	if ip.Is4() {
		return child(ip) >> 8
	}
	return child(ip) >> 16
}

// suspect notes a suspect client at ip.
func (n *networks) suspect(now int64, ip netip.Addr) {
	own, s := child(ip), n.shard(ip)
	defer s.mu.Unlock()
	for p, bad := range around(ip) {
		b := s.of[p]
		if b == nil {
			if len(s.of) >= mostNetworks/len(n.shards) {
				s.forget()
			}
			if s.of == nil {
				s.of = map[netip.Prefix]*block{}
			}
			b = &block{begun: now, last: now}
			s.of[p] = b
			n.any.Store(true)
		}
		if now-b.last > asking {
			b.begun = now
		}
		b.last = now
		b.bad.add(now, own)
		b.active.add(now, own)
		if now-b.begun >= ripening && b.lost(now, bad, ip.Is4()) {
			b.until = now + asking
		}
	}
}

// lost reports whether what comes from the network is mostly suspect, and, of
// IPv4, where neighbours are strangers, nobody in it is known.
func (b *block) lost(now int64, least int, v4 bool) bool {
	bad := b.bad.count(now)
	return bad >= float64(least)-0.5 && bad >= suspectShare*b.active.count(now) && (!v4 || now-b.owned >= visit || b.owned == 0)
}

// forget drops the eighth of networks whose suspects were last seen the longest
// ago; s.mu is held.
func (s *networkShard) forget() {
	all := make([]netip.Prefix, 0, len(s.of))
	for p := range s.of {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(s.of[a].last, s.of[b].last), a.Compare(b))
	})
	for _, p := range all[:len(all)/8] {
		delete(s.of, p)
	}
}

// visitor is a client that is not suspect itself.
type visitor struct {
	since    int64 // ms: when it was first seen
	proven   bool  // it has been answered well, or carries a pass or an accepted credential
	accepted bool  // it carries an accepted credential
}

// visit notes a client at ip and returns the network for which it is to be asked,
// the zero prefix if there is none. Who is asked does not count as active: else an
// attacker would thin himself out.
func (n *networks) visit(now int64, ip netip.Addr, v visitor) (within netip.Prefix) {
	s := n.shard(ip)
	defer s.mu.Unlock()
	for p, bad := range around(ip) {
		b := s.of[p]
		if b == nil {
			continue
		}
		if v.accepted {
			b.owned = now
		}
		// Of what is not seen any more the share says nothing.
		if b.until > now && !b.lost(now, bad, ip.Is4()) && now-b.last < visit {
			b.until = 0
		}
		if !within.IsValid() && b.until > now && v.since >= b.begun && !v.proven {
			within = p
		}
		if !within.IsValid() {
			b.active.add(now, child(ip))
		}
	}
	return within
}

// pardon forgets the networks that meet p.
func (n *networks) pardon(p netip.Prefix) {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		maps.DeleteFunc(s.of, func(of netip.Prefix, _ *block) bool { return of.Overlaps(p) })
		s.mu.Unlock()
	}
}

// Network is a network from which newcomers are asked.
type Network struct {
	Prefix      netip.Prefix
	Bad, Active float64 // children seen within the last half hour to hour, estimates
	Since, Seen time.Time
	Until       time.Time
}

// Networks returns the networks from which newcomers are asked at now.
func (t *Table) Networks(now time.Time) []Network {
	ms := millis(now)
	var out []Network
	for i := range t.networks.shards {
		s := &t.networks.shards[i]
		s.mu.Lock()
		for p, b := range s.of {
			if b.until > ms {
				out = append(out, Network{Prefix: p, Bad: b.bad.count(ms), Active: b.active.count(ms),
					Since: time.UnixMilli(b.begun).UTC(), Seen: time.UnixMilli(b.last).UTC(), Until: time.UnixMilli(b.until).UTC()})
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b Network) int { return a.Prefix.Compare(b.Prefix) })
	return out
}

// neighbours has a newcomer asked for the network that it comes from, one of n. own is the
// stage of the client's own record. It runs several times in one request: children
// are counted as distinct ones.
func (n *networks) neighbours(now int64, r *request.Request, own signal.Stage) {
	st := &r.Standing
	ip := r.Client.Key.Addr()
	if own >= signal.Interrogate {
		n.suspect(now, ip)
		return
	}
	if !n.any.Load() {
		return
	}
	p := n.visit(now, ip,
		visitor{now - st.Age.Milliseconds(), st.Established || st.Known || r.Pass.Result == request.PassValid,
			st.Known})
	if p.IsValid() && st.Stage < signal.Interrogate {
		st.Stage, st.Acting, st.Network = signal.Interrogate, "network", p
	}
}
