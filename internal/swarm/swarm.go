// Package swarm finds botnets: many addresses that do too little each to be
// judged by themselves, and have in common what good traffic has not. It learns
// what good traffic looks like, notices when something rises above it, searches
// for the smallest conjunction of attributes that tells the surplus apart,
// proves it on good traffic that the search has not seen, and matches each
// further request against it, the first one of a bot included.
//
// It decides what a signature's proof allows: limit, challenge or block. It adds
// no risk to anybody, and it does not know the operator's policy.
//
// Inspect and Learn may be called concurrently and take well under the time of
// the rest of a request; they wait for nobody but each other, and that only to
// copy one row. Tick does all else and must not run concurrently with itself.
//
// Memory: about 100 MiB when every table is full, see baseline.go and below, and
// at most 30 MiB for the members of campaigns.
package swarm

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Options make a Swarm.
type Options struct {
	Seed uint64
	// MinimumTime is how long good traffic must have been seen before anything
	// is searched for; 1 minute.
	MinimumTime time.Duration
}

// Swarm is the botnet search of one installation. Make one with New.
type Swarm struct {
	seed    uint64
	options Options
	words   *words
	counts  *sketch
	matcher atomic.Pointer[matcher]
	trust   atomic.Int64 // ms that a client must be known for to be good
	past    atomic.Int64 // ms that a credential must be known for so that its client returns; 0: nobody knows

	in     sync.Mutex // guards inbox, lost and enters
	inbox  []row
	lost   uint64  // rows that found no room
	unread []row   // the other half of the double buffer; Tick's
	enters []entry // logins that were answered well, at most inboxRows
	seen   []entry // their other half

	mu        sync.Mutex // guards all below; held by Tick and by whoever looks
	base      *baseline
	scopes    *scopes
	recent    *ring
	failed    *ring
	odd       *ring
	seeds     *ring
	flagged   *memory32 // clients condemned by themselves
	faulted   *memory32 // clients that met a fault of the upstream
	people    continuity
	seedRate  float64
	seedCount int
	list      []*signature
	campaigns []*campaign
	serial    uint32
	opened    int // campaigns so far
	members   int // over all campaigns
	day       int64
	looks     [2]int // of the day: where clients fail, are odd or condemned; and of volume
	starved   bool   // the last search could not prove a block for want of good traffic
	ticked    int64
	events    []Event
	changed   bool // signatures: compile again
	stats     Stats
}

const (
	inboxRows  = 1 << 13 // each half; 2.4 MiB
	recentRows = 1 << 15 // 9 MiB
	failedRows = 1 << 14 // 4.7 MiB
	oddRows    = 1 << 14
	seedRows   = 1 << 12
	admitMost  = 4000 // rows that teach in one tick

	retryMemory = 60_000 // ms after a fault in which a client's requests are retries
)

// Stats are counters.
type Stats struct {
	Rows, Lost, Learned        uint64
	Searches, Vetoed, Refused  uint64
	Signatures, Active         int
	Campaigns, Open            int
	GoodRows, Waiting, Members int
}

// New returns a Swarm that knows nothing yet.
func New(o Options) *Swarm {
	if o.MinimumTime == 0 {
		o.MinimumTime = time.Minute
	}
	s := &Swarm{
		seed: o.Seed, options: o, words: newWords(), scopes: newScopes(), flagged: newMemory32(), faulted: newMemory32(),
		people: newContinuity(),
		recent: newRing(recentRows), failed: newRing(failedRows), odd: newRing(oddRows), seeds: newRing(seedRows),
	}
	s.base = newBaseline(rand.New(rand.NewPCG(o.Seed, 0x73776172)))
	s.counts = s.base.counts
	s.matcher.Store(compile(nil))
	return s
}

// Options returns what s was made with.
func (s *Swarm) Options() Options { return s.options }

// Inspect fills r.Attributes and, if a signature matches, r.Match. The head of r
// must be parsed, and software, endpoint and standing be known.
func (s *Swarm) Inspect(now time.Time, r *request.Request) {
	s.describe(r)
	at := (*[Attributes]uint32)(r.Attributes[:])
	s.counts.derive(at)
	u := at[RaritySegment]
	r.Uncommon = u == rare || u == veryRare || u == unseen
	g := s.matcher.Load().find(at)
	if g == nil {
		r.Match = request.Match{}
		return
	}
	g.hits.Add(1)
	g.last.Store(now.UnixMilli())
	r.Match = request.Match{Signature: g.Name, Campaign: g.Campaign, Serial: g.Serial, Action: signal.Pass, Approved: g.Approved || g.Operator, Age: now.Sub(time.UnixMilli(g.Born))}
	if g.acts() {
		s.engage(now, r, g)
	}
}

// Abandoned is the status of a request whose caller left while it was worked on: it says
// that the request came, and nothing of how it went.
const Abandoned = 299

// Exchange is how a request ended.
type Exchange struct {
	Status  int  // of the upstream's answer; 0: none, or Abandoned
	Refused bool // it did not go upstream
	Login   bool // it was a login attempt
	Exploit bool // it showed a certain payload
}

