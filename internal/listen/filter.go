package listen

import (
	"errors"
	"io"
	"time"

	"bartizan/internal/request"
)

// filterState is what the next bytes from the client are.
type filterState uint8

const (
	readHead    filterState = iota // a head, or before the first the HTTP/2 preface
	readLength                     // a body of known length
	readChunked                    // a chunked body
	readHeld                       // behind an upgrade request that is not answered yet
	readRaw                        // another protocol; the connection was hijacked
	readWaste                      // to be thrown away: nothing of it will be served
	readDead                       // nothing; the framing is lost
	passHTTP2                      // HTTP/2
)

const (
	preface    = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	firstBuf   = 4 << 10
	maxEmpties = 4        // empty lines before a request line (RFC 9112 section 2.2)
	maxPull    = 32 << 10 // what a chunked body is read in
)

var errEarly = errors.New("reading from client: too much sent before the upgrade was answered")

// filter is the state between the client's bytes and those that net/http gets.
// It belongs to the goroutine in Read; net/http never runs two at once, and
// orders them with the calls of its ConnState hook.
type filter struct {
	state  filterState
	buf    []byte // buf[r:w] was read from the client and not handed on
	r, w   int
	looked int // how much of buf[r:w] is known to hold no end of a head
	out    []byte
	outAt  int // out[outAt:] is still to be handed on

	begun   bool // the first bytes have told the protocol
	empties int  // empty lines skipped before this message
	left    int64
	chunks  chunkReader
	after   filterState // once this message is over
	err     error       // why the state is readDead; told once
}

// readHTTP1 makes one step. It returns 0 and nil when it changed the state and
// has nothing to hand on yet.
func (c *Conn) readHTTP1(p []byte) (int, error) {
	f := &c.filter
	if f.outAt < len(f.out) {
		n := copy(p, f.out[f.outAt:])
		f.outAt += n
		return n, nil
	}
	switch f.state {
	case readHead:
		return 0, c.readHead()
	case readLength:
		n, err := c.pull(p[:min(int64(len(p)), f.left)])
		c.bodyBegun.Store(true)
		if f.left -= int64(n); f.left == 0 {
			c.endMessage()
		} else if err != nil {
			f.kill(io.EOF)
		}
		return n, err
	case readChunked:
		return c.readChunked(p[:min(len(p), maxPull)])
	case readHeld:
		return 0, c.hold()
	case readRaw:
		return c.pull(p)
	case readWaste:
		f.r, f.w = 0, 0
		return 0, c.fill()
	}
	err := f.err
	f.err = io.EOF
	return 0, err
}

// readHead reads until there is a whole head, then queues it and prepares what
// net/http gets instead. Its state survives an error, so that a Read that
// net/http called back can be taken up again.
func (c *Conn) readHead() error {
	f := &c.filter
	for {
		f.skipEmpties()
		in := f.buf[f.r:f.w]
		whole, err := c.tellProtocol(in)
		if err != nil || f.state == passHTTP2 {
			return err
		}
		if whole {
			if len(in) > 0 && !beginsHead(in[0]) {
				// Whatever follows, it is no request. The first byte alone tells, so
				// how many came with it changes nothing.
				c.take(1, request.FaultRequestLine)
				return nil
			}
			if end := request.HeadEnd(in, f.looked); end > 0 {
				c.take(end, request.Fine)
				return nil
			}
			f.looked = len(in)
		}
		if len(in) > c.server.options.Head.Bytes {
			c.take(len(in), request.FaultHeadTooLarge)
			return nil
		}
		if len(in) > 0 {
			if err := c.deadline.begin(c.plain, time.Now(), c.server.options.HeaderTimeout); err != nil {
				return err
			}
		}
		if err := c.fill(); err != nil {
			if c.alpnH2 || !c.deadline.over(err, time.Now()) {
				return err
			}
			c.take(f.w-f.r, request.FaultSlow)
			return nil
		}
	}
}

// beginsHead reports whether a head may begin with b: a method, or what ParseHead
// tells apart from one better.
func beginsHead(b byte) bool {
	return request.TokenByte(b) || b == '\r' || b == '\n' || b == ' ' || b == '\t'
}

// tellProtocol looks at the first bytes of the connection. It reports whether
// in may be read as HTTP/1.
func (c *Conn) tellProtocol(in []byte) (http1 bool, err error) {
	f := &c.filter
	switch {
	case f.begun:
		return true, nil
	case !c.facts.Secure && len(in) == 1 && in[0] == 0x16:
		return false, nil // the next byte tells
	case !c.facts.Secure && helloBegins(in):
		return false, c.mistaken()
	case !begins(in, preface):
		if c.alpnH2 { // answering HTTP/1 to it would be cross-protocol confusion
			f.kill(io.EOF)
			return false, io.EOF
		}
		f.begun = true
		return true, nil
	case len(in) < len(preface):
		return false, nil
	}
	f.begun, f.state = true, passHTTP2
	c.http2.Store(true)
	c.deadline.end(c.plain)
	c.tee.start(c.server.options.HTTP2, c.server.options.Head.Bytes)
	return false, c.feed(in)
}

