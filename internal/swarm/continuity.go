package swarm

import (
	"encoding/binary"
	"errors"
	"sync/atomic"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// A new release of an app looks like a botnet: software that nobody has seen comes
// from thousands of addresses at once. What tells the two apart is the people. An
// account that was used before, with its password, or a credential that the upstream
// accepted before, is nothing that a tool can invent. A client that shows one returns:
// it belongs to the population that was here before, whatever it looks like.
//
// A thief has some accounts too. So one account speaks for few clients an hour, a
// credential for few addresses (request.Standing.Known), and clients that return are
// weighed as a share of all that a signature matches. A pass speaks for its bearer
// alone: it costs a second of work, which a botnet can pay.

const (
	vouchesMost  = 3         // clients an hour for which one account speaks
	pastLeast    = 60_000    // ms that an account or credential must have been known for, at least
	returnMemory = 3_600_000 // ms that the request path remembers a client that returned, at most
)

// past is for how many ms an account or a credential must have been known so that
// its client returns: a quarter of the quarantine.
func past(quarantine int64) int64 { return max(quarantine/4, pastLeast) }

// entry is one login that the upstream answered well.
type entry struct {
	time   int64  // ms
	client uint32 // row.client
	user   uint64 // digest of the user's name
	guess  uint8  // of the password; 0 none
	proven bool   // the endpoint refuses some logins: that it took this one says something
}

// continuity is what is known of accounts and of the clients that returned with one.
// Tick owns all but back.
type continuity struct {
	accounts accounts
	returned *memory32 // 64 Ki clients, about 3 MiB
	back     recently  // the same for the request path, as far as they were active of late
}

func newContinuity() continuity { return continuity{returned: newMemory32()} }

// enter takes a login. An endpoint that has refused nobody proves nothing by taking it,
// unless the password is the one that fitted the account elsewhere: so a new version of
// an API may bring a login of its own. past is as the function of that name says.
func (c *continuity) enter(e *entry, past int64) {
	a, known := c.accounts.find(e.user)
	if !e.proven && !(known && a.guess != 0 && a.guess == e.guess) {
		return
	}
	if !known {
		a.first = uint32(e.time / 1000)
	}
	if hour := uint16(e.time / 3_600_000); hour != a.hour {
		a.hour, a.spoke = hour, 0
	}
	aged := known && e.time-1000*int64(a.first) >= past
	// A client that returned already costs no voucher, or the old phone's logins would
	// use up those of the new one.
	if already := c.returned.has(e.client); aged && (already || a.spoke < vouchesMost) {
		if !already {
			a.spoke++
		}
		c.note(e.time, e.client)
	}
	a.guess = e.guess
	c.accounts.put(e.user, a, aged)
}

// note remembers that a client returned.
func (c *continuity) note(now int64, client uint32) {
	c.returned.note(now, client)
	c.back.mark(now, client)
}

// known reports whether a row is of a known-good client, or of one that returned and
// has not been condemned since.
func (s *Swarm) known(r *row) bool {
	return r.is(trusted|returning) || s.people.returned.has(r.client) && !s.flagged.has(r.client)
}

// login appends the login that r made, if it was answered well, to those that Tick
// looks at; s.in is held.
func (s *Swarm) login(row *row, r *request.Request) {
	if row.status < 200 || row.status >= 400 || row.is(refused) || r.Login.User == 0 || r.Standing.Stage > stageMost ||
		len(s.enters) == inboxRows {
		return
	}
	e := entry{time: row.time, client: row.client, user: r.Login.User, proven: r.Endpoint.Enters}
	if r.Login.Guess != 0 {
		e.guess = uint8(digest.Mix(r.Login.Guess, r.Login.User)) | 1
	}
	s.enters = append(s.enters, e)
}

// returns reports whether the credential of r, which the upstream accepted before,
// has been known for long enough. (Age is the client's if that is known for longer.)
func (s *Swarm) returns(r *request.Request) bool {
	least := s.past.Load()
	return r.Standing.Known && least > 0 && r.Standing.Age.Milliseconds() >= least && r.Standing.Stage <= stageMost
}

// account is when an account was first logged in to, and for whom it speaks.
type account struct {
	first uint32 // s since the epoch
	hour  uint16 // in which spoke was counted
	spoke uint8  // clients that it has spoken for in that hour
	guess uint8  // eight bits of the password's keyed digest: no more, so that nobody can guess by them; 0 unknown
}

const (
	accountWays = 16
	accountSets = 1 << 14
	freshWays   = accountWays / 2 // of a set, for accounts that have not returned yet
)

// accounts remembers 256 Ki accounts, in sets of 16 places, 3 MiB in all; it takes its
// memory at the first one. A set is in order of use. An account comes in at its middle
// and moves to its front when it returns, so that a flood of new accounts (all logged
// in to: nobody can pretend that) pushes out other new ones, and of those that have
// returned only the half that were silent the longest.
type accounts struct{ sets []accountSet }

type accountSet [accountWays]struct {
	tag uint32 // 0: free
	account
}

func (a *accounts) place(user uint64) (set *accountSet, tag uint32) {
	if a.sets == nil {
		a.sets = make([]accountSet, accountSets)
	}
	h := digest.Scramble(user)
	return &a.sets[h%accountSets], uint32(h>>32) | 1
}

// find returns what is known of an account.
func (a *accounts) find(user uint64) (account, bool) {
	set, tag := a.place(user)
	for i := range set {
		if set[i].tag == tag {
			return set[i].account, true
		}
	}
	return account{}, false
}

// put remembers an account; first says that it goes to the front of its set.
func (a *accounts) put(user uint64, x account, first bool) {
	set, tag := a.place(user)
	to, from := freshWays, accountWays-1
	if first {
		to = 0
	}
	for i := range set {
		if set[i].tag == tag {
			from = i
			break
		}
		if set[i].tag == 0 {
			from = min(from, i)
		}
	}
	to = min(to, from)
	copy(set[to+1:from+1], set[to:from])
	set[to].tag, set[to].account = tag, x
}

// recently is a set of clients that the request path may ask without a lock: Bloom
// filters (Bloom, 1970) of two half hours, 128 KiB each. With 64 Ki clients in one it
// takes one other in 200 for one of them.
type recently struct {
	bits   [2][1 << 14]atomic.Uint64
	turned atomic.Int64
}

const recentlyHashes = 3

// places returns the filter's bits of a client.
func (l *recently) places(client uint32) (out [recentlyHashes]uint32) {
	h := digest.Scramble(uint64(client) + 1)
	for i := range out {
		out[i] = uint32(h>>(20*i)) & (1<<20 - 1)
	}
	return out
}

// mark adds a client; Tick's.
func (l *recently) mark(now int64, client uint32) {
	gen := now / (returnMemory / 2)
	if old := l.turned.Load(); gen != old {
		l.clear(gen)
		if gen-old != 1 {
			l.clear(gen + 1)
		}
		l.turned.Store(gen)
	}
	for _, b := range l.places(client) {
		l.bits[gen&1][b>>6].Or(1 << (b & 63))
	}
}

func (l *recently) clear(gen int64) {
	for i := range l.bits[gen&1] {
		l.bits[gen&1][i].Store(0)
	}
}

// has reports whether a client was marked in this half hour or the one before it.
func (l *recently) has(client uint32) bool {
	p := l.places(client)
next:
	for g := range l.bits {
		for _, b := range p {
			if l.bits[g][b>>6].Load()&(1<<(b&63)) == 0 {
				continue next
			}
		}
		return true
	}
	return false
}

// encode writes the accounts (place, tag, first, hour, spoke) and then the clients that
// returned. The bits of passwords stay in memory.
func (c *continuity) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0)
	n := uint32(0)
	for i := range c.accounts.sets {
		for j, x := range c.accounts.sets[i] {
			if x.tag != 0 {
				n++
				b = le.AppendUint32(b, uint32(i*accountWays+j))
				b = le.AppendUint32(le.AppendUint32(b, x.tag), x.first)
				b = append(le.AppendUint16(b, x.hour), x.spoke)
			}
		}
	}
	le.PutUint32(b, n)
	for _, client := range c.returned.order {
		b = le.AppendUint64(le.AppendUint32(b, client), uint64(c.returned.at[client]))
	}
	return b
}

var errPeople = errors.New("the accounts are not whole")

// decode reads what encode wrote.
func (c *continuity) decode(b []byte) error {
	le, in := binary.LittleEndian, reader{b: b}
	for range min(le.Uint32(in.take(4)), accountSets*accountWays) {
		x := in.take(15)
		place := le.Uint32(x)
		if in.bad || place >= accountSets*accountWays {
			return errPeople
		}
		if c.accounts.sets == nil {
			c.accounts.sets = make([]accountSet, accountSets)
		}
		to := &c.accounts.sets[place/accountWays][place%accountWays]
		to.tag, to.account = le.Uint32(x[4:])|1, account{first: le.Uint32(x[8:]), hour: le.Uint16(x[12:]), spoke: x[14]}
	}
	if in.bad || len(in.b)%12 != 0 || len(in.b)/12 > remembered {
		return errPeople
	}
	for len(in.b) > 0 {
		x := in.take(12)
		client, at := le.Uint32(x), int64(le.Uint64(x[4:]))
		c.returned.note(at, client)
		c.back.mark(at, client)
	}
	return nil
}
