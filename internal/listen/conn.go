package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"
)

// Conn is one client connection as net/http sees it. It has no ConnectionState
// method: net/http would then look at ALPN instead of the first bytes.
type Conn struct {
	server *Server
	raw    *rawConn
	plain  net.Conn // raw, or the TLS connection on it
	peer   netip.AddrPort
	alpnH2 bool

	holder             *holder // whose places c takes; nil before it is known. Limits' own, as the ring
	prevIdle, nextIdle *Conn   // of its idle connections; nil while c is busy

	filter filter // belongs to Read
	tee    tee    // belongs to Read

	handed    atomic.Bool   // to net/http: nothing but the filter writes to c any more
	spoken    atomic.Bool   // the client has sent something behind the handshake
	unread    atomic.Bool   // the client may have sent what nobody has read
	bodyBegun atomic.Bool   // net/http has read of the current message's body
	number    atomic.Int64  // requests so far
	written   atomic.Int64  // bytes
	fault     atomic.Uint32 // request.Fault of the body or the connection
	closed    atomic.Bool
	hijacked  atomic.Bool
	parked    atomic.Bool
	uncounted atomic.Bool // parked, or had to give way: it has left the count of Limits
	http2     atomic.Bool

	mu      sync.Mutex
	facts   request.Conn
	heads   []request.Head // parsed and not served yet; two at most
	current request.Head   // of the HTTP/1 request being served
	first   *firstRequest  // of HTTP/2, until it is served

	deadline readDeadline
	writeMu  sync.Mutex
	writeBy  time.Time // as net/http or the handler set it
	writeSet time.Time // the deadline in force; zero for none of ours
}

type contextKey struct{}

// From returns the connection that a request came on, or nil if ctx is not that
// of a request served by this package.
func From(ctx context.Context) *Conn {
	c, _ := ctx.Value(contextKey{}).(*Conn)
	return c
}

// Facts returns what the transport knows. On HTTP/2 all of it is complete before
// the first request is served.
func (c *Conn) Facts() request.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.facts
}

// Number returns how many requests began on the connection. On HTTP/1 that is
// the number of the one being served, from 1.
func (c *Conn) Number() int { return int(c.number.Load()) }

// Fault returns what was found wrong behind the heads: FaultChunk in a body,
// FaultStreams on an HTTP/2 connection; Fine so far if nothing was.
func (c *Conn) Fault() request.Fault { return request.Fault(c.fault.Load()) }

// FaultError is the error of a Read that met malformed framing in a body. It is
// what reading the request's body returns.
type FaultError struct{ Fault request.Fault }

func (e *FaultError) Error() string { return "reading from client: fault " + e.Fault.String() }

// Read hands net/http the next bytes of the connection in the form that is meant
// for it. It never goes past the end of a message.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if c.filter.state == passHTTP2 {
			return c.readHTTP2(p)
		}
		if n, err := c.readHTTP1(p); n > 0 || err != nil {
			return n, err
		}
	}
}

// silent reports whether net/http has the connection and the client has sent
// nothing on it, as browsers keep connections in stock. net/http would wait 5 s.
func (c *Conn) silent() bool { return c.handed.Load() && !c.spoken.Load() }

// writePiece is how much a client must accept within WriteTimeout.
const writePiece = 64 << 10

