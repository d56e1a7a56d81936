package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"bartizan/internal/demo"
)

// process is a gateway in a process of its own before the demo's shop.
type process struct {
	cmd           *exec.Cmd
	plain, secure string
}

// start runs `bartizan run` with this configuration; %s is the shop's address, and the
// listeners are a plain and a secure one.
func start(t *testing.T, configuration string) *process {
	t.Helper()
	shop, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: demo.NewShop().Handler()}
	go server.Serve(shop)
	t.Cleanup(func() { server.Close() })
	dir := t.TempDir()
	p := &process{plain: freePort(t), secure: freePort(t)}
	file := filepath.Join(dir, "bartizan.yaml")
	text := fmt.Sprintf("listen: [{address: %q}, {address: %q, tls: {self_signed: true}}]\nsites: [{hosts: [\"*\"], "+
		"mode: enforce, upstreams: [\"http://%s\"]}]\n"+
		"admin: {address: \"127.0.0.1:0\"}\nprotect_private: true\nevents: {stdout: false, file: events.jsonl}\n%s",
		p.plain, p.secure, shop.Addr(), configuration)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd = &exec.Cmd{Path: os.Args[0], Args: []string{"bartizan", "run", "--config", file, "--log-level", "error"},
		Stderr: os.Stderr}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Signal(os.Interrupt)
		p.cmd.Wait()
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", p.secure)
		if err == nil {
			c.Close()
			return p
		}
		if time.Now().After(end) {
			t.Fatal("the gateway does not listen")
		}
	}
}

// freePort returns a loopback address that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// peak returns the most memory that the process has had so far, in bytes.
func (p *process) peak(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// as dials from a loopback address of its own, 127.0.a.b.
func as(address string, a, b int) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(a), byte(b))}, Timeout: 10 * time.Second}
	return d.Dial("tcp", address)
}

// visit asks for the shop's first page as somebody who has nothing to do with the attack.
func (p *process) visit(b int) error {
	c, err := as(p.plain, 99, b)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "+
		"Gecko/20100101 Firefox/128.0\r\nAccept: text/html\r\nAccept-Language: en\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("got status %d; want 200", res.StatusCode)
	}
	return err
}

// The whole process stays within what docs/configuration.md says that it may take,
// under each attack on its memory, and people are served meanwhile.
func TestProcessMemory(t *testing.T) {
	if racing || testing.Short() {
		t.Skip("measures memory")
	}
	const memory, requests, connections, pit = 64 << 20, 1000, 2500, 16 << 20
	const bound = 64<<20 + memory + bodyBudget + requests*5/4*(64<<10) + connections*(64<<10) + pit
	p := start(t, fmt.Sprintf("limits: {memory: %d, requests: %d, connections: %d}\ntarpit: {connections: 300, "+
		"memory: %d}\n", memory, requests, connections, pit))
	for _, attack := range []struct {
		name string
		run  func(*testing.T, *process) (release func())
	}{
		{"stalled uploads", stalledUploads}, {"idle connections", idleConnections},
		{"exploits from ever new addresses", newAddresses}, {"packed bodies", packedBodies},
	} {
		release := attack.run(t, p)
		for n := range 20 {
			if err := p.visit(n); err != nil {
				t.Errorf("%s: visitor %d: %v", attack.name, n, err)
			}
		}
		release()
		most := p.peak(t)
		t.Logf("%s: the process had %d MiB at most; the bound is %d", attack.name, most>>20, bound>>20)
		if most > bound {
			t.Errorf("%s: the process took %d MiB; want at most %d", attack.name, most>>20, bound>>20)
		}
	}
}

// stalledUploads opens 30,000 streams that say 60,000 bytes are to come and send 500.
func stalledUploads(t *testing.T, p *process) func() {
	var mu sync.Mutex
	var conns []net.Conn
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	enc.SetMaxDynamicTableSize(0)
	for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "shop.test"}, {":path", "/api/x"}, {"content-length", "60000"}, {"x", strings.Repeat("y", 3000)}} {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&out, nil)
	f.WriteSettings()
	for n := range 100 {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(1 + 2*n), BlockFragment: block.Bytes(),
			EndHeaders: true})
		f.WriteData(uint32(1+2*n), false, bytes.Repeat([]byte{'x'}, 500))
	}
	var all sync.WaitGroup
	for a := range 30 {
		all.Go(func() {
			for range 10 {
				c, err := as(p.plain, 10, 1+a)
				if err != nil {
					continue // no place: the gateway's choice
				}
				mu.Lock()
				conns = append(conns, c)
				mu.Unlock()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				c.Write(out.Bytes())
				go io.Copy(io.Discard, c)
			}
		})
	}
	all.Wait()
	time.Sleep(time.Second)
	return closing(&conns)
}

// idleConnections opens TLS connections with HTTP/2 beyond all places.
func idleConnections(t *testing.T, p *process) func() {
	var mu sync.Mutex
	var conns []net.Conn
	var all sync.WaitGroup
	for a := range 8 {
		all.Go(func() {
			for n := range 400 {
				raw, err := as(p.secure, 20+a, 1+n%200)
				if err != nil {
					continue
				}
				c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
				c.SetDeadline(time.Now().Add(30 * time.Second))
				io.WriteString(c, http2.ClientPreface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
				mu.Lock()
				conns = append(conns, raw)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return closing(&conns)
}

// newAddresses sends exploits, each from an address that was never seen.
func newAddresses(t *testing.T, p *process) func() {
	var all sync.WaitGroup
	for a := range 4 {
		all.Go(func() {
			for n := range 2000 {
				c, err := as(p.plain, 40+10*a+n/250, 1+n%250)
				if err != nil {
					continue
				}
				c.SetDeadline(time.Now().Add(10 * time.Second))
				io.WriteString(c, "GET /?q=1%27%20UNION%20SELECT%20password%20FROM%20users-- HTTP/1.1\r\nHost: "+
					"shop.test\r\nConnection: close\r\n\r\n")
				io.Copy(io.Discard, c)
				c.Close()
			}
		})
	}
	all.Wait()
	return func() {}
}

// packedBodies sends small bodies that are large and costly once decoded.
func packedBodies(t *testing.T, p *process) func() {
	packed := gzipped(t, `{"q":"`+strings.Repeat("*)(a=1", 10_000)+`"}`)
	var all sync.WaitGroup
	for a := range 4 {
		all.Go(func() {
			for n := range 50 {
				c, err := as(p.plain, 90, 1+a*50+n)
				if err != nil {
					continue
				}
				c.SetDeadline(time.Now().Add(20 * time.Second))
				fmt.Fprintf(c, "POST /api/x HTTP/1.1\r\nHost: shop.test\r\nContent-Type: "+
					"application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
					len(packed), packed)
				io.Copy(io.Discard, c)
				c.Close()
			}
		})
	}
	all.Wait()
	return func() {}
}

func closing(conns *[]net.Conn) func() {
	return func() {
		for _, c := range *conns {
			if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				continue
			}
		}
	}
}

func gzipped(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
