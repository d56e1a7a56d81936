package listen

import (
	"net/netip"
	"sync"
)

// counts holds how many connections are open in all and of each client key. Its
// map has an entry for each key with an open connection and no other, so that
// the bound on all connections bounds it too.
type counts struct {
	mu        sync.Mutex
	open      int
	max       int
	perClient int
	clients   map[netip.Prefix]int
}

func newCounts(max, perClient int) *counts {
	return &counts{max: max, perClient: perClient, clients: make(map[netip.Prefix]int)}
}

// enter takes a place for one more connection, or reports that there is none.
func (c *counts) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.max {
		return false
	}
	c.open++
	return true
}

// leave gives the place back.
func (c *counts) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

// claim takes one of the places of key, or reports that there is none.
func (c *counts) claim(key netip.Prefix) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients[key] >= c.perClient {
		return false
	}
	c.clients[key]++
	return true
}

// release gives a place of key back.
func (c *counts) release(key netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients[key]--; c.clients[key] <= 0 {
		delete(c.clients, key)
	}
}

// size returns the number of open connections and of clients with any.
func (c *counts) size() (open, clients int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open, len(c.clients)
}