// Write sends p in pieces with a deadline each: a client that stops reading
// must not hold a request and its memory for ever.
func (c *Conn) Write(p []byte) (n int, err error) {
	for {
		piece := p[n:min(len(p), n+writePiece)]
		if err := c.boundWrite(time.Now()); err != nil {
			return n, err
		}
		k, err := c.plain.Write(piece)
		n += k
		c.written.Add(int64(k))
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// boundWrite gives the piece written next its deadline: WriteTimeout, or down to
// three quarters of it where the last deadline will do.
func (c *Conn) boundWrite(now time.Time) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	limit := c.server.options.WriteTimeout
	by := now.Add(limit)
	if !c.writeBy.IsZero() && c.writeBy.Before(by) {
		by = c.writeBy
	} else if c.writeSet.Sub(now) > limit-limit/4 {
		return nil
	}
	c.writeSet = by
	return c.plain.SetWriteDeadline(by)
}

// Close ends the connection. If the client may be sending still, it first gets
// a moment to read the answer: closing a socket with unread bytes resets it, and
// the reset overtakes the answer.
func (c *Conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer c.server.forget(c)
	if c.server.hurry.Load() {
		return c.raw.Conn.Close() // TLS would wait up to 5 s to say goodbye
	}
	if c.unread.Load() {
		c.linger()
	}
	return c.plain.Close()
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// linger ends our side and throws away what still comes, within bounds.
func (c *Conn) linger() {
	if c.CloseWrite() != nil || c.raw.Conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	buf := make([]byte, 4<<10)
	for total := 0; total < lingerBytes; {
		n, err := c.raw.Conn.Read(buf)
		if err != nil {
			return
		}
		total += n
	}
}

// Abort closes the connection at once and without manners: whatever was not sent
// yet, or read, is lost.
func (c *Conn) Abort() {
	if !c.closed.CompareAndSwap(false, true) {
		return
	}
	drop(c.raw.Conn)
	c.server.forget(c)
}

// Park gives back what a hijacked connection does not need while it is only
// written to, now and then: buffers, heads, and its place among the connections,
// though not among its client's. It must not be read from afterwards.
func (c *Conn) Park() {
	if !c.hijacked.Load() || !c.parked.CompareAndSwap(false, true) {
		return
	}
	c.filter, c.tee = filter{state: readDead}, tee{}
	c.mu.Lock()
	c.heads, c.current, c.first = nil, request.Head{}, nil
	c.mu.Unlock()
	c.server.parked.Add(1)
	if c.uncounted.CompareAndSwap(false, true) {
		c.server.limits.leave()
	}
}

// CloseWrite ends our side of the connection, so that a tunnel can end one way.
func (c *Conn) CloseWrite() error {
	if t, ok := c.plain.(*tls.Conn); ok {
		return t.CloseWrite()
	}
	return c.raw.CloseWrite()
}

// LocalAddr returns our own address.
func (c *Conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr returns the client's address: the transport's peer, or what a
// trusted PROXY header named.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetWriteDeadline bounds writes beyond what WriteTimeout does; a deadline in
// the past stops a Write that is under way.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.writeBy, c.writeSet = t, time.Time{} // the next Write sets its own
	if t.IsZero() {
		return nil
	}
	return c.plain.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads. While a head is under way only its own deadline
// counts, but for a deadline in the past, by which net/http calls a Read back.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.deadline.set(c.plain, t, time.Now())
}

// readDeadline merges the deadline that net/http sets with that of the head
// under way. Otherwise each request on a connection would get the idle time for
// its head, which is how slow-head attacks hold connections cheaply.
type readDeadline struct {
	mu     sync.Mutex
	outer  time.Time // as net/http set it
	called bool      // outer lay in the past when it was set
	head   time.Time // of the head under way; zero if there is none
}

func (d *readDeadline) set(c net.Conn, t, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outer, d.called = t, !t.IsZero() && !t.After(now)
	return d.apply(c)
}

// begin starts the time of a head unless it runs already.
func (d *readDeadline) begin(c net.Conn, now time.Time, limit time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.head.IsZero() {
		return nil
	}
	d.head = now.Add(limit)
	return d.apply(c)
}

// end stops the time of the head.
func (d *readDeadline) end(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.head.IsZero() {
		d.head = time.Time{}
		_ = d.apply(c) // a closed connection shows at the next Read
	}
}

// over reports whether err says that the time of the head is up.
func (d *readDeadline) over(err error, now time.Time) bool {
	d.mu.Lock()
	up := !d.called && !d.head.IsZero() && !now.Before(d.head)
	d.mu.Unlock()
	if !up {
		return false // the way of each Read that net/http calls back
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// apply must be called with mu held.
func (d *readDeadline) apply(c net.Conn) error {
	if !d.called && !d.head.IsZero() {
		return c.SetReadDeadline(d.head)
	}
	return c.SetReadDeadline(d.outer)
}

// identify fills the facts that do not depend on TLS.
func (c *Conn) identify(peer netip.AddrPort) {
	c.peer = netip.AddrPortFrom(peer.Addr().Unmap().WithZone(""), peer.Port())
	c.facts.Peer = addr.Of(c.peer.Addr())
	c.facts.Port = c.peer.Port()
}
