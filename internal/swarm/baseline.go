package swarm

import (
	"math/rand/v2"
	"time"
)

// baseline is what good traffic looks like: counts, and samples of whole rows,
// all bounded. Candidates for signatures are searched on one quarter of the
// clients and proven on the others, which the search never sees.
//
// A row teaches only when it has grown old without becoming suspect: a day, or
// half of what has been seen so far on a young installation. So an attack that
// starts slowly cannot teach that it is normal before anyone notices.
type baseline struct {
	counts  *sketch
	uniform reservoir
	strata  map[uint32]*reservoir // by template
	groups  map[uint64]*reservoir // by population and template
	waiting queue                 // rows that wait to teach
	rate    float64               // rows offered in a second, a running mean
	offered int                   // since the last tick
	first   int64                 // ms: when the first row came; 0 none yet
	random  *rand.Rand
}

const (
	uniformRows  = 1 << 16 // 19 MiB
	stratumRows  = 2048
	strataMax    = 32 // 19 MiB
	groupRows    = 24
	groupsMax    = 1536    // 11 MiB
	waitingRows  = 1 << 15 // 9 MiB
	oldEnough    = 24 * time.Hour
	perClient    = 6 // rows of one client in the uniform sample
	holdOut      = 4 // one client in so many is for the search
	stratumLeast = 400
)

func newBaseline(random *rand.Rand) *baseline {
	return &baseline{
		counts: newSketch(), uniform: reservoir{max: uniformRows, each: perClient, enter: 0.9}, random: random,
		strata: map[uint32]*reservoir{}, groups: map[uint64]*reservoir{}, waiting: queue{rows: make([]row, waitingRows)},
	}
}

// quarantine is how old a row must be to teach.
func (b *baseline) quarantine(now int64) int64 {
	if b.first == 0 {
		return 0
	}
	return min((now-b.first)/2, oldEnough.Milliseconds())
}

// young reports whether less than a day has been seen: then proofs are held to more.
func (b *baseline) young(now int64) bool { return now-b.first < oldEnough.Milliseconds() }

// offer lets a row wait. When more come than there is room for until they are old
// enough, a fair sample of them does. (0.7: a queue that covers the second half of
// the time, with a share that falls as 1/t, holds 2 ln 2 times what is asked for.)
func (b *baseline) offer(now int64, r *row) {
	if b.first == 0 {
		b.first = r.time
	}
	b.offered++
	if need := b.rate * float64(b.quarantine(now)) / 1000; need > 0.7*waitingRows && b.random.Float64() > 0.7*waitingRows/need {
		return
	}
	b.waiting.push(r)
}

// admit lets rows teach that are old enough and that acceptable still says so of.
// It takes at most limit of them.
func (b *baseline) admit(now int64, limit int, acceptable func(*row) bool) {
	age := b.quarantine(now)
	for ; limit > 0; limit-- {
		r := b.waiting.front()
		if r == nil || now-r.time < age {
			return
		}
		if acceptable(r) {
			b.learn(r)
		}
		b.waiting.pop()
	}
}

// taint keeps the waiting rows of a scope that arrived since then from teaching.
func (b *baseline) taint(c *scope, since int64) {
	for i := range b.waiting.n {
		r := &b.waiting.rows[(b.waiting.head+i)%len(b.waiting.rows)]
		if r.time >= since && c.has(r) {
			r.flags |= tainted
		}
	}
}

// tick brings the mean rate up to date.
func (b *baseline) tick(seconds float64) {
	x := float64(b.offered) / seconds
	b.offered = 0
	switch {
	case b.rate == 0:
		b.rate = x
	default:
		b.rate += (x - b.rate) * min(seconds/60, 1)
	}
}

func (b *baseline) learn(r *row) {
	b.counts.derive(&r.at) // as the baseline of today sees it
	b.counts.learn(r)
	b.sample(r)
	if n := b.counts.get(one(Template, r.at[Template])); n >= objectsLeast && n&(n-1) == 0 {
		b.reviewObjects(r.at[Template])
	}
	switch b.counts.total.Load() {
	case 1 << 12, 1 << 14, 1 << 16:
		b.review()
	}
}

// review derives all samples anew. The first rows were seen by a baseline that
// knew next to nothing, and most of them looked odd to it. Each client's own rows
// are left out, so that it looks as a new one would.
func (b *baseline) review() {
	own := b.uniform.clients
	again := func(rows []row) {
		for i := range rows {
			b.counts.deriveWithout(&rows[i].at, uint32(own[rows[i].client]))
		}
	}
	again(b.uniform.rows)
	for _, v := range b.strata {
		again(v.rows)
	}
	for _, v := range b.groups {
		again(v.rows)
	}
}

