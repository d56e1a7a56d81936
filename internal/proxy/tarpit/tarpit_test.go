package tarpit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// socket is a held connection over a real socket.
type socket struct{ *net.TCPConn }

func (s socket) Abort() { s.Close() }

func (s socket) Sip(p []byte) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return 0, err
	}
	n, err := s.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// pair returns both ends of a connection.
func pair(t *testing.T) (client net.Conn, server socket) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, socket{c.(*net.TCPConn)}
}

// The answer comes late, in pieces, and whole.
func TestHoldDripsTheWholeAnswer(t *testing.T) {
	p := New(Options{Connections: 10, Memory: 1 << 20, Time: time.Second})
	defer p.Close()
	for _, size := range []int{1, 21, 22, 23, 500} {
		answer := bytes.Repeat([]byte("x"), size)
		client, server := pair(t)
		start := time.Now()
		if !p.Hold(server, answer, Kind{}) {
			t.Fatal("got no room; want some")
		}
		var got []byte
		reads, first := 0, time.Duration(0)
		for buf := make([]byte, 1000); ; {
			n, err := client.Read(buf)
			if first == 0 {
				first = time.Since(start)
			}
			got = append(got, buf[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			reads++
		}
		if len(got) != size || first < 50*time.Millisecond || size > 100 && (reads < 10 || time.Since(start) < 500*time.Millisecond) {
			t.Errorf("%d bytes: got %d in %d reads, first after %v, in all %v", size, len(got), reads, first, time.Since(start))
		}
	}
	p.Close() // the last one was closed, and maybe not counted yet
	if s := p.Stats(); s.Held != 0 || s.Memory != 0 || s.Total != 5 || s.Spent < 2*time.Second {
		t.Errorf("got %+v; want nothing held any more", s)
	}
}

// The ceilings of connections and memory hold; TLS and unread bodies count for more.
func TestCeilings(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		kind Kind
		want int
	}{
		"connections": {Options{Connections: 3, Memory: 1 << 20}, Kind{}, 3},
		"memory":      {Options{Connections: 100, Memory: 4*PlainCost + 1}, Kind{}, 4},
		"with TLS":    {Options{Connections: 100, Memory: 2 * SecureCost}, Kind{Secure: true}, 2},
		"with bodies": {Options{Connections: 100, Memory: 3*PlainCost + 2*BodyCost}, Kind{Body: true}, 2},
		"off":         {Options{Memory: 1 << 20}, Kind{}, 0},
	} {
		p, held := New(c.o), 0
		for range 8 {
			if _, server := pair(t); p.Room(c.kind) && p.Hold(server, []byte("x"), c.kind) {
				held++
			} else {
				server.Close()
			}
		}
		if s := p.Stats(); held != c.want || s.Held != int64(c.want) || s.Full != uint64(8-c.want) {
			t.Errorf("%s: got %d held, %+v; want %d", name, held, s, c.want)
		}
		p.Close()
		if s := p.Stats(); s.Held != 0 || s.Memory != 0 {
			t.Errorf("%s, closed: got %+v; want nothing held", name, s)
		}
	}
}

// Who goes away, or reads nothing while the kernel's buffers are full, is let go,
// and does not keep the wheel from the others.
func TestWhoLeavesIsForgotten(t *testing.T) {
	p := New(Options{Connections: 10, Memory: 1 << 20, Time: time.Second})
	defer p.Close()
	gone, server := pair(t)
	gone.Close()
	p.Hold(server, bytes.Repeat([]byte("x"), 100), Kind{})
	deaf, stuffed := pair(t)
	deaf.(*net.TCPConn).SetReadBuffer(2048)
	stuffed.SetWriteBuffer(2048)
	stuffed.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for err := error(nil); err == nil; {
		_, err = stuffed.Write(make([]byte, 1<<20))
	}
	p.Hold(stuffed, bytes.Repeat([]byte("x"), 100), Kind{})
	for until := time.Now().Add(5 * time.Second); p.Stats().Held > 0 && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	if s := p.Stats(); s.Held != 0 || s.Left != 2 {
		t.Errorf("got %+v; want both let go", s)
	}
}

// However many are held, one goroutine drives them, and Close ends it and them.
func TestOneGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	p := New(Options{Connections: 1000, Memory: 1 << 30, Time: time.Minute})
	var clients []net.Conn
	for range 200 {
		client, server := pair(t)
		clients = append(clients, client)
		p.Hold(server, []byte("x"), Kind{})
	}
	if got := runtime.NumGoroutine() - before; got > 1 {
		t.Errorf("with 200 held: got %d goroutines more; want one", got)
	}
	p.Close()
	p.Close()
	for _, c := range clients {
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("behind Close: got a byte; want the connection closed")
		}
	}
	for until := time.Now().Add(time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("behind Close: got %d goroutines; want %d", runtime.NumGoroutine(), before)
		}
	}
	if _, server := pair(t); p.Hold(server, []byte("x"), Kind{}) {
		t.Error("behind Close: got room; want none")
	}
}

