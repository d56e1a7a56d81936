package attacker

import (
	"math"
	"math/bits"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// A credential that many clients show is nobody's own: the key of an application stands
// in each copy of it. It vouches for nobody and carries no standing from one of its
// users to another. Where few show it, evidence stays with the pair of credential and
// address first, and the credential acts only when several of its addresses attack.
const (
	// fewShow is from how many addresses, within half an hour to an hour (an estimate),
	// a credential vouches for its bearer at most: one client that moves about.
	fewShow = 5.5
	// manyUse is from how many addresses, within a day or two, well used makes a
	// credential nobody's own.
	manyUse = 15.5
	// severalAttack is how many addresses of a credential must attack for it to act
	// itself; they must also be half of those that show it, or use it well.
	severalAttack = 2.5
	// The failed logins that are evidence against a credential, and users among them.
	bearerFailed = 10
)

// today turns the day of a credential's record: what it says of the day before
// yesterday goes.
func (r *record) today(now int64) {
	day := uint32(now / (24 * 60 * 60 * 1000))
	switch day - r.habits.changed {
	case 0:
		return
	case 1:
		r.habits.post = uint64(r.walk.last)
	default:
		r.habits.post, r.habits.what = 0, 0
	}
	r.habits.changed, r.walk.last, r.called = day, 0, 0
}

// used notes an address that used a credential well.
func (r *record) used(now int64, address uint64) {
	r.today(now)
	r.walk.last |= 1 << (mix(address) >> 58)
}

// attacked notes an address that attacks with a credential.
func (r *record) attacked(now int64, address uint64) {
	r.today(now)
	r.habits.what |= 1 << (mix(address) >> 59)
}

// common reports whether a credential is nobody's own.
func (r *record) common(now int64) bool {
	r.today(now)
	return linear(64, bits.OnesCount64(uint64(r.walk.last)|r.habits.post)) >= manyUse
}

// convicted reports whether what is held against a credential acts on all who show it.
func (r *record) convicted(now int64) bool {
	if r.common(now) {
		return false
	}
	n := linear(32, bits.OnesCount32(r.habits.what))
	return n >= severalAttack && 2*n >= max(linear(64, bits.OnesCount64(uint64(r.walk.last)|r.habits.post)),
		r.missing.count(now))
}

// linear estimates how many distinct values set n of size bits (Whang, Vander-Zanden
// and Taylor, 1990).
func linear(size, n int) float64 {
	return -float64(size) * math.Log(max(float64(size-n), 0.5)/float64(size))
}

// bearing is what the records of one request's credential say.
type bearing struct {
	accepted, common, vouches bool
	standing                  request.Standing // of the credential where it acts, and of it at this address
	age                       int64            // ms; 0 unless it vouches
}

// ruling is the rule over an outcome that acts, and until when.
type ruling struct {
	id    uint32
	until time.Time
}

// of takes over the rule that acts on rec, if one does.
func (g *ruling) of(rec *record, now int64) {
	if id, until := rec.serving(now); id != 0 {
		g.id, g.until = id, until
	}
}

// bears reads the records of r's credential and notes who shows it.
func (t *Table) bears(now int64, rules Rules, r *request.Request, rule *ruling) (b bearing) {
	keys, paired := &r.Standing.Keys, false
	b.accepted = t.with(now, Credential, keys[Credential], nil, func(c *record) {
		c.parole(now, rules)
		c.missing.add(now, keys[Address])
		b.common = c.common(now)
		b.vouches = !b.common && c.stage < signal.Interrogate && c.missing.count(now) <= fewShow
		if c.convicted(now) {
			c.stand(&b.standing, rules)
		}
		if !b.common {
			rule.of(c, now)
		}
		if b.vouches {
			b.age = now - c.first
		}
		paired = c.past&pastPair != 0
	})
	if paired {
		t.with(now, Credential, t.pair(r), nil, func(p *record) {
			p.parole(now, rules)
			p.stand(&b.standing, rules)
			rule.of(p, now)
		})
	}
	return b
}

// pair returns the key of r's credential at r's address; 0 without a credential.
func (t *Table) pair(r *request.Request) uint64 {
	keys := &r.Standing.Keys
	if keys[Credential] == 0 {
		return 0
	}
	return Key(t.seed, Credential, keys[Credential], keys[Address])
}

// Keys returns the keys of all records that speak of r; 0 where there is none.
func (t *Table) Keys(r *request.Request) [2 * Scopes]uint64 {
	k, a := r.Standing.Keys, t.against(r)
	if r.Standing.Elsewhere == 0 {
		a = Keys{}
	}
	return [2 * Scopes]uint64{k[Client], k[Address], k[Credential], a[Client], a[Address], t.pair(r)}
}

// failing counts a login with an accepted credential, as for a client, and adds to its
// record what that is evidence of: a botmaster's key is none for his bots.
func (t *Table) failing(now int64, rules Rules, r *request.Request, x *Exchange) {
	t.with(now, Credential, r.Standing.Keys[Credential], nil, func(c *record) {
		c.today(now)
		c.rates.logins++
		user := int64(1) << (mix(x.User) >> 58)
		if x.Status/100 != 4 {
			if x.Status < 400 {
				c.called &^= user
			}
			return
		}
		c.rates.failed++
		if x.User != 0 {
			c.called |= user
		}
		ratio, users := c.rates.failed/max(c.rates.logins, 1), linear(64, bits.OnesCount64(uint64(c.called)))
		switch {
		case c.rates.failed < bearerFailed || ratio < failuresRatio:
			return
		case users >= usersFlood && ratio >= floodFailed:
			c.hold(signal.LoginFanout, signal.Certain)
		case users >= usersMany:
			c.hold(signal.LoginFanout, signal.Likely)
		}
		c.hold(signal.LoginFailure, signal.Likely)
		if change, ok := c.restage(now, rules); ok && c.convicted(now) {
			r.Changes = append(r.Changes, change)
		}
	})
}
