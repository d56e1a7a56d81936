package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"bartizan/internal/request"
)

// frame makes one HTTP/2 frame.
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

// block encodes header fields given as names and values in turn.
func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for ; len(fields) > 0; fields = fields[2:] {
		e.WriteField(hpack.HeaderField{Name: fields[0], Value: fields[1]})
	}
	return b.Bytes()
}

// readFrames reads frames until the connection ends or stop says so.
func readFrames(c net.Conn, stop func(kind, flags byte, stream uint32) bool) error {
	for {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, c, int64(head[0])<<16|int64(head[1])<<8|int64(head[2])); err != nil {
			return err
		}
		if stop(head[3], head[4], binary.BigEndian.Uint32(head[5:])) {
			return nil
		}
	}
}

func TestHTTP2Opening(t *testing.T) {
	h := &recorder{}
	facts := make(chan request.Conn, 10)
	h.then = func(w http.ResponseWriter, r *http.Request, s *seen) { facts <- From(r.Context()).Facts() }
	s := start(t, Options{Handler: h})
	c := dial(t, s)
	hb := block(":method", "GET", ":authority", "a.example", ":scheme", "http", ":path", "/p?q=|", "zeta", "1", "user-agent", "x", "cookie", "a=1", "accept", "*/*", "cookie", "b=2")
	var b []byte
	b = append(b, preface...)
	b = append(b, frame(frameSettings, 0, 0, []byte{0, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 0x60, 0, 0, 0, 6, 0, 4, 0, 0})...)
	b = append(b, frame(frameWindowUpdate, 0, 0, []byte{0, 0xef, 0, 1})...)
	b = append(b, frame(framePriority, 0, 3, []byte{0x80, 0, 0, 0, 200})...)
	// The block in two pieces, padded and with priority.
	b = append(b, frame(frameHeaders, flagEndStream|flagPadded|flagPriority, 5, slices.Concat([]byte{2, 0, 0, 0, 0, 9}, hb[:7], []byte{0, 0}))...)
	b = append(b, frame(frameContinuation, flagEndHeaders, 5, hb[7:])...)
	for i := range b { // byte by byte: no frame may depend on how it arrives
		send(t, c, string(b[i:i+1]))
	}
	all := h.wait(t, 1)
	got := <-facts
	if want := "1:65536;2:0;4:6291456;6:262144|15663105|3:1:0:201|m,a,s,p"; got.H2 != want {
		t.Errorf("opening: got %q; want %q", got.H2, want)
	}
	want := []request.Field{{Name: "zeta", Value: "1"}, {Name: "user-agent", Value: "x"},
		{Name: "cookie", Value: "a=1; b=2"}, {Name: "accept", Value: "*/*"}}
	if head := all[0].head; !slices.Equal(head.Fields, want) || !head.Ordered || head.Target != "/p?q=|" || head.Host != "a.example" || head.Proto != "HTTP/2.0" {
		t.Errorf("head: got %+v; want fields %v in this order", head, want)
	}
	send(t, c, string(frame(frameHeaders, flagEndStream|flagEndHeaders, 7, block(":method", "GET", ":authority", "a.example", ":scheme", "http", ":path", "/2", "zeta", "1", "accept", "*/*"))))
	head := h.wait(t, 2)[1].head
	if want := []request.Field{{Name: "accept", Value: "*/*"}, {Name: "zeta", Value: "1"}}; !slices.Equal(head.Fields, want) || head.Ordered {
		t.Errorf("second head: got %+v; want %v, not ordered", head, want)
	}
}

// What net/http lets through on HTTP/2 and an HTTP/1 upstream would trip over.
func TestHTTP2Smuggling(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h})
	for i, tc := range []struct {
		fields []string
		want   request.Fault
	}{
		{[]string{":method", "GET / HTTP/1.1", ":path", "/"}, request.FaultRequestLine},
		{[]string{":method", "GET", ":path", "/ HTTP/1.1"}, request.FaultRequestLine},
		{[]string{":method", "POST", ":path", "/", "content-length", "0", "content-length", "0"}, request.FaultLengthDuplicate},
		{[]string{":method", "GET", ":path", "/", "host", "b"}, request.FaultHostDuplicate},
	} {
		c := dial(t, s)
		fields := append([]string{":scheme", "http", ":authority", "a"}, tc.fields...)
		send(t, c, preface+string(frame(frameSettings, 0, 0, nil))+string(frame(frameHeaders, flagEndHeaders|flagEndStream, 1, block(fields...))))
		if got := h.wait(t, i+1)[i].head; got.Fault != tc.want {
			t.Errorf("%v: got %+v; want fault %v", tc.fields, got, tc.want)
		}
	}
}

