package challenge

import (
	"testing"
	"time"
)

// A flood of answers and passes stays within the bounds, and a farm's pass is not
// washed away by single clients'.
func TestFloodIsBounded(t *testing.T) {
	var s spent
	var u uses
	for n := range uint64(1_000_000) {
		id := (n + 1) * 0x9e3779b97f4a7c15
		if !s.take(epoch.Add(time.Duration(n)*time.Millisecond), id) {
			t.Fatalf("nonce %d: got refused; want it taken: it is new", n)
		}
	}
	if got, want := len(s.now)*spentWays+len(s.old)*spentWays, 2*spentSets*spentWays; got > want {
		t.Errorf("got %d places; want at most %d", got, want)
	}
	for user := range uint32(MostUsers) {
		u.add(0, 100, 7, user)
	}
	for n := range uint64(1_000_000) {
		u.add(0, 100, (n+10)*0x9e3779b97f4a7c15, 1)
	}
	if u.add(0, 100, 7, MostUsers+1) {
		t.Error("a flood of single clients made the farm's pass be forgotten")
	}
}

// The same nonce is known in the bucket after its own, and forgotten later.
func TestBuckets(t *testing.T) {
	var s spent
	s.take(epoch, 42)
	if s.take(epoch.Add(bucket), 42) {
		t.Error("one bucket later: got taken; want it known")
	}
	if !s.take(epoch.Add(3*bucket), 42) {
		t.Error("three buckets later: got known; want it forgotten: no challenge is that old")
	}
	if !s.take(epoch.Add(2*bucket), 43) || s.take(epoch.Add(2*bucket+time.Minute), 43) {
		t.Error("a clock that steps back lost the bucket")
	}
}
