package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"bartizan/internal/request"
)

const (
	// patience is how long a body of unknown length may be silent before its
	// beginning is judged and sent on: a peer may wait for an answer to it.
	patience  = 50 * time.Millisecond
	firstRead = 2 << 10
)

// errCut ends a body that the engine refused while it streamed.
var errCut = errors.New("the body was refused")

// body reads the client's body: a held prefix first, then the rest as it comes.
// What is read up to the limit is kept for judging. Read is called by one
// goroutine at a time (ours, then the transport's).
type body struct {
	x       *exchange
	from    io.ReadCloser
	length  int64  // -1: unknown
	prefix  []byte // what is kept for judging
	sent    int    // bytes of prefix that Read has given out
	limit   int
	judged  int  // bytes of prefix that the engine has seen
	ended   bool // prefix is the whole body
	tee     bool // keep and judge what passes
	lease   int64
	err     error  // what the client's body ended with
	atEnd   func() // runs once when the client's body has ended; may be nil
	pending chan result

	read    atomic.Int64
	started atomic.Bool // the transport has taken bytes
	running atomic.Bool // a read of the client's body is under way
	lent    atomic.Bool // the transport may still read
}

type result struct {
	n   int
	err error
}

// open takes the body of x.
func (b *body) open(x *exchange) {
	b.x, b.from, b.length = x, x.hr.Body, x.hr.ContentLength
	b.prefix, b.sent, b.limit, b.judged, b.lease = b.prefix[:0], 0, 0, 0, 0
	b.ended, b.tee, b.err, b.pending, b.atEnd = false, false, nil, nil, nil
	b.read.Store(0)
	b.started.Store(false)
	b.running.Store(false)
	b.lent.Store(false)
	if b.from == nil || b.from == http.NoBody {
		b.length = 0
	}
}

// none reports whether there is no body.
func (b *body) none() bool { return b.length == 0 }

// hold reads what may be judged before anything goes upstream, and reports
// whether there is something to judge. A body of known length that fits is read
// to its end; of others what comes before a silence. Streams of their own
// protocol are not held, but judged as they pass.
func (b *body) hold() bool {
	if b.none() || b.x.req.Head.Upgrade {
		return false
	}
	b.limit = b.x.verdict.Inspect
	if b.length > 0 {
		b.limit = int(min(int64(b.limit), b.length))
	}
	if !b.borrow() {
		b.x.proxy.stats.uninspected.Add(1)
		return false
	}
	b.tee = true
	if streams(&b.x.req) {
		return false
	}
	for len(b.prefix) < b.limit && b.err == nil {
		if !b.fill(b.length < 0 || b.length > int64(b.limit)) {
			break
		}
	}
	return len(b.prefix) > 0 || b.err != nil && b.err != io.EOF
}

// streams reports whether the body is a conversation rather than a document.
func streams(r *request.Request) bool {
	return strings.HasPrefix(r.Header("Content-Type"), "application/grpc")
}

// borrow takes the prefix's bytes from the budget shared by all requests.
func (b *body) borrow() bool {
	p := b.x.proxy
	if p.held.Add(int64(b.limit)) > p.options.Budget {
		p.held.Add(-int64(b.limit))
		b.limit = 0
		return false
	}
	b.lease = int64(b.limit)
	return true
}

// fill reads once into the prefix. If impatient it gives up after a silence and
// leaves the read pending. It reports whether bytes or the end came.
func (b *body) fill(impatient bool) bool {
	if free := cap(b.prefix) - len(b.prefix); free < firstRead && cap(b.prefix) < b.limit {
		grown := make([]byte, len(b.prefix), min(max(2*cap(b.prefix), firstRead), b.limit))
		copy(grown, b.prefix)
		b.prefix = grown
	}
	room := b.prefix[len(b.prefix):min(cap(b.prefix), b.limit)]
	if !impatient {
		n, err := b.from.Read(room)
		b.took(n, err)
		return true
	}
	b.start(room)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case res := <-b.pending:
		b.pending = nil
		b.took(res.n, res.err)
		return true
	case <-timer.C:
		return false
	}
}

