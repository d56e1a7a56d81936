package proxy

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
)

// headConn is a connection to an "http://" upstream. It takes "Transfer-Encoding:
// identity" out of heads of answers: RFC 2616 had that coding, which changes nothing,
// old servers still say so, and net/http refuses their answers as unreadable.
//
// It belongs to one transport, which reads on one goroutine and calls expect on
// others before it writes a request, so before the answer can come.
type headConn struct {
	*net.TCPConn
	expecting atomic.Bool // the next bytes begin the head of an answer
	err       error       // of a read whose bytes came first
}

// dialing returns a dial function whose connections are headConns.
func dialing(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if tcp, ok := c.(*net.TCPConn); ok {
			return &headConn{TCPConn: tcp}, err
		}
		return c, err
	}
}

// expect says that a request is about to be written.
func (c *headConn) expect() { c.expecting.Store(true) }

// Read reads an answer's head whole, as far as it fits p, before it hands it on.
func (c *headConn) Read(p []byte) (n int, err error) {
	if c.err != nil {
		err, c.err = c.err, nil
		return 0, err
	}
	for err == nil {
		var more int
		more, err = c.TCPConn.Read(p[n:])
		if n += more; n == 0 || !c.expecting.Load() {
			return n, err
		}
		var whole bool
		if n, whole = c.scan(p, n); whole {
			break
		}
		if n == len(p) {
			c.expecting.Store(false) // a head of this size is net/http's to judge
			break
		}
	}
	c.err = err
	return n, nil
}

// scan looks at the head that p[:n] begins with, and at those behind it as long as
// they are interim (1xx). It returns the new n, and whether no head is cut short.
func (c *headConn) scan(p []byte, n int) (int, bool) {
	for at := 0; ; {
		lines, empty := headEnd(p[at:n])
		if empty == 0 {
			return n, at > 0 && at == n // an upstream that says 100 waits
		}
		head := p[at : at+lines]
		kept := len(withoutIdentity(head))
		n -= len(head) - kept
		copy(p[at+kept:n], p[at+len(head):])
		if at += kept + empty; !interimHead(head) {
			c.expecting.Store(false)
			return n, true
		}
	}
}

// headEnd returns the lengths of the lines of the head that b begins with and of the
// empty line behind them; 0 and 0 if that has not come. Lines may end in LF alone, as
// net/http reads them and old programs write them.
func headEnd(b []byte) (lines, empty int) {
	for i := 0; ; {
		end := bytes.IndexByte(b[i:], '\n')
		if end < 0 {
			return 0, 0
		}
		switch i += end + 1; {
		case bytes.HasPrefix(b[i:], []byte("\n")):
			return i, 1
		case bytes.HasPrefix(b[i:], []byte("\r\n")):
			return i, 2
		}
	}
}

// interimHead reports whether head is that of a 1xx answer but 101, behind which
// another protocol begins.
func interimHead(head []byte) bool {
	_, rest, _ := bytes.Cut(head, []byte(" "))
	status, _, _ := bytes.Cut(rest, []byte(" "))
	status = bytes.TrimSpace(status)
	return len(status) == 3 && status[0] == '1' && string(status) != "101"
}

// withoutIdentity takes the lines "Transfer-Encoding: identity" out of head, in place.
func withoutIdentity(head []byte) []byte {
	if !bytes.Contains(head, []byte("dentity")) && !bytes.Contains(head, []byte("DENTITY")) {
		return head
	}
	kept := head[:0]
	for line := range bytes.SplitAfterSeq(head, []byte("\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !bytes.EqualFold(name, []byte("Transfer-Encoding")) || !bytes.EqualFold(bytes.TrimSpace(value),
			[]byte("identity")) {
			kept = append(kept, line...)
		}
	}
	return kept
}
