package attacker

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// shows reports whether r carries evidence of kind k, and in which band.
func shows(r *request.Request, k signal.Kind) (signal.Band, bool) {
	band, ok := signal.Hint, false
	for _, s := range r.Signals {
		if s.Kind == k {
			band, ok = max(band, s.Band), true
		}
	}
	return band, ok
}

// A loop with a pause is a machine's pace, also with some chance; people's is not,
// and neither is what asks for two things at once every few seconds.
func TestPace(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		gap   func(i int) time.Duration
		below float32
		want  bool
	}{
		"a clock":             {func(int) time.Duration { return time.Second }, machinePace, true},
		"a clock with jitter": {func(int) time.Duration { return time.Duration(1000+random.IntN(500)) * time.Millisecond }, loosePace, true},
		"people":              {func(int) time.Duration { return time.Duration(random.ExpFloat64() * float64(5*time.Second)) }, loosePace, false},
		"two at once":         {func(i int) time.Duration { return [2]time.Duration{2 * time.Millisecond, 5 * time.Second}[i%2] }, loosePace, false},
	} {
		var p pace
		for i := range 200 {
			p.add(c.gap(i))
		}
		if got := p.regular(c.below); got != c.want {
			t.Errorf("%s: got regular %v (variance %.3f); want %v", name, got, p.vary, c.want)
		}
	}
}

// A card that is tried with many codes shows from wherever it is tried; one that
// is mistyped twice does not, and neither do many cards.
func TestCardCracking(t *testing.T) {
	try := func(card func(i int) request.Card, n int) (signal.Band, bool) {
		table := New(1000, seed)
		var last *request.Request
		for i := range n {
			last = from(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}).String(), 1)
			answered(table, time.Duration(i)*time.Second, last, 1, 402, Exchange{Tags: request.TagPayment, Card: card(i)})
		}
		return shows(last, signal.CardCracking)
	}
	one := func(i int) request.Card { return request.Card{Number: 7, Details: uint64(i) * 0x9e3779b97f4a7c15} }
	if band, ok := try(one, 20); !ok || band != signal.Likely {
		t.Errorf("20 codes of one card: got %v, %v; want likely", band, ok)
	}
	if _, ok := try(one, 3); ok {
		t.Error("3 codes of one card: got evidence; want none")
	}
	if _, ok := try(func(i int) request.Card { return request.Card{Number: uint64(i)<<8 | 1, Details: uint64(i)} }, 40); ok {
		t.Error("40 cards with one code each: got evidence; want none")
	}
	if _, ok := try(func(int) request.Card { return request.Card{Number: 7, Details: 9} }, 40); ok {
		t.Error("one card and code forty times: got evidence; want none")
	}
}

// Who reserves at the full minute each time snipes; who does by chance, or often
// within one minute, does not.
func TestSniping(t *testing.T) {
	reserve := func(at func(i int) uint32, n int) bool {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		for i := range n {
			answered(table, time.Duration(i)*time.Minute, r, 1, 201, Exchange{Tags: request.TagReserve, Second: at(i)})
		}
		_, ok := shows(r, signal.Sniping)
		return ok
	}
	const hour = 3600 * 400_000
	if !reserve(func(i int) uint32 { return uint32(hour + 60*i + 59) }, 8) {
		t.Error("the last second of 8 minutes: got no evidence")
	}
	if reserve(func(i int) uint32 { return uint32(hour + 67*i) }, 20) {
		t.Error("every 67 seconds: got evidence; want none")
	}
	if reserve(func(i int) uint32 { return uint32(hour + 4*i) }, 300) {
		t.Error("every 4 seconds: got evidence; want none")
	}
	if reserve(func(i int) uint32 { return uint32(hour + i%3 - 1) }, 20) {
		t.Error("20 times about one full hour: got evidence; want none")
	}
}

// Who does nothing but send slowly is told from who is on a bad line: by how often,
// and by what else is answered.
func TestSlow(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration
		fine  int // good answers before each
		want  signal.Band
	}{
		"ten at a time":                      {3 * time.Second, 0, signal.Likely},
		"one upload after the other":         {30 * time.Second, 0, signal.Hint},
		"ten at a time among as many others": {3 * time.Second, 1, signal.Hint},
	} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		got := signal.Hint
		for i := range 300 {
			at := time.Duration(i) * c.every
			answered(table, at, r, c.fine, 200, Exchange{Endpoint: 5})
			got = table.Slow(epoch.Add(at), r)
		}
		if got != c.want {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
}
