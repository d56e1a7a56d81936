package listen

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/internal/request"
)

// fuzzHead is the bound of a head when fuzzing.
const fuzzHead = 4 << 10

// scripted is a client that sends bytes in pieces of one size and then ends.
type scripted struct {
	net.Conn
	in   []byte
	step int
}

func (c *scripted) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.step)], c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// Write takes what the filter itself answers: to TLS on this plain port.
func (c *scripted) Write(p []byte) (int, error) { return len(p), nil }

// exchangeOf is a request as net/http framed it beside the head that we keep.
type exchangeOf struct {
	head request.Head
	body string
	ok   bool // the body ended as it should
}

// filtered reads all requests of in through the filter as net/http would.
func filtered(t *testing.T, in []byte, step int) (out []exchangeOf) {
	o := Options{Head: request.HeadLimits{Bytes: fuzzHead, Fields: 20, Target: 256}}
	o.fill()
	c := &Conn{server: &Server{options: o}, raw: &rawConn{Conn: &scripted{in: in, step: step}}}
	c.plain = c.raw
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if c.http2.Load() {
			return out
		}
		if err != nil {
			if len(c.heads) > 0 || !errors.Is(err, io.EOF) {
				t.Fatalf("net/http got no request of %q: %v; %d heads wait", in, err, len(c.heads))
			}
			return out
		}
		if !c.begin(req) || len(c.heads) > 0 {
			t.Fatalf("%q: a request without its head, or %d heads too many", in, len(c.heads))
		}
		h := c.current
		if h.Fault == request.Fine && len(h.Method) <= maxMethod && req.Method != h.Method || len(req.Header) > 4 || req.RequestURI != "/" || req.Host != "x" {
			t.Fatalf("net/http was told %+v of %+v", req, h)
		}
		body, err := io.ReadAll(req.Body)
		out = append(out, exchangeOf{h, string(body), err == nil})
		if err != nil || h.Fault != request.Fine || req.Close {
			return out
		}
		c.answered()
	}
}

// However the bytes arrive, the same requests come out, each with its own head.
func FuzzFilter(f *testing.F) {
	f.Add([]byte("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.0\r\n\r\n"), uint8(0))
	f.Add([]byte("\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.1\r\nHost:a\r\nConnection:upgrade\r\nUpgrade: x\r\n\r\nGET / HTTP/1.1\n\n"), uint8(6))
	f.Add([]byte(preface+"xx"), uint8(5))
	f.Add([]byte("\x00a\n"), uint8(0))
	f.Add([]byte("\x16\x03"), uint8(0))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		if len(in) > fuzzHead { // a head that is too large is judged as far as it had come
			return
		}
		a, b := filtered(t, in, 1<<20), filtered(t, in, int(step)+1)
		if d := cmp.Diff(a, b, cmp.AllowUnexported(exchangeOf{})); d != "" {
			t.Fatalf("%q in one piece and in pieces of %d differ:\n%s", in, int(step)+1, d)
		}
	})
}
