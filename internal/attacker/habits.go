package attacker

import (
	"math"
	"math/bits"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// habits is how a client goes about it. Counts fade in an hour unless said otherwise.
type habits struct {
	pace    pace
	what    uint32  // what it asked for last. Credential: bits of the addresses that attack with it
	changed uint32  // s: when it changed an account; 0 once something was paid. Credential: the day that its bits are of
	minute  uint32  // of the last reservation, doubled; odd while all of that minute's are close to the full one
	cashed  float32 // payments soon after an account was changed
	timed   float32 // minutes in which it reserved something
	aligned float32 // of those, only close to the full minute
	hasty   float32 // steps faster than anybody takes them; fades like rates
	writes  float32 // requests that change something
	excess  float32 // powers of two by which answers were larger than usual
	bare    float32 // requests of a browser without the cookies that browsers bring here
	twins   float32 // posts that nearly equal the one before
	post    uint64  // likeness of the last post. Credential: bits of the addresses that used it well the day before
}

const habitsTau = time.Hour

func (h *habits) fade(short, long float32) {
	h.hasty *= short
	for _, v := range []*float32{&h.cashed, &h.timed, &h.aligned, &h.writes, &h.excess, &h.bare, &h.twins} {
		*v *= long
	}
}

// pace is the mean and variance of the logarithm of the time between requests
// that ask for something else: people differ by a factor of three from one to the
// next, and so does what a page loads at once; a loop with a pause does not.
type pace struct {
	mean, vary float32
	gaps       uint16 // saturates at longPace
	guess      uint16 // of the last login, user and password; no part of the pace, it has its place here for the room
}

// The exponential weight of the newest gap; from how many gaps on a pace is
// known, and below which variance of ln(gap) it is a machine's.
const (
	paceWeight  = 0.1
	longPace    = 40
	somePace    = 20
	machinePace = 0.05
	loosePace   = 0.15 // a machine that adds a little chance
)

func (p *pace) add(gap time.Duration) {
	x := float32(math.Log(float64(max(gap, time.Millisecond).Milliseconds())))
	if p.gaps == 0 {
		p.mean = x
	}
	d := x - p.mean
	p.mean += paceWeight * d
	p.vary += paceWeight * (d*d - p.vary)
	p.gaps = min(p.gaps+1, longPace)
}

func (p *pace) regular(below float32) bool { return p.gaps >= somePace && p.vary < below }

// count notes one answered request, gap after the last; known says that there was one.
func (h *habits) count(x *Exchange, gap time.Duration, known bool) {
	if what := uint32(x.What); what != h.what {
		if known && gap < visit*time.Millisecond {
			h.pace.add(gap)
		}
		h.what = what
	}
	if x.Writes && x.Status < 400 {
		h.writes++
	}
	if x.Hasty {
		h.hasty++
	}
	h.excess += x.Excess
	switch {
	case x.Bare:
		h.bare++
	case x.Browser && x.Cookies:
		h.bare = 0
	}
	if x.Post != 0 {
		if h.post != 0 && bits.OnesCount64(x.Post^h.post) <= alike {
			h.twins++
		}
		h.post = x.Post
	}
}

// alike is how many bits the likenesses of two texts may differ in that are
// nearly the same (Charikar, 2002; Manku, Jain and Das Sarma, 2007).
const alike = 3

// soon is within how many seconds a payment follows the change of an account for
// both to belong together.
const soon = 600

// Close to a full minute is in its last two seconds or its first: one time in
// twenty by chance.
const lateSecond, earlySecond = 58, 0

// business notes one answered request to a tagged endpoint.
func (h *habits) business(x *Exchange, failed bool) {
	switch {
	case failed:
	case x.Tags.Has(request.TagAccount) && x.Writes:
		h.changed = x.Second
	case x.Tags.Has(request.TagPayment) && h.changed != 0:
		if x.Second-h.changed < soon {
			h.cashed++
		}
		h.changed = 0
	}
	if x.Tags&(request.TagReserve|request.TagLimited) != 0 && x.Second != 0 {
		h.reserve(x.Second)
	}
}

// reserve notes a reservation in a second since the epoch. Who reserves all the
// time does so close to the full minute too: such a minute is not aligned.
func (h *habits) reserve(second uint32) {
	s := second % 60
	near, minute := s >= lateSecond || s <= earlySecond, (second+60-lateSecond)/60
	switch {
	case minute != h.minute>>1:
		h.minute = minute << 1
		h.timed++
		if near {
			h.minute |= 1
			h.aligned++
		}
	case !near && h.minute&1 == 1:
		h.minute &^= 1
		h.aligned = max(h.aligned-1, 0)
	}
}

// The numbers from which habits are evidence.
const (
	cashedSome, cashedMany     = 2.5, 7
	timedSome, timedMany       = 4, 7
	alignedRatio               = 0.75
	hastySome, hastyMany       = 4, 12
	accountsSome, accountsMany = 10, 25
	readOnly                   = 0.5
	detailsSome, detailsMany   = 6, 12
	excessSome, excessMany     = 3, 10
	bareSome, bareMany         = 15, 60
	twinsSome, twinsMany       = 5, 15
	postersSome, postersMany   = 8, 25
)

// concludeHabits judges how a client goes about it.
func (r *record) concludeHabits(now int64, x *Exchange, report func(signal.Kind, signal.Band, string, string)) {
	h := &r.habits
	judge := func(k signal.Kind, n, some, many float32, where, note string) {
		switch {
		case n >= many:
			report(k, signal.Likely, where, note)
		case n >= some:
			report(k, signal.Hint, where, note)
		}
	}
	if x.Hasty {
		judge(signal.HastyStep, h.hasty, hastySome, hastyMany, "flow", "4 or more steps faster than anybody takes them")
	}
	if x.Tags.Has(request.TagPayment) {
		judge(signal.CashingOut, h.cashed, cashedSome, cashedMany, "endpoint", "pays right after an account was changed, again and again")
	}
	if x.Tags&(request.TagReserve|request.TagLimited) != 0 && h.aligned >= alignedRatio*h.timed {
		judge(signal.Sniping, h.timed, timedSome, timedMany, "time", "reserves within seconds of the full minute, again and again")
	}
	if x.Excess > 0 {
		many := float32(excessMany)
		if x.Departs && !x.Odd {
			many = float32(math.Inf(1))
		}
		judge(signal.Exfiltration, h.excess, excessSome, many, "answer", "answers many times larger than this endpoint's")
	}
	if x.Post != 0 {
		judge(signal.RepeatedPost, h.twins, twinsSome, twinsMany, "body", "posts nearly the same text again and again")
	}
	r.concludeSoftware(x, judge)
	if h.writes < readOnly && h.pace.regular(loosePace) {
		judge(signal.AccountAggregation, float32(r.others.count(now)), accountsSome, accountsMany, "credential", "reads one account after the other, as a clock ticks")
	}
}

// concludeSoftware judges what tells a program from the browser that it claims.
func (r *record) concludeSoftware(x *Exchange, judge func(k signal.Kind, n, some, many float32, where, note string)) {
	h := &r.habits
	if x.Bare {
		judge(signal.BrowserHabit, h.bare, bareSome, bareMany, "header:Cookie", "a browser without the cookies that browsers bring here")
	}
	if x.Browser && h.pace.gaps >= longPace && h.pace.regular(machinePace) {
		judge(signal.MachinePace, 1, 1, 2, "time", "a browser that asks for one thing after the other, as a clock ticks")
	}
}

// posted counts from how many addresses a text is posted, and adds to found if
// there are many.
func (t *Table) posted(now int64, r *request.Request, text uint64, found []signal.Signal) []signal.Signal {
	switch n := t.spread(now, r, text, r.Standing.Keys[Address]); {
	case n >= postersMany:
		return append(found, signal.Signal{Kind: signal.RepeatedPost, Band: signal.Likely, Where: "body", Note: "25 or more addresses post this text"})
	case n >= postersSome:
		return append(found, signal.Signal{Kind: signal.RepeatedPost, Band: signal.Hint, Where: "body", Note: "8 or more addresses post this text"})
	}
	return found
}

// cracked counts with how many dates and codes a card is tried in vain, whoever
// tries, and adds to found if there are many.
func (t *Table) cracked(now int64, r *request.Request, c request.Card, found []signal.Signal) []signal.Signal {
	switch n := t.spread(now, r, c.Number, c.Details); {
	case n >= detailsMany:
		return append(found, signal.Signal{Kind: signal.CardCracking, Band: signal.Likely, Where: "body", Note: "one card tried with 12 or more dates or codes"})
	case n >= detailsSome:
		return append(found, signal.Signal{Kind: signal.CardCracking, Band: signal.Hint, Where: "body", Note: "one card tried with 6 or more dates or codes"})
	}
	return found
}

// The number of slow requests from which a client does nothing else, if it gets
// only a quarter as many good answers. On a broken path (a tunnel that drops large
// packets) each try ends after 30 s, twenty of them in the time that they count for;
// a hundred are five connections that are held all the time.
const (
	slowMany  = 100
	slowShare = 4
)

// Slow notes that r's client sent a request too slowly, and returns how much that
// is evidence.
func (t *Table) Slow(now time.Time, r *request.Request) (b signal.Band) {
	t.with(millis(now), Client, r.Standing.Keys[Client], r, func(c *record) {
		if c.rates.slow++; c.rates.slow >= slowMany && c.rates.slow >= slowShare*c.rates.fine {
			b = signal.Likely
		}
	})
	return b
}
