package main

import (
	"testing"
	"time"
)

// A snapshot is written soon where it costs little, and seldom where it costs much.
func TestUntilSnapshot(t *testing.T) {
	for _, c := range []struct {
		took time.Duration
		size int64
		want time.Duration
	}{
		{time.Millisecond, 1 << 10, snapshotSoonest},
		{200 * time.Millisecond, 5 << 20, 40 * time.Second},
		{100 * time.Millisecond, 50 << 20, 100 * time.Second},
		{10 * time.Second, 1 << 30, snapshotLatest},
	} {
		if got := untilSnapshot(c.took, c.size); got != c.want {
			t.Errorf("%v, %d bytes: got %v; want %v", c.took, c.size, got, c.want)
		}
	}
}
