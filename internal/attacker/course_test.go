package attacker

import (
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// A course is evidence from ten steps on, strong from thirty that are far out, and
// never by single surprises.
func TestOddCourse(t *testing.T) {
	walk := func(n int, surprise func(i int) float32) (signal.Band, bool) {
		table := New(1000, seed)
		band, ok := signal.Hint, false
		for i := range n {
			r := from("203.0.113.9", 1)
			r.Course = request.Course{Known: true, Odd: 1, Surprise: surprise(i)}
			answered(table, time.Duration(i)*time.Second, r, 1, 200, Exchange{})
			if b, found := shows(r, signal.OddCourse); found {
				band, ok = max(band, b), true
			}
		}
		return band, ok
	}
	odd := func(int) float32 { return 2 }
	if _, ok := walk(9, odd); ok {
		t.Error("9 odd steps: got evidence")
	}
	if band, ok := walk(12, odd); !ok || band != signal.Hint {
		t.Errorf("12 odd steps: got %v, %v; want a hint", band, ok)
	}
	if band, ok := walk(40, odd); !ok || band != signal.Likely {
		t.Errorf("40 odd steps: got %v, %v; want likely", band, ok)
	}
	if _, ok := walk(60, func(i int) float32 { return [5]float32{-0.5, -0.5, 0, -0.5, 4}[i%5] }); ok {
		t.Error("one surprise in five: got evidence")
	}
}

// A browser that never fetches what belongs to pages shows where others do.
func TestBarePages(t *testing.T) {
	read := func(n int, dressed, assets bool) (tenths int, ok bool) {
		table := New(1000, seed)
		for i := range n {
			r := from("203.0.113.9", 1)
			r.Endpoint.Dressed = dressed
			answered(table, time.Duration(i)*time.Second, r, 1, 200, Exchange{Page: true})
			if _, found := shows(r, signal.BarePages); found {
				ok = true
			}
			if r.Pages.Tenth {
				if tenths++; r.Pages.Bare == assets {
					t.Errorf("at the tenth page: got bare %v; want %v", r.Pages.Bare, !assets)
				}
			}
			if assets && i == 3 {
				answered(table, time.Duration(i)*time.Second, r, 1, 200, Exchange{Asset: true})
			}
		}
		return tenths, ok
	}
	if tenths, ok := read(300, true, false); !ok || tenths != 1 {
		t.Errorf("300 pages: got evidence %v, %d tenth pages; want one", ok, tenths)
	}
	for name, c := range map[string][2]bool{"one style": {true, true}, "where others do not": {false, false}} {
		if _, ok := read(300, c[0], c[1]); ok {
			t.Errorf("300 pages, %s: got evidence", name)
		}
	}
	if _, ok := read(14, true, false); ok {
		t.Error("14 pages: got evidence")
	}
}
