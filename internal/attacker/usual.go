package attacker

import (
	"math"
	"sync"
)

// usual remembers how often something goes in vain at each endpoint, or is done in a row,
// for clients that have only just begun to do it: who goes on and on teaches nothing, so
// that one attacker does not decide what is usual, while a cart that is broken for
// everybody does. It is bounded: a full table forgets an endpoint of few observations.
// It is safe for concurrent use.
type usual struct {
	mu sync.Mutex
	of map[uint64]*outcomes
}

type outcomes struct{ all, hits float32 }

const (
	usualMost   = 4096
	usualEarly  = 3.0  // of a client's own count, decayed: more teach nothing
	usualBegin  = 12   // the same of all its requests
	usualPrior  = 0.2  // share that is taken to be usual where nothing is known,
	usualWeight = 10   // with the weight of so many observations
	usualKnown  = 30   // observations that make a habit
	usualMemory = 2000 // observations, then both counts are halved
)

// note counts one observation at an endpoint.
func (u *usual) note(key uint64, hit bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	o := u.of[key]
	if o == nil {
		if u.of == nil {
			u.of = map[uint64]*outcomes{}
		}
		u.room()
		o = &outcomes{}
		u.of[key] = o
	}
	if o.all++; hit {
		o.hits++
	}
	if o.all >= usualMemory {
		o.all, o.hits = o.all/2, o.hits/2
	}
}

// room makes room for one more: of a few entries, as the map gives them, the one with
// the fewest observations goes.
func (u *usual) room() {
	if len(u.of) < usualMost {
		return
	}
	var least uint64
	n, fewest := 0, float32(math.Inf(1))
	for k, o := range u.of {
		if o.all < fewest {
			least, fewest = k, o.all
		}
		if n++; n == 8 {
			break
		}
	}
	delete(u.of, least)
}

// share is how often it is usual, 0 to 1: the mean of a Beta distribution whose prior is
// usualPrior. known says that enough was seen to call that the endpoint's own habit.
func (u *usual) share(key uint64) (share float64, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	all, hits := float64(usualWeight), usualPrior*usualWeight
	if o := u.of[key]; o != nil {
		all, hits = all+float64(o.all), hits+float64(o.hits)
	}
	return hits / all, all >= usualWeight+usualKnown
}

// improbable is a count's chance, at most, where it is evidence by itself: a site with a
// million clients a day looks at as many counts.
const improbable = 1e-6

// beyond reports whether k of n, or more, have at most the chance improbable where each
// has the chance p (Chernoff's bound on the binomial tail, which is never below it).
func beyond(k, n, p float64) bool {
	q := k / n
	if n <= 0 || q <= p {
		return false
	}
	d := q * math.Log(q/p)
	if q < 1 {
		d += (1 - q) * math.Log((1-q)/(1-p))
	}
	return n*d >= -math.Log(improbable)
}
