package load

import (
	"sync"
	"time"
)

const (
	promiseSets = 2048             // of eight promises each: 16,384 of a site, 256 KiB
	grace       = 10 * time.Second // how late who was told to wait may come
)

// promises keeps who was turned away and told to come again when: the same client
// with the same request, which a flood that asks for something new each time never
// is. When a new one finds no room the one that is due first goes.
type promises struct {
	mu   sync.Mutex
	sets [][ways]promise // made with the first
}

type promise struct {
	key uint64
	due int64 // ns since the epoch
}

// keep promises a request room in wait from now on, and returns how long it has to
// wait: the rest of the time if it comes early, so that hammering gains nothing.
func (p *promises) keep(now time.Time, key uint64, wait time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sets == nil {
		p.sets = make([][ways]promise, promiseSets)
	}
	set, at := &p.sets[key%promiseSets], now.UnixNano()
	first := &set[0]
	for i := range set {
		x := &set[i]
		if x.key == key && x.due > at {
			return time.Duration(x.due - at)
		}
		if x.due < first.due {
			first = x
		}
	}
	*first = promise{key, at + int64(wait)}
	return wait
}

// redeem reports whether a request comes as it was told, and forgets the promise.
func (p *promises) redeem(now time.Time, key uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sets == nil {
		return false
	}
	set, at := &p.sets[key%promiseSets], now.UnixNano()
	for i := range set {
		if x := &set[i]; x.key == key && x.due <= at && at <= x.due+int64(grace) {
			*x = promise{}
			return true
		}
	}
	return false
}
