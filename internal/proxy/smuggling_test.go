package proxy_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

// refused checks an answer of ours and returns its reference.
func refused(t *testing.T, res *http.Response, status int) string {
	t.Helper()
	var p struct {
		Status    int
		Reference string
	}
	b := body(t, res)
	if err := json.Unmarshal([]byte(b), &p); err != nil || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %q %q; want a problem", res.StatusCode, res.Header.Get("Content-Type"), b)
	}
	if res.StatusCode != status || p.Status != status || p.Reference == "" || p.Reference != res.Header.Get("Bartizan-Reference") {
		t.Errorf("got %d %q; want %d with a reference", res.StatusCode, b, status)
	}
	return p.Reference
}

func (s suite) smuggling(t *testing.T) {
	u := newRaw(t, nil)
	post := "POST / HTTP/1.1\r\nHost: a\r\n"
	chunked := post + "Transfer-Encoding: chunked\r\n\r\n"
	next := "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"length and coding":         {post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, 400},
		"coding and length":         {post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + next, 400},
		"two lengths":               {post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd" + next, 400},
		"two equal lengths":         {post + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400},
		"list of lengths":           {post + "Content-Length: 4, 4\r\n\r\nabcd", 400},
		"signed length":             {post + "Content-Length: +4\r\n\r\nabcd", 400},
		"negative length":           {post + "Content-Length: -1\r\n\r\n", 400},
		"hexadecimal length":        {post + "Content-Length: 0x4\r\n\r\nabcd", 400},
		"empty length":              {post + "Content-Length:\r\n\r\n", 400},
		"xchunked":                  {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		"chunked twice":             {post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
		"two codings":               {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
		"chunked not last":          {post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400},
		"vertical tab in coding":    {post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400},
		"quoted coding":             {post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501},
		"space before colon":        {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
		"obs-fold":                  {post + "X: a\r\n b\r\n\r\n", 400},
		"folded coding":             {post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
		"folded first line":         {"POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n\r\n", 400},
		"bare CR":                   {post + "X: a\rTransfer-Encoding: chunked\r\n\r\n", 400},
		"bare LF":                   {"POST / HTTP/1.1\nHost: a\n\n", 400},
		"bare LF once":              {post + "X: a\nContent-Length: 5\r\n\r\n", 400},
		"NUL in value":              {post + "X: a\x00b\r\n\r\n", 400},
		"NUL in name":               {post + "X\x00: a\r\n\r\n", 400},
		"NUL in target":             {"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		"no name":                   {post + ": a\r\n\r\n", 400},
		"no colon":                  {post + "X\r\n\r\n", 400},
		"http/1.0 with coding":      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"two hosts":                 {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"bad host":                  {"GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n", 400},
		"no host":                   {"GET / HTTP/1.1\r\n\r\n", 400},
		"absolute form, bad host":   {"GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", 400},
		"version":                   {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
		"spaces in the line":        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		"http/0.9":                  {"GET /\r\n\r\n", 400},
		"chunk size of nothing":     {chunked + "\r\nabc\r\n0\r\n\r\n", 400},
		"chunk size with sign":      {chunked + "+3\r\nabc\r\n0\r\n\r\n", 400},
		"chunk size with prefix":    {chunked + "0x3\r\nabc\r\n0\r\n\r\n", 400},
		"chunk size with space":     {chunked + "3 \r\nabc\r\n0\r\n\r\n", 400},
		"chunk size too large":      {chunked + "fffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400},
		"chunk extension, bare LF":  {chunked + "3;a\nb\r\nabc\r\n0\r\n\r\n", 400},
		"chunk extension, too long": {chunked + "3;" + strings.Repeat("a", 5000) + "\r\nabc\r\n0\r\n\r\n", 400},
		"chunk end, bare LF":        {chunked + "3\r\nabc\n0\r\n\r\n", 400},
		"chunk longer than said":    {chunked + "3\r\nabcd\r\n0\r\n\r\n", 400},
		"trailer without name":      {chunked + "3\r\nabc\r\n0\r\n: x\r\n\r\n", 400},
		"trailer with bare LF":      {chunked + "3\r\nabc\r\n0\r\nX: y\nZ: 1\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			g := s.front.start(t, setup{upstreams: []string{u.url}}) // one that knows no evil of us yet
			before := u.received()
			conn := dial(t, g.plain)
			send(t, conn, c.raw)
			all, err := io.ReadAll(conn)
			if err != nil {
				t.Fatalf("got %q, %v; want an answer and the end", all, err)
			}
			if n := bytes.Count(all, []byte("HTTP/1.1 ")); n != 1 {
				t.Errorf("got %d answers, %q; want one", n, all)
			}
			id := refused(t, parseAnswer(t, string(all), "POST"), c.status)
			if u.received() != before {
				t.Errorf("the upstream saw %d bytes; want none", u.received()-before)
			}
			x, ok := g.engine.Explain(time.Now(), id)
			if !ok || len(x.Signals) == 0 || x.Status != c.status {
				t.Errorf("explaining %s: got %+v, %v; want evidence", id, x.Event, ok)
			}
		})
	}
	t.Run("absolute form with another Host", func(t *testing.T) {
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		before := len(u.messages())
		body(t, call(t, g, "GET http://other.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n"))
		if m := u.messages()[before]; m.get("Host") != "other.example" || m.get("X-Forwarded-Host") != "other.example" {
			t.Errorf("upstream got Host %q; want what the target says (RFC 9112, section 3.2.2)", m.get("Host"))
		}
	})
}

// smugglingHTTP2: what would become something else once written out as HTTP/1.
func (s suite) smugglingHTTP2(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	plain := []string{":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"}
	for name, fields := range map[string][]string{
		"crlf in value":       append(plain[:8:8], "x", "a\r\nTransfer-Encoding: chunked"),
		"lf in value":         append(plain[:8:8], "x", "a\nb: c"),
		"nul in value":        append(plain[:8:8], "x", "a\x00b"),
		"colon in name":       append(plain[:8:8], "x: y\r\nz", "a"),
		"upper-case name":     append(plain[:8:8], "X-A", "a"),
		"transfer-encoding":   append(plain[:8:8], "transfer-encoding", "chunked"),
		"connection":          append(plain[:8:8], "connection", "close"),
		"upgrade":             append(plain[:8:8], "upgrade", "h2c"),
		"two lengths":         append(plain[:8:8], "content-length", "0", "content-length", "5"),
		"length that lies":    append(plain[:8:8], "content-length", "5"),
		"host and authority":  append(plain[:8:8], "host", "b"),
		"space in path":       {":method", "POST", ":scheme", "http", ":path", "/ HTTP/1.1", ":authority", "a"},
		"crlf in path":        {":method", "POST", ":scheme", "http", ":path", "/\r\nx: y", ":authority", "a"},
		"absolute path":       {":method", "POST", ":scheme", "http", ":path", "http://b/", ":authority", "a"},
		"crlf in method":      {":method", "GET / HTTP/1.1\r\nHost: b\r\n\r\nPOST", ":scheme", "http", ":path", "/", ":authority", "a"},
		"space in method":     {":method", "GET /admin HTTP/1.1", ":scheme", "http", ":path", "/", ":authority", "a"},
		"bad authority":       {":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a\r\nx: y"},
		"authority with path": {":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			before := u.received()
			status := h2Status(t, g, fields)
			if status != "400" && status != "reset" {
				t.Errorf("got %s; want a 400 or a reset stream", status)
			}
			if u.received() != before {
				t.Errorf("the upstream saw %d bytes; want none", u.received()-before)
			}
		})
	}
	if got := h2Status(t, g, plain); got != "200" {
		t.Errorf("a clean request: got %s; want 200", got)
	}
}

// h2Frame writes one HTTP/2 frame (RFC 9113, section 4.1).
func h2Frame(kind, flags byte, stream uint32, payload []byte) string {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(append(binary.BigEndian.AppendUint32(b, stream), payload...))
}

// h2Status sends one request of these fields on a connection of its own.
func h2Status(t *testing.T, g *gateway, fields []string) string {
	t.Helper()
	const (
		headers, reset, settings, goAway = 1, 3, 4, 7
		endStream, endHeaders            = 1, 4
	)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	c := dial(t, g.plain)
	send(t, c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+h2Frame(settings, 0, 0, nil)+h2Frame(headers, endStream|endHeaders, 1, block.Bytes()))
	for {
		var h [9]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return "reset"
		}
		payload := make([]byte, int(h[0])<<16|int(h[1])<<8|int(h[2]))
		io.ReadFull(c, payload)
		switch h[3] {
		case headers:
			got, err := hpack.NewDecoder(4096, nil).DecodeFull(payload)
			if err != nil {
				t.Fatal(err)
			}
			return got[0].Value
		case reset, goAway:
			return "reset"
		}
	}
}

// badChunkMidBody: the head is upstream already when the framing breaks.
func (s suite) badChunkMidBody(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	c := dial(t, g.plain)
	send(t, c, head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n")+"3\r\nabc\r\n")
	eventually(t, "the head to go upstream", func() bool { return len(u.messages()) == 1 })
	send(t, c, "zz\r\nabc\r\n0\r\n\r\n")
	all, _ := io.ReadAll(c)
	id := refused(t, parseAnswer(t, string(all), "POST"), 400)
	if x, ok := g.engine.Explain(time.Now(), id); !ok || x.Reason != "chunk" {
		t.Errorf("got %+v, %v; want evidence", x.Event, ok)
	}
	eventually(t, "the upstream to see a broken body", func() bool {
		b, rest := u.messages()[0].content()
		return strings.HasPrefix(b, "abc") && rest == ""
	})
}
