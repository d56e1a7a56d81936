package challenge

import (
	"sync"
	"time"
)

const (
	// spentSets bounds the nonces that are remembered in one bucket: sets of
	// spentWays places, spentBytes each.
	spentSets, spentWays = 8192, 8
	// A bucket is as long as the longest challenge may be answered, skew included;
	// the one before it is kept too.
	bucket = 10 * time.Minute
	// MostAnswer is the longest that Rules.Answer may be.
	MostAnswer = bucket - 2*Skew
	// A retry of a request whose answer got lost comes within retryTime, and not
	// more often than retries.
	retryTime, retries = 30, 3 // s
)

// spent remembers the nonces of answers, in two time buckets of 65,536 places
// with 16 bytes each, 1 MiB a bucket and none before the first answer. In a full
// set the oldest goes: to have one nonce forgotten an attacker pays for tens of
// thousands of others within the time that it is good, and gains what the same
// answer had earned him before.
type spent struct {
	mu       sync.Mutex
	now, old []([spentWays]nonce)
	turned   int64 // which bucket now is
}

type nonce struct {
	id   uint64
	at   uint32 // s since the epoch: when it was first given
	seen uint32
}

// take notes that the answer to id is given at now. It reports whether that may
// be: for the first time, or again within moments, as a retry does.
func (s *spent) take(now time.Time, id uint64) bool {
	sec := uint32(now.Unix())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	for _, b := range [...][][spentWays]nonce{s.now, s.old} {
		if b == nil {
			continue
		}
		for i := range b[id%spentSets] {
			if n := &b[id%spentSets][i]; n.id == id {
				n.seen = min(n.seen+1, 1<<20)
				return n.seen <= retries && int64(sec)-int64(n.at) <= retryTime
			}
		}
	}
	set := &s.now[id%spentSets]
	oldest := &set[0]
	for i := range set {
		if set[i].at < oldest.at {
			oldest = &set[i]
		}
	}
	*oldest = nonce{id, sec, 1}
	return true
}

// turn moves to the bucket of now. A clock that steps back stays in its bucket.
func (s *spent) turn(now time.Time) {
	b := now.Unix() / int64(bucket/time.Second)
	switch {
	case s.now == nil:
		s.now, s.turned = make([][spentWays]nonce, spentSets), b
	case b == s.turned+1:
		s.now, s.old, s.turned = make([][spentWays]nonce, spentSets), s.now, b
	case b > s.turned:
		s.now, s.old, s.turned = make([][spentWays]nonce, spentSets), nil, b
	}
}
