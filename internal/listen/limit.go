package listen

import (
	"net/netip"
	"sync"
)

// Limits are the places that connections take, shared by all listeners of a process.
//
// When places run out, idle connections give way: of the client that has the most of
// them, the one that has been idle the longest. So who comes anew finds a place as
// long as anybody idles, and who opens thousands to keep others out loses his own
// first. A client's share shrinks with what is left; over it, it gives up an idle
// connection of its own. Idle is what no request is under way on: a connection in its
// handshake, one that has sent half a head, one between two requests.
//
// Each operation takes constant time. An entry is kept for each client with a
// connection and no other, so that the bound on connections bounds all of it.
type Limits struct {
	mu        sync.Mutex
	open      int
	max       int
	perClient int
	holders   map[netip.Prefix]*holder
	exempt    holder    // all clients that are not bounded; they give way last
	ranks     []*holder // by number of idle connections: rings of holders, nil if none
	top       int       // no rank above has any
	evicted   uint64
}

// NewLimits returns limits for max connections in all and perClient of one client.
func NewLimits(max, perClient int) *Limits {
	return &Limits{max: max, perClient: perClient, holders: make(map[netip.Prefix]*holder),
		ranks: make([]*holder, perClient+1)}
}

// holder is a client with connections. It stands in the rank of its idle ones.
type holder struct {
	key        netip.Prefix
	conns      int
	idle       int
	eldest     *Conn // ring of idle connections, the one idle the longest first
	prev, next *holder
}

// shares are into how many parts the free places are divided: what one client may have.
const (
	shares     = 8
	leastShare = 16
)

// enter takes a place for one more connection, or reports that there is none. It may
// end an idle connection for it.
func (l *Limits) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open >= l.max {
		victim := l.victim()
		if victim == nil {
			return false
		}
		l.evict(victim)
	}
	l.open++
	return true
}

// leave gives the place back.
func (l *Limits) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// claim takes one of the places of the client that c belongs to, which is idle from
// now on, or reports that there is none.
func (l *Limits) claim(c *Conn, key netip.Prefix, exempt bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := &l.exempt
	if !exempt {
		if h = l.holders[key]; h == nil {
			h = &holder{key: key}
			l.holders[key] = h
		}
		if most := min(l.perClient, max((l.max-l.open)/shares, leastShare)); h.conns >= most {
			if h.eldest == nil {
				return false
			}
			l.evict(h.eldest)
		}
	}
	h.conns++
	c.holder = h
	l.rest(c)
	return true
}

// release gives back what c holds of its client's places.
func (l *Limits) release(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := c.holder
	if h == nil {
		return
	}
	l.work(c)
	c.holder = nil
	if h.conns--; h.conns == 0 && h != &l.exempt {
		delete(l.holders, h.key)
	}
}

// idle notes that no request is under way on c, busy that one is.
func (l *Limits) idle(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest(c)
}

func (l *Limits) busy(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.work(c)
}

// size returns the number of clients with connections, and how many connections had
// to give way.
func (l *Limits) size() (clients int, evicted uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.holders), l.evicted
}

// victim returns the connection that gives way next; nil if none is idle.
func (l *Limits) victim() *Conn {
	for ; l.top > 0; l.top-- {
		if h := l.ranks[l.top]; h != nil {
			return h.eldest
		}
	}
	return l.exempt.eldest
}

// evict ends c and gives its place back. Its client's place is given back with the
// rest, once it is closed.
func (l *Limits) evict(c *Conn) {
	l.work(c)
	l.evicted++
	if c.uncounted.CompareAndSwap(false, true) {
		l.open--
	}
	drop(c.raw.Conn) // its reads and writes fail from now on, so that who serves it closes it
}

// rest puts c behind all others that its client has idle.
func (l *Limits) rest(c *Conn) {
	h := c.holder
	if h == nil || c.nextIdle != nil {
		return
	}
	l.unrank(h)
	if h.eldest == nil {
		h.eldest, c.prevIdle, c.nextIdle = c, c, c
	} else {
		c.prevIdle, c.nextIdle = h.eldest.prevIdle, h.eldest
		c.prevIdle.nextIdle, c.nextIdle.prevIdle = c, c
	}
	h.idle++
	l.rank(h)
}

// work takes c out of the idle ones.
func (l *Limits) work(c *Conn) {
	h := c.holder
	if h == nil || c.nextIdle == nil {
		return
	}
	l.unrank(h)
	if c.nextIdle == c {
		h.eldest = nil
	} else {
		c.prevIdle.nextIdle, c.nextIdle.prevIdle = c.nextIdle, c.prevIdle
		if h.eldest == c {
			h.eldest = c.nextIdle
		}
	}
	c.prevIdle, c.nextIdle = nil, nil
	h.idle--
	l.rank(h)
}

// rank puts h where its idle connections rank it.
func (l *Limits) rank(h *holder) {
	if h.idle == 0 || h == &l.exempt {
		return
	}
	at := &l.ranks[min(h.idle, l.perClient)]
	if *at == nil {
		*at, h.prev, h.next = h, h, h
	} else {
		h.prev, h.next = (*at).prev, *at
		h.prev.next, h.next.prev = h, h
	}
	l.top = max(l.top, min(h.idle, l.perClient))
}

func (l *Limits) unrank(h *holder) {
	if h.next == nil {
		return
	}
	at := &l.ranks[min(h.idle, l.perClient)]
	if h.next == h {
		*at = nil
	} else {
		h.prev.next, h.next.prev = h.next, h.prev
		if *at == h {
			*at = h.next
		}
	}
	h.prev, h.next = nil, nil
}
