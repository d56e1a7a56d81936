package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"bartizan/internal/config"
)

// After SIGTERM the gateway is not ready at once, and serves for timeouts.linger all
// the same: on connections that it has and on new ones, each of which it then ends.
func TestLinger(t *testing.T) {
	const linger = time.Second
	r := serve(t, t.TempDir(), func(f *config.File) { f.Timeouts.Linger = config.Duration(linger) })
	address := r.addresses()[0].Address
	kept, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	get := func(c net.Conn) *http.Response {
		t.Helper()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; "+
			"rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: text/html\r\nAccept-Language: en\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		return res
	}
	if res := get(kept); res.StatusCode != 200 || res.Close {
		t.Fatalf("before: got %d, close %v; want 200 on a kept connection", res.StatusCode, res.Close)
	}
	begun := time.Now()
	r.cancel()
	ready := func() int {
		res, err := http.Get("http://" + r.admin.Addr().String() + "/-/ready")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for ready() != 503 {
		if time.Since(begun) > linger/2 {
			t.Fatal("still ready")
		}
	}
	if res := get(kept); res.StatusCode != 200 || !res.Close {
		t.Errorf("on a kept connection: got %d, close %v; want 200 and the end", res.StatusCode, res.Close)
	}
	fresh, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if res := get(fresh); res.StatusCode != 200 || !res.Close {
		t.Errorf("on a new connection: got %d, close %v; want 200 and the end", res.StatusCode, res.Close)
	}
	r.stop(t)
	if took := time.Since(begun); took < linger {
		t.Errorf("the gateway stopped after %v; want %v at least", took, linger)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("connections are taken after the stop")
	}
}
