package swarm

import (
	"sync/atomic"

	"bartizan/internal/digest"
)

// Continuity tells a new release from a botnet: the software is new, the people
// are not. An account that has been logged in to before, with the right password,
// is something that no tool can invent; a client that enters such an account is
// one of the population that was there before, whatever it looks like.
//
// A thief has some accounts too. So one account speaks for few clients an hour,
// and clients that return are weighed as a share of all that match.

const (
	accountsMost = 1 << 16 // of each of two generations: 5 MiB in all
	vouchesMost  = 3       // clients an hour for which one account speaks
	returnMemory = 3_600_000
)

// entry is one login that the upstream has accepted.
type entry struct {
	time   int64
	client uint32
	user   uint32
}

// account is when somebody first got in, and for whom it speaks.
type account struct {
	first int64
	hour  int32
	spoke uint8
}

// accounts remembers accounts in two generations: what is used stays.
type accounts struct{ now, old map[uint32]account }

func (a *accounts) of(user uint32) (account, bool) {
	x, ok := a.now[user]
	if !ok {
		x, ok = a.old[user]
	}
	return x, ok
}

func (a *accounts) set(user uint32, x account) {
	if a.now == nil || len(a.now) >= accountsMost {
		a.old, a.now = a.now, map[uint32]account{}
	}
	a.now[user] = x
}

// enter takes a login that was accepted. Known before the quarantine, the account
// makes its client one that returns.
func (s *Swarm) enter(now int64, e *entry) {
	x, known := s.accounts.of(e.user)
	if !known {
		x.first = e.time
	}
	if hour := int32(e.time / 3_600_000); hour != x.hour {
		x.hour, x.spoke = hour, 0
	}
	already := s.returned.has(e.client)
	if known && e.time-x.first >= max(s.base.quarantine(now)/4, 60_000) && (already || x.spoke < vouchesMost) {
		if !already {
			x.spoke++
		}
		s.returned.note(now, e.client)
		s.back.mark(now, e.client)
	}
	s.accounts.set(e.user, x)
}

// known reports whether a row is of a known-good client, or of one that returns.
func (s *Swarm) known(r *row) bool {
	return r.is(trusted) || r.is(returning) || s.returned.has(r.client)
}

// lately is a set of clients that the request path may ask: two generations of
// half an hour each, 64 KiB a generation, without locks.
type lately struct {
	bits   [2][1 << 13]atomic.Uint64
	turned atomic.Int64
}

func (l *lately) places(client uint32) [2]uint32 {
	h := digest.Scramble(uint64(client) + 1)
	return [2]uint32{uint32(h) & (1<<19 - 1), uint32(h>>32) & (1<<19 - 1)}
}

// mark is Tick's.
func (l *lately) mark(now int64, client uint32) {
	gen := now / (returnMemory / 2)
	if old := l.turned.Load(); gen != old {
		for i := range l.bits[gen&1] {
			l.bits[gen&1][i].Store(0)
		}
		if gen-old > 1 {
			for i := range l.bits[1-gen&1] {
				l.bits[1-gen&1][i].Store(0)
			}
		}
		l.turned.Store(gen)
	}
	for _, b := range l.places(client) {
		l.bits[gen&1][b>>6].Or(1 << (b & 63))
	}
}

func (l *lately) has(client uint32) bool {
	p := l.places(client)
	for g := range l.bits {
		if l.bits[g][p[0]>>6].Load()&(1<<(p[0]&63)) != 0 && l.bits[g][p[1]>>6].Load()&(1<<(p[1]&63)) != 0 {
			return true
		}
	}
	return false
}

// The sample of a signature's clients that shows whether a population lives in it.
const (
	guestsMost  = 512
	guestsLeast = 20
	livingShare = 0.05 // of the clients that match: from here on they are people we know
)

// guests are clients that a signature matches, whatever it does to them (all may go
// as far as a login), and which of them turned out to return.
type guests map[uint32]bool

// visited notes a row that g matched.
func (s *Swarm) visited(g *signature, r *row) {
	if g.guests == nil {
		g.guests = guests{}
	}
	back := s.returned.has(r.client)
	if seen, ok := g.guests[r.client]; ok {
		if back && !seen {
			g.guests[r.client] = true
		}
		return
	}
	if len(g.guests) >= guestsMost {
		clear(g.guests) // anew: what lives in it now counts
	}
	g.guests[r.client] = back
}

// Logins pass a signature that has nothing but volume against its clients, until most
// of them fail.
const (
	stuffsLeast = 10
	stuffsShare = 0.7
)

// login notes a login attempt that g matched.
func (g *signature) login(r *row) {
	if r.tags&loginAttempt == 0 || r.is(refused) || r.status == 0 || r.status >= 500 {
		return
	}
	g.logins[0]++
	if r.failed() {
		g.logins[1]++
	}
	if g.logins[0] >= stuffsLeast {
		g.stuffs.Store(float64(g.logins[1]) >= stuffsShare*float64(g.logins[0]))
	}
	if g.logins[0] >= 1000 {
		g.logins[0], g.logins[1] = g.logins[0]/2, g.logins[1]/2
	}
}

// inhabited reports whether people that were here before live in what g matches.
func (g *signature) inhabited() bool {
	n, k := len(g.guests), 0
	for _, back := range g.guests {
		if back {
			k++
		}
	}
	return n >= guestsLeast && k >= 4 && lowerBound(k, n, 0.01) > livingShare
}
