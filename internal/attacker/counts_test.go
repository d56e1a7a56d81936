package attacker

import (
	"math"
	"strconv"
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// beyond never says more than the exact test does, and says it not much later.
func TestBeyondIsTheExactTest(t *testing.T) {
	exact := func(k, n int, p float64) (sum float64) {
		for i := k; i <= n; i++ {
			a, _ := math.Lgamma(float64(n + 1))
			b, _ := math.Lgamma(float64(i + 1))
			c, _ := math.Lgamma(float64(n - i + 1))
			sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		}
		return sum
	}
	for _, p := range []float64{0.05, 0.2, 0.5, 0.9} {
		for n := 1; n <= 60; n++ {
			for k := 1; k <= n; k++ {
				chance, got := exact(k, n, p), beyond(float64(k), float64(n), p)
				if got && chance > improbable || !got && chance < improbable/100 {
					t.Errorf("beyond(%d, %d, %g) = %t where the chance is %g", k, n, p, got, chance)
				}
			}
		}
	}
	if beyond(0, 0, 0.2) || beyond(1, 10, 0.2) {
		t.Error("nothing, or less than usual, is beyond what is usual")
	}
}

// What is usual is learned, is no more than a prior where nothing is known, and is bounded.
func TestUsualIsBounded(t *testing.T) {
	var u usual
	if p, known := u.share(1); p != usualPrior || known {
		t.Errorf("of nothing: got %g, known %t", p, known)
	}
	for i := range 10_000 {
		u.note(1, i%10 == 0)
	}
	if p, known := u.share(1); math.Abs(p-0.1) > 0.01 || !known || u.of[1].all > usualMemory {
		t.Errorf("one in ten: got %g, known %t, %g observations", p, known, u.of[1].all)
	}
	for i := range uint64(3 * usualMost) {
		u.note(i+2, false)
	}
	if len(u.of) > usualMost {
		t.Errorf("got %d endpoints; want %d at most", len(u.of), usualMost)
	}
}

// pay sends n payments of one client, a second apart, of which one in good, 0 for none,
// goes through, and returns whether payment-failure was conclusive.
func pay(t *Table, address string, people float64, n, good int, card func(i int) uint64) (conclusive bool) {
	for i := range n {
		r := from(address, 1)
		r.Endpoint = request.Endpoint{ID: 77, PathKnown: true, Tags: request.TagPayment}
		r.Standing.People = people
		x := Exchange{Status: 402, Endpoint: 77, Tags: request.TagPayment, Card: request.Card{Number: card(i)}}
		if good > 0 && i%good == 0 {
			x.Status = 200
		}
		t.Learn(epoch.Add(time.Duration(i)*time.Second), DefaultRules(), r, &x, func(int) {})
		for _, s := range r.Signals {
			conclusive = conclusive || s.Kind == signal.PaymentFailure && s.Band == signal.Certain
		}
	}
	return conclusive
}

func each(i int) uint64 { return mix(uint64(i)) | 1 }

// Twelve cards that are refused are conclusive, one card again and again is not, nor is a
// third of a reseller's, nor what as many people behind one address come to.
func TestPaymentsInVain(t *testing.T) {
	for name, c := range map[string]struct {
		n, good int
		people  float64
		card    func(int) uint64
		want    bool
	}{
		"cards":                {20, 0, 1, each, true},
		"cards, one in five":   {40, 5, 1, each, true},
		"too few":              {11, 0, 1, each, false},
		"one card":             {60, 0, 1, func(int) uint64 { return 9 }, false},
		"a reseller":           {300, 2, 1, each, false},
		"people":               {20, 0, 3, each, false},
		"an attacker among 3":  {60, 0, 3, each, true},
		"tokens, each its own": {20, 0, 1, func(int) uint64 { return 0 }, true},
	} {
		table := New(1000, seed)
		if got := pay(table, "203.0.113.9", c.people, c.n, c.good, c.card); got != c.want {
			t.Errorf("%s: got conclusive %t; want %t", name, got, c.want)
		}
		st := stand(table, 301*time.Second, from("203.0.113.9", 1))
		if got := st.Counts&request.PaymentsInVain != 0; got != c.want {
			t.Errorf("%s: got counts %b; want slowed %t", name, st.Counts, c.want)
		}
		if st.Stage > signal.Watch {
			t.Errorf("%s: got stage %v; a count alone is watched", name, st.Stage)
		}
	}
}

// Where everybody's payments are refused the upstream is ill, and nobody is slowed.
func TestPaymentsThatFailForEverybody(t *testing.T) {
	table := New(1000, seed)
	for i := range 30 {
		pay(table, "198.51.100."+strconv.Itoa(i+1), 1, 3, 0, each)
	}
	if pay(table, "203.0.113.9", 1, 40, 0, each) {
		t.Error("a client's refused payments are conclusive where all are refused")
	}
}
