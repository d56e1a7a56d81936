// Package tarpit holds connections of attackers: it says nothing for a while, takes
// what they upload by sips, and then lets the answer drip, so that the attacker's
// connection, thread and time are gone, while ours are not. Each costs a socket, a few
// hundred bytes and a system call every few seconds: one goroutine turns a wheel for
// all of them, and waits for none.
//
// It decides nothing: the proxy says whom to hold. What would cost more than the
// ceilings of connections, memory and time allow is not held, and the caller
// answers at once instead.
//
// A Pit is safe for concurrent use. It owns what it holds and one goroutine, which
// ends with Close.
package tarpit

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Options bound a Pit.
type Options struct {
	// Connections and Memory (bytes, at PlainCost and SecureCost each) are the most
	// that are held. No Connections hold nothing.
	Connections int
	Memory      int64
	// Streams is how many requests wait with a goroutine of their own, as those on
	// HTTP/2 must; 256.
	Streams int
	// Time is how long one is held; 2 m. The first byte comes after a twelfth of it.
	Time time.Duration
}

// What one connection is counted as, in bytes: measured (bench/tarpit) and rounded
// up. TLS keeps buffers and keys for each; of a body that nobody has read the kernel
// keeps what it has promised to take, BodyCost on top.
const (
	PlainCost  = 8 << 10
	SecureCost = 24 << 10
	BodyCost   = 132 << 10 // Linux, tcp_rmem as it comes
)

const (
	pieces   = 22                     // that an answer drips in; turns that one has
	sips     = pieces / 2             // turns at most that a body is read in
	sip      = 512                    // bytes of it that are read in a turn
	spokes   = 64                     // of the wheel
	patience = 5 * time.Millisecond   // that one write may take, on a busy machine: the kernel has room, or the client reads nothing
	behind   = 500 * time.Millisecond // the wheel does not keep up: nobody more is held
)

// Conn is what is held. Abort closes it without manners, at once; CloseWrite ends our
// side; Sip reads what has come, at most a p full and as it is on the wire, without
// waiting: 0 if nothing has.
type Conn interface {
	net.Conn
	Abort()
	CloseWrite() error
	Sip(p []byte) (int, error)
}

// Kind says what a connection costs to hold.
type Kind struct {
	Secure bool // TLS is on it
	Body   bool // the body of its request has not been read to its end
}

func (k Kind) cost() int64 {
	cost := int64(PlainCost)
	if k.Secure {
		cost = SecureCost
	}
	if k.Body {
		cost += BodyCost
	}
	return cost
}

// held is one connection.
type held struct {
	conn   Conn
	kind   Kind
	sips   int    // turns in which its body may still be read
	answer []byte // what is still to be said
	turns  int    // that are left to say it
	rounds int    // of the wheel until the next
	since  time.Time
}

// Pit holds connections. Make one with New.
type Pit struct {
	options Options
	tick    time.Duration // the wheel's step
	first   int           // ticks to the first byte
	step    int           // ticks from piece to piece
	stop    chan struct{}
	done    chan struct{}

	late   atomic.Bool // the wheel does not keep up
	memory atomic.Int64
	n      atomic.Int64
	waits  atomic.Int64
	total  atomic.Uint64
	full   atomic.Uint64
	left   atomic.Uint64
	spent  atomic.Int64 // ns that connections were held, those that ended
	sipped atomic.Uint64
	scrap  [sip]byte // the wheel's own

	mu    sync.Mutex // guards what follows
	wheel [spokes][]held
	at    int
	over  bool
}

// New returns a pit that holds nothing yet.
func New(o Options) *Pit {
	if o.Time == 0 {
		o.Time = 2 * time.Minute
	}
	if o.Streams == 0 {
		o.Streams = 256
	}
	tick := min(250*time.Millisecond, max(o.Time/(8*pieces), time.Millisecond))
	p := &Pit{options: o, tick: tick, stop: make(chan struct{}), done: make(chan struct{})}
	total := max(int(o.Time/tick), pieces+1)
	p.first = max(total/12, 1)
	p.step = max((total-p.first)/pieces, 1)
	go p.run()
	return p
}

// Hold takes over conn and lets answer, a whole HTTP/1 answer, drip into it. It
// returns false, and does not touch conn, if there is no room left.
func (p *Pit) Hold(conn Conn, answer []byte, k Kind) bool {
	h := held{conn: conn, kind: k, answer: answer, turns: pieces, since: time.Now()}
	if k.Body {
		h.sips = sips
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.n.Load() >= int64(p.options.Connections) || p.memory.Load()+k.cost() > p.options.Memory {
		return false
	}
	p.n.Add(1)
	p.memory.Add(k.cost())
	p.total.Add(1)
	p.put(h, p.first)
	return true
}

// Room reports whether the next connection would be held, and counts it as turned
// away if not. Hold may still refuse.
func (p *Pit) Room(k Kind) bool {
	ok := !p.late.Load() && p.n.Load() < int64(p.options.Connections) && p.memory.Load()+k.cost() <= p.options.Memory
	if !ok {
		p.full.Add(1)
	}
	return ok
}

// Wait holds the caller's goroutine for as long as a connection waits for its first
// byte, or until ctx is done. It returns at once if too many wait already.
func (p *Pit) Wait(ctx context.Context) {
	if p.options.Connections == 0 {
		return
	}
	if p.waits.Add(1) > int64(p.options.Streams) {
		p.waits.Add(-1)
		p.full.Add(1)
		return
	}
	defer p.waits.Add(-1)
	p.total.Add(1)
	start := time.Now()
	t := time.NewTimer(p.tick * time.Duration(p.first))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		p.left.Add(1)
	case <-p.stop:
	}
	p.spent.Add(int64(time.Since(start)))
}

