package proxy_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// frame writes one WebSocket frame of text (RFC 6455 section 5.2), masked as a
// client must.
func frame(op byte, text string, masked bool) string {
	out := []byte{0x80 | op}
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	if len(text) < 126 {
		out = append(out, bit|byte(len(text)))
	} else {
		out = binary.BigEndian.AppendUint16(append(out, bit|126), uint16(len(text)))
	}
	if !masked {
		return string(out) + text
	}
	mask := [4]byte{1, 2, 3, 4}
	out = append(out, mask[:]...)
	for i := range len(text) {
		out = append(out, text[i]^mask[i%4])
	}
	return string(out)
}

func readFrame(in *bufio.Reader) (op byte, text string, err error) {
	var h [2]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return 0, "", err
	}
	n := int(h[1] & 0x7f)
	if n == 126 {
		var b [2]byte
		io.ReadFull(in, b[:])
		n = int(binary.BigEndian.Uint16(b[:]))
	}
	var mask [4]byte
	if h[1]&0x80 != 0 {
		io.ReadFull(in, mask[:])
	}
	b := make([]byte, n)
	_, err = io.ReadFull(in, b)
	for i := range b {
		b[i] ^= mask[i%4]
	}
	return h[0] & 0xf, string(b), err
}

// webSocketServer accepts any WebSocket and hands it to talk.
func webSocketServer(t *testing.T, talk func(c net.Conn, in *bufio.Reader)) *rawUpstream {
	return newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		sum := sha1.Sum([]byte(m.get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		if !strings.EqualFold(m.get("Connection"), "upgrade") || m.get("Upgrade") != "websocket" {
			io.WriteString(c, head("HTTP/1.1 426 Upgrade Required\nContent-Length: 0\n"))
			return true
		}
		// The server speaks first, in the packet of its answer.
		io.WriteString(c, head("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: %s\n", base64.StdEncoding.EncodeToString(sum[:]))+frame(1, "welcome", false))
		talk(c, in)
		return false
	})
}

// open does the client's part of the handshake.
func openWebSocket(t *testing.T, g *gateway) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, g.plain)
	// The client's first frame rides behind its head.
	send(t, c, head("GET /ws HTTP/1.1\nHost: a\nConnection: keep-alive, Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n")+frame(1, "first", true))
	in := bufio.NewReader(c)
	m, err := readHead(in)
	if err != nil || m.start != "HTTP/1.1 101 Switching Protocols" || m.get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || m.get("Content-Length")+m.get("Date") != "" {
		t.Fatalf("got %+v, %v; want 101", m, err)
	}
	if _, got, err := readFrame(in); got != "welcome" {
		t.Fatalf("got %q, %v; want the server's word", got, err)
	}
	return c, in
}

func echo(c net.Conn, in *bufio.Reader) {
	for {
		op, text, err := readFrame(in)
		if err != nil {
			return
		}
		io.WriteString(c, frame(op, text, false))
		if op == 8 {
			return
		}
	}
}

func (s suite) webSocket(t *testing.T) {
	u := webSocketServer(t, echo)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	c, in := openWebSocket(t, g)
	if _, got, _ := readFrame(in); got != "first" {
		t.Errorf("got %q; want the frame sent with the head", got)
	}
	for n := range 20 {
		text := strings.Repeat(fmt.Sprint(n), 1+n*100)
		send(t, c, frame(1, text, true))
		if _, got, err := readFrame(in); got != text {
			t.Fatalf("got %.20q, %v; want %.20q", got, err, text)
		}
	}
	send(t, c, frame(8, "\x03\xe8", true))
	if op, _, err := readFrame(in); op != 8 {
		t.Errorf("got frame %d, %v; want close", op, err)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v; want the end", rest, err)
	}
	c.Close()
	if l := g.lines(t, 1)[0]; l.outcome.Status != 101 || l.outcome.RequestSize == 0 || l.outcome.ResponseSize == 0 {
		t.Errorf("got outcome %+v; want 101 and both sizes", l.outcome)
	}
}

func (s suite) webSocketServerCloses(t *testing.T) {
	u := webSocketServer(t, func(c net.Conn, in *bufio.Reader) { readFrame(in) })
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	c, in := openWebSocket(t, g)
	if b, err := io.ReadAll(in); err != nil || len(b) > 0 {
		t.Errorf("got %q, %v; want a clean end", b, err)
	}
	c.Close()
	g.lines(t, 1)
}

// webSocketHalfClose: a client that has said all may still listen.
func (s suite) webSocketHalfClose(t *testing.T) {
	u := webSocketServer(t, func(c net.Conn, in *bufio.Reader) {
		b, _ := io.ReadAll(in)
		fmt.Fprintf(c, "%d bytes", len(b))
	})
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	c, in := openWebSocket(t, g)
	send(t, c, "more")
	c.(*net.TCPConn).CloseWrite()
	want := fmt.Sprintf("%d bytes", len(frame(1, "first", true)+"more"))
	if b, err := io.ReadAll(in); string(b) != want {
		t.Errorf("got %q, %v; want %q", b, err, want)
	}
	g.lines(t, 1)
}

func (s suite) upgradeRefused(t *testing.T) {
	u := newRaw(t, says(head("HTTP/1.1 403 Forbidden\nContent-Length: 2\n")+"no", true))
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	c := dial(t, g.plain)
	in := bufio.NewReader(c)
	for range 3 {
		send(t, c, head("GET /ws HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\n"))
		res, err := http.ReadResponse(in, nil)
		if got := read(t, res, err); got != "no" || res.StatusCode != 403 {
			t.Fatalf("got %d %q; want 403 on a connection that goes on", res.StatusCode, got)
		}
		send(t, c, head("GET /plain HTTP/1.1\nHost: a\n"))
		res, err = http.ReadResponse(in, nil)
		read(t, res, err)
	}
	bad := newRaw(t, says(head("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: other\n"), true))
	g = s.front.start(t, setup{upstreams: []string{bad.url}})
	for _, raw := range []string{head("GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\n"), head("GET / HTTP/1.1\nHost: a\n")} {
		if res := call(t, g, raw); res.StatusCode != 502 {
			t.Errorf("an upgrade that was not asked for: got %d; want 502", res.StatusCode)
		}
	}
}

// upgradeH2C: a tunnel of cleartext HTTP/2 would carry requests that nobody judges.
func (s suite) upgradeH2C(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for _, to := range []string{"h2c", "H2C", "websocket, h2c"} {
		before := len(u.messages())
		body(t, call(t, g, head("GET / HTTP/1.1\nHost: a\nConnection: Upgrade, HTTP2-Settings\nUpgrade: %s\nHTTP2-Settings: AAMAAABk\n", to)))
		if m := u.messages()[before]; m.get("Upgrade")+m.get("Connection")+m.get("HTTP2-Settings") != "" {
			t.Errorf("%s: upstream got %q; want no upgrade", to, m.fields)
		}
	}
}
