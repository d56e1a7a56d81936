package proxy_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/proxy"
)

var benchRequests = map[string]string{
	"get": "GET /api/products/42?fields=name,price HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: shop-android/5.2 okhttp/4.12.0\r\n" +
		"Accept: application/json\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: https://shop.example.com/\r\nAuthorization: Bearer abcdef0123456789\r\nConnection: keep-alive\r\n\r\n",
	"post": "POST /api/orders HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: shop-android/5.2 okhttp/4.12.0\r\n" +
		"Accept: application/json\r\nContent-Type: application/json\r\nAuthorization: Bearer abcdef0123456789\r\nContent-Length: " + strconv.Itoa(len(benchBody)) + "\r\n\r\n" + benchBody,
}

// benchBody is 1 KB of JSON as shops send it.
var benchBody = `{"items":[` + strings.Repeat(`{"sku":"AB-1234","name":"Blue mug, 0.3 l","count":2,"note":"as a gift"},`, 13) + `{"sku":"CD-5"}],"currency":"EUR"}`

const benchAnswer = "HTTP/1.1 200 OK\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Type: application/json\r\nContent-Length: 27\r\nX-Request-Id: 0123456789\r\n\r\n{\"id\":42,\"name\":\"Blue mug\"}"

// BenchmarkProxy sends one request after the other on a kept connection through
// the gateway, through a bare httputil.ReverseProxy, and directly. Client and
// upstream do nearly nothing, so cpu-ns/op less that of "direct" is the proxy's.
func BenchmarkProxy(b *testing.B) {
	up := benchUpstream(b, benchAnswer)
	gw := proxyFront{}.start(b, setup{upstreams: []string{"http://" + up}, mode: policy.Enforce, proxy: func(o *proxy.Options) { o.Access, o.Report = nil, nil }})
	bare := bareProxy(b, "http://"+up)
	for _, kind := range []string{"get", "post"} {
		for _, target := range []struct{ name, address string }{{"direct", up}, {"bare", bare}, {"gateway", gw.plain}} {
			b.Run(kind+"/"+target.name, func(b *testing.B) { benchCalls(b, target.address, benchRequests[kind]) })
		}
	}
}

// BenchmarkCodedAnswer sends 20 KB of JSON in gzip through the gateway: as JSON, which
// is read for ids, and as a picture, which is not.
func BenchmarkCodedAnswer(b *testing.B) {
	text := packed(b, "gzip", orders(290))
	for name, kind := range map[string]string{"read": "application/json", "unread": "image/png"} {
		b.Run(name, func(b *testing.B) {
			up := benchUpstream(b, "HTTP/1.1 200 OK\r\nContent-Type: "+kind+"\r\nContent-Encoding: gzip\r\nContent-Length: "+strconv.Itoa(len(text))+"\r\n\r\n"+text)
			gw := proxyFront{}.start(b, setup{upstreams: []string{"http://" + up}, mode: policy.Enforce, proxy: func(o *proxy.Options) { o.Access, o.Report = nil, nil }})
			benchCalls(b, gw.plain, benchRequests["get"])
		})
	}
}

func benchCalls(b *testing.B, address, request string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	in, out := bufio.NewReader(c), []byte(request)
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		if _, err := c.Write(out); err != nil {
			b.Fatal(err)
		}
		length := 0
		for {
			l, err := in.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if len(l) == 2 {
				break
			}
			if v, ok := strings.CutPrefix(string(l), "Content-Length: "); ok {
				length, _ = strconv.Atoi(strings.TrimSpace(v))
			}
		}
		if _, err := in.Discard(length); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// benchUpstream answers what begins with GET or ends with the body.
func benchUpstream(b *testing.B, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					length := 0
					for {
						line, err := in.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(line) == 2 {
							break
						}
						if v, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
							length, _ = strconv.Atoi(strings.TrimSpace(v))
						}
					}
					in.Discard(length)
					io.WriteString(c, answer)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// buffers is a pool for the bare proxy, whose own buffers cost more than ours.
type buffers struct{ *sync.Pool }

func (p buffers) Get() []byte {
	if b, ok := p.Pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

func (p buffers) Put(b []byte) { p.Pool.Put(&b) }

// bareProxy is httputil.ReverseProxy at its best: with a buffer pool, and
// with the gateway's settings of transport and server.
func bareProxy(b *testing.B, up string) string {
	u, err := url.Parse(up)
	if err != nil {
		b.Fatal(err)
	}
	rp := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(u); r.SetXForwarded(); r.Out.Host = r.In.Host },
		Transport:  &http.Transport{MaxIdleConns: 2048, MaxIdleConnsPerHost: 1024, DisableCompression: true, WriteBufferSize: 8 << 10, ReadBufferSize: 8 << 10, ResponseHeaderTimeout: time.Minute, IdleConnTimeout: 90 * time.Second},
		BufferPool: buffers{new(sync.Pool)},
		ErrorLog:   slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn),
	}
	s := httptest.NewUnstartedServer(rp)
	s.Config.ReadHeaderTimeout, s.Config.IdleTimeout = 10*time.Second, 120*time.Second
	s.Start()
	b.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