// start reads from the client in a goroutine of its own. It ends with the read:
// finish makes sure that it does.
func (b *body) start(room []byte) {
	ch := make(chan result, 1)
	b.pending = ch
	b.running.Store(true)
	go func(from io.Reader) {
		n, err := from.Read(room)
		b.running.Store(false)
		ch <- result{n, err}
	}(b.from)
}

// took notes n bytes read into the prefix.
func (b *body) took(n int, err error) {
	b.prefix = b.prefix[:len(b.prefix)+n]
	b.read.Add(int64(n))
	if err != nil {
		b.err = err
		b.ended = err == io.EOF
	}
	if b.length > 0 && b.read.Load() == b.length {
		b.ended = true
	}
}

// Read gives the body to the transport.
func (b *body) Read(p []byte) (int, error) {
	b.started.Store(true)
	if b.sent < len(b.prefix) {
		n := copy(p, b.prefix[b.sent:])
		b.sent += n
		return n, nil
	}
	if b.err != nil {
		return 0, b.finished(b.err)
	}
	if b.pending != nil {
		res := <-b.pending
		b.pending = nil
		b.locked(func() { b.took(res.n, res.err) })
		if cut := b.pass(); cut != nil {
			return 0, cut
		}
		return b.Read(p)
	}
	return b.stream(p)
}

// stream reads straight from the client, keeping what still fits the limit.
func (b *body) stream(p []byte) (int, error) {
	b.running.Store(true)
	n, err := b.from.Read(p)
	b.running.Store(false)
	if !b.tee || len(b.prefix) >= b.limit {
		b.read.Add(int64(n))
		if err != nil {
			b.err = err
		}
		return n, b.finished(err)
	}
	b.locked(func() {
		keep := min(n, b.limit-len(b.prefix))
		b.prefix = append(b.prefix, p[:keep]...)
		b.read.Add(int64(n))
		b.sent = len(b.prefix)
		if err != nil {
			b.err = err
			b.ended = err == io.EOF && keep == n
		}
	})
	if cut := b.pass(); cut != nil {
		return 0, cut
	}
	return n, b.finished(err)
}

// finished passes the body's end on, with its trailers, or a read error with
// what the listener found wrong.
func (b *body) finished(err error) error {
	if err == io.EOF && b.atEnd != nil {
		b.atEnd()
	}
	if err != nil && err != io.EOF {
		if f := b.x.fault(); f != request.Fine {
			return &faultError{f}
		}
	}
	return err
}

// faultError ends a body that turned out malformed.
type faultError struct{ fault request.Fault }

func (e *faultError) Error() string { return "malformed body: " + e.fault.String() }

// pass judges what has come since the last look once that has doubled or is
// all there will be: the work stays linear, and what is hostile is cut.
func (b *body) pass() error {
	n := len(b.prefix)
	if !b.tee || n == b.judged || n < 2*b.judged && n < b.limit && b.err == nil {
		return nil
	}
	cut := false
	b.locked(func() {
		b.x.judge()
		cut = b.x.verdict.Refused()
	})
	if cut {
		return errCut
	}
	return nil
}

// locked runs f while no one else may touch the exchange.
func (b *body) locked(f func()) {
	b.x.mu.Lock()
	defer b.x.mu.Unlock()
	if !b.x.over {
		f()
	}
}

// lend gives the body to a transport, from its beginning.
func (b *body) lend() io.ReadCloser {
	b.sent = 0
	b.started.Store(false)
	b.lent.Store(true)
	return b
}

// Close is called by the transport when it is done; net/http closes the
// client's body itself.
func (b *body) Close() error {
	b.lent.Store(false)
	return nil
}

// whole reports whether the prefix is the entire body, so that it can be sent again.
func (b *body) whole() bool { return b.ended && b.pending == nil }

// release returns the budget and makes a pending read end: net/http would wait
// for it when it closes the body.
func (b *body) release() {
	if b.lease > 0 {
		b.x.proxy.held.Add(-b.lease)
		b.lease = 0
	}
	if b.running.Load() {
		_ = http.NewResponseController(b.x.w).SetReadDeadline(time.Unix(1, 0)) // a hijacked connection has no such deadline and needs none
	}
}

// busy reports whether somebody may still touch the body.
func (b *body) busy() bool { return b.lent.Load() || b.running.Load() || b.pending != nil }
