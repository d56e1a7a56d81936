package challenge

import (
	"slices"
	"sync"
)

const (
	usesShards, usesSets, usesWays = 64, 64, 4
	// MostUsers is how many addresses may use one pass: people move between
	// networks, and carriers move them.
	MostUsers = 8
)

// uses remembers which addresses use each pass: 16,384 passes of 48 bytes, taken
// a shard at a time. In a full set the pass with the fewest addresses goes, so
// that single clients cannot wash a farm's away; a farm whose pass was forgotten
// gets MostUsers more, and has paid for the passes that did it.
type uses struct {
	shards [usesShards]struct {
		mu   sync.Mutex
		sets [][usesWays]use
	}
}

type use struct {
	id    uint64
	until uint32 // s: when the pass ends
	n     uint32
	users [MostUsers]uint32
}

// add notes that user uses the pass id, which ends at until, and reports whether
// no more than MostUsers do.
func (u *uses) add(now, until uint32, id uint64, user uint32) bool {
	s := &u.shards[id%usesShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil {
		s.sets = make([][usesWays]use, usesSets)
	}
	set := &s.sets[id/usesShards%usesSets]
	least := &set[0]
	for i := range set {
		e := &set[i]
		if e.id == id {
			return e.add(user)
		}
		if e.worth(now) < least.worth(now) {
			least = e
		}
	}
	*least = use{id: id, until: until}
	return least.add(user)
}

// worth orders entries for eviction: those that are over go first.
func (e *use) worth(now uint32) uint32 {
	if e.until < now {
		return 0
	}
	return e.n
}

func (e *use) add(user uint32) bool {
	known := min(e.n, MostUsers)
	switch {
	case slices.Contains(e.users[:known], user):
	case known < MostUsers:
		e.users[known] = user
		e.n++
	default:
		e.n = MostUsers + 1 // once shared, it is nobody's any more
	}
	return e.n <= MostUsers
}
