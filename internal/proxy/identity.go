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
		end := bytes.Index(p[at:n], []byte("\r\n\r\n"))
		if end < 0 {
			return n, at > 0 && at == n // an upstream that says 100 waits
		}
		head := p[at : at+end+2]
		kept := len(withoutIdentity(head))
		n -= len(head) - kept
		copy(p[at+kept:n], p[at+len(head):])
		if at += kept + 2; !interimHead(head) {
			c.expecting.Store(false)
			return n, true
		}
	}
}

// interimHead reports whether head is that of a 1xx answer but 101, behind which
// another protocol begins.
func interimHead(head []byte) bool {
	_, rest, _ := bytes.Cut(head, []byte(" "))
	return len(rest) >= 3 && rest[0] == '1' && !bytes.HasPrefix(rest, []byte("101"))
}

// withoutIdentity takes the lines "Transfer-Encoding: identity" out of head, in place.
func withoutIdentity(head []byte) []byte {
	if !bytes.Contains(head, []byte("dentity")) && !bytes.Contains(head, []byte("DENTITY")) {
		return head
	}
	kept := head[:0]
	for line := range bytes.SplitAfterSeq(head, []byte("\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !bytes.EqualFold(name, []byte("Transfer-Encoding")) || !bytes.EqualFold(bytes.TrimSpace(value), []byte("identity")) {
			kept = append(kept, line...)
		}
	}
	return kept
}
