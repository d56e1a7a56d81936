package attacker

import (
	"math"
	"math/bits"
	"slices"

	"bartizan/internal/signal"
)

// Whoever delivers what others wrote (logs, images, objects, events) has an item refused
// now and then that reads like an attack, and sends it again and again, since it must
// arrive. That is one fact, however often and in how many words it is told: it turns
// nobody away from anything else. A second item is proof, as it is of anybody.

// oneItem caps the stage of a record that has nothing against it but one refused item, at
// what one certain payload makes under rules: 28 of 100, which is below the interrogate
// stage unless the operator lowers it.
func (r *record) oneItem(now int64, to signal.Stage, rules Rules, s *Sum) signal.Stage {
	p := &r.proofs
	if to <= signal.Watch || s.Hard > 0 || p.counts&3 != 1 || p.counts>>4 > 1 ||
		bits.OnesCount32(p.certain[1]) >= itemPlaces || r.several(now) {
		return to
	}
	for v, share := range s.Vantages {
		if v := signal.Vantage(v); v != signal.Payload && v != signal.Challenge && share >= mayCount {
			return to
		}
	}
	weight := signal.SQLInjection.Info().Weight(signal.Certain)
	odds := prior + weight*math.Tanh(1.25*(1-math.Exp(-1.6)))
	return min(to, rules.stage(100/(1+math.Exp(-odds)), false))
}

// itemPlaces is from how many endpoints and fields on one value is no item that must
// arrive: somebody tries it wherever he can.
const itemPlaces = 4

// several reports whether more than one client sends what is held against an address or
// credential: one item that comes from many is no feed's.
func (r *record) several(now int64) bool {
	switch r.scope {
	case Address:
		return r.users.count(now) >= 1.5
	case Credential:
		return linear(32, bits.OnesCount32(r.habits.what)) >= 1.5
	}
	return false
}

// repeats reports whether what proof was found with is refused for the one item that r has
// been refused for, or is the first: how it departs from the API is no further evidence.
func (r *record) repeats(proof *signal.Signal) bool {
	if proof == nil || proof.Band != signal.Certain {
		return false
	}
	n := int(r.proofs.counts & 3)
	return n == 0 || n == 1 && slices.Contains(r.proofs.certain[:1], fold(proof.Digest))
}
