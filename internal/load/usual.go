package load

import (
	"math"
	"time"
)

const (
	usualSets  = 256              // of eight endpoints each: 2,048 endpoints of a site, 48 KiB
	usualTime  = 10 * time.Minute // how slowly what is usual follows what is
	usualFirst = 16               // answers that are averaged plainly at first
	mostRatio  = 4.0              // logarithm: one answer counts at most so much
)

// usual keeps the usual time of each endpoint: an average of logarithms over
// minutes. When a new endpoint finds no room the one seen the longest ago goes;
// then nothing is usual for it, and it counts as normal until a few answers came.
type usual struct {
	sets     [][ways]endpoint
	shifted  float64 // added to what all endpoints have
	exceeded bool    // the last window was slow: nothing is learned
}

// endpoint is one endpoint's usual time.
type endpoint struct {
	key  uint64
	seen int64   // ms since the epoch
	log  float32 // of nanoseconds, less what is shifted
	n    uint16  // answers, up to usualFirst
}

func newUsual() usual { return usual{sets: make([][ways]endpoint, usualSets)} }

// compare returns the logarithm of took over the endpoint's usual time, and learns
// from it if it may. The first answers of an endpoint count as usual.
func (u *usual) compare(now time.Time, key uint64, took time.Duration, learn bool) float64 {
	x := math.Log(float64(max(took, time.Microsecond))) - u.shifted
	e, at := u.find(key), now.UnixMilli()
	off, gap := x-float64(e.log), at-e.seen
	e.seen = max(e.seen, at)
	if e.n < usualFirst {
		e.n++
		e.log += float32(off / float64(e.n))
		return 0
	}
	if learn {
		e.log += float32(off * min(float64(gap)/float64(usualTime.Milliseconds()), 0.1))
	}
	return min(max(off, -mostRatio), mostRatio)
}

// time returns an endpoint's usual time, 0 where it is not known yet; slow is the least.
func (u *usual) time(key uint64, slow time.Duration) time.Duration {
	set := &u.sets[key/buckets%usualSets]
	for i := range set {
		if e := &set[i]; e.key == key && e.n >= usualFirst {
			return max(time.Duration(math.Exp(min(float64(e.log)+u.shifted, 30))), slow)
		}
	}
	return 0
}

// shift makes all usual times longer by a factor, given as its logarithm.
func (u *usual) shift(by float64) {
	if by > 0 && !math.IsInf(by, 0) {
		u.shifted += by
	}
}

func (u *usual) find(key uint64) *endpoint {
	set := &u.sets[key/buckets%usualSets]
	oldest := &set[0]
	for i := range set {
		e := &set[i]
		if e.key == key && e.n > 0 {
			return e
		}
		if e.seen < oldest.seen {
			oldest = e
		}
	}
	*oldest = endpoint{key: key}
	return oldest
}
