package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/internal/request"
)

// matrix: every protocol before every other, with and without bodies.
func (s suite) matrix(t *testing.T) {
	for _, kind := range []string{"http", "https", "h2c"} {
		up := upstream(t, kind, func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %d %v", r.Method, r.RequestURI, r.Host, len(b), err)
		})
		g := s.front.start(t, setup{upstreams: []string{up}})
		for _, c := range []struct{ protocol, url string }{
			{"http1", "http://" + g.plain}, {"http1", "https://" + g.secure}, {"h2", "https://" + g.secure}, {"h2c", "http://" + g.plain},
		} {
			cl := client(t, c.protocol)
			for _, size := range []int{0, 10, 100_000} {
				for _, chunked := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s to %s, %d bytes, chunked %v", c.protocol, kind, size, chunked), func(t *testing.T) {
						var in io.Reader = strings.NewReader(strings.Repeat("x", size))
						if chunked {
							in = struct{ io.Reader }{in}
						}
						req, err := http.NewRequest("POST", c.url+"/p?q=1", in)
						if err != nil {
							t.Fatal(err)
						}
						req.Host = "api.example.com"
						res, err := cl.Do(req)
						if got, want := read(t, res, err), fmt.Sprintf("POST /p?q=1 api.example.com %d <nil>", size); got != want {
							t.Errorf("got %q; want %q", got, want)
						}
					})
				}
			}
		}
	}
}

func (s suite) requestBytes(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for name, raw := range map[string]string{
		"bare":                     head("GET / HTTP/1.1\nHost: a\n"),
		"no user agent":            head("GET / HTTP/1.1\nHost: a\nAccept: */*\n"),
		"empty user agent":         head("GET / HTTP/1.1\nHost: a\nUser-Agent:\n"),
		"two user agents":          head("GET / HTTP/1.1\nHost: a\nUser-Agent: one\nuser-agent: two\n"),
		"duplicates, empty values": head("GET / HTTP/1.1\nHost: a\nX-A: 1\nX-A: 2\nx-a: 3\nX-A: 1\nX-Empty:\nX-Empty:\nX-List: a, b\n"),
		"odd case and names":       head("GET / HTTP/1.1\nhOsT: a\naCCept-EnCoding: br\nX_Under: 1\n!odd#$%%&'*+.^`|~: 2\nx-b: 3\n"),
		"obs-text and tabs":        head("GET / HTTP/1.1\nHost: a\nX-Latin: caf\xe9\t\xff\nX-Utf8: \u00fc\nX-Quote: \"a\\\"b\"\n"),
		"host with port and case":  head("GET / HTTP/1.1\nHost: API.Example.COM:8080\n"),
		"cookies":                  head("GET / HTTP/1.1\nHost: a\nCookie: a=1; b=2\nCookie: c=3\n"),
		"range":                    head("GET / HTTP/1.1\nHost: a\nRange: bytes=0-1,3-\nIf-Range: \"x\"\n"),
		"odd method":               head("PROPFIND / HTTP/1.1\nHost: a\nDepth: 1\n"),
		"lower-case method":        head("get / HTTP/1.1\nHost: a\n"),
		"authorization":            head("GET / HTTP/1.1\nHost: a\nAuthorization: Basic YTpi\nIdempotency-Key: 1\n"),
		"cache and via":            head("GET / HTTP/1.1\nHost: a\nVia: 1.1 x\nCache-Control: no-cache\nPragma: no-cache\nAccept-Encoding: gzip;q=0\n"),
		"long value":               head("GET / HTTP/1.1\nHost: a\nX-Long: %s\n", strings.Repeat("v", 20_000)),
		"body":                     head("POST / HTTP/1.1\nHost: a\nContent-Type: application/octet-stream\nContent-Length: 4\n") + "\x00\xff\r\n",
		"coded body":               head("PUT / HTTP/1.1\nHost: a\nContent-Encoding: gzip\nContent-Length: 3\n") + "\x1f\x8b\x08",
		"chunked body":             head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n") + "3\r\nabc\r\n1;ext=1\r\nd\r\n0\r\n\r\n",
		"empty chunked body":       head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n") + "0\r\n\r\n",
		"get with a body":          head("GET / HTTP/1.1\nHost: a\nContent-Length: 2\n") + "hi",
		"delete with chunks":       head("DELETE / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n") + "2\r\nhi\r\n0\r\n\r\n",
		"expect, something else":   head("POST / HTTP/1.1\nHost: a\nExpect: tea\nContent-Length: 2\n") + "hi",
		"post, length zero":        head("POST / HTTP/1.1\nHost: a\nContent-Length: 0\n"),
	} {
		t.Run(name, func(t *testing.T) {
			before := len(u.messages())
			if got := body(t, call(t, g, raw)); got != "ok" {
				t.Fatalf("got answer %q; want ok", got)
			}
			in := bufio.NewReader(strings.NewReader(raw))
			want, err := readHead(in)
			if err != nil {
				t.Fatal(err)
			}
			want.readBody(in)
			got := u.messages()[before]
			if got.start != want.start || got.body != want.body {
				t.Errorf("got %q %q; want %q %q", got.start, got.body, want.start, want.body)
			}
			if d := cmp.Diff(multiset(want.fields, gatewayOwn...), multiset(got.fields, gatewayOwn...)); d != "" {
				t.Errorf("fields (-sent +arrived):\n%s", d)
			}
			if want.get("Transfer-Encoding") != got.get("Transfer-Encoding") && want.body != "" {
				t.Errorf("got coding %q; want %q", got.get("Transfer-Encoding"), want.get("Transfer-Encoding"))
			}
		})
	}
}