func TestTeeGivesUpOnBombs(t *testing.T) {
	// One long field in the dynamic table, referred to very often.
	bomb := block(":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a", "x", strings.Repeat("y", 3000))
	bomb = append(bomb, bytes.Repeat([]byte{0x80 | 62}, 20_000)...)
	te := &tee{}
	te.start(HTTP2Limits{Resets: 10, Control: 100, Window: time.Minute}, 32<<10)
	in := append([]byte(preface), frame(frameSettings, 0, 0, nil)...)
	in = append(in, frame(frameHeaders, flagEndHeaders|flagEndStream, 1, bomb)...)
	if !te.feed(in, time.Now(), 0) || !te.done || !te.overflow {
		t.Errorf("done %v, overflow %v; want both", te.done, te.overflow)
	}
	if n := len(te.first.names); n > 100 {
		t.Errorf("tee kept %d fields; want few", n)
	}
}

// HTTP/2 on plaintext and on TLS, many requests at once, as clients speak it.
func TestHTTP2Clients(t *testing.T) {
	for _, secure := range []bool{false, true} {
		var mu sync.Mutex
		ordered, conns := 0, map[uint64]request.Conn{}
		h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) {
			c := From(r.Context())
			mu.Lock()
			defer mu.Unlock()
			if s.head.Ordered {
				ordered++
			}
			conns[c.Facts().ID] = c.Facts()
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s", s.head.Scheme, s.head.Target, body)
		}}
		o, scheme, protocol := Options{Handler: h}, "http", "h2c"
		if secure {
			o.TLS, scheme, protocol = testTLS(t), "https", "h2"
		}
		s := start(t, o)
		c := client(t, protocol)
		url := scheme + "://" + s.Addr().String()
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				res, err := c.Post(fmt.Sprintf("%s/p%d", url, i), "text/plain", strings.NewReader(strings.Repeat("b", i*1000)))
				if err != nil {
					t.Error(err)
					return
				}
				defer res.Body.Close()
				b, _ := io.ReadAll(res.Body)
				if want := fmt.Sprintf("%s /p%d %s", scheme, i, strings.Repeat("b", i*1000)); string(b) != want || res.ProtoMajor != 2 {
					t.Errorf("got HTTP/%d, %.40q; want HTTP/2, %.40q", res.ProtoMajor, b, want)
				}
			})
		}
		wg.Wait()
		if ordered < 1 || ordered > len(conns) {
			t.Errorf("secure %v: %d ordered heads on %d connections; want one each", secure, ordered, len(conns))
		}
		for _, f := range conns {
			if want := "2:0;4:4194304;5:16384;6:10485760|1073741824|0|a,m,p,s"; f.H2 != want || f.Secure != secure {
				t.Errorf("facts: got %+v; want opening %q, secure %v", f, want, secure)
			}
		}
	}
}

func TestRapidResetCloses(t *testing.T) {
	faults := make(chan request.Fault, 10)
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) { <-r.Context().Done() }}
	s := start(t, Options{Handler: h, HTTP2: HTTP2Limits{Resets: 50}, OnFault: func(c *Conn, f request.Fault) {
		if !c.Facts().Peer.Addr.IsLoopback() {
			t.Errorf("fault of %v; want a loopback peer", c.Facts().Peer)
		}
		faults <- f
	}})
	c := dial(t, s)
	send(t, c, preface+string(frame(frameSettings, 0, 0, nil)))
	hb := block(":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
	go func() {
		for id := uint32(1); id < 2000; id += 2 {
			if _, err := c.Write(append(frame(frameHeaders, flagEndHeaders|flagEndStream, id, hb), frame(frameReset, 0, id, []byte{0, 0, 0, 8})...)); err != nil {
				return
			}
		}
	}()
	if err := readFrames(c, func(byte, byte, uint32) bool { return false }); err == nil {
		t.Error("the connection went on")
	}
	if f := <-faults; f != request.FaultStreams || len(faults) > 0 {
		t.Errorf("fault: got %v and %d more; want streams once", f, len(faults))
	}
	if n := s.Stats().StreamFaults; n != 1 {
		t.Errorf("Stats().StreamFaults = %d; want 1", n)
	}
}