// reviewObjects derives anew how rare the objects of a template's samples are, each time
// that twice as many requests to it are known: at first nearly every object is new.
func (b *baseline) reviewObjects(template uint32) {
	again := func(rows []row) {
		for i := range rows {
			if r := &rows[i]; r.at[Template] == template {
				r.at[RarityObject] = b.counts.object(&r.at, 1)
			}
		}
	}
	again(b.uniform.rows)
	if v := b.strata[template]; v != nil {
		again(v.rows)
	}
	for _, v := range b.groups {
		again(v.rows)
	}
}

// sample puts a row into the samples.
func (b *baseline) sample(r *row) {
	b.uniform.add(r, b.random)
	if s := b.stratum(r.at[Template]); s != nil {
		s.add(r, b.random)
	}
	key := uint64(r.segment())<<32 | uint64(r.at[Template])
	g := b.groups[key]
	if g == nil {
		if len(b.groups) >= groupsMax {
			return
		}
		g = &reservoir{max: groupRows, each: 2, enter: 1}
		b.groups[key] = g
	}
	g.add(r, b.random)
}

// stratum returns the sample of a template, making one if there is room: the
// first templates to be seen often are the ones that matter.
func (b *baseline) stratum(template uint32) *reservoir {
	s := b.strata[template]
	if s == nil && len(b.strata) < strataMax && b.counts.get(one(Template, template)) >= 50 {
		s = &reservoir{max: stratumRows, each: 4, enter: 1}
		b.strata[template] = s
		for i := range b.uniform.rows {
			if b.uniform.rows[i].at[Template] == template {
				s.add(&b.uniform.rows[i], b.random)
			}
		}
	}
	return s
}

// share is the share of good traffic that goes to a template.
func (b *baseline) share(template uint32) float64 {
	return (float64(b.counts.get(one(Template, template))) + 1) / (float64(b.counts.total.Load()) + 1)
}

// trustedShare is the share of rows with one of the flags among those of a sample, and
// among its failed ones if failed; 0.5 where too few are known.
func trustedShare(rows []row, failed bool, of flags) float64 {
	n, m := 0, 0
	for i := range rows {
		if failed && !rows[i].failed() {
			continue
		}
		m++
		if rows[i].is(of) {
			n++
		}
	}
	if m < 30 {
		return 0.5
	}
	return float64(n) / float64(m)
}

// searched reports whether a client belongs to the quarter that is searched on.
func (r *row) searched() bool { return r.client*2654435761>>30 == 0 }

// heldOut is about how many rows of the uniform sample proofs are made on.
func (b *baseline) heldOut() int { return len(b.uniform.rows) * (holdOut - 1) / holdOut }

// split returns a sample's rows for the search, or those for the proof.
func split(rows []row, search bool) []*row {
	out := make([]*row, 0, len(rows))
	for i := range rows {
		if rows[i].searched() == search {
			out = append(out, &rows[i])
		}
	}
	return out
}

// reservoir is a bounded random sample in which older rows give way to new ones
// (Aggarwal, "On biased reservoir sampling in the presence of stream evolution",
// VLDB 2006). One client has at most each rows in it.
type reservoir struct {
	rows    []row
	max     int
	each    int
	enter   float64 // probability of a row to enter
	clients map[uint32]uint8
}

func (v *reservoir) add(r *row, random *rand.Rand) {
	if v.enter < 1 && random.Float64() > v.enter {
		return
	}
	if v.clients == nil {
		v.clients = map[uint32]uint8{}
	}
	if int(v.clients[r.client]) >= v.each {
		return
	}
	v.clients[r.client]++
	if len(v.rows) < v.max {
		if len(v.rows) == cap(v.rows) { // grow in steps that keep the bound
			v.rows = append(make([]row, 0, min(2*len(v.rows)+16, v.max)), v.rows...)
		}
		v.rows = append(v.rows, *r)
		return
	}
	i := random.IntN(len(v.rows))
	old := v.rows[i].client
	if v.clients[old]--; v.clients[old] == 0 {
		delete(v.clients, old)
	}
	v.rows[i] = *r
}

// queue is a bounded first-in, first-out list of rows.
type queue struct {
	rows []row
	head int
	n    int
}

// push adds a row, where there is room.
func (q *queue) push(r *row) {
	if q.n == len(q.rows) {
		return
	}
	q.rows[(q.head+q.n)%len(q.rows)] = *r
	q.n++
}

func (q *queue) front() *row {
	if q.n == 0 {
		return nil
	}
	return &q.rows[q.head]
}

func (q *queue) pop() {
	q.head = (q.head + 1) % len(q.rows)
	q.n--
}
