package lex

import (
	"strings"
	"testing"
)

// What is asked of a whole value, in any order, is what a look at its text says.
func FuzzWhole(f *testing.F) {
	f.Add("please, ring twice; it's \"here\" (or a) b.", 7, 30)
	f.Add("a an. the, one", 14, 3)
	f.Fuzz(func(t *testing.T, s string, first, second int) {
		v := Whole{Text: s}
		for limit := range mostWords + 1 {
			if got, want := v.Prose(limit), Prose(s, limit); got != want {
				t.Errorf("%q: got %d words up to %d; want %d", s, got, limit, want)
			}
		}
		places := []int{0, 1, first, second, first, len(s), len(s) / 2, len(s) - 1}
		for _, i := range places {
			if i < 0 || i > len(s) {
				continue
			}
			for limit := 1; limit <= mostWords; limit++ {
				if got, want := v.Before(i, limit), Prose(s[:i], limit); got != want {
					t.Errorf("%q: got %d words before %d, up to %d; want %d", s, got, i, limit, want)
				}
			}
		}
		for range 2 {
			for _, n := range []string{"a", " ", "it's", ""} {
				if got, want := v.Index(n), strings.Index(s, n); got != want {
					t.Errorf("%q: got %q at %d; want %d", s, n, got, want)
				}
			}
		}
	})
}
