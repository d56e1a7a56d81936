package proxy_test

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bartizan/internal/policy"
)

func (s suite) hopByHop(t *testing.T) {
	u := newRaw(t, says(head("HTTP/1.1 200 OK\nConnection: X-Secret, keep-alive\nX-Secret: 1\nX-Open: 2\nKeep-Alive: timeout=5\nProxy-Authenticate: Basic\nContent-Length: 2\n")+"ok", true))
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	res := call(t, g, head("GET / HTTP/1.1\nHost: a\nConnection: X-Gone, close, authorization,X-Too\nconnection: x-third\nX-Gone: 1\nx-too: 2\nX-Third: 3\nX-Stays: 4\n"+
		"Authorization: Basic YTpi\nKeep-Alive: 5\nProxy-Connection: keep-alive\nProxy-Authorization: Basic YTpi\nTE: trailers, deflate\nTrailer: X\nHTTP2-Settings: AAMAAABk\n"))
	body(t, res)
	got := multiset(u.messages()[0].fields, "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
	want := []string{"authorization: Basic YTpi", "host: a", "te: trailers", "x-stays: 4"}
	if !slices.Equal(got, want) {
		t.Errorf("upstream got %q; want %q", got, want)
	}
	for name, want := range map[string]string{"X-Secret": "", "Keep-Alive": "", "X-Open": "2", "Proxy-Authenticate": "Basic"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("client got %s %q; want %q", name, got, want)
		}
	}
}

func (s suite) forwardedFields(t *testing.T) {
	u := newRaw(t, nil)
	raw := head("GET / HTTP/1.1\nHost: api.example.com:8443\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-For: 10.0.0.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: public.example\n" +
		"Forwarded: for=203.0.113.9;proto=https\nForwarded: for=10.0.0.1\n")
	for _, c := range []struct {
		name, raw string
		trusted   []string
		want      []string
	}{
		{"untrusted", raw, nil, []string{"x-forwarded-for: 127.0.0.1", "x-forwarded-host: api.example.com:8443", "x-forwarded-proto: http"}},
		{"trusted", raw, []string{"127.0.0.0/8"}, []string{
			"forwarded: for=203.0.113.9;proto=https, for=10.0.0.1, for=127.0.0.1", "x-forwarded-for: 203.0.113.9, 10.0.0.1, 127.0.0.1",
			"x-forwarded-host: public.example", "x-forwarded-proto: https",
		}},
		{"trusted, silent", head("GET / HTTP/1.1\nHost: b\n"), []string{"127.0.0.0/8"}, []string{"x-forwarded-for: 127.0.0.1", "x-forwarded-host: b", "x-forwarded-proto: http"}},
		{"connection names them", head("GET / HTTP/1.1\nHost: b\nConnection: x-forwarded-for, host\n"), nil, []string{"x-forwarded-for: 127.0.0.1", "x-forwarded-host: b", "x-forwarded-proto: http"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := s.front.start(t, setup{upstreams: []string{u.url}, trusted: c.trusted})
			before := len(u.messages())
			body(t, call(t, g, c.raw))
			m := u.messages()[before]
			if got := multiset(m.fields, "host"); !slices.Equal(got, c.want) {
				t.Errorf("got %q; want %q", got, c.want)
			}
			if want := strings.Contains(c.raw, "Host: "+m.get("Host")+"\r\n"); !want {
				t.Errorf("got Host %q; want it unchanged", m.get("Host"))
			}
		})
	}
	t.Run("tls", func(t *testing.T) {
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		before := len(u.messages())
		res, err := client(t, "h2").Get("https://" + g.secure + "/")
		read(t, res, err)
		if got := u.messages()[before].get("X-Forwarded-Proto"); got != "https" {
			t.Errorf("got X-Forwarded-Proto %q; want https", got)
		}
	})
}

func (s suite) fingerprintHeader(t *testing.T) {
	const ja4 = "t13d1516h2_8daaf6152771_02713d6af862"
	u := newRaw(t, nil)
	for _, c := range []struct {
		name, value, want string
		trusted           []string
	}{
		{"trusted", ja4, ja4, []string{"127.0.0.1"}},
		{"untrusted", ja4, "", nil},
		{"no fingerprint", "t13d1516h2_8DAAF6152771_02713d6af862", "", []string{"127.0.0.1"}},
		{"too long", ja4 + "0", "", []string{"127.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := s.front.start(t, setup{upstreams: []string{u.url}, trusted: c.trusted, policy: func(o *policy.Options) { o.FingerprintHeader = "X-JA4" }})
			body(t, call(t, g, head("GET / HTTP/1.1\nHost: a\nX-Ja4: %s\n", c.value)))
			if got := g.lines(t, 1)[0].ja4; got != c.want {
				t.Errorf("got JA4 %q; want %q", got, c.want)
			}
		})
	}
	t.Run("the hop's own hello counts for nobody", func(t *testing.T) {
		g := s.front.start(t, setup{upstreams: []string{u.url}, trusted: []string{"127.0.0.1"}, policy: func(o *policy.Options) { o.FingerprintHeader = "X-JA4" }})
		res, err := client(t, "h2").Get("https://" + g.secure + "/")
		read(t, res, err)
		if got := g.lines(t, 1)[0].ja4; got != "" {
			t.Errorf("got JA4 %q; want none", got)
		}
	})
}

