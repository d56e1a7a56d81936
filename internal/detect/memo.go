package detect

import (
	"sync/atomic"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// memo remembers values in which nothing was found. Most of what a client sends
// it sends again, and everybody else too: names of browsers, what they accept,
// keys, words of a path. Looking such a value up costs a tenth of looking at it.
//
// It keeps one keyed digest a place and is overwritten in place, so it is
// bounded, and a flood of new values only makes it useless. Whoever knows
// neither the seed nor a way to see digests cannot make two values meet; by
// chance one lookup in 2^64 does.
type memo [memoPlaces]atomic.Uint64

const (
	memoPlaces = 1 << 14 // 128 KiB
	memoShort  = 3       // bytes: shorter values are looked at as fast
	memoLong   = 512     // bytes: longer ones seldom come again
)

// keyOf digests what the detectors judge a value by; 0 if it is not remembered.
func (d *Detector) keyOf(v *request.Value) uint64 {
	if n := len(v.Text); n < memoShort || n > memoLong {
		return 0
	}
	where := digest.Mix(digest.String(d.seed, v.Key), uint64(v.In)+1)
	return digest.Mix(digest.String(where, v.Text), where) | 1
}

func (m *memo) has(key uint64) bool { return key != 0 && m[key>>1%memoPlaces].Load() == key }

func (m *memo) add(key uint64) {
	if key != 0 {
		m[key>>1%memoPlaces].Store(key)
	}
}

// value looks at one value, unless it is known to be harmless, with memory of its
// own if s is nil. It is learned to
// be so only while the request shows nothing at all: a finding that is left out
// as a repeat of another must not pass for none.
func (d *Detector) value(r *request.Request, s *scan, v *request.Value) {
	key := d.keyOf(v)
	if d.harmless.has(key) {
		return
	}
	if s == nil {
		s = d.scan()
		defer d.pool.Put(s)
	}
	asked := d.exploitParam(r, v) // what it is worth depends on where r goes
	d.look(r, s, v)
	if len(r.Signals) == 0 && !asked {
		d.harmless.add(key)
	}
}