// put files h so that its turn comes in so many ticks; mu is held.
func (p *Pit) put(h held, ticks int) {
	h.rounds = (ticks - 1) / spokes
	i := (p.at + ticks) % spokes
	p.wheel[i] = append(p.wheel[i], h)
}

// run turns the wheel until Close, then lets everybody go.
func (p *Pit) run() {
	defer close(p.done)
	t := time.NewTicker(p.tick)
	defer t.Stop()
	var due []held
	for {
		select {
		case now := <-t.C:
			due = p.turn(due[:0])
			p.drip(due)
			clear(due)
			p.late.Store(time.Since(now) > behind)
		case <-p.stop:
			p.letGo()
			return
		}
	}
}

// turn moves the wheel by one and appends to due whose turn it is.
func (p *Pit) turn(due []held) []held {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = (p.at + 1) % spokes
	spoke, kept := p.wheel[p.at], 0
	for i := range spoke {
		if spoke[i].rounds == 0 {
			due = append(due, spoke[i])
			continue
		}
		spoke[i].rounds--
		spoke[kept] = spoke[i]
		kept++
	}
	clear(spoke[kept:])
	p.wheel[p.at] = spoke[:kept]
	if kept == 0 && cap(spoke) > 1024 {
		p.wheel[p.at] = nil // a flood is over: its room goes too
	}
	return due
}

// drip gives each one its turn and files it again, unless that was the last.
func (p *Pit) drip(due []held) {
	again := due[:0]
	for i := range due {
		h := due[i]
		if p.turned(&h) {
			again = append(again, h)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range again {
		p.put(h, p.step)
	}
}

// turned gives h its turn: a sip of its body while there is some, then a piece of the
// answer. It reports whether there is another. The last one closes: a turn's time after
// the answer's end, since closing a socket with unread bytes resets it, and to wait
// for the client here would make the wheel late for all.
func (p *Pit) turned(h *held) bool {
	if len(h.answer) == 0 {
		h.conn.Abort()
		p.end(h)
		return false
	}
	h.turns = max(h.turns-1, 1)
	if h.sips > 0 {
		n, err := h.conn.Sip(p.scrap[:])
		if err != nil {
			return p.gone(h)
		}
		p.sipped.Add(uint64(n))
		if h.sips--; n == 0 {
			h.sips = 0 // it waits for us, or has sent all
		}
		if h.sips > 0 {
			return true
		}
	}
	n := (len(h.answer) + h.turns - 1) / h.turns
	err := h.conn.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = h.conn.Write(h.answer[:n])
	}
	h.answer = h.answer[n:]
	switch {
	case err != nil:
		return p.gone(h)
	case len(h.answer) > 0:
		return true
	}
	return h.conn.CloseWrite() == nil || p.gone(h)
}

// gone ends h, whose client has left.
func (p *Pit) gone(h *held) bool {
	p.left.Add(1)
	h.conn.Abort()
	p.end(h)
	return false
}

func (p *Pit) end(h *held) {
	p.n.Add(-1)
	p.memory.Add(-h.kind.cost())
	p.spent.Add(int64(time.Since(h.since)))
}

// letGo closes everything that is held.
func (p *Pit) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.wheel {
		for j := range p.wheel[i] {
			p.wheel[i][j].conn.Abort()
			p.end(&p.wheel[i][j])
		}
		p.wheel[i] = nil
	}
}

// Close lets everybody go and holds nobody from now on. It may be called again.
func (p *Pit) Close() {
	p.mu.Lock()
	if !p.over {
		p.over = true
		close(p.stop)
	}
	p.mu.Unlock()
	<-p.done
}

// Stats are a pit's numbers at one moment.
type Stats struct {
	Held, Waiting int64  // connections; requests with a goroutine of their own
	Memory        int64  // bytes that the connections count as
	Total         uint64 // held so far
	Full          uint64 // not held: no room
	Left          uint64 // went away before the end
	Sipped        uint64 // bytes of bodies that were read
	Spent         time.Duration
}

// Stats returns the numbers.
func (p *Pit) Stats() Stats {
	return Stats{
		Held: p.n.Load(), Waiting: p.waits.Load(), Memory: p.memory.Load(), Total: p.total.Load(), Full: p.full.Load(), Left: p.left.Load(), Sipped: p.sipped.Load(),
		Spent: time.Duration(p.spent.Load()),
	}
}
