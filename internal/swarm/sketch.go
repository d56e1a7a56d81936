package swarm

import (
	"math"
	"sync/atomic"

	"bartizan/internal/digest"
)

// sketch counts how often values and pairs of values occur in good traffic, in
// a bounded open-addressed table of 2^18 cells (2 MiB) with 8 probes. A full
// neighbourhood gives up its smallest count, so that values which never repeat
// cannot push out common ones. Counts are halved together now and then, so that
// old traffic fades.
//
// One goroutine adds; any may read meanwhile.
type sketch struct {
	cells []atomic.Uint64 // tag in the high half, count in the low one
	total atomic.Uint32   // rows counted
}

const (
	sketchCells = 1 << 18
	probes      = 8
	sketchFull  = 1 << 20 // rows at which all counts are halved
)

func newSketch() *sketch { return &sketch{cells: make([]atomic.Uint64, sketchCells)} }

func (s *sketch) get(k uint64) uint32 {
	i, tag := k%sketchCells, k>>32|1
	for j := range uint64(probes) {
		switch c := s.cells[(i+j)%sketchCells].Load(); {
		case c>>32 == tag:
			return uint32(c)
		case c == 0:
			return 0
		}
	}
	return 0
}

func (s *sketch) add(k uint64) {
	i, tag := k%sketchCells, k>>32|1
	least, at := uint32(math.MaxUint32), i
	for j := range uint64(probes) {
		p := (i + j) % sketchCells
		switch c := s.cells[p].Load(); {
		case c>>32 == tag:
			s.cells[p].Store(c + 1)
			return
		case c == 0:
			s.cells[p].Store(tag<<32 | 1)
			return
		case uint32(c) < least:
			least, at = uint32(c), p
		}
	}
	s.cells[at].Store(tag<<32 | 1)
}

// fade halves all counts. A count of one stays: a cell that became free in the
// middle of a chain of probes would hide those behind it.
func (s *sketch) fade() {
	for i := range s.cells {
		if c := s.cells[i].Load(); uint32(c) > 1 {
			s.cells[i].Store(c&^math.MaxUint32 | uint64(uint32(c)/2))
		}
	}
	s.total.Store(s.total.Load() / 2)
}

// The single values that are counted, and those whose rarity is derived.
var (
	counted = [...]Attribute{JA4, H2, HeaderOrder, Agent, ASN, AgentFamily, Template, Parameters, Language, Country, AgentVersion, ClientHints}
	ranked  = [...]struct{ to, of Attribute }{{RarityJA4, JA4}, {RarityH2, H2}, {RarityOrder, HeaderOrder}, {RarityAgent, Agent}, {RarityASN, ASN}}
	paired  = [...]struct{ to, a, b Attribute }{
		{FitJA4Agent, JA4, AgentFamily}, {FitOrderAgent, HeaderOrder, AgentFamily}, {FitH2JA4, H2, JA4},
		{FitTemplateParameters, Template, Parameters}, {FitLanguageCountry, Language, Country}, {FitVersionHints, AgentVersion, ClientHints},
	}
)

func one(a Attribute, v uint32) uint64 { return digest.Scramble(uint64(a)<<32 | uint64(v)) }

func two(to Attribute, x, y uint32) uint64 {
	return digest.Scramble(digest.Scramble(uint64(x)<<32|uint64(y)) + uint64(to) + 1)
}

// derive fills the derived attributes of a row. While nothing has been learned
// they stay unknown: then nothing is odd.
func (s *sketch) derive(at *[Attributes]uint32) { s.deriveWithout(at, 0) }

// less is what remains of a count without own of them.
func less(n, own uint32) uint32 { return n - min(n, own) }

