package proxy

import (
	"net/http"
	"sync"
	"time"
)

// pace bounds the time that a client may take to send its body (slow-body
// attack): it may be silent for a grace, and must be as fast on average, once
// the grace is over, as the rate. The bound ends when the upstream answers, for
// then both talk, and with the body.
type pace struct {
	x     *exchange
	start time.Time // of the first read

	mu    sync.Mutex
	until time.Time // the deadline that is set; zero for none
	off   bool
	dead  bool // called off
}

// begin bounds the body of x.
func (p *pace) begin(x *exchange) { p.x = x }

// allow sets the deadline of the next read; n bytes have come so far.
func (p *pace) allow(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off || p.dead {
		return
	}
	o, now := &p.x.proxy.options, time.Now()
	if p.start.IsZero() {
		p.start = now
	}
	earned := time.Duration(min(n, 1<<30)) * time.Second / time.Duration(o.BodyRate)
	until := p.start.Add(o.BodyGrace + earned)
	if most := now.Add(o.BodyGrace); until.After(most) {
		until = most
	}
	if p.until.IsZero() || until.Sub(p.until) > o.BodyGrace/8 {
		p.set(until)
	}
}

// relax ends the bound.
func (p *pace) relax() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = true
	if !p.until.IsZero() && !p.dead {
		p.set(time.Time{})
	}
}

// stop makes a read under way return at once, and every later one.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
	p.set(time.Unix(1, 0))
}

// stopped reports whether it was we who ended the reading.
func (p *pace) stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// set must be called with mu held.
func (p *pace) set(t time.Time) {
	p.until = t
	_ = http.NewResponseController(p.x.w).SetReadDeadline(t) // a closed connection shows at the next read
}
