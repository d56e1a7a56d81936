package attacker

import (
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"bartizan/internal/signal"
)

// record is all that is kept of one key: no pointers, RecordSize bytes.
type record struct {
	key     uint64
	network network           // that the address is in
	first   int64             // ms since the epoch: when the key was first seen
	updated int64             // ms: masses and rates are decayed to this time
	until   int64             // ms: end of the running block
	held    [maxHeld]evidence // kinds of evidence; free places have no kind
	scope   Scope
	stage   signal.Stage
	blocks  uint8 // blocks so far, saturating
	past    past
	proofs  proofs
	risk    float32
	entered few    // Client: users whose logins were accepted. Credential: the account it was handed out for
	spoke   uint32 // s: when the last repeated event was reported
	silent  uint16 // events not reported since then, saturating
	turns   uint16 // Client: until when turns to log in are taken, tenths of a second, modulo 2^16; see turn
	rule    uint32 // rule over an outcome that acts on the client; 0 for none
	ruled   uint32 // s: until when
	varied  uint32 // s: when it last called another endpoint than before
	rates   rates
	missing distinct // paths that do not exist. Credential: addresses that show it
	users   distinct // Client: user names in failed logins. Address: clients that showed evidence. Credential: networks where programs show it
	course  float32  // exponential mean of the surprises of its steps, nats
	walk    walk     // Credential: last is bits of the addresses that used it well today
	before  uint64   // Client: endpoint of the last answered request. Credential: the client that first showed it
	called  int64    // ms: when that was. Credential: bits of the users that failed to log in with it
	others  distinct // Address: good clients behind it. Client: accepted credentials. Credential: networks where browsers show it
	tagged  business
	seen    seen
	habits  habits // Credential: what, post and changed, see there
	asked   asked
}

// network is what addr.KeyOf keeps of an address, in its first eight bytes: a /64,
// or an IPv4 address behind zeros and two bytes of ones, which no /64 begins with
// that anybody is in.
type network [8]byte

func networkOf(ip [16]byte) (n network) {
	if netip.AddrFrom16(ip).Is4In6() {
		copy(n[:], ip[8:])
		return n
	}
	copy(n[:], ip[:])
	return n
}

func (n network) addr() netip.Addr {
	if [4]byte(n[:4]) == [4]byte{0, 0, 0xff, 0xff} {
		return netip.AddrFrom4([4]byte(n[4:]))
	}
	var ip [16]byte
	copy(ip[:], n[:])
	return netip.AddrFrom16(ip)
}

// evidence is a decayed number of events of one kind and the highest band seen.
type evidence struct {
	kind signal.Kind
	band signal.Band
	bits [2]uint16 // of the mass, a float32: in halves, so that the whole takes six bytes
}

func (e *evidence) mass() float32 {
	return math.Float32frombits(uint32(e.bits[0])<<16 | uint32(e.bits[1]))
}

func (e *evidence) weigh(mass float32) {
	b := math.Float32bits(mass)
	e.bits = [2]uint16{uint16(b >> 16), uint16(b)}
}

// maxHeld bounds the kinds that a record holds at a time. Whoever shows more is
// long condemned; the weakest goes.
const maxHeld = 16

// of returns the place of kind k: its own, a free one, or the weakest's.
func (r *record) of(k signal.Kind) *evidence {
	var free *evidence
	for i := range r.held {
		switch e := &r.held[i]; {
		case e.kind == k:
			return e
		case e.kind == signal.None && (free == nil || free.kind != signal.None), free == nil, free.kind != signal.None && e.share() < free.share():
			free = e
		}
	}
	*free = evidence{kind: k}
	return free
}

// at returns what is held of kind k; none if nothing is.
func (r *record) at(k signal.Kind) evidence {
	for i := range r.held {
		if r.held[i].kind == k {
			return r.held[i]
		}
	}
	return evidence{}
}

// stands reports whether kind k is held at b or above: it need not be reported again.
func (r *record) stands(k signal.Kind, b signal.Band) bool {
	e := r.at(k)
	return e.mass() >= 0.5 && e.band >= b
}

// rates are decayed counts of requests that the upstream answered, and of those
// that came so slowly that nobody answered them; time constant ratesTau.
type rates struct{ requests, errors, missing, logins, failed, fine, slow float32 }

// walk follows the object numbers that a client asks for. People jump from one
// to another; who enumerates takes the next one.
type walk struct {
	last         int64
	steps, asked float32 // steps of at most three; objects asked for; decayed like rates
}

// nearby is how far the next number of a walk may be.
const nearby = 3

