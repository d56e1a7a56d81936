package load

import (
	"sync"
	"time"
)

// Rate allows Units in each Per in the long run, and at most Burst at once. A unit
// is a request or, where the measured cost is limited, a nanosecond of the upstream.
// All must be positive.
type Rate struct {
	Units, Burst int64
	Per          time.Duration
}

// worth returns the time that units are worth, in ns.
func (r Rate) worth(units int64) int64 {
	return int64(float64(units) * float64(r.Per) / float64(r.Units))
}

const (
	ways   = 8  // slots that a key may stand in; all in two cache lines
	shards = 64 // enough that 16 cores seldom meet
)

// MostDebt bounds what a key can owe by a measured cost that came out higher than
// it had room for: a client that was once unlucky is not shut out for a day.
const MostDebt = 10 * time.Minute

// slot holds a key's theoretical arrival time: when it would next act if it kept
// exactly to its rate. A time in the past means that it owes nothing.
type slot struct {
	key uint64
	tat int64 // ns since the Unix epoch
}

type shard struct {
	mu   sync.Mutex
	sets [][ways]slot
}

// Table limits keys by the generic cell rate algorithm: one number a key says what
// a token bucket says with two. It holds a fixed number of keys in 16 bytes each.
// When a new key finds no room, the key that owes least is forgotten, so a flood
// of fresh keys (a million spoofed /64s) cannot wash away the debt of whoever sends it.
//
// Source: ITU-T I.371 (2004), annex A, virtual scheduling.
type Table struct {
	shards [shards]shard
}

// NewTable returns a table for most keys, rounded up to full shards. It panics if
// most is not positive: a table without a bound is a hole.
func NewTable(most int) *Table {
	if most <= 0 {
		panic("load: NewTable needs a positive bound")
	}
	sets := (most + shards*ways - 1) / (shards * ways)
	t := new(Table)
	for i := range t.shards {
		t.shards[i].sets = make([][ways]slot, sets)
	}
	return t
}

// Bytes returns the memory of the table's slots.
func (t *Table) Bytes() int { return shards * ways * 16 * len(t.shards[0].sets) }

// Take asks whether key may use units at now and, if so, counts them. What is
// refused costs nothing: whoever waits as told is let in, whoever hammers gains
// nothing by it. Zero units only ask: is there room for anything at all?
//
// Keys must be well mixed (a keyed hash), or an attacker could choose them to
// share one set. A key must always come with the same rate.
func (t *Table) Take(now time.Time, key uint64, r Rate, units int64) Decision {
	s, set := t.set(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, at := find(set, key), now.UnixNano()
	tat := max(slot.tat, at)
	ahead, room := tat-at, r.worth(r.Burst)-r.worth(max(units, 1))
	if ahead > max(room, 0) {
		return Decision{Retry: time.Duration(ahead - max(room, 0))}
	}
	slot.tat = tat + r.worth(units)
	return Decision{Allowed: true}
}

// Charge counts units that were used, whether or not there was room: a cost is
// known only afterwards.
func (t *Table) Charge(now time.Time, key uint64, r Rate, units int64) {
	if units <= 0 {
		return
	}
	s, set := t.set(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, at := find(set, key), now.UnixNano()
	slot.tat = min(max(slot.tat, at)+r.worth(units), max(slot.tat, at+int64(MostDebt)))
}

func (t *Table) set(key uint64) (*shard, *[ways]slot) {
	s := &t.shards[key%shards]
	return s, &s.sets[key/shards%uint64(len(s.sets))]
}

// find returns the slot of key, or makes the slot that owes least its own.
func find(set *[ways]slot, key uint64) *slot {
	least := &set[0]
	for i := range set {
		s := &set[i]
		if s.key == key {
			return s
		}
		if s.tat < least.tat {
			least = s
		}
	}
	*least = slot{key: key}
	return least
}