// Learn takes a request that Inspect has seen and that has ended.
func (s *Swarm) Learn(now time.Time, r *request.Request, x Exchange) {
	good, back := s.trusts(r), s.returns(r)
	s.in.Lock()
	defer s.in.Unlock()
	if len(s.inbox) == inboxRows {
		s.lost++ // more than 30,000 requests a second: a sample will do
		return
	}
	s.inbox = append(s.inbox, row{})
	row := &s.inbox[len(s.inbox)-1]
	copy(row.at[:], r.Attributes[:])
	row.time, row.addr, row.client = now.UnixMilli(), r.Client.Addr.As16(), fold32(r.Standing.Keys[0])
	row.match, row.status, row.tags = r.Match.Serial, uint16(x.Status), tags(r.Endpoint.Tags)
	copy(row.id[:], r.ID)
	set := func(f flags, on bool) {
		if on {
			row.flags |= f
		}
	}
	if set(trusted, good); r.Standing.Elsewhere != 0 && (x.Exploit || r.Standing.Stage >= signal.Tarpit) {
		row.client = fold32(digest.Mix(r.Standing.Keys[0],
			r.Standing.Elsewhere)) // condemned is what another site began
	}
	set(seed, x.Exploit || r.Standing.Stage >= signal.Tarpit)
	set(refused, x.Refused)
	set(canary, r.Match.Canary)
	set(protected, r.Match.Serial != 0 && good)
	set(returning, back && !x.Refused && x.Status/100 == 2)
	if x.Login {
		row.tags |= loginAttempt
		if r.Endpoint.Enters {
			row.tags |= refusesSome
		}
		s.login(row, r)
	}
}

// Tick does what time brings, every 250 ms: it counts, learns, searches, and
// retires. It returns what happened.
func (s *Swarm) Tick(now time.Time) []Event {
	ms := now.UnixMilli()
	s.in.Lock()
	s.inbox, s.unread = s.unread[:0], s.inbox
	lost := s.lost
	s.enters, s.seen = s.seen[:0], s.enters
	s.in.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Lost = lost
	seconds := float64(max(ms-s.ticked, 1)) / 1000
	if s.ticked == 0 {
		seconds = 0.25
	}
	s.ticked = ms
	quarantine := s.base.quarantine(ms)
	for i := range s.seen {
		s.people.enter(&s.seen[i], past(quarantine))
	}
	for i := range s.unread {
		s.take(ms, &s.unread[i])
	}
	ready := s.ready(ms)
	s.scopes.close(ms, !ready, s.base.taint)
	s.base.tick(seconds)
	s.seedRate += (float64(s.seedCount)/seconds - s.seedRate) * min(seconds/3600, 1)
	s.seedCount = 0
	s.base.admit(ms, admitMost, s.acceptable)
	s.trust.Store(max(quarantine, 1))
	s.past.Store(past(quarantine))
	if ready {
		s.alarm(ms)
	}
	s.live(ms, seconds)
	if s.changed {
		s.changed = false
		s.matcher.Store(compile(s.list))
	}
	out := s.events
	s.events = nil
	return out
}

// ready reports whether enough good traffic is known to search at all.
func (s *Swarm) ready(now int64) bool {
	return s.base.first != 0 && now-s.base.first >= s.options.MinimumTime.Milliseconds() && len(s.base.uniform.rows) >= minimumRows
}

// take files one row.
func (s *Swarm) take(now int64, r *row) {
	s.stats.Rows++
	if !r.is(seed) && (r.is(returning) || s.people.returned.has(r.client)) {
		s.people.note(r.time, r.client)
	}
	if r.is(seed) {
		s.seedCount++
		s.flagged.note(now, r.client)
		s.seeds.add(r)
	}
	if r.match != 0 {
		s.matched(r)
	}
	if r.is(refused) || r.status == 0 {
		return
	}
	// Who has just met a fault of the upstream tries again: that is not the
	// client's doing.
	again := s.faulted.within(now, r.client, retryMemory)
	if r.status >= 500 {
		s.faulted.note(now, r.client)
	}
	if again {
		return
	}
	s.recent.add(r)
	if r.failed() {
		s.failed.add(r)
	}
	if odd(&r.at) {
		s.odd.add(r)
	}
	if r.match != 0 {
		return // explained
	}
	s.scopes.count(r)
	if !r.is(seed) {
		s.base.offer(now, r)
	}
}

// matched books a row to its signature's campaign.
func (s *Swarm) matched(r *row) {
	g := s.bySerial(r.match)
	if g == nil {
		return
	}
	if r.is(refused) {
		g.stopped.Add(1)
	}
	if g.Volume {
		s.visited(g, r)
	}
	if r.is(canary) && r.status != 0 && r.status < 400 {
		g.good.Add(1)
	}
	if c := s.campaignNamed(g.Campaign); c != nil {
		s.join(c, r)
	}
}

func (s *Swarm) join(c *campaign, r *row) {
	if c.add(r, s.members < membersAll) {
		s.members++
	}
}

func (s *Swarm) bySerial(n uint32) *signature {
	for _, g := range s.list {
		if g.Serial == n {
			return g
		}
	}
	return nil
}

// acceptable reports whether a row that has waited may teach.
func (s *Swarm) acceptable(r *row) bool {
	if r.is(tainted) || s.flagged.has(r.client) || s.scopes.suspicious(r) || s.covered(r) {
		return false
	}
	if s.people.returned.has(r.client) {
		r.flags |= returning
	}
	s.stats.Learned++
	return true
}

// covered reports whether a signature explains a row already.
func (s *Swarm) covered(r *row) bool {
	if r.match != 0 {
		return true
	}
	for _, g := range s.list {
		if g.State <= held && holdAll(g.Literals, r) {
			return true
		}
	}
	return false
}