func (s suite) requestTrailers(t *testing.T) {
	raw := head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTrailer: X-Sum, Content-Length\n") + "3\r\nabc\r\n0\r\nX-Sum: 42\r\nX-Surprise: 1\r\n\r\n"
	t.Run("raw", func(t *testing.T) {
		u := newRaw(t, nil)
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		body(t, call(t, g, raw))
		if got, want := u.messages()[0].rest, "X-Sum: 42\r\nX-Surprise: 1\r\n\r\n"; got != want {
			t.Errorf("got trailers %q; want %q", got, want)
		}
		if got := u.messages()[0].get("Trailer"); !strings.Contains(got, "X-Sum") || strings.Contains(got, "Content-Length") {
			t.Errorf("got Trailer %q; want X-Sum announced and nothing forbidden", got)
		}
	})
	for _, kind := range []string{"http", "https", "h2c"} {
		up := upstream(t, kind, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			io.WriteString(w, string(b)+" "+r.Trailer.Get("X-Sum"))
		})
		g := s.front.start(t, setup{upstreams: []string{up}})
		for _, c := range []struct{ protocol, url string }{{"http1", "http://" + g.plain}, {"h2", "https://" + g.secure}, {"h2c", "http://" + g.plain}} {
			for _, size := range []int{3, 200_000} {
				in := strings.Repeat("x", size)
				for range 2 { // on HTTP/2 only the first head is read from the wire
					req, err := http.NewRequest("POST", c.url, struct{ io.Reader }{strings.NewReader(in)})
					if err != nil {
						t.Fatal(err)
					}
					req.Trailer = http.Header{"X-Sum": {"42"}}
					res, err := client(t, c.protocol).Do(req)
					if got := read(t, res, err); got != in+" 42" {
						t.Errorf("%s to %s: got %.20q…%q; want the body and 42", c.protocol, kind, got, got[max(0, len(got)-5):])
					}
				}
			}
		}
	}
}

func (s suite) answerTrailers(t *testing.T) {
	u := newRaw(t, says(head("HTTP/1.1 200 OK\nTrailer: Set-Cookie, X-Sum\nTransfer-Encoding: chunked\n")+
		"2\r\nok\r\n0\r\nX-Sum: 42\r\nX-Surprise: 1\r\nSet-Cookie: a=1\r\nContent-Length: 9\r\nTransfer-Encoding: "+
		"gzip\r\nConnection: X-Sum\r\n\r\n", true))
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	t.Run("raw", func(t *testing.T) {
		c := dial(t, g.plain)
		send(t, c, head("GET / HTTP/1.1\nHost: a\nTE: trailers\nConnection: close\n"))
		in := bufio.NewReader(c)
		m, err := readHead(in)
		if err != nil {
			t.Fatal(err)
		}
		m.readBody(in)
		if m.body != "ok" || m.rest != "X-Sum: 42\r\nX-Surprise: 1\r\n\r\n" || m.get("Trailer") != "X-Sum" {
			t.Errorf("got %q with trailers %q, announced %q; want ok, both and X-Sum", m.body, m.rest, m.get("Trailer"))
		}
	})
	t.Run("http/1.0", func(t *testing.T) {
		c := dial(t, g.plain)
		send(t, c, "GET / HTTP/1.0\r\n\r\n")
		b, _ := io.ReadAll(c)
		if got := string(b); !strings.HasSuffix(got, "\r\n\r\nok") || strings.Contains(got, "chunked") {
			t.Errorf("got %q; want a plain body until the end", got)
		}
	})
	t.Run("http2", func(t *testing.T) {
		res, err := client(t, "h2").Get("https://" + g.secure)
		if got := read(t, res, err); got != "ok" || res.Trailer.Get("X-Sum") != "42" || res.Trailer.Get("X-Surprise") != "1" {
			t.Errorf("got %q with %v; want ok and both trailers", got, res.Trailer)
		}
	})
}

func (s suite) earlyHints(t *testing.T) {
	u := newRaw(t, says(head("HTTP/1.1 103 Early Hints\nLink: </a.css>; rel=preload\nConnection: X-Hop\nX-Hop: 1\n")+head("HTTP/1.1 103 Early Hints\nLink: </b.js>\n")+fine, true))
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	c := dial(t, g.plain)
	send(t, c, head("GET / HTTP/1.1\nHost: a\n"))
	in := bufio.NewReader(c)
	var got []string
	for range 3 {
		m, err := readHead(in)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.start[:len("HTTP/1.1 103")]+" "+m.get("Link")+m.get("X-Hop"))
	}
	want := []string{"HTTP/1.1 103 </a.css>; rel=preload", "HTTP/1.1 103 </b.js>", "HTTP/1.1 200 "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	if res := call(t, g, head("GET / HTTP/1.0\nHost: a\n")); res.StatusCode != 200 {
		t.Errorf("HTTP/1.0 got %d; want 200 alone: it knows no 1xx", res.StatusCode)
	}
}

// connect: it is refused before an upstream hears of it, and its connection ends.
func (s suite) connect(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	for _, method := range []string{"CONNECT", "connect", "Connect"} {
		for _, target := range []string{"db.internal:5432", "/x"} {
			c := dial(t, g.plain)
			send(t, c, head("%s %s HTTP/1.1\nHost: db.internal:5432\n", method, target)+simple)
			b, err := io.ReadAll(c)
			if got := string(b); err != nil || !strings.HasPrefix(got, "HTTP/1.1 501") && !strings.HasPrefix(got,
				"HTTP/1.1 400") || strings.Count(got, "HTTP/1.1 ") != 1 {
				t.Errorf("%s %s: got %q, %v; want one refusal and the end", method, target, got, err)
			}
		}
	}
	if got := u.messages(); len(got) > 0 {
		t.Errorf("upstream got %q; want nothing", got[0].start)
	}
}
