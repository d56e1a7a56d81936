package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"bartizan/internal/request"
)

const (
	// patience is how long a body of unknown length may be silent before its
	// beginning is judged and sent on: a peer may wait for an answer to it.
	patience  = 50 * time.Millisecond
	firstRead = 2 << 10
	// freeLooks is how often a growing prefix is judged at each step; after that
	// only when it has doubled, so that the work stays linear.
	freeLooks = 32
)

// cutError is why a body was not passed on to its end.
type cutError struct {
	why   string
	fault request.Fault // of a malformed body
}

func (e *cutError) Error() string { return "reading body: " + e.why }

func malformed(f request.Fault) *cutError { return &cutError{f.String(), f} }

var (
	errRefused  = &cutError{why: "refused"}
	errBroken   = &cutError{why: "the client broke off"}
	errReturned = errors.New("reading body: it was taken back")
)

// body reads the client's body: a held prefix first, then the rest as it comes.
// What is read up to the limit is kept for judging. It belongs to the handler
// until it is lent, see loan.
type body struct {
	x        *exchange
	from     io.ReadCloser
	length   int64  // -1: unknown
	read     int64  // bytes
	prefix   []byte // what is kept for judging
	given    int    // bytes of prefix that next has given out
	limit    int
	judged   int   // bytes of prefix that the engine has seen
	looks    int   // how often it has
	complete bool  // prefix is the whole body
	tee      bool  // keep and judge what passes
	late     bool  // hold it when it is first asked for
	live     bool  // a conversation rather than a document
	follow   int64 // bytes behind the prefix that may still be judged
	rest     request.Rest
	room     []byte // of rest
	lease    int    // bytes taken from the budget
	err      error
	cut      *cutError
	trailed  bool   // the trailers were looked at
	atEnd    func() // runs when the client's body has ended; may be nil
	pending  chan result
	loan     *loan
	pace     pace
}

type result struct {
	n   int
	err error
}

// open takes the body of x.
func (b *body) open(x *exchange) {
	*b = body{x: x, from: x.hr.Body, length: x.hr.ContentLength, prefix: b.prefix[:0], room: b.room}
	if b.from == nil || b.from == http.NoBody {
		b.length = 0
	}
	b.pace.begin(x)
}

// close drops what must not live on in the pool.
func (b *body) close() { *b = body{prefix: b.prefix[:0], room: b.room} }

// none reports whether there is no body.
func (b *body) none() bool { return b.length == 0 }

// streams reports whether a body of this type is a conversation rather than a document.
func streams(contentType string) bool {
	const grpc = "application/grpc"
	return len(contentType) >= len(grpc) && strings.EqualFold(contentType[:len(grpc)], grpc)
}

// watch sets out to keep and judge the first limit bytes.
func (b *body) watch(limit int) {
	b.tee, b.limit, b.follow = true, limit, b.x.verdict.Follow
	if b.length > 0 {
		b.limit = int(min(int64(limit), b.length))
	}
}

// hold reads what may be judged before anything goes upstream, and judges it. A
// body of known length is read to its end or the limit; of others what comes
// before a silence, since their sender may wait for an answer.
func (b *body) hold() error {
	for len(b.prefix) < b.limit && !b.complete && b.err == nil {
		if !b.grow(1) || !b.fill() {
			break
		}
	}
	if err := b.look(); err != nil {
		return err
	}
	switch {
	case b.atEOF():
		return b.trail()
	case b.err != nil:
		return b.broken()
	}
	return nil
}

// atEOF reports whether the client's body was read to its end.
func (b *body) atEOF() bool { return errors.Is(b.err, io.EOF) }

// grow makes room for n more bytes in the prefix. It reports false, and nothing
// more is judged, where the budget shared by all requests is used up.
func (b *body) grow(n int) bool {
	want := len(b.prefix) + n
	if cap(b.prefix) < want || cap(b.prefix)-len(b.prefix) < firstRead && cap(b.prefix) < b.limit {
		want = max(want, min(max(2*cap(b.prefix), firstRead), b.limit))
	} else {
		want = min(cap(b.prefix), b.limit)
	}
	if !b.borrow(want) {
		return false
	}
	if cap(b.prefix) < want {
		b.prefix = append(make([]byte, 0, want), b.prefix...)
	}
	return true
}

// borrow takes from the budget what the prefix will need.
func (b *body) borrow(size int) bool {
	p, more := b.x.proxy, size-b.lease
	if more <= 0 {
		return true
	}
	budget := p.options.Budget
	if size > 2*firstRead {
		budget -= budget / 4 // a quarter is for small bodies, which a few thousand slow large ones must not leave unread
	}
	if p.held.Add(int64(more)) > budget {
		p.held.Add(-int64(more))
		p.stats.uninspected.Add(1)
		b.tee = false
		return false
	}
	b.lease = size
	return true
}

// fill reads once into the room of the prefix. It gives up after a silence, and
// leaves the read pending, where the length is unknown. It reports whether bytes
// or the end came.
func (b *body) fill() bool {
	room := b.prefix[len(b.prefix):min(cap(b.prefix), b.limit)]
	b.pace.allow(b.read)
	if b.length >= 0 {
		b.took(b.from.Read(room))
		return true
	}
	// The goroutine ends with its read, and release sees to it that that ends.
	ch := make(chan result, 1)
	go func(from io.Reader) {
		n, err := from.Read(room)
		ch <- result{n, err}
	}(b.from)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case res := <-ch:
		b.took(res.n, res.err)
		return true
	case <-timer.C:
		b.pending = ch
		return false
	}
}

