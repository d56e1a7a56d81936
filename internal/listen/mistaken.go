package listen

import (
	"crypto/tls"
	"errors"
	"io"
	"time"

	"bartizan/internal/request"
)

// A client that takes one port for the other is told so at once. That is a mistake of
// whoever configured it, and evidence of nothing: container clients and browsers try
// HTTPS first.
const (
	refusal    = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
	wantsPlain = refusal + "Content-Length: 61\r\n\r\n" +
		"This port speaks plain HTTP; the client began a TLS session.\n"
	wantsTLS = refusal + "Content-Length: 57\r\n\r\n" +
		"This port speaks HTTPS; the client sent a plain request.\n"
)

// mistakenTime is how long the client may take to accept these lines.
const mistakenTime = time.Second

// helloBegins reports whether in begins as a TLS record with a handshake does (RFC
// 8446 section 5.1). No HTTP method begins with that byte.
func helloBegins(in []byte) bool { return len(in) >= 2 && in[0] == 0x16 && in[1] == 3 }

// mistaken answers a client that began TLS on a plaintext port. net/http, which would
// be reading a head, gets the end.
func (c *Conn) mistaken() error {
	c.server.stats.mistaken.Add(1)
	c.deadline.end(c.plain)
	if err := c.SetWriteDeadline(time.Now().Add(mistakenTime)); err == nil {
		_, _ = io.WriteString(c.plain, wantsPlain) // the client may be gone; there is nobody to tell
	}
	c.unread.Store(true) // it may be sending still: closing must not overtake the answer
	c.filter.kill(io.EOF)
	return io.EOF
}

// answerPlain answers a client that spoke HTTP on a TLS port, where err is its
// handshake's, and closes the connection. It reports false, and does nothing, where
// err is another.
func (c *Conn) answerPlain(err error) bool {
	var broken tls.RecordHeaderError
	if !errors.As(err, &broken) || broken.Conn == nil || !request.TokenByte(broken.RecordHeader[0]) {
		return false
	}
	c.server.stats.mistaken.Add(1)
	if c.raw.SetWriteDeadline(time.Now().Add(mistakenTime)) == nil {
		_, _ = io.WriteString(c.raw, wantsTLS)
	}
	c.unread.Store(true)
	c.Close()
	return true
}
