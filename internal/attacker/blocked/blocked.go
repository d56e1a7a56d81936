// Package blocked keeps blocks and nothing else of those who are blocked: 24 bytes each,
// where a full record takes hundreds. Whoever floods a table of records with clients
// that have themselves blocked pushes older blocks out of it; they go on here.
//
// It decides nothing. What it knows of a key is when its block ends and how many it has
// had. A Table is bounded; when a place is needed the block that ends first goes, one
// that is over before all others: so a flood of short first blocks, however wide,
// cannot push out a long one. That forgets how often a client was blocked, and, once more
// blocks run at a time than there are places, frees those that would be free first.
//
// A Table is safe for concurrent use. Its locks are leaves: it calls nothing.
package blocked

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"unsafe"

	"bartizan/internal/digest"
)

// Entry is one block.
type Entry struct {
	Key     uint64  // keyed digest of who is blocked; 0 is nobody
	Network [8]byte // that he is in, as package attacker writes it
	Until   uint32  // s since the epoch: end of the block
	Blocks  uint8   // so far, saturating
	Scope   uint8   // what the key stands for
}

// EntrySize is the memory of one entry, in bytes.
const EntrySize = int(unsafe.Sizeof(Entry{}))

const (
	ways   = 8
	shards = 64
)

// shard is a set-associative table that doubles up to the ceiling.
type shard struct {
	mu   sync.Mutex
	sets [][ways]Entry // length is a power of two, or 0
}

// Table holds the blocks. Make one with New.
type Table struct {
	maxSets int
	n       atomic.Int64
	lost    atomic.Uint64
	shards  [shards]shard
}

// New returns a table for at most max entries, rounded down to a power of two of sets in
// each shard, at least one; memory is taken as it is needed. It panics if max is not
// positive: a table without a bound is a hole.
func New(max int) *Table {
	if max <= 0 {
		panic("blocked: New needs a positive max")
	}
	t := &Table{maxSets: 1}
	for 2*t.maxSets*ways*shards <= max {
		t.maxSets *= 2
	}
	return t
}

// shard locks and returns the shard of a key.
func (t *Table) shard(key uint64) *shard {
	s := &t.shards[spread(key)%shards]
	s.mu.Lock()
	return s
}

// spread mixes a key anew: which records have to go depends on the bits by which the
// table that they come from is laid out.
func spread(key uint64) uint64 { return digest.Scramble(key + 1) }

// pair returns the two sets of a key, which may be one: it stands in the emptier (Azar,
// Broder, Karlin and Upfal, 1994).
func (s *shard) pair(key uint64) [2]*[ways]Entry {
	mask, h := uint64(len(s.sets)-1), spread(key)
	return [2]*[ways]Entry{&s.sets[h>>6&mask], &s.sets[h>>36&mask]}
}

// find returns the entry of a key, or nil.
func (s *shard) find(key uint64) *Entry {
	if len(s.sets) == 0 {
		return nil
	}
	for _, set := range s.pair(key) {
		for i := range set {
			if set[i].Key == key {
				return &set[i]
			}
		}
	}
	return nil
}

// place returns a free place in the emptier of a key's sets, or else the block there that
// ends first; nil before there is any set.
func (s *shard) place(key uint64) (e *Entry) {
	if len(s.sets) == 0 {
		return nil
	}
	most := 0
	for _, set := range s.pair(key) {
		free, at := 0, (*Entry)(nil)
		for i := range set {
			switch x := &set[i]; {
			case x.Key == 0:
				free, at = free+1, x
			case most == 0 && free == 0 && (e == nil || x.Until < e.Until):
				e = x
			}
		}
		if free > most {
			e, most = at, free
		}
	}
	return e
}

