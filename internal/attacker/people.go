package attacker

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Behind one address and software there may be hundreds of people. Where that is known,
// and where one of them may be taken for all, each is judged by a record of his own,
// under the finest name that he has: a credential that the upstream has accepted, a pass
// that he has worked for, else his connection. The record of address and software, the
// parent of these, keeps what nobody can be named for.

// From how many people on (the count is an estimate) a record is more than one's, and
// from how many a crowd's.
const (
	some    = 1.5
	several = 3.5
)

// entersFew is up to how many people logins are counted beside credentials: beyond it
// few is no good estimate.
const entersFew = 12

// crowd is how many people a record is known to be of, within half an hour to an hour:
// accounts that were entered, and accepted credentials of accounts that are not known.
// What the upstream has not accepted counts for nothing, or anybody could pretend to be
// a crowd.
func crowd(now int64, rec *record) float64 {
	switch {
	case rec.past&pastPerson != 0:
	case rec.scope == Client:
		n := rec.others.count(now)
		if n < entersFew {
			n = max(n, rec.entered.count(now))
		}
		return n
	case rec.scope == Address:
		return max(rec.others.count(now), 1)
	}
	return 1
}

// servedLong is for how long one of several people must have been a good client to keep
// his pass where others' were earned to attack.
const servedLong = 10 * 60 * 1000 // ms

// split gives r's sender a record of his own, below that of his address and software:
// where that is a crowd's; where it is suspect for failed logins alone, and somebody else
// has sent those that made it so; and where it is blocked, and he shows a pass that he
// has worked for since.
func (t *Table) split(now int64, rules Rules, r *request.Request) {
	st := &r.Standing
	if st.Parent != 0 {
		return
	}
	apart, passes, burnt := false, false, false
	t.with(now, Client, st.Keys[Client], nil, func(c *record) {
		c.parole(now, rules)
		st.People = crowd(now, c)
		suspect := c.stage >= signal.Interrogate
		apart = st.People >= several || suspect && c.proofs.whose != uint8(whose(r)) && c.onlyLogins()
		blocked := c.stage == signal.Block && int64(r.Pass.Issued)*1000 > c.until-rules.duration(int(c.blocks)).Milliseconds()
		passes = (apart || blocked) && r.Pass.Answers() && r.Pass.ID != 0
		burnt = c.past&pastBurnt == pastBurnt
	})
	who, parent := uint64(0), st.Keys[Client]
	if apart {
		who, st.Named = t.onConnection(now, r, parent)
	}
	if passes {
		pass := digest.Mix(r.Pass.ID, 1)
		if !burnt || t.served(now, Key(t.seed, Client, parent, pass)) {
			who, st.Named = pass, true
		}
	}
	if apart {
		t.with(now, Credential, st.Keys[Credential], nil, func(c *record) {
			if !c.common(now) {
				who, st.Named = c.account(), true
			}
		})
	}
	if who != 0 {
		st.Parent, st.Keys[Client] = parent, Key(t.seed, Client, parent, who)
	}
}

// onConnection returns who r's connection speaks for: the person whose login or accepted
// credential came over it, else nobody but itself.
func (t *Table) onConnection(now int64, r *request.Request, parent uint64) (who uint64, named bool) {
	if who = r.Conn.ID; who == 0 {
		return 0, false
	}
	t.with(now, Client, Key(t.seed, Client, parent, who), nil, func(c *record) {
		if a := c.account(); a != c.key {
			who, named = a, true
		}
	})
	return who, named
}

// bind notes whom r's connection speaks for from now on: an account, whose digest is
// odd, or as long as none was entered over it a credential. One that carries several of
// either speaks for nobody.
func (t *Table) bind(now int64, r *request.Request, account uint64) {
	st := &r.Standing
	if st.Parent == 0 || r.Conn.ID == 0 || account == 0 {
		return
	}
	t.with(now, Client, Key(t.seed, Client, st.Parent, r.Conn.ID), r, func(c *record) {
		was := c.account()
		switch {
		case c.past&pastPerson == 0:
		case was == c.key, was&1 == 1 && account&1 == 0:
			account = was
		case was != account && (was&1 == 1 || account&1 == 0):
			account = c.key
		}
		c.past |= pastPerson
		c.belongs(account)
	})
}

