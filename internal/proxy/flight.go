package proxy

import (
	"net/netip"
	"sync"
)

const (
	// defaultRequests are under way at most, where Options say nothing.
	defaultRequests = 16 << 10
	// share of the free places that one client may take: as places run out, so does
	// what the heaviest may have.
	share = 4
	// few requests of one client go in whatever its share, and find room in an eighth
	// beyond the bound; a client's only one in a quarter beyond it. Whoever fills the
	// places with many must not shut out who has a few.
	few = 8
)

// flight counts the requests under way, in all and of each client. Each takes memory
// that no other budget sees: a goroutine, a head, a stream's buffers, 32 KiB and more.
// A request waits for its client's body, for its upstream or for its client to read;
// a stalled upload takes all the time it is given. Tunnels are not counted: each has a
// connection of its own, which is.
//
// The map has an entry for each client with a request under way and no other, so
// that the bound on all requests bounds it too.
type flight struct {
	mu      sync.Mutex
	max     int
	all     int
	clients map[netip.Prefix]int
	turned  uint64 // away
}

func newFlight(most int) *flight {
	return &flight{max: most, clients: make(map[netip.Prefix]int)}
}

// enter takes a place for a request of the client, or reports that there is none. crowd
// says that many may stand behind its address, who are not to share one client's part.
func (f *flight) enter(client netip.Prefix, crowd bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, most := f.clients[client], f.max
	switch {
	case n == 0:
		most += f.max / 4
	case n < few:
		most += f.max / 8
	}
	if f.all >= most || !crowd && n >= max((f.max-f.all)/share, few) {
		f.turned++
		return false
	}
	f.all++
	f.clients[client] = n + 1
	return true
}

// leave gives the place back.
func (f *flight) leave(client netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if n := f.clients[client] - 1; n > 0 {
		f.clients[client] = n
	} else {
		delete(f.clients, client)
	}
}

// turnedAway returns how many requests found no place.
func (f *flight) turnedAway() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.turned
}
