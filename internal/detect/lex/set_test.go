package lex

import (
	"strings"
	"testing"
)

// What sets, runs, needles and their memory say is what the obvious questions say.
func FuzzSets(f *testing.F) {
	f.Add("a;;;; alert(1) //", 3, 9)
	f.Add("evaleval(aaaa", 0, 13)
	words := []string{"al", "alert", "eval(", "a", ";;", "rt(1"}
	set, needles := SetOf("; a"), NeedlesOf(words[:3]...)
	f.Fuzz(func(t *testing.T, s string, first, second int) {
		var run Run
		var next Next
		v := Whole{Text: s}
		for _, i := range []int{0, first, second, first, first + 1, len(s) - 1} {
			if i < 0 || i > len(s) {
				continue
			}
			if got, want := set.Skip(s, i), Skip(s, i, "; a"); got != want {
				t.Errorf("%q from %d: a set skips to %d; want %d", s, i, got, want)
			}
			if got, want := run.Skip(set, s, i), Skip(s, i, "; a"); got != want {
				t.Errorf("%q from %d: a run skips to %d; want %d", s, i, got, want)
			}
			for _, to := range []int{len(s), min(i+5, len(s)), second} {
				if to < i || to > len(s) {
					continue
				}
				want := false
				for _, w := range words[:3] {
					want = want || strings.Contains(s[i:to], w)
				}
				if got := needles.In(s, i, to, &next); got != want {
					t.Errorf("%q in [%d:%d]: got %v; want %v", s, i, to, got, want)
				}
			}
			for _, w := range words {
				want, all := strings.Index(Ahead(s, i), w), false
				before, found := v.Cut(i, w)
				if all = want >= 0; all {
					want += i
				}
				if got := v.Next(i, w); got != want || found != all || found && before != s[i:want] {
					t.Errorf("%q from %d: got %q at %d; want %d", s, i, w, got, want)
				}
			}
		}
	})
}