func TestControlFramesAreBounded(t *testing.T) {
	for name, f := range map[string][]byte{
		"ping":          frame(framePing, 0, 0, make([]byte, 8)),
		"settings":      frame(frameSettings, 0, 0, nil),
		"window update": frame(frameWindowUpdate, 0, 0, []byte{0, 0, 0, 1}),
		"priority":      frame(framePriority, 0, 1, make([]byte, 5)),
		"unknown":       frame(77, 0, 0, nil),
	} {
		faults := make(chan request.Fault, 10)
		s := start(t, Options{Handler: &recorder{}, HTTP2: HTTP2Limits{Control: 100}, OnFault: func(_ *Conn, f request.Fault) { faults <- f }})
		c := dial(t, s)
		go func() {
			io.WriteString(c, preface+string(frame(frameSettings, 0, 0, nil))+strings.Repeat(string(f), 20_000))
		}()
		readFrames(c, func(byte, byte, uint32) bool { return false })
		select {
		case <-faults:
		case <-time.After(5 * time.Second):
			t.Errorf("%s: no fault", name)
		}
	}
}

// A head that never ends (CVE-2024-27316) ends its connection, whether its pieces
// are empty or not.
func TestContinuationFloodCloses(t *testing.T) {
	for name, piece := range map[string][]byte{"empty": nil, "fields": block("x-a", strings.Repeat("a", 200))} {
		s := start(t, Options{Handler: &recorder{}})
		c := dial(t, s)
		send(t, c, preface+string(frame(frameSettings, 0, 0, nil))+string(frame(frameHeaders, 0, 1, block(":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a"))))
		sent := make(chan int)
		go func() {
			n, more := 0, bytes.Repeat(frame(frameContinuation, 0, 1, piece), 100)
			for ; n < 1_000_000; n += 100 {
				if _, err := c.Write(more); err != nil {
					break
				}
			}
			sent <- n
		}()
		if err := readFrames(c, func(byte, byte, uint32) bool { return false }); err == nil {
			t.Errorf("%s: the connection went on", name)
		}
		c.Close()
		if n := <-sent; n >= 1_000_000 {
			t.Errorf("%s: got %d pieces taken; want the connection to end", name, n)
		}
	}
}

// Window updates that our own data earned are no flood.
func TestWindowUpdatesAreEarned(t *testing.T) {
	const size = 8 << 20
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) { w.Write(make([]byte, size)) }}
	s := start(t, Options{Handler: h, HTTP2: HTTP2Limits{Control: 50}, OnFault: func(_ *Conn, f request.Fault) { t.Errorf("fault %v", f) }})
	if n := len(get(t, client(t, "h2c"), "http://"+s.Addr().String())); n != size {
		t.Errorf("got %d bytes; want %d", n, size)
	}
}

func TestAgreedHTTP2MustBeSpoken(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h, TLS: testTLS(t)})
	c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if b, _ := io.ReadAll(c); len(b) > 0 || len(h.requests()) > 0 {
		t.Errorf("got %q and %d requests; want neither", b, len(h.requests()))
	}
}

func TestStreamLimitIsAnnounced(t *testing.T) {
	s := start(t, Options{Handler: &recorder{}, HTTP2: HTTP2Limits{MaxStreams: 7}})
	c := dial(t, s)
	send(t, c, preface+string(frame(frameSettings, 0, 0, nil)))
	var head [9]byte
	if _, err := io.ReadFull(c, head[:]); err != nil || head[3] != frameSettings {
		t.Fatalf("got %v, %v; want SETTINGS", head, err)
	}
	p := make([]byte, head[2])
	io.ReadFull(c, p)
	if !bytes.Contains(p, []byte{0, 3, 0, 0, 0, 7}) {
		t.Errorf("SETTINGS %x; want MAX_CONCURRENT_STREAMS 7", p)
	}
}

func TestShutdownDrainsHTTP2(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) {
		close(begun)
		<-release
		w.Write([]byte("done"))
	}}
	s := start(t, Options{Handler: h})
	c := client(t, "h2c")
	got := make(chan string, 1)
	go func() { got <- get(t, c, "http://"+s.Addr().String()) }()
	<-begun
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	time.Sleep(50 * time.Millisecond)
	close(release)
	if body := <-got; body != "done" {
		t.Errorf("got %q; want the request in flight answered", body)
	}
	if err := <-ended; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
