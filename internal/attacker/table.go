package attacker

import (
	"sync"
	"time"
	"unsafe"

	"bartizan/internal/attacker/blocked"
	"bartizan/internal/attacker/identity"
	"bartizan/internal/attacker/issued"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const (
	ways   = 8   // places in a set; a key may stand in either of two sets
	shards = 256 // growing one of them must not hold up requests for long
)

// RecordSize is the memory of one record, in bytes.
const RecordSize = int(unsafe.Sizeof(record{}))

// shard is a set-associative table in which each key has two sets to stand in
// and takes the emptier one (Azar, Broder, Karlin and Upfal, 1994: the power of
// two choices), so that it fills to nine tenths before both are full. Then it
// doubles, until its ceiling. Growing copies at most a few MiB under the lock.
type shard struct {
	mu      sync.Mutex
	sets    [][ways]record // length is a power of two
	used    int
	evicted uint64
	pardons uint64 // punished records that had to go, a set was full of them; but for running blocks
}

// Table holds the records. Make one with New.
type Table struct {
	seed    uint64
	maxSets int
	shards  [shards]shard
	// guarded are the endpoints that have refused somebody's credential: only there
	// does a good answer say that a credential is real. A public endpoint answers
	// any random token. 8 KiB.
	guarded   filter
	entrances filter // endpoints that answer 401 to a user and a password
	usual     usual  // what goes in vain, or is done in a row, at each endpoint
	links     *identity.Graph
	issued    *issued.Table
	blocked   *blocked.Table // blocks whose records had to go
	accounts  accounts
	surplus   surplus
	networks  networks
	abroad    networks // of those whose requests other sites began
	tally     tally
	carried   carried
}

// New returns a table for at most max records, and as many blocks without one, rounded down to a power of two of
// sets in each shard, at least one; memory is taken as it is needed, RecordSize a
// record. It panics if max is not positive: a table without a bound is a hole.
func New(max int, seed uint64) *Table {
	if max <= 0 {
		panic("attacker: New needs a positive max")
	}
	t := &Table{seed: seed, maxSets: 1, guarded: newFilter(16), entrances: newFilter(16), accounts: newAccounts(),
		links: identity.New(maxFacets), issued: issued.New(max / shares), blocked: blocked.New(max),
		carried: carried{of: map[uint64]*[2]uint32{}}, tally: tally{seen: newFilter(20)}}
	for 2*t.maxSets*ways*shards <= max {
		t.maxSets *= 2
	}
	for i := range t.shards {
		t.shards[i].sets = make([][ways]record, 1)
	}
	return t
}

// with runs f on the record of key under its lock, with masses decayed to now.
// Where there is none it makes one for create's client, or does nothing and
// returns false if create is nil.
func (t *Table) with(now int64, scope Scope, key uint64, create *request.Request, f func(*record)) bool {
	if key == 0 {
		return false
	}
	s := &t.shards[key%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(key)
	if r == nil {
		e, known := t.blocked.Get(key)
		if create == nil && !(known && int64(e.Until)*1000 > now) {
			return false
		}
		r = t.place(s, key, now)
		if *r = (record{key: key, scope: scope, first: now, updated: now}); create != nil {
			r.network = networkOf(create.Client.Key.Addr().As16())
		}
		if known {
			r.comeBack(now, e)
			t.blocked.Remove(key)
		}
	}
	r.decay(now)
	f(r)
	return true
}

// pair returns the two sets of key, which may be one.
func (s *shard) pair(key uint64) [2]*[ways]record {
	mask := uint64(len(s.sets) - 1)
	return [2]*[ways]record{&s.sets[key>>8&mask], &s.sets[key>>36&mask]}
}

func (s *shard) find(key uint64) *record {
	for _, set := range s.pair(key) {
		for i := range set {
			if set[i].key == key {
				return &set[i]
			}
		}
	}
	return nil
}

// free returns a free place for key in the emptier of its sets, or nil.
func (s *shard) free(key uint64) *record {
	var best *record
	most := 0
	for _, set := range s.pair(key) {
		n, place := 0, (*record)(nil)
		for i := range set {
			if set[i].key == 0 {
				n, place = n+1, &set[i]
			}
		}
		if n > most {
			best, most = place, n
		}
	}
	return best
}

// least returns the record of the least worth in key's sets.
func (s *shard) least(key uint64, now int64) *record {
	var out *record
	for _, set := range s.pair(key) {
		for i := range set {
			if out == nil || set[i].worth(now) < out.worth(now) {
				out = &set[i]
			}
		}
	}
	return out
}

// comeBack restores what was kept of a record that had to go while its block ran.
func (r *record) comeBack(now int64, e blocked.Entry) {
	r.network, r.scope = e.Network, min(Scope(e.Scope), Credential)
	r.blocks, r.until, r.past = e.Blocks, int64(e.Until)*1000, pastPair
	if r.until > now {
		r.stage = signal.Block
	}
}

// place returns a place for a new key in s, which is locked: a free one, one after
// growing, or that of the least worth. The block of who has to go is kept.
func (t *Table) place(s *shard, key uint64, now int64) *record {
	for {
		if r := s.free(key); r != nil {
			s.used++
			return r
		}
		if len(s.sets) >= t.maxSets {
			r := s.least(key, now)
			t.evict(s, r, now)
			return r
		}
		t.grow(s, now)
	}
}

// evict counts a record that has to go, and keeps its block.
func (t *Table) evict(s *shard, r *record, now int64) {
	s.evicted++
	if r.blocks > 0 && r.scope != user {
		t.blocked.Put(blocked.Entry{Key: r.key, Network: r.network, Until: uint32((max(r.until, 0) + 999) / 1000),
			Blocks: r.blocks, Scope: uint8(r.scope)})
	}
	if r.punished(now) && r.until <= now {
		s.pardons++
	}
}

// grow doubles a shard.
func (t *Table) grow(s *shard, now int64) {
	old := s.sets
	s.sets = make([][ways]record, 2*len(old))
	for i := range old {
		for j := range old[i] {
			r := &old[i][j]
			if r.key == 0 {
				continue
			}
			to := s.free(r.key)
			if to == nil { // both sets are full in a table twice as large: hardly ever
				to = s.least(r.key, now)
				s.used--
				t.evict(s, to, now)
			}
			*to = *r
		}
	}
}

func (r *record) punished(now int64) bool {
	return r.stage >= signal.Interrogate || r.until > now || 1000*int64(r.ruled) > now
}

// worth orders records for eviction: asked or held up before suspect before blocked
// before accepted before the rest, then by how lately they were seen. A flood of fresh keys has
// the least worth of all. A running block goes on without its record: among nothing but
// such, whoever begins to attack must find places to be judged in.
func (r *record) worth(now int64) float64 {
	w := -float64(now-r.updated) / 1000 // seconds of silence
	switch {
	case r.stage == signal.Block && r.until > now && 1000*int64(r.ruled) <= now:
		w += 2e6
	case r.punished(now):
		w += 1e9
	case r.risk >= 5:
		w += 1e6 * float64(r.risk)
	case r.scope == Credential:
		w += 86400
	}
	return w + float64(min(r.rates.fine, 60))
}

// Stats are counters for metrics.
type Stats struct {
	Records, Capacity  int
	Bytes              int64 // issued ids and blocks included
	Evictions, Pardons uint64
	Blocked            blocked.Stats // blocks whose records had to go
}

// Stats returns the table's fill.
func (t *Table) Stats() Stats {
	st := Stats{Capacity: t.maxSets * ways * shards}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		st.Records += s.used
		st.Bytes += int64(len(s.sets)) * ways * int64(RecordSize)
		st.Evictions += s.evicted
		st.Pardons += s.pardons
		s.mu.Unlock()
	}
	st.Blocked = t.blocked.Stats()
	st.Bytes += t.issued.Bytes() + st.Blocked.Bytes
	return st
}

// Census counts clients by stage at now. It walks the whole table, shard by
// shard: call it every few seconds, not on a request's path.
func (t *Table) Census(now time.Time) [signal.Stages]int {
	var out [signal.Stages]int
	t.each(func(r *record) {
		if r.scope == Client && r.key != 0 {
			stage := r.stage
			if stage == signal.Block && r.until <= millis(now) {
				stage = signal.Watch
			}
			out[stage]++
		}
	})
	return out
}

// each visits all records, shard by shard, each under its lock.
func (t *Table) each(f func(*record)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for j := range s.sets {
			for k := range s.sets[j] {
				if s.sets[j][k].key != 0 {
					f(&s.sets[j][k])
				}
			}
		}
		s.mu.Unlock()
	}
}
