// Package issued remembers which ids of objects each client has been shown, to
// tell who asks for objects that nobody has shown him.
//
// Only what it says against a client must be sure: a client of which it does not
// know everything (answers that were not read, an entry that had to give way, a
// restart, a filter that is full) is unknown for half an hour. A Bloom filter
// errs to the client's side: it forgets nothing, and takes a few ids for shown
// that were not.
//
// It is bounded: EntrySize bytes an entry, and an entry only for clients that are
// shown ids or ask for objects. When there is no room the one goes that was
// silent the longest, so a flood of clients makes others unknown, and nobody
// suspect. All methods are safe for concurrent use; entries are spread over shards
// with a lock each.
package issued

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

const (
	words  = 28
	size   = 64 * words    // bits of a filter
	full   = size * 6 / 10 // from so many on it says nothing
	ways   = 8
	shards = 64
	// cold is for how many seconds nothing is said of a client that may have been
	// shown what we do not know.
	cold = 30 * 60
	// tau is the time constant of counts, in seconds.
	tau = 3600
)

// EntrySize is the memory of one entry, in bytes.
const EntrySize = int(unsafe.Sizeof(entry{}))

// entry is what is known of one client, or of one credential.
type entry struct {
	key         uint64
	bits        [words]uint64
	seen, blind uint32 // s: last use; until when it says nothing
	count       Count
	used        uint16 // bits that are set
}

// Count is how many different objects a client has asked for of late, decayed, on
// endpoints where nearly all are shown before: in all, those that no answer has
// shown it, and of these how many were refused (403, 404, 410).
type Count struct{ Asked, Foreign, Refused float32 }

// Table holds the entries. Make one with New.
type Table struct {
	sets   int // of a shard
	began  atomic.Int64
	blind  atomic.Bool // until half an hour after it began
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	sets [][ways]entry
}

// New returns a table for about most entries, at least 512. Memory is taken shard
// by shard, when a shard is first used.
func New(most int) *Table { return &Table{sets: max(most/(ways*shards), 1)} }

// Resume says that what was learned of endpoints is older than the table: clients
// were shown ids that it does not know. A table that begins together with the model
// needs no such time: what was shown before is foreign then, and no endpoint is
// held to show its ids until that is less than three in a hundred.
func (t *Table) Resume() { t.blind.Store(true) }

// Who is one of the names under which a client is remembered.
type Who struct {
	Key uint64
	// Old says that ids may have been shown to it that were not noted: if it has no
	// entry, it is unknown for half an hour.
	Old bool
}

// Exchange is what one answered request says of ids.
type Exchange struct {
	Now int64 // s since the epoch
	Who []Who // of whom ids are noted: what one has been shown counts for all
	// Object is what the request asks for, 0 nothing; Counts says that its endpoint
	// shows ids beforehand, Refused that the answer was a refusal.
	Object  uint64
	Counts  bool
	Refused bool
	// Shown are the lists of ids that the exchange shows to the client; Unread says
	// that there may be others.
	Shown  [2][]uint64
	Unread bool
}

// Note takes one exchange and says whether its object had been shown before. The
// count is that of the last of x.Who.
func (t *Table) Note(x Exchange) (request.Origin, Count) {
	now := uint32(x.Now)
	t.began.CompareAndSwap(0, x.Now)
	origin := request.OriginUnknown
	if x.Object != 0 {
		origin = t.origin(now, x)
	}
	var c Count
	for i, w := range x.Who {
		t.with(now, w, x.Object != 0 || len(x.Shown[0])+len(x.Shown[1]) > 0, func(e *entry) {
			if i == len(x.Who)-1 && x.Counts {
				e.tally(origin, x.Refused)
			}
			for _, ids := range x.Shown {
				for _, id := range ids {
					e.add(id)
				}
			}
			if x.Unread {
				e.blind = now + cold
			}
			if e.used >= full {
				*e = entry{key: e.key, seen: now, blind: now + cold}
			}
			c = e.count
		})
	}
	return origin, c
}

// origin says where the client has the object from. What it asks for again says
// nothing new.
func (t *Table) origin(now uint32, x Exchange) request.Origin {
	again, shown, unknown := false, false, false
	for _, w := range x.Who {
		t.with(now, w, true, func(e *entry) {
			asked := digest.Scramble(x.Object)
			again = again || e.has(asked)
			shown = shown || e.has(x.Object)
			unknown = unknown || e.blind > now
			e.add(asked)
		})
	}
	switch {
	case again, unknown: // of an unknown client not even what was shown counts: the share must not err
		return request.OriginUnknown
	case shown:
		return request.Issued
	}
	return request.Foreign
}

// with runs f on w's entry under its lock, made if create says so.
func (t *Table) with(now uint32, w Who, create bool, f func(*entry)) {
	s := &t.shards[w.Key%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil {
		if !create {
			return
		}
		s.sets = make([][ways]entry, t.sets)
	}
	set := &s.sets[w.Key>>16%uint64(t.sets)]
	place := &set[0]
	for i := range set {
		switch e := &set[i]; {
		case e.key == w.Key:
			e.count.fade(e.seen, now)
			e.seen = now
			f(e)
			return
		case e.seen < place.seen:
			place = e
		}
	}
	if !create {
		return
	}
	*place = entry{key: w.Key, seen: now}
	if t.blind.Load() {
		place.blind = uint32(t.began.Load()) + cold
	}
	if w.Old {
		place.blind = now + cold
	}
	f(place)
}

func (c *Count) fade(from, to uint32) {
	if to <= from || *c == (Count{}) {
		return
	}
	f := float32(math.Exp(-float64(to-from) / tau))
	c.Asked, c.Foreign, c.Refused = c.Asked*f, c.Foreign*f, c.Refused*f
}

func (e *entry) tally(o request.Origin, refused bool) {
	if o == request.OriginUnknown {
		return
	}
	e.count.Asked++
	if o == request.Foreign {
		e.count.Foreign++
		if refused {
			e.count.Refused++
		}
	}
}

// probes are the two bits of an id.
func probes(id uint64) [2]uint64 {
	h := digest.Scramble(id ^ 0x9e3779b97f4a7c15)
	a, _ := bits.Mul64(h, size)
	b, _ := bits.Mul64(h<<32|h>>32, size)
	return [2]uint64{a, b}
}

func (e *entry) add(id uint64) {
	for _, p := range probes(id) {
		if w, b := &e.bits[p>>6], uint64(1)<<(p&63); *w&b == 0 {
			*w |= b
			e.used++
		}
	}
}

func (e *entry) has(id uint64) bool {
	for _, p := range probes(id) {
		if e.bits[p>>6]&(1<<(p&63)) == 0 {
			return false
		}
	}
	return true
}

// Bytes returns the memory in use.
func (t *Table) Bytes() int64 {
	n := int64(0)
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += int64(len(s.sets)) * ways * int64(EntrySize)
		s.mu.Unlock()
	}
	return n
}