// served reports whether a person has been a good client for long.
func (t *Table) served(now int64, key uint64) (ok bool) {
	t.with(now, Client, key, nil, func(c *record) {
		ok = c.rates.fine >= established && c.stage <= signal.Watch && now-c.first >= servedLong
	})
	return ok
}

// burn notes that somebody attacked with a pass that he had worked for. Behind a parent
// of which three were burnt no other is worth anything until its block is over.
func (r *record) burn() {
	if r.past&pastBurnt != pastBurnt {
		r.past += pastBurn
	}
}

// account is whose credential, or whose connection, this is: the account's for which it
// was handed out, else its own. Sessions of one account are one person.
func (r *record) account() uint64 {
	if a := uint64(r.entered[1])<<32 | uint64(r.entered[0]); a != 0 {
		return a
	}
	return r.key
}

// belongs notes the account that the record is of.
func (r *record) belongs(account uint64) {
	r.entered = few{uint32(account), uint32(account >> 32)}
}

// handsMost is how many credentials of an account are accepted, within half an hour to an
// hour: each is a record. Further ones are surplus, and never accepted: else they would
// pass for people's.
const handsMost = 120

// surplus remembers credentials that were handed out beyond that; 256 KiB. New ones push
// old ones out.
type surplus [1 << 16]atomic.Uint32

func (s *surplus) add(key uint64) { s[mix(key)>>48].Store(uint32(mix(key)) | 1) }

func (s *surplus) has(key uint64) bool { return s[mix(key)>>48].Load() == uint32(mix(key))|1 }

// hand accepts the credentials that the answer to a login hands out, as the account's that
// was entered: nobody has to wait until an endpoint has refused others'.
func (t *Table) hand(now int64, r *request.Request, x *Exchange) {
	if len(x.Handed) == 0 || x.User == 0 || x.Status >= 400 || !x.Login || !t.Enters(x.Endpoint) {
		return
	}
	for _, key := range x.Handed {
		if t.spread(now, r, digest.Mix(x.User, handsMost), key) > handsMost {
			t.surplus.add(key)
			continue
		}
		t.with(now, Credential, key, r, func(c *record) {
			if c.before == 0 {
				if c.before = r.Standing.Keys[Client]; r.Software.Claimed.Browser() && !r.Software.Contradicts.Agent() {
					c.past |= pastBrowser
				}
			}
			c.belongs(x.User)
		})
	}
}

// handed reports whether the credential was handed out for an account.
func (t *Table) handed(now int64, credential uint64) (ok bool) {
	t.with(now, Credential, credential, nil, func(c *record) { ok = c.account() != c.key })
	return ok
}

// onlyLogins reports whether all that is held are failed logins, and what goes with them
// or is said of the software.
func (r *record) onlyLogins() bool {
	logins := false
	for i := range r.held {
		e := &r.held[i]
		if e.kind == signal.None || e.mass() < 0.1 {
			continue
		}
		info := e.kind.Info()
		switch {
		case info.Hard:
			return false
		case info.Vantage == signal.Auth:
			logins = true
		case info.Vantage == signal.Challenge, info.Vantage == signal.Fingerprint:
		case e.kind == signal.ErrorRatio, e.kind == signal.HastyStep, e.kind == signal.MachinePace,
			e.kind == signal.MissingStep, e.kind == signal.OddCourse, e.kind == signal.MissingCredential:
		default:
			return false
		}
	}
	return logins
}