// deriveWithout derives as if own rows like this one had not been counted: what a
// client that has taught itself would look like, had it never been here.
func (s *sketch) deriveWithout(at *[Attributes]uint32, own uint32) {
	total := s.total.Load()
	if total < minimumRows {
		clear(at[derived:])
		return
	}
	for _, p := range ranked {
		at[p.to] = noRarity
		if at[p.of] != 0 {
			at[p.to] = rarity(less(s.get(one(p.of, at[p.of])), own), total)
		}
	}
	for _, p := range paired {
		at[p.to] = fit(less(s.get(two(p.to, at[p.a], at[p.b])), own), s.get(one(p.a, at[p.a])), s.get(one(p.b, at[p.b])), total)
	}
	r := row{at: *at}
	segment := r.segment()
	population, template := s.get(one(RaritySegment, segment)), s.get(one(Template, at[Template]))
	at[RaritySegment] = rarity(less(population, own), total)
	at[FitTemplateSegment] = fit(less(s.get(two(FitTemplateSegment, at[Template], segment)), own), template, population, total)
	at[RarityObject] = s.object(at, min(own, 1))
	before := step(at)
	at[FitPrevious] = fit(less(s.get(two(FitPrevious, before, at[Template])), own), s.get(one(FitPrevious, before)), template, total)
}

// object returns the rarity of the object that a row asks for, as if own requests for
// it had not been counted; noRarity where too little is known of what is asked for there.
func (s *sketch) object(at *[Attributes]uint32, own uint32) uint32 {
	if at[Object] == 0 || s.get(one(Template, at[Template])) < objectsLeast {
		return noRarity
	}
	switch n := less(s.get(one(Object, at[Object])), own); {
	case n == 0:
		return unseen
	case n >= objectCommon:
		return common
	}
	return usual
}

// step is the endpoint before, as seen by one kind of client: an app's users
// take other ways than a browser's.
func step(at *[Attributes]uint32) uint32 {
	return fold32(digest.Mix(uint64(at[Previous]), uint64(at[JA4Prefix])))
}

// learn counts a row.
func (s *sketch) learn(r *row) {
	for _, a := range counted {
		s.add(one(a, r.at[a]))
	}
	for _, p := range paired {
		s.add(two(p.to, r.at[p.a], r.at[p.b]))
	}
	if r.at[Object] != 0 {
		s.add(one(Object, r.at[Object]))
	}
	segment, before := r.segment(), step(&r.at)
	s.add(one(RaritySegment, segment))
	s.add(two(FitTemplateSegment, r.at[Template], segment))
	s.add(one(FitPrevious, before))
	s.add(two(FitPrevious, before, r.at[Template]))
	if s.total.Add(1) >= sketchFull {
		s.fade()
	}
}

// objectsLeast is from how many good requests to an endpoint on it is known what is
// asked for there: ids that are popular come again, those of a walk do not.
const objectsLeast = 512

// objectCommon is from how many requests on an object is often asked for.
const objectCommon = 10

// objectsNew is the share of good requests to an endpoint for objects that nobody has
// asked for, beyond which that is how it is used.
const objectsNew = 0.25

// minimumRows is how much must have been learned before anything is called rare.
const minimumRows = 1000

func rarity(n, total uint32) uint32 {
	switch p := float64(n) / float64(total+1); {
	case n == 0:
		return unseen
	case p >= 0.01:
		return common
	case p >= 0.001:
		return usual
	case p >= 0.0001:
		return rare
	}
	return veryRare
}

// fit compares how often two values met with how often they should, were they
// independent. Below five expected meetings it says nothing.
func fit(met, x, y, total uint32) uint32 {
	expected := float64(x) * float64(y) / float64(total+1)
	if expected < 5 {
		return noFit
	}
	switch q := float64(met) / expected; {
	case q >= 0.2:
		return consistent
	case q >= 0.02:
		return together
	}
	return contradicts
}

// odd reports whether a row's software has hardly been seen in good traffic, or
// contradicts itself. Good traffic has few such rows, so that even a slow
// botnet with a tool of its own stands out among them.
func odd(at *[Attributes]uint32) bool {
	for _, a := range [...]Attribute{RarityJA4, RarityOrder, RaritySegment, RarityH2} {
		if at[a] >= veryRare {
			return true
		}
	}
	return at[Contradictions] != 0 || at[FitJA4Agent] == contradicts || at[FitOrderAgent] == contradicts || at[FitH2JA4] == contradicts
}
