package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

var errBadUpgrade = errors.New("upstream switched to a protocol that was not asked for")

// tunnel joins client and upstream after a 101 answer (WebSocket and the like).
func (x *exchange) tunnel(out *http.Request, resp *http.Response) {
	back, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || out.Header.Get("Upgrade") == "" || !strings.EqualFold(resp.Header.Get("Upgrade"), out.Header.Get("Upgrade")) {
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
	if err := writeSwitch(rw.Writer, resp); err != nil {
		x.outcome.Aborted = true
		return
	}
	x.join(conn, rw.Reader, back)
}

// writeSwitch writes the 101 answer.
func writeSwitch(w *bufio.Writer, resp *http.Response) error {
	head := *resp
	head.Body = nil // what follows is the tunnel
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
