package attacker

import (
	"math"
	"net/netip"
	"sort"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/attacker/blocked"
	"bartizan/internal/signal"
)

// View is one record for people.
type View struct {
	Name     string
	Scope    Scope
	Key      uint64
	Address  string // prefix that the record belongs to
	Stage    signal.Stage
	Until    time.Time // end of the block
	Blocks   int
	Rule     uint32    // rule over an outcome that acts on it; 0 for none
	Ruled    time.Time // until when
	First    time.Time
	Seen     time.Time // to a second
	Sum      Sum
	Intent   Intent
	Requests float64 // answered by the upstream, decayed over ten minutes
	Errors   float64
	Logins   float64
	Failed   float64
	Users    float64 // distinct user names in failed logins, last half hour to hour
	Missing  float64 // distinct paths that do not exist, the same
	Others   float64 // good clients (address) or accepted credentials (client), the same
}

func (r *record) view(now int64, rules Rules) View {
	r.decay(now)
	r.parole(now, rules)
	v := View{
		Name: Name(r.key), Scope: r.scope, Key: r.key, Address: r.prefix(), Stage: r.stage, Blocks: int(r.blocks),
		First: time.UnixMilli(r.first).UTC(), Seen: time.UnixMilli(r.updated).UTC(), Sum: fuse(r, true), Intent: r.intent(now),
		Requests: float64(r.rates.requests), Errors: float64(r.rates.errors), Logins: float64(r.rates.logins), Failed: float64(r.rates.failed),
		Users: r.users.count(now), Missing: r.missing.count(now), Others: r.others.count(now),
	}
	if r.stage == signal.Block {
		v.Until = time.UnixMilli(r.until).UTC()
	}
	v.Rule, v.Ruled = r.serving(now)
	return v
}

// ByAddress returns the records of a's key, riskiest first, at most limit. It
// walks the whole table: for people, not for the request path.
func (t *Table) ByAddress(now time.Time, rules Rules, a netip.Addr, limit int) []View {
	return t.collect(now, rules, limit, func(r *record) bool { return addr.KeyOf(r.network.addr()) == addr.KeyOf(a) })
}

// Riskiest returns the records of highest risk that are at stage or above, at
// most limit. It walks the whole table.
func (t *Table) Riskiest(now time.Time, rules Rules, stage signal.Stage, limit int) []View {
	return t.collect(now, rules, limit, func(r *record) bool { return r.stage >= stage })
}

func (t *Table) collect(now time.Time, rules Rules, limit int, want func(*record) bool) []View {
	var out []View
	ms := millis(now)
	order := func() {
		sort.Slice(out, func(i, j int) bool {
			a, b := out[i], out[j]
			return a.Sum.Risk > b.Sum.Risk || a.Sum.Risk == b.Sum.Risk && a.Key < b.Key
		})
	}
	t.each(func(r *record) {
		if !want(r) {
			return
		}
		if out = append(out, r.view(ms, rules)); len(out) >= 4*limit {
			order()
			out = out[:limit]
		}
	})
	order()
	return out[:min(len(out), limit)]
}

// Lookup returns the record of key, or false.
func (t *Table) Lookup(now time.Time, rules Rules, key uint64) (v View, ok bool) {
	ok = t.with(millis(now), Client, key, nil, func(r *record) { v = r.view(millis(now), rules) })
	return v, ok
}

// Alone reports whether no good client is known to be behind the address with
// this key.
func (t *Table) Alone(now time.Time, address uint64) bool {
	alone := true
	t.with(millis(now), Address, address, nil, func(a *record) { alone = a.others.count(millis(now)) == 0 })
	return alone
}

// Pardon says whose records an unblock clears: those of an address, the one with a
// display name, or all in a network.
type Pardon struct {
	Address netip.Addr
	Name    string
	Network netip.Prefix
}

// covers reports whether p names the record.
func (p Pardon) covers(r *record) bool {
	switch {
	case p.Name != "":
		return Name(r.key) == p.Name
	case p.Network.IsValid():
		return p.Network.Contains(r.network.addr())
	}
	return p.Address.IsValid() && addr.KeyOf(r.network.addr()) == addr.KeyOf(p.Address)
}

// Unblock clears stage, evidence, behaviour and repetition of all records that p
// names and returns how many there were. What the upstream has accepted stays.
// Nobody is asked any more for a network that it touches.
func (t *Table) Unblock(p Pardon) int {
	var cleared []uint64
	t.each(func(r *record) {
		if !p.covers(r) {
			return
		}
		cleared = append(cleared, r.key)
		*r = record{key: r.key, network: r.network, scope: r.scope, first: r.first, updated: r.updated,
			others: r.others, past: r.past & pastPair}
	})
	for _, key := range cleared {
		t.links.Remove(key)
	}
	pushed := t.blocked.RemoveAll(func(e blocked.Entry) bool {
		return p.covers(&record{key: e.Key, network: e.Network})
	})
	switch {
	case p.Network.IsValid():
		t.networks.pardon(p.Network)
		t.abroad.pardon(p.Network)
	case p.Address.IsValid():
		t.networks.pardon(addr.KeyOf(p.Address))
		t.abroad.pardon(addr.KeyOf(p.Address))
	}
	return len(cleared) + pushed
}

// Sentence is a block, or what a rule over an outcome does, as the journal keeps it.
type Sentence struct {
	Key    uint64    `json:"key"`
	Scope  Scope     `json:"scope"`
	Prefix string    `json:"prefix"`
	Until  time.Time `json:"until"`
	Blocks int       `json:"blocks"`
	Rule   uint32    `json:"rule,omitempty"` // its id; 0 for a block
	At     time.Time `json:"at"`
}

// Impose restores a sentence from the journal. One that is over, or whose prefix
// is not to be read, changes nothing.
func (t *Table) Impose(now time.Time, s Sentence) bool {
	p, err := netip.ParsePrefix(s.Prefix)
	if err != nil || s.Key == 0 || !s.Until.After(now) || s.Scope >= Scopes {
		return false
	}
	sh := &t.shards[s.Key%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.find(s.Key)
	if r == nil {
		r = t.place(sh, s.Key, millis(now))
		*r = record{key: s.Key, network: networkOf(p.Addr().As16()), scope: s.Scope, first: millis(s.At), updated: millis(s.At)}
		if e, ok := t.blocked.Get(s.Key); ok {
			r.comeBack(millis(now), e)
			t.blocked.Remove(s.Key)
		}
	}
	if s.Rule != 0 {
		r.serve(s.Rule, s.Until)
		return true
	}
	r.stage, r.until, r.blocks = signal.Block, max(r.until, millis(s.Until)), max(r.blocks, uint8(min(s.Blocks, 255)))
	return true
}

// Quiet decides whether a repeated event is to be reported: at most one in each
// interval for the first of keys that has a record, each if none has. It returns how
// many were swallowed since the last.
func (t *Table) Quiet(now time.Time, interval time.Duration, keys ...uint64) (report bool, swallowed int) {
	ms := millis(now)
	for _, key := range keys {
		if t.with(ms, Client, key, nil, func(r *record) {
			if ms-1000*int64(r.spoke) < interval.Milliseconds() {
				r.silent += min(1, math.MaxUint16-r.silent)
				return
			}
			report, swallowed = true, int(r.silent)
			r.spoke, r.silent = uint32(ms/1000), 0
		}) {
			return report, swallowed
		}
	}
	return true, 0
}