// parent raises the standing of one of several people by what is held against all of
// them, where nothing tells him from whoever it belongs to. To see it adds for how long
// address and software have been known, and, where they are not known to be several
// people's, their stage and what was asked there.
func (t *Table) parent(now int64, rules Rules, r *request.Request, see *sight) {
	st := &r.Standing
	bare := see.previous == 0 || see.previous == r.Endpoint.ID // he comes to log in and does nothing else
	t.with(now, Client, st.Parent, nil, func(p *record) {
		p.parole(now, rules)
		see.age = max(see.age, time.Duration(now-p.first)*time.Millisecond)
		known := st.People >= several
		if !known {
			see.stage, see.asked = max(see.stage, p.stage), p.asked
		}
		switch {
		case p.stage < signal.Interrogate:
			return
		case r.Pass.Answers() && st.Stage <= signal.Watch: // who has worked for it is spared, and watched
			st.Stage, st.Vouched = signal.Watch, true
			return
		case st.Named, st.Stage >= p.stage:
			return
		case r.Endpoint.Enters && !bare && p.turn(now, st):
			return
		case r.Endpoint.Enters: // somebody tries one user after the other
		case st.Established, p.onlyLogins():
			return
		}
		st.Guesses = st.Guesses || !known && p.guesses()
		if p.stand(st, rules); known {
			ask(st, rules)
		}
	})
}

// While somebody behind a parent tries one user after the other, logins of those who
// have asked for something else before are let through in turn: one each turnGap and
// turnsAhead at once, faster by a crowd's size. Who gets in gives his turn back. So
// people get in, who mostly know their passwords, and guesses are few.
const (
	turnGap    = 60 // tenths of a second
	turnsAhead = 10
	turnCrowd  = 40 // people by whom a turn comes twice as fast
)

// turn reports whether r has its turn, and takes it, once.
func (r *record) turn(now int64, st *request.Standing) bool {
	if st.Turn == request.TurnUnknown {
		gap := turnGapOf(st.People)
		at := uint16(now / 100)
		ahead := int16(r.turns - at)
		if ahead < 0 || ahead > (turnsAhead+1)*turnGap {
			ahead = 0 // it was long ago
		}
		if st.Turn = request.TurnRefused; ahead <= turnsAhead*gap {
			st.Turn, r.turns = request.TurnTaken, at+uint16(ahead+gap)
		}
	}
	return st.Turn == request.TurnTaken
}

func turnGapOf(people float64) int16 { return int16(max(1, turnGap/(1+people/turnCrowd))) }

// people notes logins where several people may be: who got in counts as one of them, and
// users whom nobody got in as are tried by somebody.
func (t *Table) people(now int64, rules Rules, r *request.Request, x *Exchange) {
	st := &r.Standing
	if !x.Login || x.User == 0 {
		return
	}
	if x.Status < 400 && t.Enters(x.Endpoint) {
		t.bind(now, r, x.User)
	}
	key, known := st.Parent, st.Parent != 0 && st.People >= several
	if key == 0 {
		key = st.Keys[Client]
	}
	t.with(now, Client, key, nil, func(c *record) {
		failed := x.Status/100 == 4
		if x.Status < 400 && t.Enters(x.Endpoint) {
			c.entered.add(now, x.User)
			if st.Turn == request.TurnTaken {
				c.turns -= uint16(turnGapOf(st.People))
			}
		}
		if !known {
			return // it was counted as any client's
		}
		bare := st.Previous == 0 || st.Previous == x.Endpoint
		if bare {
			c.rates.logins++
		}
		switch {
		case x.Status < 400:
			c.users.remove(now, x.User)
			return
		case !failed:
			return
		case bare:
			c.rates.failed++
		}
		c.users.add(now, x.User)
		users := c.users.count(now)
		if users >= usersFlood+triedEach*st.People ||
			bare && users >= usersFlood+st.People && c.rates.failed >= floodFailed*c.rates.logins {
			c.hold(signal.LoginFanout, signal.Certain)
			if ch, ok := c.restage(now, rules); ok {
				r.Changes = append(r.Changes, ch)
			}
		}
	})
}

// triedEach is how many users each of a crowd may try in vain, within half an hour to an
// hour, before somebody among them is held to try others'.
const triedEach = 2