func (s suite) targets(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for _, target := range []string{
		"/", "/x?", "/?", "/a//b%2Fc/../d|e?x=1;y=2&z=<a>", "//double", "//double/slash?q=1", "///", "//a%2Fb/%7e?x", "//?", "/%zz", "/%00", "/%", "/a;b=c;d/e;",
		"/caf\xc3\xa9/\xff?\xc3\xa9", "/./.././x", "/a%2e%2e/b", "/a+b?c+d", "/{id}/[x]/^`\\\"", "/#frag", "/x?a?b?c", "/*", "/x#y?z",
		"http://other.example/x//y?z", "http://other.example", "http://other.example:8080?q", "HTTPS://Other.Example/%7E",
		"/" + strings.Repeat("long/", 3000),
	} {
		t.Run(fmt.Sprintf("%.40q", target), func(t *testing.T) {
			before := len(u.messages())
			body(t, call(t, g, head("GET %s HTTP/1.1\nHost: a\n", target)))
			got := u.messages()[before]
			if want := "GET " + target + " HTTP/1.1"; got.start != want {
				t.Errorf("got %.80q; want %.80q", got.start, want)
			}
		})
	}
	t.Run("options *", func(t *testing.T) {
		before := len(u.messages())
		body(t, call(t, g, head("OPTIONS * HTTP/1.1\nHost: a\n")))
		if got := u.messages()[before].start; got != "OPTIONS * HTTP/1.1" {
			t.Errorf("got %q; want OPTIONS *", got)
		}
	})
	t.Run("the one exception", func(t *testing.T) {
		before := len(u.messages())
		body(t, call(t, g, head("GET //a|b?x=<y> HTTP/1.1\nHost: h\n")))
		if got, want := u.messages()[before].start, "GET http://h//a|b?x=<y> HTTP/1.1"; got != want {
			t.Errorf("got %q; want %q: net/url cannot write the origin form", got, want)
		}
	})
	t.Run("absolute form before http2", func(t *testing.T) {
		up := upstream(t, "h2c", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host+" "+r.RequestURI) })
		g := s.front.start(t, setup{upstreams: []string{up}})
		for target, want := range map[string]string{
			"http://o.example/x?y": "o.example /x?y", "https://o.example": "o.example /", "http://o.example?q": "o.example /?q",
			"//d|e/f": "a //d|e/f", "/p|q": "a /p|q",
		} {
			if got := body(t, call(t, g, head("GET %s HTTP/1.1\nHost: a\n", target))); got != want {
				t.Errorf("%s: got %q; want %q", target, got, want)
			}
		}
	})
}

