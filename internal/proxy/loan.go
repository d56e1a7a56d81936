package proxy

import (
	"io"
	"sync"
)

// loan is a body in the hands of a transport, which may go on reading it after
// its RoundTrip has returned, and on another goroutine. The handler ends the
// loan before it touches what the body writes; later reads get an error.
type loan struct {
	mu   sync.Mutex
	body *body         // nil once ended
	done chan struct{} // closed then
	x    *exchange     // nil, or to be asked whether upstream wants the body
}

// lend gives the body to a transport.
func (b *body) lend() io.ReadCloser {
	b.reclaim() // from an attempt that reached nobody
	b.loan = &loan{body: b, done: make(chan struct{})}
	if b.late {
		b.loan.x = b.x
	}
	return b.loan
}

// Read gives the body out. net/http's transport also asks for one that upstream
// has answered without wanting it, to keep its connection; but to ask the client
// for it then would be to lie, and to fail would cut the answer off.
func (l *loan) Read(p []byte) (int, error) {
	if l.x != nil && !l.x.wanted() {
		<-l.done
	}
	l.x = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return 0, errReturned
	}
	return l.body.next(p)
}

// Close does nothing: net/http closes the client's body itself.
func (l *loan) Close() error { return nil }

// reclaim takes the body back. A read under way may wait for the client; it is
// called off, after which nothing more can be read.
func (b *body) reclaim() {
	l := b.loan
	if l == nil {
		return
	}
	if !l.mu.TryLock() {
		b.pace.stop()
		l.mu.Lock()
	}
	l.body, b.loan = nil, nil
	close(l.done)
	l.mu.Unlock()
}