// recount learns from one exchange for the parent of people who are not known to be
// several: it is judged as if all were one. What the person himself has shown by it,
// found, goes to both.
func (t *Table) recount(now time.Time, rules Rules, r *request.Request, x *Exchange, found []signal.Signal,
	excuse func(from int)) {
	ms := millis(now)
	from := len(r.Signals)
	t.with(ms, Client, r.Standing.Parent, nil, func(p *record) {
		p.parole(ms, rules)
		again := p.again(x)
		p.count(ms, x, again)
		for _, s := range p.conclude(ms, r, x, again) {
			if !slices.ContainsFunc(found, func(o signal.Signal) bool { return o.Kind == s.Kind && o.Band >= s.Band }) {
				r.Signals = append(r.Signals, s)
			}
		}
	})
	excuse(from)
	if len(r.Signals) == from {
		return
	}
	t.with(ms, Client, r.Standing.Parent, nil, func(p *record) {
		for _, s := range r.Signals[from:] {
			p.hold(s.Kind, s.Band)
		}
		if c, ok := p.restage(ms, rules); ok {
			r.Changes = append(r.Changes, c)
		}
	})
}

// portion is the weight of one event on a record of many people.
func portion(now int64, rec *record) float32 {
	if n := crowd(now, rec); n >= some {
		return float32(1 / n)
	}
	return 1
}

// personal reports whether evidence of kind k is of what somebody does, and not of
// his software or address.
func personal(k signal.Kind) bool {
	switch info := k.Info(); info.Vantage {
	case signal.Payload, signal.Behaviour, signal.API, signal.Volume:
		return true
	}
	return false
}

// owned reports whether r's evidence belongs to a credential of several that use this
// client, and not to the client: it is written there, and on the person's own record.
func owned(r *request.Request, rec *record) bool {
	st := &r.Standing
	own := st.Parent != 0 && rec.key == st.Keys[Client]
	return rec.scope != Credential && st.Accepted && !st.Common && st.Shared && !own
}

// few counts distinct values by linear counting in 31 bits, to some eighty, in two
// generations of half an hour. The low bit of each word says which half hour it is of.
type few [2]uint32

func (f *few) turn(now int64) *uint32 {
	g := uint32(now / generation)
	w := &f[g&1]
	if *w&1 != g>>1&1 {
		*w = g >> 1 & 1
	}
	return w
}

func (f *few) add(now int64, digest uint64) { *f.turn(now) |= 2 << (mix(digest) >> 32 % 31) }

func (f *few) count(now int64) float64 {
	f.turn(now)
	return linear(31, bits.OnesCount32((f[0]|f[1])>>1))
}

// whose are bits of the finest name of whoever sent r: credential, cookies, connection;
// never 0.
func whose(r *request.Request) uint16 {
	h := r.Standing.Keys[Credential]
	if h == 0 {
		for i := range r.Cookies {
			h += digest.String(1, r.Cookies[i].Name) ^ digest.Scramble(digest.String(2, r.Cookies[i].Value))
		}
	}
	if h == 0 {
		h = r.Conn.ID
	}
	return max(uint16(mix(h)>>48), 1)
}

// of says whose the next value is. Where several people are it starts anew when another
// one's follow: texts of different people are no proof together.
func (p *proofs) of(whose uint16, people bool) {
	if people && p.whose != uint8(whose) {
		*p = proofs{whose: uint8(whose)}
	}
}

// anotherMay reports whether a block of rec may meet somebody who has done nothing:
// behind the same address, in the same browser, under another name. His windows are asked; with
// the pass that he then works for he is judged by himself.
func (r *record) anotherMay(q *request.Request) bool {
	return r.stage == signal.Block && r.past&pastBurnt != pastBurnt && r.proofs.whose != uint8(whose(q)) &&
		(q.Navigation() || q.Endpoint.Ours) && q.Software.Claimed.Browser() && !q.Software.Contradicts.Agent()
}

// ask lowers a standing to that of somebody who is asked, and no worse: a pass that was
// worked or waited for answers it, a cookie that came back does not.
func ask(st *request.Standing, rules Rules) {
	if st.Stage > signal.Interrogate {
		st.Stage, st.Risk, st.Until = signal.Interrogate, min(st.Risk, (rules.Interrogate+rules.Tarpit)/2), time.Time{}
	}
}
