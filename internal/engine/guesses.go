package engine

import (
	"sync"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const (
	guessPlaces = 4096      // clients remembered, 32 bytes each
	guessLimit  = 3         // different passwords that read like attacks
	guessTime   = time.Hour // since the last one
)

// guesses remembers of clients which passwords they sent that read like an attack. One
// may be anybody's password; nobody has three of them, and every list of logins to try
// holds `' or 1=1--`. A client that meets another's place drives it out. It is safe for
// concurrent use.
type guesses struct {
	mu sync.Mutex
	of [guessPlaces]guess
}

type guess struct {
	client uint64
	second uint32             // of the last one
	seen   [guessLimit]uint32 // digests; 0: none
}

// note adds a password by its digest and returns how many different ones the client
// has sent, guessLimit at most.
func (g *guesses) note(now time.Time, client, value uint64) int {
	d, second := uint32(value>>32)|1, uint32(now.Unix())
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &g.of[client%guessPlaces]
	if p.client != client || second-p.second > uint32(guessTime/time.Second) {
		*p = guess{client: client}
	}
	p.second = second
	n := 0
	for n < guessLimit && p.seen[n] != 0 {
		if p.seen[n] == d {
			d = 0
		}
		n++
	}
	if d != 0 && n < guessLimit {
		p.seen[n] = d
		n++
	}
	return n
}

// passwords gives what was found in passwords its full band where the client has sent
// several that read like attacks.
func (e *Engine) passwords(now time.Time, r *request.Request) {
	for i := range r.Signals {
		s := &r.Signals[i]
		if s.Unlowered <= s.Band {
			continue
		}
		if e.guesses.note(now, r.Standing.Keys[attacker.Client], s.Digest) == guessLimit {
			s.Band, s.Unlowered = s.Unlowered, signal.Hint
		}
	}
}
