package proxy

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"bartizan/internal/request"
)

var errBadUpgrade = errors.New("upstream switched to a protocol that was not asked for")

const webSocket = "websocket"

// upgrade asks u for another protocol if the client does. Never for cleartext
// HTTP/2, by which a client would tunnel requests past us, nor where net/http
// would use HTTP/2, which knows no upgrade: any server may decline one. Nor for a
// WebSocket whose handshake is not one: a lenient service behind would open a tunnel.
func (x *exchange) upgrade(out *http.Request, u *upstream) {
	r := &x.req
	delete(out.Header, "Connection")
	delete(out.Header, "Upgrade")
	to := r.Header("Upgrade")
	switch {
	case !r.Head.Upgrade || to == "" || strings.Contains(strings.ToLower(to), "h2c"):
		return
	case hasToken(to, webSocket):
		if to = webSocket; u.cleartext() || !handshakes(r) {
			return
		}
	case u.http2():
		return
	}
	out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{to}
}

// handshakes reports whether r opens a WebSocket as RFC 6455 section 4.2.1 has it:
// GET, version 13, and one key of 16 bytes in base64.
func handshakes(r *request.Request) bool {
	keys := 0
	for range r.Headers("Sec-WebSocket-Key") {
		keys++
	}
	key, err := base64.StdEncoding.DecodeString(r.Header("Sec-WebSocket-Key"))
	return r.Head.Method == http.MethodGet && r.Header("Sec-WebSocket-Version") == "13" && keys == 1 && err == nil &&
		len(key) == 16
}

// accepted reports whether resp switches to what out asked for. Of a WebSocket's
// server that takes the answer to the client's key: whoever says 101 and does not
// know it speaks no WebSocket (RFC 6455 section 4.2.2).
func (x *exchange) accepted(out *http.Request, resp *http.Response) bool {
	to := out.Header.Get("Upgrade")
	if to == "" || !strings.EqualFold(resp.Header.Get("Upgrade"), to) {
		return false
	}
	if to != webSocket {
		return true
	}
	sum := sha1.Sum([]byte(x.req.Header("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	said := resp.Header["Sec-Websocket-Accept"]
	return len(said) == 1 && said[0] == base64.StdEncoding.EncodeToString(sum[:])
}

// tunnel joins client and upstream after a 101 answer (WebSocket and the like).
func (x *exchange) tunnel(out *http.Request, resp *http.Response) {
	back, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || !x.accepted(out, resp) {
		x.outcome.Answered = false
		x.failed(errBadUpgrade)
		return
	}
	x.body.reclaim()
	conn, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil { // HTTP/2 has no Upgrade; the listener never offers it
		x.outcome.Answered = false
		x.failed(err)
		return
	}
	defer conn.Close()
	x.wrote = true
	x.land()
	if err := writeSwitch(rw.Writer, resp, out.Header.Get("Upgrade")); err != nil {
		x.outcome.Aborted = true
		return
	}
	x.join(conn, rw.Reader, back)
}

// writeSwitch writes the 101 answer without the fields that end at one hop, but for
// the two that switch to the protocol to.
func writeSwitch(w *bufio.Writer, resp *http.Response, to string) error {
	head := *resp
	head.Body = nil // what follows is the tunnel
	head.Header = make(http.Header, len(resp.Header))
	copyHeader(head.Header, resp.Header)
	head.Header["Connection"], head.Header["Upgrade"] = []string{"Upgrade"}, []string{to}
	if err := head.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

// halfOpen is how long one direction of a tunnel may be silent once the other
// has ended: nobody may be left to hear it.
const halfOpen = time.Minute

// join copies both ways until both have ended. When one side ends, the other may
// still have something to say, so only that half is closed; an error closes all.
func (x *exchange) join(conn net.Conn, from io.Reader, back io.ReadWriteCloser) {
	var moved atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err := io.Copy(back, &meter{from, &moved})
		x.body.read += n
		endWrite(back, err)
	}()
	n, err := io.Copy(conn, &meter{back, &moved})
	x.outcome.ResponseSize = n
	endWrite(conn, err)
	for last := int64(-1); ; {
		timer := time.NewTimer(halfOpen)
		select {
		case <-done:
			timer.Stop()
			return
		case <-timer.C:
		}
		if now := moved.Load(); now == last {
			conn.Close()
			back.Close()
		} else {
			last = now
		}
	}
}

// meter counts what is read through it.
type meter struct {
	io.Reader
	n *atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// endWrite passes the end of one direction on: a clean one by closing that half.
func endWrite(to io.Closer, err error) {
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		return
	}
	to.Close()
}
