package proxy

import (
	"testing"
	"time"
)

// Of upstreams that are well the one with the fewest requests for its room is asked.
func TestPickByRoom(t *testing.T) {
	s := &site{}
	rooms := map[string]int64{"wide": 200, "narrow": 20}
	for raw := range rooms {
		s.upstreams = append(s.upstreams, &upstream{raw: raw})
	}
	got := map[string]int64{}
	for range 110 {
		u := s.pick(time.Now(), nil, func(u *upstream) int64 { return rooms[u.raw] })
		u.busy.Add(1)
		got[u.raw]++
	}
	if got["wide"] != 100 || got["narrow"] != 10 {
		t.Errorf("got %v; want ten times as many where there is ten times the room", got)
	}
}
