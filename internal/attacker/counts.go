package attacker

import (
	"cmp"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// What one client does in vain, or in a row, is conclusive once it is improbable: far more
// than is usual at that endpoint, and more than people do. It is one vantage point, so it
// adds nothing to the risk and blocks nobody: what the client does so often is slowed, and
// nothing else that it does (request.Counts).

// The least that is done in vain, or in a row, until it can be conclusive.
const (
	vainLeast  = 12  // payments or codes refused,
	vainShare  = 0.6 // of all: a reseller whose customers' cards are refused a little more often is none
	walkLeast  = 40  // numbers asked for
	walkUsual  = 0.5 // where more of what is asked for is in a row, that is how it is read
	pathsLeast = 34  // paths that do not exist; as many are estimated 6 % off
	longMost   = 300 // payments or codes: of more the estimate is too rough

	countFades = 0.6 // mass of the evidence below which it no longer slows: half an hour later
)

// counts returns which counts of the record's client are conclusive.
func (r *record) counts() (c request.Counts) {
	if r.risk < 2 {
		return 0 // none of the four is held
	}
	for i := range r.held {
		if e := &r.held[i]; e.band == signal.Certain && e.mass() >= countFades {
			switch e.kind {
			case signal.PaymentFailure:
				c |= request.PaymentsInVain
			case signal.CodeGuessing:
				c |= request.CodesInVain
			case signal.ObjectEnumeration:
				c |= request.ObjectsInRow
			case signal.PathSpread:
				c |= request.PathsMissing
			}
		}
	}
	return c
}

// Keys of what is counted at an endpoint, or of a tag.
const (
	countPayments uint64 = iota + 1
	countCodes
	countSteps
	countMissing
)

// counts appends what a client's counts prove.
func (t *Table) counts(now int64, r *request.Request, x *Exchange, found []signal.Signal) []signal.Signal {
	if r.Standing.Elsewhere != 0 {
		return found
	}
	site := Key(t.seed, user, digest.String(t.seed, r.Site), countMissing)
	if x.early {
		t.usual.note(site, x.Missing != 0)
	}
	tags := counted()
	if x.Tags&(tags[payments]|tags[codes]) == 0 && x.Object == 0 && x.Missing == 0 {
		return found
	}
	people := max(r.Standing.People, 1)
	if r.Standing.Parent != 0 {
		people = 1 // the record is of one of them
	}
	var c record
	t.with(now, Client, r.Standing.Keys[Client], nil, func(own *record) { c = *own })
	if c.key == 0 {
		return found
	}
	report := func(k signal.Kind, where, note string) {
		if e := c.at(k); e.band < signal.Certain || e.mass() < 1.1*countFades {
			found = append(found, signal.Signal{Kind: k, Band: signal.Certain, Where: where, Note: note})
		}
	}
	for i := range judged {
		if x.Tags&tags[i] != 0 && x.Status < 500 && t.vain(now, r, x, &c, i, people) {
			report([judged]signal.Kind{payments: signal.PaymentFailure, codes: signal.CodeGuessing}[i], "endpoint",
				[judged]string{
					payments: "payments refused far more often than anybody's here",
					codes:    "codes refused far more often than anybody's here",
				}[i])
		}
	}
	if x.Object != 0 && t.walks(r, x, &c, people) {
		report(signal.ObjectEnumeration, "path", "40 or more object numbers, one after the other, as nobody else asks here")
	}
	if share, _ := t.usual.share(site); x.Missing != 0 && !r.Endpoint.PathKnown && c.wanders(now, people, share) {
		report(signal.PathSpread, "path", "34 or more different paths that do not exist, as nobody else asks for here")
	}
	return found
}

// vain counts a payment, or a code, and reports whether so many are refused that it is
// improbable. One card is one try, whatever its number of payments: a cart that is broken
// sends the same one again. The counts of ten minutes decide, or those of half an hour to
// an hour while they are few.
func (t *Table) vain(now int64, r *request.Request, x *Exchange, c *record, place int, people float64) bool {
	kind := [judged]uint64{payments: countPayments, codes: countCodes}[place]
	key, refused := mix(x.Endpoint+kind), x.Status/100 == 4
	all, failed := float64(c.tagged.asked[place]), float64(c.tagged.refused[place])
	if all <= usualEarly {
		t.usual.note(key, refused)
	}
	own := Key(t.seed, user, mix(r.Standing.Keys[Client]+kind))
	create := r
	if !refused {
		create = nil // who is never refused needs no record
	}
	what := cmp.Or(x.Card.Number, mix(uint64(now)))
	t.with(now, user, own, create, func(u *record) {
		if u.others.add(now, what); refused {
			u.users.add(now, what)
		}
		if n := u.others.count(now); n <= longMost {
			all, failed = n, min(u.users.count(now), n)
		}
	})
	share, _ := t.usual.share(key)
	return refused && failed >= vainLeast*people && failed >= vainShare*all && beyond(failed/people, all/people, share)
}

// walks counts a number asked for, and reports whether the client takes one after the
// other where others are known not to: who is alone here may be a crawler. A program that has shown a credential for long, such as a
// partner's nightly run, may.
func (t *Table) walks(r *request.Request, x *Exchange, c *record, people float64) bool {
	key, w := mix(x.Endpoint+countSteps), &c.walk
	if w.asked > 1 && w.asked <= 1+usualEarly {
		t.usual.note(key, x.stepped)
	}
	share, known := t.usual.share(key)
	return known && float64(w.asked) >= walkLeast*people && share < walkUsual && !r.Standing.Known &&
		beyond(float64(w.steps)/people, float64(w.asked)/people, share)
}

// wanders reports whether the client asks for what is not there far more often than
// others do, of whose requests share are in vain, each time for something else.
func (r *record) wanders(now int64, people, share float64) bool {
	return r.missing.count(now) >= pathsLeast*people &&
		beyond(float64(r.rates.missing)/people, float64(r.rates.requests)/people, share)
}