// Put keeps a block. Of two of one key the later end and the higher count hold.
func (t *Table) Put(e Entry) {
	if e.Key == 0 {
		return
	}
	s := t.shard(e.Key)
	defer s.mu.Unlock()
	if old := s.find(e.Key); old != nil {
		old.Until, old.Blocks = max(old.Until, e.Until), max(old.Blocks, e.Blocks)
		return
	}
	for {
		switch at := s.place(e.Key); {
		case at != nil && at.Key == 0:
			*at = e
			t.n.Add(1)
			return
		case len(s.sets) < t.maxSets:
			t.grow(s)
			continue
		case at.Until < e.Until:
			*at = e
		}
		t.lost.Add(1)
		return
	}
}

// grow doubles a shard.
func (t *Table) grow(s *shard) {
	old := s.sets
	s.sets = make([][ways]Entry, max(2*len(old), 1))
	for i := range old {
		for _, e := range old[i] {
			if e.Key == 0 {
				continue
			}
			at := s.place(e.Key)
			if at.Key != 0 { // both sets are full in a table twice as large: hardly ever
				t.n.Add(-1)
				t.lost.Add(1)
				if at.Until >= e.Until {
					continue
				}
			}
			*at = e
		}
	}
}

// Get returns the block of a key, which may be over. Where there are none at all it
// takes no lock.
func (t *Table) Get(key uint64) (Entry, bool) {
	if key == 0 || t.n.Load() == 0 {
		return Entry{}, false
	}
	s := t.shard(key)
	defer s.mu.Unlock()
	if e := s.find(key); e != nil {
		return *e, true
	}
	return Entry{}, false
}

// Remove forgets the block of a key.
func (t *Table) Remove(key uint64) {
	if key == 0 || t.n.Load() == 0 {
		return
	}
	s := t.shard(key)
	defer s.mu.Unlock()
	if e := s.find(key); e != nil {
		*e = Entry{}
		t.n.Add(-1)
	}
}

// RemoveAll forgets the blocks that which reports, and returns how many there were. It
// walks the whole table, shard by shard: for people.
func (t *Table) RemoveAll(which func(Entry) bool) (n int) {
	t.walk(func(e *Entry) {
		if which(*e) {
			*e = Entry{}
			n++
		}
	})
	t.n.Add(-int64(n))
	return n
}

// walk visits all entries, each under its shard's lock.
func (t *Table) walk(visit func(*Entry)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for j := range s.sets {
			for k := range s.sets[j] {
				if e := &s.sets[j][k]; e.Key != 0 {
					visit(e)
				}
			}
		}
		s.mu.Unlock()
	}
}

// Stats are counters.
type Stats struct {
	Entries int
	Bytes   int64
	Lost    uint64 // blocks that found no place, or had to go
}

// Stats returns the table's fill; it takes each shard's lock for a moment.
func (t *Table) Stats() Stats {
	st := Stats{Entries: int(t.n.Load()), Lost: t.lost.Load()}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		st.Bytes += int64(len(s.sets) * ways * EntrySize)
		s.mu.Unlock()
	}
	return st
}

// An entry in a snapshot, little-endian: key, network, end, blocks, scope.
const storedBytes = 8 + 8 + 4 + 1 + 1

var (
	le         = binary.LittleEndian
	errDamaged = errors.New("blocks are damaged")
)

// MostBytes is the length of the longest snapshot.
func (t *Table) MostBytes() int { return t.maxSets * ways * shards * storedBytes }

// Append appends a snapshot of all blocks that end after now (s) to b.
func (t *Table) Append(now uint32, b []byte) []byte {
	t.walk(func(e *Entry) {
		if e.Until > now {
			b = le.AppendUint64(b, e.Key)
			b = append(b, e.Network[:]...)
			b = append(le.AppendUint32(b, e.Until), e.Blocks, e.Scope)
		}
	})
	return b
}

// Restore takes a snapshot over, of which no block may end later than latest (s).
func (t *Table) Restore(latest uint32, b []byte) error {
	if len(b)%storedBytes != 0 {
		return errDamaged
	}
	for ; len(b) > 0; b = b[storedBytes:] {
		t.Put(Entry{Key: le.Uint64(b), Network: [8]byte(b[8:]), Until: min(le.Uint32(b[16:]), latest), Blocks: b[20],
			Scope: b[21]})
	}
	return nil
}
