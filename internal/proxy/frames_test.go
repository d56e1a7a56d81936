package proxy_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is an HTTP/2 client that says exactly what a test wants said.
type frames struct {
	*http2.Framer
	conn net.Conn
	out  bytes.Buffer // of fr; flush sends it
	enc  *hpack.Encoder
	text bytes.Buffer // what enc writes
	dec  *hpack.Decoder
}

// stream is what has come on one stream.
type stream struct {
	fields map[string]string // of head and trailers
	body   []byte
	ended  bool
	reset  bool
}

// newFrames opens a connection, over TLS if secure, and writes the opening.
func newFrames(t testing.TB, address string, secure bool) *frames {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(15 * time.Second))
	if secure {
		c = tls.Client(c, &tls.Config{RootCAs: roots(), ServerName: "localhost", NextProtos: []string{"h2"}})
	}
	f := &frames{conn: c}
	f.Framer = http2.NewFramer(&f.out, c)
	f.enc = hpack.NewEncoder(&f.text)
	f.dec = hpack.NewDecoder(4096, nil)
	f.out.WriteString(http2.ClientPreface)
	f.WriteSettings()
	return f
}

// begin adds a request with these names and values in turn; end says that it has no body.
func (f *frames) begin(id uint32, end bool, fields ...string) {
	f.text.Reset()
	for ; len(fields) > 0; fields = fields[2:] {
		f.enc.WriteField(hpack.HeaderField{Name: fields[0], Value: fields[1]})
	}
	block := f.text.Bytes()
	first := block[:min(len(block), 16<<10)]
	rest := block[len(first):]
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: end,
		EndHeaders: len(rest) == 0})
	for len(rest) > 0 {
		next := rest[:min(len(rest), 16<<10)]
		rest = rest[len(next):]
		f.WriteContinuation(id, len(rest) == 0, next)
	}
}

// flush sends what was added in one write.
func (f *frames) flush(t testing.TB) {
	t.Helper()
	if _, err := f.conn.Write(f.out.Bytes()); err != nil {
		t.Fatal(err)
	}
	f.out.Reset()
}

// until reads until all these streams have ended or were reset, or the connection is
// over, and returns what came.
func (f *frames) until(t testing.TB, ids ...uint32) map[uint32]*stream {
	t.Helper()
	all := make(map[uint32]*stream)
	for _, id := range ids {
		all[id] = &stream{fields: make(map[string]string)}
	}
	for {
		open := 0
		for _, s := range all {
			if !s.ended && !s.reset {
				open++
			}
		}
		if open == 0 {
			return all
		}
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("with %d streams open: %v", open, err)
		}
		s := all[frame.Header().StreamID]
		switch frame := frame.(type) {
		case *http2.GoAwayFrame:
			t.Fatalf("with %d streams open: GOAWAY %v", open, frame.ErrCode)
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.WriteSettingsAck()
				f.flush(t)
			}
		case *http2.HeadersFrame:
			list, err := f.dec.DecodeFull(frame.HeaderBlockFragment())
			if err != nil || !frame.HeadersEnded() {
				t.Fatalf("head of an answer: %v", err)
			}
			if s != nil {
				for _, h := range list {
					s.fields[h.Name] = h.Value
				}
				s.ended = s.ended || frame.StreamEnded()
			}
		case *http2.DataFrame:
			if s != nil {
				s.body = append(s.body, frame.Data()...)
				s.ended = s.ended || frame.StreamEnded()
			}
		case *http2.RSTStreamFrame:
			if s != nil {
				s.reset = true
			}
		}
	}
}