// ask notes a number and reports whether it follows the one before.
func (w *walk) ask(object int64) bool {
	d := object - w.last
	step := w.asked > 0 && d != 0 && d >= -nearby && d <= nearby
	if step {
		w.steps++
	}
	w.asked++
	w.last = object
	return step
}

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
	for i := range r.held {
		e := &r.held[i]
		if e.kind == signal.None {
			continue
		}
		info := e.kind.Info()
		if info.Tau != tau {
			tau, factor = info.Tau, fade(dt, info.Tau)
		}
		mass := e.mass() * factor
		if e.weigh(mass); mass < 0.01 {
			*e = evidence{}
			continue
		}
		payload = payload || info.Vantage == signal.Payload
	}
	if !payload {
		r.proofs = proofs{whose: r.proofs.whose}
	}
	f := fade(dt, ratesTau)
	for _, v := range []*float32{&r.rates.requests, &r.rates.errors, &r.rates.missing, &r.rates.logins, &r.rates.failed, &r.rates.fine, &r.rates.slow, &r.walk.steps, &r.walk.asked,
		&r.asked.open, &r.asked.early, &r.asked.kept, &r.asked.lost} {
		*v *= f
	}
	r.tagged.fade(f)
	r.habits.fade(f, fade(dt, habitsTau))
}

func fade(dt int64, tau time.Duration) float32 {
	return float32(math.Exp(-float64(dt) / float64(tau.Milliseconds())))
}

// proofs remembers distinct payload values, so that one value sent a thousand
// times stays one proof.
type proofs struct {
	certain [2]uint32
	likely  [4]uint32
	counts  uint8 // of both: certain in the low two bits, likely in the high half; and anyPayload
	place   uint8 // digest of endpoint and field of the last value; 0 before the first
	whose   uint8 // bits of the name of who made it suspect, of a crowd whose values these are; 0 for nobody
	second  uint8 // when that came, in steps of two seconds
}

// anyPayload says that not all of the likely values are names that scanners look for.
const anyPayload = 8

// thinks is how long a client at least takes that looks for something, reads what it
// finds, and looks for the next thing, in steps of two seconds.
const thinks = 3

// note adds a value and reports whether the values are now beyond doubt. Who looks
// for one thing that reads like an attack after the other, in words, in one field, and
// takes his time, proves nothing by their number unless they are certain: tools and
// their masters try many fields, hurry, or have no words for it.
func (p *proofs) note(now int64, s *signal.Signal, place uint8) bool {
	second := uint8(now / 2000)
	asks := s.Spoken && p.place == place && second-p.second >= thinks
	p.place, p.second = place, second
	d := fold(s.Digest)
	certains, likelies := p.counts&3, p.counts>>4
	payloads := p.counts & anyPayload
	if s.Band == signal.Certain {
		remember(p.certain[:], &certains, d)
	}
	if s.Band == signal.Certain || s.Band == signal.Likely && !asks {
		remember(p.likely[:], &likelies, d)
		payloads = anyPayload
	}
	if certains == 1 && p.certain[0] == d {
		p.certain[1] |= 1 << (place >> 1 & 31) // where the one item was sent, until there is another
	}
	p.counts = certains | payloads | likelies<<4
	return int(certains) == len(p.certain) || int(likelies) == len(p.likely)
}

func remember(list []uint32, n *uint8, d uint32) {
	if int(*n) < len(list) && !slices.Contains(list[:*n], d) {
		list[*n] = d
		*n++
	}
}

// add puts one event of evidence on the record, or weight of one where it may be
// another's; decay must have run.
func (r *record) add(s signal.Signal, weight float32) {
	e := r.of(s.Kind)
	e.weigh(e.mass() + weight)
	e.band = max(e.band, s.Band)
}

// hold says that a condition is present: its mass is 1 as long as it holds,
// however often it is looked at, so that 200 identical errors are not 200 proofs.
func (r *record) hold(k signal.Kind, b signal.Band) {
	e := r.of(k)
	e.weigh(max(e.mass(), 1))
	e.band = max(e.band, b)
}

// distinct counts distinct values by linear counting in 256 bits (Whang,
// Vander-Zanden and Taylor, 1990): about 6 % off up to 600, then saturated. Two
// half-hour generations let old values fade.
type distinct struct {
	now, old [8]uint32
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
		d.old = [8]uint32{}
	}
	d.now, d.turned = [8]uint32{}, int32(now/generation)
}

func (d *distinct) add(now int64, digest uint64) {
	d.turn(now)
	b := mix(digest) >> 56
	d.now[b>>5] |= 1 << (b & 31)
}

// remove takes a value out again, and any other that shares its bit: few do.
func (d *distinct) remove(now int64, digest uint64) {
	d.turn(now)
	b := mix(digest) >> 56
	d.now[b>>5] &^= 1 << (b & 31)
	d.old[b>>5] &^= 1 << (b & 31)
}

// count returns the estimate over the last half hour to hour.
func (d *distinct) count(now int64) float64 {
	d.turn(now)
	zero := 256
	for i := range d.now {
		zero -= bits.OnesCount32(d.now[i] | d.old[i])
	}
	return -256 * math.Log(max(float64(zero), 0.5)/256)
}
