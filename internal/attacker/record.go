package attacker

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"bartizan/internal/signal"
)

// record is all that is kept of one key: no pointers, RecordSize bytes.
type record struct {
	key     uint64
	ip      [16]byte // the address, IPv4 as mapped; its prefix length is addr.KeyOf's
	first   int64    // ms since the epoch: when the key was first seen
	updated int64    // ms: masses and rates are decayed to this time
	until   int64    // ms: end of the running block
	spoke   int64    // ms: when the last repeated event was reported
	mass    [signal.Kinds]float32
	band    [signal.Kinds]signal.Band
	scope   Scope
	stage   signal.Stage
	blocks  uint8 // blocks so far, saturating
	proofs  proofs
	risk    float32
	silent  uint32 // events not reported since spoke
	rates   rates
	missing distinct // paths that do not exist
	users   distinct // user names in failed logins
	others  distinct // Address: good clients behind it. Client: accepted credentials
}

// rates are decayed counts of requests that the upstream answered, time constant ratesTau.
type rates struct{ requests, errors, missing, logins, failed, fine float32 }

const ratesTau = 10 * time.Minute

// millis converts a time to the record's unit.
func millis(t time.Time) int64 { return t.UnixMilli() }

// decay brings masses and rates forward to now. Below a second it does nothing
// and keeps the old time, so that nothing is lost by frequent calls.
func (r *record) decay(now int64) {
	dt := now - r.updated
	if dt < 1000 {
		return
	}
	r.updated = now
	var tau time.Duration
	var factor float32
	var payload bool
	for k := range r.mass {
		if r.mass[k] == 0 {
			continue
		}
		if t := signal.Kind(k).Info().Tau; t != tau {
			tau, factor = t, fade(dt, t)
		}
		if r.mass[k] *= factor; r.mass[k] < 0.01 {
			r.mass[k], r.band[k] = 0, 0
		}
		payload = payload || r.mass[k] > 0 && signal.Kind(k).Info().Vantage == signal.Payload
	}
	if !payload {
		r.proofs = proofs{}
	}
	f := fade(dt, ratesTau)
	for _, v := range []*float32{&r.rates.requests, &r.rates.errors, &r.rates.missing, &r.rates.logins, &r.rates.failed, &r.rates.fine} {
		*v *= f
	}
}

func fade(dt int64, tau time.Duration) float32 {
	return float32(math.Exp(-float64(dt) / float64(tau.Milliseconds())))
}

// proofs remembers distinct payload values, so that one value sent a thousand
// times stays one proof.
type proofs struct {
	certain  [2]uint32
	likely   [4]uint32
	certains uint8
	likelies uint8
}

// note adds a value's digest and reports whether the values are now beyond doubt.
func (p *proofs) note(b signal.Band, digest uint64) bool {
	d := uint32(digest ^ digest>>32)
	if b == signal.Certain {
		remember(p.certain[:], &p.certains, d)
	}
	if b >= signal.Likely {
		remember(p.likely[:], &p.likelies, d)
	}
	return int(p.certains) == len(p.certain) || int(p.likelies) == len(p.likely)
}

func remember(list []uint32, n *uint8, d uint32) {
	if int(*n) < len(list) && !slices.Contains(list[:*n], d) {
		list[*n] = d
		*n++
	}
}

// add puts one event of evidence on the record; decay must have run.
func (r *record) add(s signal.Signal) {
	r.mass[s.Kind]++
	r.band[s.Kind] = max(r.band[s.Kind], s.Band)
}

// hold says that a condition is present: its mass is 1 as long as it holds,
// however often it is looked at, so that 200 identical errors are not 200 proofs.
func (r *record) hold(k signal.Kind, b signal.Band) {
	r.mass[k] = max(r.mass[k], 1)
	r.band[k] = max(r.band[k], b)
}

// distinct counts distinct values by linear counting in 256 bits (Whang,
// Vander-Zanden and Taylor, 1990): about 6 % off up to 600, then saturated. Two
// half-hour generations let old values fade.
type distinct struct {
	now, old [4]uint64
	turned   int32 // half hours since the epoch
}

const generation = 30 * 60 * 1000 // ms

func (d *distinct) turn(now int64) {
	switch age := int32(now/generation) - d.turned; {
	case age <= 0:
		return
	case age == 1:
		d.old = d.now
	default:
		d.old = [4]uint64{}
	}
	d.now, d.turned = [4]uint64{}, int32(now/generation)
}

func (d *distinct) add(now int64, digest uint64) {
	d.turn(now)
	b := mix(digest) >> 56
	d.now[b>>6] |= 1 << (b & 63)
}

// count returns the estimate over the last half hour to hour.
func (d *distinct) count(now int64) float64 {
	d.turn(now)
	zero := 256
	for i := range d.now {
		zero -= bits.OnesCount64(d.now[i] | d.old[i])
	}
	return -256 * math.Log(max(float64(zero), 0.5)/256)
}
