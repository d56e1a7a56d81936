package attacker

import (
	"math"
	"math/bits"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Behind one address and software there may be hundreds of people. What one of
// them shows is evidence against him, under the finest name that he has; under
// the name that they share it weighs as much as it takes to tell one attacker
// from so many honest people who each show a little now and then.

// several is from how many people on a record is shared by so many that proofs must
// come from one of them (the count is an estimate).
const several = 3.5

// crowd is how many people a record is known to be of: accepted credentials that
// showed there of late. What is not accepted counts for nothing, or anybody could
// pretend to be a crowd.
func crowd(now int64, rec *record) float64 {
	switch rec.scope {
	case Client:
		return max(rec.others.count(now), rec.entered.count(now))
	case Address:
		return max(rec.others.count(now), 1)
	}
	return 1
}

// split gives each of several people behind r's address and software a record of his
// own: of the credential that he shows, if it has been accepted, else of his connection.
func (t *Table) split(now int64, r *request.Request) {
	st := &r.Standing
	if st.Parent != 0 || r.Conn.ID == 0 {
		return
	}
	many := false
	t.with(now, Client, st.Keys[Client], nil, func(c *record) { many = crowd(now, c) >= several })
	if !many {
		return
	}
	who := r.Conn.ID
	if c := st.Keys[Credential]; c != 0 && t.with(now, Credential, c, nil, func(*record) {}) {
		who = c
	}
	st.Parent = st.Keys[Client]
	st.Keys[Client] = Key(t.seed, Client, st.Parent, who)
}

// The failed logins of a crowd: users whom nobody in it got in as after all, by its size.
const (
	triedEach = 2
	triedMost = usersFlood
)

// people notes logins where several people may be: who got in counts as one of them,
// and whom nobody got in as is tried by somebody.
func (t *Table) people(now int64, rules Rules, r *request.Request, x *Exchange) {
	if !x.Login || x.User == 0 {
		return
	}
	key := r.Standing.Parent
	if key == 0 {
		key = r.Standing.Keys[Client]
	}
	bare := r.Standing.Parent != 0 && (r.Standing.Previous == 0 || r.Standing.Previous == x.Endpoint)
	t.with(now, Client, key, nil, func(c *record) {
		if bare { // of who comes to log in and does nothing else
			c.rates.logins++
			if x.Status/100 == 4 {
				c.rates.failed++
			}
		}
		switch {
		case x.Status < 400 && t.Enters(x.Endpoint):
			c.entered.add(now, x.User)
			if r.Standing.Parent != 0 {
				c.users.remove(now, x.User)
			}
		case x.Status/100 == 4 && r.Standing.Parent != 0:
			c.users.add(now, x.User)
			users := c.users.count(now)
			if users >= triedMost+triedEach*crowd(now, c) || bare && users >= usersFlood+crowd(now, c) && c.rates.failed >= floodFailed*c.rates.logins {
				c.hold(signal.LoginFanout, signal.Certain)
				if ch, ok := c.restage(now, rules); ok {
					r.Changes = append(r.Changes, ch)
				}
			}
		}
	})
}

// portion is the weight of one event on a record of many people.
func portion(now int64, rec *record) float32 {
	if n := crowd(now, rec); n >= 1.5 {
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

// owned reports whether r's evidence belongs to a credential of several that use
// this client, and not to the client: it is written there.
func owned(r *request.Request, rec *record) bool {
	return rec.scope != Credential && r.Standing.Accepted && r.Standing.Shared
}

// few counts distinct values by linear counting in 32 bits, to some eighty, in two
// generations of half an hour.
type few [2]uint32

func (f *few) turn(now int64) *uint32 {
	// The low bit of each word says which half hour it is of.
	g := uint32(now/generation) & 1
	w := &f[g]
	if *w&1 != uint32(now/generation)>>1&1 {
		*w = uint32(now/generation) >> 1 & 1
	}
	return w
}

func (f *few) add(now int64, digest uint64) { *f.turn(now) |= 2 << (mix(digest) >> 32 % 31) }

func (f *few) count(now int64) float64 {
	f.turn(now)
	n := bits.OnesCount32((f[0] | f[1]) >> 1)
	return -31 * math.Log(max(float64(31-n), 0.5)/31)
}

// whose are bits of the finest name of whoever sent r: credential, cookies, connection.
func whose(r *request.Request) uint8 {
	h := r.Standing.Keys[Credential]
	if h == 0 {
		for i := range r.Cookies {
			h += digest.String(1, r.Cookies[i].Name) ^ digest.Scramble(digest.String(2, r.Cookies[i].Value))
		}
	}
	if h == 0 {
		h = digest.Scramble(r.Conn.ID)
	}
	return uint8(h>>13) | 1
}

// of starts anew when another one's values follow.
func (p *proofs) of(whose uint8) {
	if p.whose != whose {
		*p = proofs{whose: whose}
	}
}
