package apimap

import (
	"math"

	"bartizan/internal/request"
)

// follow counts which endpoints clients call after this one.
type follow struct {
	to      [maxFrom]step // the commonest, as flow.from
	n       float64       // all steps from here
	mean    float64       // of what they cost, in nats: the model's own cross entropy
	courses courses
}

// courses is how usual the ways are by which good clients come here: their mean
// surprises in steps of a quarter of a nat, and the client that came last.
type courses struct {
	means [20]float32 // from -1 to mostNats
	last  uint64
	n     int // since they were halved
}

// The constants of a client's course, from the design notes, section 2.1.
const (
	manySteps   = 500   // from an endpoint before one says anything, and ways to it
	oldSteps    = 16384 // after which counts are halved: ways change
	mostNats    = 4     // that one step can cost
	oddCourse   = 1e-3  // share of good calls beyond the mean that is odd
	leastOdd    = 0.75  // nats below which no course is
	leastCourse = 10    // steps that make one
)

// cost is what it costs to step to the endpoint to, whose share of all calls is
// marginal, in nats: the negative logarithm of its probability, by interpolation
// with the marginal (Witten and Bell, 1991). What the table has lost counts as
// steps to anywhere.
func (f *follow) cost(to uint64, marginal float64) float64 {
	kept, own, types := 0.0, 0.0, 0.0
	for _, s := range f.to {
		if s.n > 0 {
			kept, types = kept+s.n, types+1
			if s.id == to {
				own = s.n
			}
		}
	}
	return -math.Log((own + (f.n-kept+types)*marginal) / (f.n + types))
}

// add learns a step.
func (f *follow) add(to uint64, marginal float64) {
	if f.n > 0 {
		f.mean += (f.cost(to, marginal) - f.mean) * max(1/f.n, 1e-3)
	}
	f.n++
	countStep(&f.to, to)
	if f.n > oldSteps {
		f.n /= 2
		for i := range f.to {
			f.to[i].n /= 2
		}
	}
}

// odd returns from which mean surprise on fewer than one in 1,000 good calls come
// here, and of fewer clients than make a thing nobody's oddity: a new release takes
// new ways all at once. 0 if that is not known.
func (c *courses) odd() float32 {
	all := float32(0)
	for _, n := range c.means {
		all += n
	}
	if all < manySteps {
		return 0
	}
	beyond := float32(0)
	for i := len(c.means) - 1; i >= 0; i-- {
		if beyond += c.means[i]; beyond >= min(oddCourse*all, missedBy) {
			if i == len(c.means)-1 {
				return 0
			}
			return max(float32(i+1)/4-1, leastOdd)
		}
	}
	return leastOdd
}

// learn adds one way by which a good client came; not the same client's again.
func (c *courses) learn(r *request.Request) {
	if r.Course.Steps < leastCourse || c.last == r.Standing.Keys[0] {
		return
	}
	c.last = r.Standing.Keys[0]
	c.means[min(max(int((r.Course.Mean+1)*4), 0), len(c.means)-1)]++
	if c.n++; c.n > oldSteps {
		c.n = 0
		for i := range c.means {
			c.means[i] /= 2
		}
	}
}

// before returns the profile of the endpoint that the client called before, nil if
// there is none, and how many calls the site has answered well.
func (m *Model) before(r *request.Request) (p *profile, all float64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if t := m.sites[r.Site]; t != nil {
		all = t.good
	}
	return m.profiles[r.Standing.Previous], all
}

// judgeStep says how unusual r's step is, to an endpoint that was called well n
// times, and from which mean on a course is odd there. No two profiles are locked
// at once: a step may go from one to itself.
func (m *Model) judgeStep(r *request.Request, n float64, odd float32) {
	p, all := m.before(r)
	if p == nil || all < n || !r.Standing.Same {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.follow.n >= manySteps {
		r.Course.Surprise, r.Course.Odd, r.Course.Known = float32(min(p.follow.cost(r.Endpoint.ID, n/all)-p.follow.mean, mostNats)), odd, true
	}
}

// learnStep adds r's step, to an endpoint that was called well n times.
func (m *Model) learnStep(r *request.Request, id uint64, n float64) {
	if p, all := m.before(r); p != nil && all >= n && r.Standing.Same {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.follow.add(id, n/all)
	}
}

// dress counts clients that claim a browser, at their tenth page here, and those
// that had fetched nothing that belongs to pages.
type dress struct{ browsers, bare float32 }

// From how many browsers on it is known whether they fetch what belongs to pages,
// and what share of them may not: caches, and people who read text only.
const (
	manyDressed = 100
	bareShare   = 0.01
)

// dressed reports whether nearly all browsers fetch what belongs to pages.
func (d *dress) dressed() bool { return d.browsers >= manyDressed && d.bare <= bareShare*d.browsers }

// learnDress adds a client's tenth page; m.mu is held.
func (d *dress) learn(p request.Pages) {
	if p.Tenth {
		if d.browsers++; p.Bare {
			d.bare++
		}
	}
}

// dressed reports whether nearly all browsers of the site fetch what belongs to pages.
func (m *Model) dressed(site string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t := m.sites[site]
	return t != nil && t.dress.dressed()
}

// storedSite is what a snapshot keeps of a site.
type storedSite struct {
	Browsers, Bare  float32
	First, Approved int64   // ms
	By              sources // who has taught it
}

// stored adds what a snapshot keeps of the steps from p; p.mu is held.
func (f *follow) stored(s *storedProfile) {
	s.To, s.Steps, s.Cost, s.Courses = map[uint64]float64{}, f.n, f.mean, f.courses.means
	for _, t := range f.to {
		if t.n > 0 {
			s.To[t.id] = t.n
		}
	}
}
