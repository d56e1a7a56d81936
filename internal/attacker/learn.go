package attacker

import (
	"math/bits"
	"sync/atomic"
	"time"

	"bartizan/internal/attacker/issued"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Exchange is what the outcome of one request teaches.
type Exchange struct {
	Status   int
	Endpoint uint64 // digest of method and path template
	Missing  uint64 // digest of what is not there, of a 404
	Login    bool   // a login attempt
	User     uint64 // digest of the user name tried, 0 unknown
	Forgets  bool   // it asks for a new password for User
	Guess    uint64 // digest of the user and password tried, 0 unknown
	Tags     request.Tags
	Object   int64        // number of the object asked for; 0 if there is none
	What     uint64       // digest of what was asked for, by whom: path, credential, user and password
	Writes   bool         // the method is one that changes something
	Browser  bool         // the software claims a browser
	Cookies  bool         // it brings cookies
	Bare     bool         // it claims a browser and brings none, where nearly all do
	Excess   float32      // powers of two by which the answer is larger than usual, 0 if it is not
	Post     uint64       // likeness of the text of a post
	Text     uint64       // digest of the same text
	Hasty    bool         // a step faster than anybody takes it
	Second   uint32       // when the request came, s since the epoch
	Card     request.Card // in a payment
	// Asked is the digest of the id of the object asked for, 0 if there is none;
	// Issues says that its endpoint shows ids beforehand. Shown are the ids that the
	// exchange shows to the client, Posted those that it sent; Unread says that there
	// may be others.
	Asked         uint64
	Issues        bool
	Shown, Posted []uint64
	// Handed are the keys of credentials that the answer to a login hands out.
	Handed []uint64
	Unread bool
	// Page says that the client claims a browser and was answered a page, Asset that
	// it asked for something that belongs to pages.
	Page, Asset bool
	// Departs says that the request asked for what the API never had, or never so: that it is
	// refused, or answered at length, is the same evidence and no other.
	Departs bool
	// Odd says that it sent a text where none was taken before: a long answer to that is
	// evidence of its own.
	Odd bool
	// Suspect says that the request showed evidence of its own: such a request
	// earns no trust.
	Suspect bool

	stepped bool // Object follows the one before; Learn fills it in
	early   bool // it is one of the client's first of late; Learn fills it in
}

// filter is a Bloom filter with two probes; its length is a power of two of words.
type filter []atomic.Uint64

// newFilter returns one of 1<<log bits, 6 to 32.
func newFilter(log int) filter { return make(filter, 1<<(log-6)) }

func (g filter) probes(x uint64) [2]uint64 {
	h, size := mix(x), uint64(len(g))<<6
	return [2]uint64{h & (size - 1), h >> (64 - bits.Len64(size-1))}
}

func (g filter) mark(x uint64) {
	for _, b := range g.probes(x) {
		if w := &g[b>>6]; w.Load()&(1<<(b&63)) == 0 {
			w.Or(1 << (b & 63))
		}
	}
}

func (g filter) has(x uint64) bool {
	for _, b := range g.probes(x) {
		if g[b>>6].Load()&(1<<(b&63)) == 0 {
			return false
		}
	}
	return true
}

// Entrance remembers an endpoint that answers 401 to a user and a password.
func (t *Table) Entrance(endpoint uint64) { t.entrances.mark(endpoint) }

// Enters reports whether the endpoint is one of those.
func (t *Table) Enters(endpoint uint64) bool { return t.entrances.has(endpoint) }

// Learn adds one exchange that the upstream has answered to the client's
// behaviour. It appends what it finds to r.Signals, has excuse remove from there
// (from an index on) what is not to count, and appends stages that changed to
// r.Changes.
func (t *Table) Learn(now time.Time, rules Rules, r *request.Request, x *Exchange, excuse func(from int)) {
	ms := millis(now)
	if x.Status == 401 && !x.Login { // a refused login says nothing of credentials
		t.guarded.mark(x.Endpoint)
	}
	var found []signal.Signal
	var good, again bool
	var own issued.Who
	elsewhere := r.Standing.Elsewhere != 0
	t.with(ms, Client, r.Standing.Keys[Client], r, func(c *record) {
		c.parole(ms, rules)
		if c.page(r, x); elsewhere {
			c.welcome(ms, r, x)
		} else {
			again = c.again(x)
			c.count(ms, x, again)
			x.early = c.rates.requests <= usualBegin
			c.step(r)
			found = c.conclude(ms, r, x, again)
		}
		good = c.rates.fine >= established && c.stage == signal.Clear
		own = c.past.note(c.key, x, x.touches())
	})
	if elsewhere {
		found = t.learnElsewhere(ms, rules, r, x)
	}
	if r.Standing.Parent != 0 && r.Standing.People < several && !elsewhere {
		t.recount(now, rules, r, x, found, excuse)
	}
	t.people(ms, rules, r, x)
	found = t.counts(ms, r, x, found)
	found = t.objects(ms, r, own, x, found)
	if x.Login && x.User != 0 && x.Status/100 == 4 {
		found = t.sprayed(ms, r, x.User, found)
	}
	if x.Login && !again && !elsewhere {
		t.failing(ms, rules, r, x)
	}
	if x.Login && x.User != 0 && x.Status/100 < 4 {
		t.entered(ms, r, x.User)
	}
	if x.Forgets && x.Status < 500 {
		found = t.forgotten(ms, r, x.User, found)
	}
	if x.Card.Number != 0 && x.Status/100 == 4 {
		found = t.cracked(ms, r, x.Card, found)
	}
	if x.Text != 0 && x.Status < 400 {
		found = t.posted(ms, r, x.Text, found)
	}
	t.hand(ms, r, x)
	if credential := r.Standing.Keys[Credential]; x.Status/100 == 2 && !x.Suspect && credential != 0 &&
		(t.guarded.has(x.Endpoint) || t.handed(ms, credential)) && !t.surplus.has(credential) {
		found = t.accept(ms, r, credential, found)
	}
	if good {
		t.with(ms, Address, r.Standing.Keys[Address], nil, func(a *record) { a.others.add(ms, r.Standing.Keys[Client]) })
	}
	if len(found) == 0 {
		return
	}
	from := len(r.Signals)
	r.Signals = append(r.Signals, found...)
	excuse(from)
	if found = r.Signals[from:]; len(found) == 0 {
		return
	}
	t.update(now, rules, r, t.against(r), false, func(rec *record) {
		for _, s := range found {
			switch {
			case personal(s.Kind) && owned(r, rec):
			case s.Kind == signal.LoginFailure, rec.key == r.Standing.Parent && crowd(ms, rec) >= some:
				rec.add(s, portion(ms, rec))
			case s.Kind != signal.AccountAggregation || rec.scope != Credential: // those are the accounts that are collected
				rec.hold(s.Kind, s.Band)
			}
		}
	})
}

// The numbers of addresses from which a user name is tried in vain, within half
// an hour to an hour, that make the next failure odd.
const sprayedSome, sprayedMany = 8, 25

// spread counts with how many distinct others a thing has been seen that belongs
// to no client: a user name with addresses, a text with them, a card with dates.
// Only keyed digests are kept.
func (t *Table) spread(now int64, r *request.Request, thing, other uint64) (n float64) {
	t.with(now, user, Key(t.seed, user, thing), r, func(u *record) {
		u.others.add(now, other)
		n = u.others.count(now)
	})
	return n
}

// sprayed counts the addresses that try a user in vain, and adds to found if
// there are many: guessing that is spread over a botnet shows at its victim.
func (t *Table) sprayed(now int64, r *request.Request, name uint64, found []signal.Signal) []signal.Signal {
	switch n := t.spread(now, r, name, r.Standing.Keys[Address]); {
	case n >= sprayedMany:
		return append(found, signal.Signal{Kind: signal.LoginSpray, Band: signal.Likely, Where: "body", Note: "25 or more addresses try this user in vain"})
	case n >= sprayedSome:
		return append(found, signal.Signal{Kind: signal.LoginSpray, Band: signal.Hint, Where: "body", Note: "8 or more addresses try this user in vain"})
	}
	return found
}

// The numbers of users for whom a client asks for a new password, within half an
// hour to an hour, that are evidence; three times as many where several people
// share address and software. A help desk does so for a few.
const (
	forgottenSome, forgottenMany = 20, 60
	forgottenShared              = 3
)

// forgotten counts for how many users r's client asks for a new password, and adds
// to found if there are many: whatever is answered, it tells which of them exist.
func (t *Table) forgotten(now int64, r *request.Request, name uint64, found []signal.Signal) []signal.Signal {
	s := signal.Signal{Kind: signal.AccountEnumeration, Where: "body", Note: "asks for new passwords for 20 or more users"}
	n := t.spread(now, r, r.Standing.Keys[Client], name)
	if r.Standing.Shared {
		n /= forgottenShared
	}
	if n < forgottenSome {
		return found
	}
	if n >= forgottenMany {
		s.Band, s.Note = signal.Likely, "asks for new passwords for 60 or more users"
	}
	t.with(now, Client, r.Standing.Keys[Client], nil, func(c *record) {
		if !c.stands(s.Kind, s.Band) {
			found = append(found, s)
		}
	})
	return found
}

// again notes a login and reports whether the one before tried the same user and
// password: a program that was told the wrong one guesses nothing.
func (r *record) again(x *Exchange) bool {
	if !x.Login || x.Guess == 0 {
		return false
	}
	guess := uint16(x.Guess) | 1
	same := r.habits.pace.guess == guess
	r.habits.pace.guess = guess
	return same
}

func (r *record) count(now int64, x *Exchange, again bool) {
	r.rates.requests++
	failed := x.Status/100 == 4
	switch {
	case failed && !x.Departs:
		r.rates.errors++
	case x.Status < 400 && !x.Suspect:
		r.rates.fine++
	}
	if x.Status == 404 {
		r.rates.missing++
		r.missing.add(now, x.Missing)
	}
	r.habits.count(x, time.Duration(now-r.called)*time.Millisecond, r.called != 0)
	if r.called != 0 && r.before != x.Endpoint {
		r.varied = uint32(now / 1000)
	}
	r.before, r.called = x.Endpoint, now
	if x.Tags != 0 {
		r.tagged.count(x.Tags, failed)
		r.habits.business(x, failed)
	}
	if x.Object != 0 {
		x.stepped = r.walk.ask(x.Object)
	}
	if x.Login && !again {
		r.rates.logins++
		if failed {
			r.rates.failed++
		}
		switch {
		case x.User == 0:
		case failed:
			r.users.add(now, x.User)
		case x.Status < 400: // who gets in has mistyped, or his service was ill
			r.users.remove(now, x.User)
		}
	}
}

// The bounds from which behaviour is evidence. Upstream errors alone are common
// among honest clients, so they need a number and a ratio.
const (
	errorsMany, errorsRatio   = 50, 0.8
	errorsSome, errorsHalf    = 20, 0.5
	pathsMany, pathsSome      = 30, 12
	usersFlood, usersMany     = 15, 5
	usersSome, failuresRatio  = 3, 0.8
	walkSome, walkMany        = 15, 60
	walkSteps                 = 0.5 // of the objects asked for
	failuresMany, floodFailed = 10, 0.9
)

// conclude returns the evidence that the client's behaviour is by now. A
// condition that already stands on the record is not reported again.
func (r *record) conclude(now int64, q *request.Request, x *Exchange, again bool) (found []signal.Signal) {
	report := func(k signal.Kind, b signal.Band, where, note string) {
		if !r.stands(k, b) || k == signal.LoginFailure {
			found = append(found, signal.Signal{Kind: k, Band: b, Where: where, Note: note})
		}
	}
	n := &r.rates
	switch {
	case n.requests >= errorsMany && n.errors >= errorsRatio*n.requests:
		report(signal.ErrorRatio, signal.Likely, "status", "at least 8 of 10 requests fail")
	case n.requests >= errorsSome && n.errors >= errorsHalf*n.requests:
		report(signal.ErrorRatio, signal.Hint, "status", "at least half of the requests fail")
	}
	if n.missing >= 0.3*n.requests {
		switch paths := r.missing.count(now); {
		case paths >= pathsMany:
			report(signal.PathSpread, signal.Likely, "path", "30 or more different paths that do not exist")
		case paths >= pathsSome:
			report(signal.PathSpread, signal.Hint, "path", "12 or more different paths that do not exist")
		}
	}
	if w := &r.walk; w.asked >= walkSome && w.steps >= walkSteps*w.asked {
		band := signal.Hint
		if w.asked >= walkMany {
			band = signal.Likely
		}
		report(signal.ObjectEnumeration, band, "path", "most object numbers follow the one before")
	}
	r.concludeCourse(q, x, report)
	r.concludeHabits(now, x, report)
	if x.Tags != 0 {
		r.concludeBusiness(report)
	}
	if x.Login && !again && x.Status/100 == 4 {
		r.concludeLogin(now, report)
	}
	return found
}

func (r *record) concludeLogin(now int64, report func(signal.Kind, signal.Band, string, string)) {
	ratio, users := r.rates.failed/max(r.rates.logins, 1), r.users.count(now)
	band := signal.Hint
	if r.rates.failed >= failuresMany && ratio >= failuresRatio {
		band = signal.Likely
	}
	report(signal.LoginFailure, band, "status", "login refused")
	switch {
	case users >= usersFlood && ratio >= floodFailed:
		report(signal.LoginFanout, signal.Certain, "body", "15 or more users tried, 9 of 10 refused")
	case users >= usersMany && ratio >= failuresRatio:
		report(signal.LoginFanout, signal.Likely, "body", "5 or more users tried, 8 of 10 refused")
	case users >= usersSome && ratio >= failuresRatio:
		report(signal.LoginFanout, signal.Hint, "body", "3 or more users tried, 8 of 10 refused")
	}
}
