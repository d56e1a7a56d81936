package attacker

import (
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// seen counts what a record has seen of its client.
type seen struct {
	steps uint8  // whose surprise was known, saturating
	pages uint8  // of a browser, saturating
	last  uint16 // bits of the credential that it showed last, or where several people are, of the finest name of who called last
}

// bearer are the bits of r's credential that tell two people behind one client apart:
// with eight of them an office of 200 made a course of those that are alike.
func bearer(r *request.Request) uint16 { return uint16(r.Standing.Keys[Credential] >> 40) }

// caller is bearer, or where several people are behind the client, bits of the finest
// name of the one who calls.
func caller(r *request.Request) uint16 {
	if r.Standing.Shared {
		return whose(r)
	}
	return bearer(r)
}

// courseWeight is the weight of the newest step.
const courseWeight = 0.1

// step adds what the step cost to the mean of the client's course.
func (r *record) step(q *request.Request) {
	r.seen.last = caller(q)
	if c := &q.Course; c.Known {
		r.seen.steps += min(1, 255-r.seen.steps)
		r.course += (c.Surprise - r.course) * max(courseWeight, 1/float32(r.seen.steps))
		c.Mean, c.Steps = r.course, r.seen.steps
	}
}

// tenth is at which page it is told whether the client fetches what belongs to
// pages.
const tenth = 10

// page counts pages and what belongs to them.
func (r *record) page(q *request.Request, x *Exchange) {
	if x.Asset {
		r.past |= pastAsset
	}
	if x.Page {
		r.seen.pages += min(1, 255-r.seen.pages)
		q.Pages = request.Pages{Tenth: r.seen.pages == tenth, Bare: r.past&pastAsset == 0}
	}
}

// The numbers from which a course, and pages without anything else, are evidence.
const (
	stepsSome, stepsMany = 10, 30
	courseFar            = 0.5 // nats beyond what is odd
	barePages            = 15
)

// concludeCourse judges the way that a client takes through the API, and whether
// it takes the pages of a site alone.
func (r *record) concludeCourse(q *request.Request, x *Exchange, report func(signal.Kind, signal.Band, string, string)) {
	if c := &q.Course; c.Known && c.Odd > 0 && c.Mean >= c.Odd && !q.Standing.Shared {
		switch {
		case c.Steps >= stepsMany && c.Mean >= c.Odd+courseFar:
			report(signal.OddCourse, signal.Likely, "flow", "30 or more calls in an order that nobody takes")
		case c.Steps >= stepsSome:
			report(signal.OddCourse, signal.Hint, "flow", "10 or more calls in an order that hardly anybody takes")
		}
	}
	if x.Page && q.Endpoint.Dressed && r.seen.pages >= barePages && r.past&pastAsset == 0 {
		report(signal.BarePages, signal.Hint, "flow", "15 or more pages and nothing that belongs to them")
	}
}