// take ends the head that the first n bytes of the buffer are, queues it and
// sets out what net/http gets. because is a fault known already.
func (c *Conn) take(n int, because request.Fault) {
	f := &c.filter
	var h request.Head
	h.Fields = make([]request.Field, 0, 16)
	request.ParseHead(string(f.buf[f.r:f.r+n]), c.server.options.Head, &h)
	if because == request.FaultSlow || because != request.Fine && h.Fault == request.Fine {
		h.Fault = because // what else is wrong with half a head may be the missing half
	}
	h.Scheme = "http"
	if c.facts.Secure {
		h.Scheme = "https"
	}
	f.r += n
	f.looked, f.empties = 0, 0
	f.out, f.outAt = appendSynthetic(f.out[:0], &h), 0
	c.deadline.end(c.plain)
	c.mu.Lock()
	c.heads = append(c.heads, h)
	c.mu.Unlock()
	c.frame(&h)
}

// frame sets the state for what follows the head.
func (c *Conn) frame(h *request.Head) {
	f := &c.filter
	switch {
	case h.Upgrade:
		f.after = readHeld
	case h.Close:
		f.after = readWaste
	default:
		f.after = readHead
	}
	switch {
	case h.Fault != request.Fine:
		f.state = readWaste
	case h.Chunked:
		f.state, f.chunks = readChunked, chunkReader{}
	case h.ContentLength > 0:
		f.state, f.left = readLength, h.ContentLength
	default:
		c.endMessage()
		return
	}
	c.unread.Store(true)
	c.bodyBegun.Store(false)
}

// endMessage goes on behind the end of a message.
func (c *Conn) endMessage() {
	c.filter.state = c.filter.after
	c.unread.Store(false)
}

// readChunked hands on the bytes of a chunked body and keeps what came behind it.
func (c *Conn) readChunked(p []byte) (int, error) {
	f := &c.filter
	c.bodyBegun.Store(true)
	n, err := c.pull(p)
	k, fault := f.chunks.scan(p[:n])
	if fault != request.Fine {
		c.fault.Store(uint32(fault))
		f.kill(&FaultError{fault})
		return k, nil
	}
	f.unread(p[k:n])
	if f.chunks.done() {
		c.endMessage()
	} else if err != nil {
		f.kill(io.EOF)
	}
	return k, err
}

// kill ends the reading: err comes next and then, for ever, the end. net/http
// answers any error but the end with a 400 of its own while it looks for a head.
//
// A body that could not be read to its end ends the connection too, even where
// that was a deadline: net/http forgets such an error, and would look for the
// next head among the rest of the body.
func (f *filter) kill(err error) {
	f.state, f.err, f.r, f.w, f.out, f.outAt = readDead, err, 0, 0, nil, 0
}

// hold waits for the answer to an upgrade request. What the client sends before
// it belongs to whichever protocol the answer chooses.
func (c *Conn) hold() error {
	if c.filter.w-c.filter.r > c.server.options.Head.Bytes {
		return errEarly
	}
	return c.fill()
}

// answered tells the filter that the handler is done with a request and that
// net/http keeps the connection.
func (c *Conn) answered() {
	if c.filter.state == readHeld {
		c.filter.state = readHead
	}
}

// handOver tells the filter that the handler took the connection.
func (c *Conn) handOver() {
	c.hijacked.Store(true)
	c.unread.Store(false)
	c.filter.out, c.filter.outAt = nil, 0
	if c.filter.state != readDead {
		c.filter.state = readRaw
	}
}

// pull reads from the buffer or, once that is empty, from the client.
func (c *Conn) pull(p []byte) (int, error) {
	f := &c.filter
	if f.r < f.w {
		n := copy(p, f.buf[f.r:f.w])
		f.r += n
		return n, nil
	}
	f.r, f.w = 0, 0
	return c.plain.Read(p)
}

// fill reads from the client into the buffer.
func (c *Conn) fill() error {
	f := &c.filter
	f.room(1)
	n, err := c.plain.Read(f.buf[f.w:])
	if f.w += n; n > 0 {
		c.spoken.Store(true)
		return nil
	}
	return err
}

// room makes room for n more bytes, and gives back a buffer that one large head
// needed: idle connections are many.
func (f *filter) room(n int) {
	if f.r == f.w {
		f.r, f.w = 0, 0
		if len(f.buf) > firstBuf {
			f.buf = nil
		}
	}
	if len(f.buf)-f.w >= n {
		return
	}
	if f.r > 0 {
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	}
	if len(f.buf)-f.w < n {
		grown := make([]byte, max(firstBuf, 2*len(f.buf), f.w+n))
		copy(grown, f.buf[:f.w])
		f.buf = grown
	}
}

// unread puts b, which was pulled last, back before everything else.
func (f *filter) unread(b []byte) {
	switch {
	case len(b) == 0:
	case f.r >= len(b):
		f.r -= len(b) // it was pulled from here
	default:
		f.r, f.w = 0, 0
		f.room(len(b))
		f.w = copy(f.buf, b)
	}
}

// skipEmpties drops empty lines before a request line.
func (f *filter) skipEmpties() {
	for f.w-f.r >= 2 && f.empties < maxEmpties && f.buf[f.r] == '\r' && f.buf[f.r+1] == '\n' {
		f.r += 2
		f.empties++
		f.looked = 0
	}
}
