package attacker

import (
	"math"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// What a pass is worth, in nats of good evidence (design notes, section 2.2, for
// the work; the rest is scaled by what it costs a program). A pass speaks for the
// request that carries it, not for the record: others may be behind it, and who
// has paid stays suspect.
func worth(p request.Pass) float64 {
	if p.Result != request.PassValid {
		return 0
	}
	return [...]float64{request.PassKept: 0.1, request.PassFollowed: 0.25, request.PassWaited: 1, request.PassSolved: 2}[min(p.How, request.PassSolved)]
}

// vouch lowers risk and stage by what the pass is worth. A block stands, but for
// one of several people behind an address and software: there it is spared. Who
// is suspect stays watched.
func vouch(st *request.Standing, rules Rules, p request.Pass) {
	good := worth(p)
	if good == 0 || st.Stage == signal.Clear || st.Stage == signal.Block {
		return
	}
	was := st.Stage
	if st.Shared && st.Parent == 0 && p.Answers() {
		st.Stage = min(st.Stage, signal.Watch)
	}
	odds := math.Log(st.Risk/(100-min(st.Risk, 99.999))) - good
	st.Risk = 100 / (1 + math.Exp(-odds))
	st.Stage = max(min(st.Stage, rules.stage(st.Risk, false)), signal.Watch)
	st.Vouched = st.Vouched || st.Stage != was
}

// asked is what a record remembers of questions and of what was told. Counts are
// decayed like rates; times are seconds since the epoch.
type asked struct {
	open       float32 // questions since the last answer: pages, and seconds with others
	early      float32 // seconds in which the client came back too early
	kept, lost float32 // seconds in which a cookie came back, or should have
	told       uint32  // until when the client was asked to wait
	marked     uint32  // when it was first handed a cookie
	counted    uint32  // the last second of early, kept and lost
	posed      uint32  // and of open
}

func (a *asked) stand(now int64, st *request.Standing) {
	sec := uint32(now / 1000)
	st.Asked, st.Told, st.Marked = float64(a.open), a.told > sec, a.marked > 0 && sec-a.marked < visit/1000
}

// The numbers from which silence, haste and forgetfulness are evidence. Seconds
// are counted, not requests: a page loads many things at once.
const (
	openSome, openMany   = 5, 20
	earlySome, earlyMany = 10, 40
	lostSome, lostMany   = 5, 20
	lostRatio            = 0.8
)

// Ask is what our own answer to a request said.
type Ask struct {
	Question bool      // it asked one
	Page     bool      // by a page that a person looks at
	Marked   bool      // it handed out a cookie
	Until    time.Time // until when it told the client to wait; zero if it did not
}

// asks returns the key of the record that questions to r's sender are counted on: that of
// address and software where nobody knows that several people are behind it.
func (t *Table) asks(r *request.Request) uint64 {
	if st := &r.Standing; st.Parent != 0 && st.People < several && st.Elsewhere == 0 {
		return st.Parent
	}
	return t.against(r)[Client]
}

// Asked notes what r's client was asked or told, and returns what its silence is
// evidence of by now.
func (t *Table) Asked(now time.Time, r *request.Request, a Ask) (found []signal.Signal) {
	ms := millis(now)
	t.with(ms, Client, t.asks(r), r, func(c *record) {
		if a.Marked && c.asked.marked == 0 {
			c.asked.marked = uint32(ms / 1000)
		}
		if !a.Until.IsZero() {
			c.asked.told = uint32(a.Until.Unix())
		}
		if sec := uint32(ms / 1000); a.Page || a.Question && c.asked.posed != sec {
			c.asked.posed = sec
			c.asked.open++
			if !a.Page && !c.owes(r) || c.asked.early < 1 && !r.Software.Claimed.Browser() {
				return // it names itself and waits as it is told: a program that cannot answer
			}
			n := float32(max(1, crowd(ms, c)))
			found = c.tell(found, signal.Unanswered, c.asked.open/n, openSome, openMany, "answers", "5 or more questions unanswered")
		}
	})
	return found
}

// serve notes that a client was answered well while it was no suspect.
func (p *past) serve(served bool) {
	if served {
		*p |= pastServed
	}
}

// owes reports whether silence says something of q's client outside a window: it has
// answered before, so that it can; or it is nobody's program, since it was never answered
// well and shows no credential that was accepted. Of all others most cannot answer.
func (r *record) owes(q *request.Request) bool {
	return r.past&pastAble != 0 || r.past&pastServed == 0 && !q.Standing.Accepted
}

// Heed notes how r's client heeds what it was told, once a second, and returns
// what that is evidence of by now. browser says that it claims one: what a page
// loads knows no Retry-After. brings says that a browser brings its cookies along.
func (t *Table) Heed(now time.Time, r *request.Request, browser, brings bool) (found []signal.Signal) {
	sec := uint32(millis(now) / 1000)
	t.with(millis(now), Client, t.asks(r), nil, func(c *record) {
		a := &c.asked
		if r.Pass.Answers() {
			a.open, a.early, a.told = 0, 0, 0
			c.past |= pastAble
			return
		}
		if a.counted == sec {
			return
		}
		a.counted = sec
		if a.told > sec+1 && !browser && c.owes(r) && crowd(millis(now), c) < 1.5 { // else it may have been told to another
			a.early++
			found = c.tell(found, signal.RetryIgnored, a.early, earlySome, earlyMany, "header:Retry-After", "came back too early in 10 or more seconds")
		}
		if !browser || !brings || a.marked == 0 || sec-a.marked < 2 {
			return
		}
		if r.Pass.Result != request.PassNone {
			a.kept++
			return
		}
		if a.lost++; a.lost >= lostRatio*(a.lost+a.kept) {
			found = c.tell(found, signal.CookieLost, a.lost, lostSome, lostMany, "header:Cookie", "a browser without the cookie that it was handed")
		}
	})
	return found
}

// tell appends evidence of kind k if n is enough for it, unless it stands already.
func (r *record) tell(found []signal.Signal, k signal.Kind, n, some, many float32, where, note string) []signal.Signal {
	band := signal.Hint
	switch {
	case n < some:
		return found
	case n >= many:
		band = signal.Likely
	}
	if e := r.at(k); e.mass() >= 0.5 && e.band >= band {
		return found
	}
	return append(found, signal.Signal{Kind: k, Band: band, Where: where, Note: note})
}