// took notes n bytes read into the room of the prefix.
func (b *body) took(n int, err error) {
	b.prefix = b.prefix[:len(b.prefix)+n]
	b.note(n, err)
	b.complete = b.atEOF()
}

// note counts n bytes read. A body of known length ends with its last byte.
func (b *body) note(n int, err error) {
	b.read += int64(n)
	if b.length > 0 && b.read == b.length && err == nil {
		err = io.EOF
	}
	if b.err = err; b.atEOF() {
		b.pace.relax()
	}
}

// next gives the body to the transport, piece by piece.
func (b *body) next(p []byte) (int, error) {
	if b.late {
		b.late = false
		if err := b.hold(); err != nil {
			return 0, err
		}
	}
	for {
		if b.given < len(b.prefix) {
			n := copy(p, b.prefix[b.given:])
			b.given += n
			return n, nil
		}
		if b.err != nil {
			return 0, b.ended()
		}
		if b.pending == nil {
			return b.pass(p)
		}
		res := <-b.pending
		b.pending = nil
		b.took(res.n, res.err)
		if err := b.look(); err != nil {
			return 0, err
		}
	}
}

// pass reads from the client straight into p, keeping what still fits the limit.
func (b *body) pass(p []byte) (int, error) {
	b.pace.allow(b.read)
	n, err := b.from.Read(p)
	b.note(n, err)
	if keep := min(n, b.limit-len(b.prefix)); b.tee && keep > 0 && b.grow(keep) {
		b.prefix = append(b.prefix, p[:keep]...)
		b.given = len(b.prefix)
	}
	b.complete = b.tee && b.atEOF() && b.read == int64(len(b.prefix))
	if err := b.look(); err != nil {
		return 0, err
	}
	if b.follow > 0 {
		if err := b.after(p[:n]); err != nil {
			return 0, err
		}
	}
	if b.err != nil {
		return n, b.ended()
	}
	return n, nil
}

// after judges the bytes of p that lie behind the prefix, a window at a time: most of a
// window has gone on by then, but never the end of a body that is refused.
func (b *body) after(p []byte) error {
	if behind := b.read - int64(len(b.prefix)); int64(len(p)) > behind {
		p = p[int64(len(p))-behind:]
	}
	if !b.tee || len(b.prefix) < b.limit || len(p) == 0 && !b.rest.Follows() || b.complete {
		return nil
	}
	if !b.rest.Follows() && !b.trace() {
		b.follow = 0
		return nil
	}
	b.follow -= int64(len(p))
	for last := false; !last; {
		n := b.rest.Add(p)
		p = p[n:]
		last = len(p) == 0
		window := b.rest.Window(last && b.err != nil)
		if window == nil {
			continue
		}
		b.x.judgeRest(window, b.atEOF() && last)
		if b.x.verdict.Refused() {
			return b.stop(errRefused)
		}
		b.rest.Turn()
	}
	return nil
}

// trace begins to follow the body, with room from the budget.
func (b *body) trace() bool {
	if len(b.x.req.Header("Content-Encoding")) > 0 || !b.borrow(b.lease+request.RestWindow) {
		return false
	}
	if b.room == nil {
		b.room = make([]byte, 0, request.RestWindow)
	}
	return b.rest.Begin(b.x.req.Header("Content-Type"), b.prefix, b.room)
}

// look judges what has come since the last look, if that is worth it, before it
// goes on. It returns an error if the body is refused.
func (b *body) look() error {
	n := len(b.prefix)
	last := b.err != nil || n >= b.limit
	empty := n == 0 && b.complete && b.looks == 0 // that there is none may be what is wrong
	if n == b.judged && !empty || !last && b.looks >= freeLooks && n < 2*b.judged {
		return nil
	}
	b.judged = n
	b.looks++
	b.x.judge()
	if b.x.verdict.Refused() {
		return b.stop(errRefused)
	}
	return nil
}

// ended passes the end on, with its trailers, or says why there is none.
func (b *body) ended() error {
	if !b.atEOF() {
		return b.broken()
	}
	if err := b.trail(); err != nil {
		return err
	}
	if b.atEnd != nil {
		b.atEnd()
	}
	return io.EOF
}

// trail looks at the trailers, once.
func (b *body) trail() error {
	if b.trailed {
		return nil
	}
	b.trailed = true
	return b.x.trail()
}

// broken says why reading failed: the listener found the framing wrong, the
// client was too slow, or it is gone.
func (b *body) broken() error {
	if f := b.x.fault(); f != request.Fine {
		return b.stop(malformed(f))
	}
	if errors.Is(b.err, os.ErrDeadlineExceeded) && !b.pace.stopped() {
		return b.stop(malformed(request.FaultSlow))
	}
	return b.stop(errBroken)
}

func (b *body) stop(cut *cutError) error {
	b.cut = cut
	return cut
}

// release returns the budget and ends a read that is still pending: net/http
// would wait for it when it closes the body.
func (b *body) release() {
	b.x.proxy.held.Add(-int64(b.lease))
	b.lease = 0
	if b.pending != nil {
		b.pace.stop()
		<-b.pending
		b.pending = nil
	}
}
