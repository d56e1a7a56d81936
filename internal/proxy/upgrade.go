package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
)

// tunnel joins client and upstream after a 101 answer (WebSocket and the like).
func (x *exchange) tunnel(out *http.Request, resp *http.Response) {
	back, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(resp.Header.Get("Upgrade"), out.Header.Get("Upgrade")) {
		x.outcome.Answered = false
		x.failed(errBadUpgrade)
		return
	}
	defer back.Close()
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

type upgradeError string

func (e upgradeError) Error() string { return string(e) }

const errBadUpgrade = upgradeError("upstream switched to a protocol that was not asked for")

// writeSwitch writes the 101 answer.
func writeSwitch(w *bufio.Writer, resp *http.Response) error {
	resp.Body = nil // the head alone: what follows is the tunnel
	if err := resp.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

// join copies both ways until both have ended, or one has failed. When one side
// ends, the other may still have something to say: its half is closed only.
func (x *exchange) join(conn net.Conn, from io.Reader, back io.ReadWriteCloser) {
	done := make(chan struct{}, 2)
	go func() {
		n, _ := io.Copy(back, from)
		x.body.read.Add(n)
		back.Close()
		done <- struct{}{}
	}()
	go func() {
		x.outcome.ResponseSize, _ = io.Copy(conn, back)
		conn.Close()
		done <- struct{}{}
	}()
	<-done
	<-done
}
