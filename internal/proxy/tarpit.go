package proxy

import (
	"net/http"
	"strconv"
	"time"

	"bartizan/internal/answer"
	"bartizan/internal/proxy/tarpit"
)

// parker is a connection of the listener's that can wait cheaply.
type parker interface {
	tarpit.Conn
	Park()
}

// tarpit has a drip into the client, if there is room, and reports whether it took
// the connection. It holds nobody behind whose address and software good clients
// are, and no self test. HTTP/2 shares a connection among requests, good ones
// maybe: there only this one waits, and is then answered as usual.
func (x *exchange) tarpit(a answer.Response) bool {
	p, kind := x.proxy.pit, tarpit.Kind{Secure: x.req.Conn.Secure, Body: !x.body.none() && !x.body.atEOF()}
	if x.req.Standing.Shared || x.req.Standing.Elsewhere != 0 || x.req.Client.Forwarded {
		return false // a trusted proxy's connections are others' too
	}
	if x.hr.ProtoMajor != 1 {
		p.Wait(x.hr.Context())
		return false
	}
	if !p.Room(kind) {
		return false
	}
	nc, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return false
	}
	x.wrote, x.outcome.Status, x.outcome.ResponseSize, x.outcome.Held = true, a.Status, int64(len(a.Body)), true
	conn, ok := nc.(parker)
	if !ok {
		nc.Close() // not a listener of ours: nothing is known of what it costs
		return true
	}
	conn.Park()
	if !p.Hold(conn, plain(a, x.proxy.options.Now(), x.hr.Method == http.MethodHead), kind) {
		conn.Abort()
	}
	return true
}

// plain writes a as HTTP/1.1 has it.
func plain(a answer.Response, now time.Time, head bool) []byte {
	b := append(make([]byte, 0, 512+len(a.Body)), "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.Status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(a.Status)...)
	b = append(b, "\r\nDate: "...)
	b = now.UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nConnection: close\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(a.Body)), 10)
	for _, f := range a.Header {
		b = append(b, "\r\n"...)
		b = append(b, f[0]...)
		b = append(b, ": "...)
		b = append(b, f[1]...)
	}
	b = append(b, "\r\n\r\n"...)
	if head {
		return b
	}
	return append(b, a.Body...)
}