// Requests that need a goroutine wait for a while, only so many, and not longer
// than their client or the pit.
func TestWait(t *testing.T) {
	p := New(Options{Connections: 1, Memory: 1 << 20, Streams: 1, Time: 2 * time.Second})
	start := time.Now()
	done := make(chan struct{})
	go func() { p.Wait(t.Context()); close(done) }()
	for p.Stats().Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	p.Wait(t.Context()) // no room: at once
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("the second waited %v; want it not to wait", took)
	}
	<-done
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("the first waited %v; want a twelfth of 2s", took)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	start = time.Now()
	p.Wait(gone)
	go p.Close()
	p.Wait(t.Context())
	if took := time.Since(start); took > 150*time.Millisecond {
		t.Errorf("gone and closed: got %v; want at once", took)
	}
}

// What a client uploads is read by sips, within bounds; then the answer drips as ever,
// whole, and who is sending still is given time to read its end.
func TestBodyIsSipped(t *testing.T) {
	const lasting = 2 * time.Second
	p := New(Options{Connections: 10, Memory: 1 << 20, Time: lasting})
	defer p.Close()
	client, server := pair(t)
	if !p.Hold(server, bytes.Repeat([]byte("x"), 500), Kind{Body: true}) {
		t.Fatal("got no room; want some")
	}
	start, uploaded := time.Now(), make(chan int, 1)
	go func() {
		n, _ := client.Write(make([]byte, 32<<20))
		uploaded <- n
	}()
	one := make([]byte, 1)
	if _, err := io.ReadFull(client, one); err != nil {
		t.Fatal(err)
	}
	if first := time.Since(start); first < lasting/3 {
		t.Errorf("the answer begins after %v; want it to wait for the body, half of %v", first, lasting)
	}
	if got, err := io.ReadAll(client); len(got) != 499 || err != nil {
		t.Errorf("got %d more bytes, %v; want 499 and the end", len(got), err)
	}
	took := time.Since(start)
	client.Close()
	if n := <-uploaded; n == 32<<20 || took > 2*lasting {
		t.Errorf("got %d bytes uploaded, all over after %v; want a part of them, and %v", n, took, lasting)
	}
	if s := p.Stats(); s.Sipped == 0 || s.Sipped > sips*sip {
		t.Errorf("got %d bytes read; want some, %d at most", s.Sipped, sips*sip)
	}
	for limit := time.Now().Add(5 * time.Second); p.Stats().Memory != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("got %+v; want it let go", p.Stats())
		}
	}
}

// Who announces a body and sends none, as for 100 Continue, is answered as slowly as
// others; who leaves while it is read is let go.
func TestNoBodyAfterAll(t *testing.T) {
	p := New(Options{Connections: 10, Memory: 1 << 20, Time: time.Second})
	defer p.Close()
	client, server := pair(t)
	p.Hold(server, bytes.Repeat([]byte("x"), 100), Kind{Body: true})
	if got, err := io.ReadAll(client); len(got) != 100 || err != nil {
		t.Errorf("silent: got %d bytes, %v; want 100", len(got), err)
	}
	client, server = pair(t)
	p.Hold(server, []byte("x"), Kind{Body: true})
	client.Close()
	for limit := time.Now().Add(5 * time.Second); p.Stats().Left == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("got %+v; want it to have left", p.Stats())
		}
	}
}
