package load

import "time"

// ghosts are requests whose callers have left before an answer came. Most upstreams go on
// working for them, so their places stay taken: until the upstream has answered what went to
// the same endpoint later, which shows that it works that far, or drops what nobody waits
// for (a quick answer elsewhere shows nothing: it has not stood in that queue); or until as long again as the caller has waited, and the endpoint's usual time.
// They are counted by when they went, in steps of ghostStep.
type ghosts struct {
	steps  [256]ghostStep
	oldest int64 // step that may hold the oldest
	n      int64
}

type ghostStep struct {
	n        int32
	mixed    bool   // they went to several endpoints: no answer frees them
	endpoint uint64 // that they went to
	until    int64  // ns since the epoch: when the last of them is given up
}

// ghostTime is how much time a step is: what went a minute ago holds no place.
const ghostTime = 250 * time.Millisecond

func stepOf(ns int64) int64 { return ns / int64(ghostTime) }

// add counts one that went to an endpoint at a time and is given up at until; both ns since
// the epoch. It reports whether it holds its place.
func (g *ghosts) add(now int64, endpoint uint64, went, until int64) bool {
	s := stepOf(went)
	if until <= now || s <= stepOf(now)-int64(len(g.steps)) || s > stepOf(now) {
		return false
	}
	if g.n == 0 || s < g.oldest {
		g.oldest = s
	}
	x := &g.steps[s%int64(len(g.steps))]
	x.mixed = x.mixed || x.n > 0 && x.endpoint != endpoint
	x.endpoint = endpoint
	x.n++
	x.until = max(x.until, until)
	g.n++
	return true
}

// free returns how many places are free by now: of those that went to endpoint before done,
// and of those that are given up.
func (g *ghosts) free(now int64, endpoint uint64, done int64) (freed int64) {
	last, first := stepOf(now), stepOf(now)-int64(len(g.steps))
	for ; g.n > 0 && g.oldest <= last; g.oldest++ {
		x := &g.steps[g.oldest%int64(len(g.steps))]
		worked := g.oldest < stepOf(done) && !x.mixed && x.endpoint == endpoint
		if x.n > 0 && g.oldest > first && !worked && now < x.until {
			break
		}
		freed += int64(x.n)
		g.n -= int64(x.n)
		*x = ghostStep{}
	}
	return freed
}