func (s suite) answerBytes(t *testing.T) {
	answer := fine
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool { return says(answer, false)(c, in, m) })
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for name, raw := range map[string]string{
		"bare":             head("HTTP/1.1 200 OK\nContent-Length: 2\n") + "ok",
		"dated":            head("HTTP/1.1 200 OK\nDate: Tue, 15 Nov 1994 08:12:31 GMT\nServer: x\nContent-Type: text/html; charset=x\nContent-Length: 2\n") + "ok",
		"chunked, small":   head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n") + "2\r\nok\r\n0\r\n\r\n",
		"chunked, empty":   head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n") + "0\r\n\r\n",
		"until close":      head("HTTP/1.1 200 OK\nConnection: close\n") + "all there is",
		"cookies":          head("HTTP/1.1 200 OK\nSet-Cookie: a=1; Path=/\nSet-Cookie: a=1; Path=/\nSet-Cookie: b=\nContent-Length: 0\n"),
		"coded":            head("HTTP/1.1 200 OK\nContent-Encoding: gzip\nVary: Accept-Encoding\nContent-Length: 3\n") + "\x1f\x8b\x00",
		"empty values":     head("HTTP/1.1 200 OK\nX-Empty:\nX-Empty:\nX-A: 1\nX-A: 2\nContent-Length: 0\n"),
		"unusual status":   head("HTTP/1.1 299 Whatever\nContent-Length: 2\n") + "ok",
		"teapot":           head("HTTP/1.1 418 I'm a teapot\nContent-Length: 2\n") + "ok",
		"high status":      head("HTTP/1.1 799 High\nContent-Length: 2\n") + "ok",
		"redirect":         head("HTTP/1.1 302 Found\nLocation: //x/y?z=|\nContent-Length: 0\n"),
		"unauthorized":     head("HTTP/1.1 401 No\nWWW-Authenticate: Basic realm=\"a\"\nWWW-Authenticate: Bearer\nContent-Length: 0\n"),
		"no type, html":    head("HTTP/1.1 200 OK\nContent-Length: 6\n") + "<html>",
		"alt-svc and link": head("HTTP/1.1 200 OK\nAlt-Svc: h3=\":443\"\nLink: </a>; rel=preload\nETag: W/\"x\"\nContent-Length: 0\n"),
		"large":            head("HTTP/1.1 200 OK\nContent-Length: 300000\n") + strings.Repeat("0123456789", 30_000),
		"latin":            head("HTTP/1.1 200 OK\nX-Latin: caf\xe9\nContent-Length: 0\n"),
	} {
		answer = raw
		t.Run(name, func(t *testing.T) {
			got := call(t, g, head("GET / HTTP/1.1\nHost: a\n"))
			sameAnswer(t, got, parseAnswer(t, raw, "GET"))
		})
		t.Run(name+", http2", func(t *testing.T) {
			got, err := client(t, "h2c").Get("http://" + g.plain + "/")
			if err != nil {
				t.Fatal(err)
			}
			sameAnswer(t, got, parseAnswer(t, raw, "GET"))
		})
	}
}

func parseAnswer(t *testing.T, raw, method string) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// sameAnswer compares status, fields and body; the reason phrase is net/http's.
func sameAnswer(t *testing.T, got, want *http.Response) {
	t.Helper()
	gotBody, wantBody := body(t, got), body(t, want)
	if got.StatusCode != want.StatusCode || gotBody != wantBody {
		t.Errorf("got %d %.60q; want %d %.60q", got.StatusCode, gotBody, want.StatusCode, wantBody)
	}
	if d := cmp.Diff(multiset(fieldsOf(want.Header), "connection"), multiset(fieldsOf(got.Header), "connection")); d != "" {
		t.Errorf("fields (-sent +arrived):\n%s", d)
	}
}

func fieldsOf(h http.Header) (out []request.Field) {
	for name, values := range h {
		for _, v := range values {
			out = append(out, request.Field{Name: name, Value: v})
		}
	}
	return out
}

func (s suite) bodiless(t *testing.T) {
	answer := ""
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool { return says(answer, true)(c, in, m) })
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for _, c := range []struct{ method, raw string }{
		{"HEAD", head("HTTP/1.1 200 OK\nContent-Length: 12345\nContent-Type: a/b\n")},
		{"HEAD", head("HTTP/1.1 200 OK\nX-A: 1\n")},
		{"HEAD", head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n")},
		{"HEAD", head("HTTP/1.1 404 No\nContent-Length: 0\n")},
		{"GET", head("HTTP/1.1 204 No Content\nX-A: 1\n")},
		{"GET", head("HTTP/1.1 304 Not Modified\nETag: \"x\"\nContent-Type: a/b\nContent-Length: 77\n")},
		{"GET", head("HTTP/1.1 304 Not Modified\nETag: \"x\"\n")},
	} {
		t.Run(c.method+" "+c.raw, func(t *testing.T) {
			answer = c.raw
			conn := dial(t, g.plain)
			in := bufio.NewReader(conn)
			for range 2 { // the second shows that the first was framed right
				send(t, conn, head("%s / HTTP/1.1\nHost: a\n", c.method))
				got, err := http.ReadResponse(in, &http.Request{Method: c.method})
				if err != nil {
					t.Fatal(err)
				}
				sameAnswer(t, got, parseAnswer(t, c.raw, c.method))
			}
		})
	}
}

func (s suite) ranges(t *testing.T) {
	u := newRaw(t, says(head("HTTP/1.1 206 Partial Content\nContent-Range: bytes 1-2/9\nContent-Length: 2\n")+"bc", true))
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	res := call(t, g, head("GET / HTTP/1.1\nHost: a\nRange: bytes=1-2\n"))
	if got := body(t, res); got != "bc" || res.StatusCode != 206 || res.Header.Get("Content-Range") != "bytes 1-2/9" {
		t.Errorf("got %d %q %q; want 206 bc", res.StatusCode, got, res.Header)
	}
	if got := u.messages()[0].get("Range"); got != "bytes=1-2" {
		t.Errorf("got Range %q; want it unchanged", got)
	}
}
