package proxy_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// packed returns plain in a content coding.
func packed(t testing.TB, coding, plain string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "":
		return plain
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	case "gzip, br":
		return packed(t, "br", packed(t, "gzip", plain))
	}
	if _, err := io.WriteString(w, plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bomb returns what decodes to a gigabyte of zeros, and is larger than what is held.
func bomb(t testing.TB, coding string) string {
	t.Helper()
	zeros := strings.Repeat("\x00", 1<<20)
	if coding == "zstd" {
		return strings.Repeat(packed(t, "zstd", zeros), 1024)
	}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	io.WriteString(w, zeros)
	w.Flush()
	return "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + strings.Repeat(b.String(), 1024)
}

// orders is a list of n orders, each with an id.
func orders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"%08x-6f1c-4d0e-9a43-7f2f5b1d9c01","state":"sent"},`, i)
	}
	return `{"orders":[` + b.String() + `{}]}`
}

// codedAnswers: what is coded is read as what is not, and passed on byte for byte.
func (s suite) codedAnswers(t *testing.T) {
	list, corrupt := orders(20), []byte(packed(t, "gzip", orders(200)))
	for i := 300; i < 320; i++ {
		corrupt[i] ^= 0x55
	}
	whole := packed(t, "gzip", orders(200))
	type answer struct {
		coding, body string
		ids          int
		unread       bool
	}
	answers := map[string]answer{
		"/plain": {"", list, 20, false}, "/gzip": {"gzip", packed(t, "gzip", list), 20, false}, "/deflate": {"deflate", packed(t, "deflate", list), 20, false},
		"/br": {"br", packed(t, "br", list), 20, false}, "/zstd": {"ZSTD", packed(t, "zstd", list), 20, false}, "/twice": {"gzip, br", packed(t, "gzip, br", list), 20, false},
		"/identity": {"identity", list, 20, false}, "/empty": {"gzip", "", 0, false}, "/long": {"br", packed(t, "br", orders(3000)), 256, true},
		"/lie": {"gzip", list, 0, true}, "/corrupt": {"gzip", string(corrupt), -1, true}, "/cut": {"gzip", whole[:len(whole)/2], -1, false},
		"/bomb-gzip": {"gzip", bomb(t, "gzip"), 0, true}, "/bomb-zstd": {"zstd", bomb(t, "zstd"), 0, true},
		"/bomb-br": {"br", packed(t, "br", strings.Repeat("\x00", 64<<20)), 0, true},
	}
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		a, h := answers[r.URL.Path], w.Header()
		h.Set("Content-Type", "application/json")
		if a.coding != "" {
			h.Set("Content-Encoding", a.coding)
		}
		if r.URL.RawQuery == "" {
			h.Set("Content-Length", strconv.Itoa(len(a.body)))
			io.WriteString(w, a.body)
			return
		}
		half := len(a.body) / 2
		io.WriteString(w, a.body[:half])
		http.NewResponseController(w).Flush()
		time.Sleep(5 * time.Millisecond)
		io.WriteString(w, a.body[half:])
	})
	g := s.front.start(t, setup{upstreams: []string{up}})
	n, schema := 0, uint64(0)
	for _, protocol := range []string{"http1", "h2"} {
		c, base := client(t, protocol), "http://"+g.plain
		if protocol == "h2" {
			base = "https://" + g.secure
		}
		for path, a := range answers {
			for _, query := range []string{"", "?chunked"} {
				req, err := http.NewRequest("GET", base+path+query, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Host = "api.example.com"
				res, err := c.Do(req)
				if got := read(t, res, err); got != a.body || res.Header.Get("Content-Encoding") != a.coding {
					t.Fatalf("%s%s: got %d bytes in %q; want %d as they were sent, in %q", path, query, len(got), res.Header.Get("Content-Encoding"), len(a.body), a.coding)
				}
				n++
				o := g.lines(t, n)[n-1].outcome
				if a.ids >= 0 && len(o.Issued) != a.ids || a.ids < 0 && (len(o.Issued) == 0 || len(o.Issued) >= 200) || o.Unread != a.unread {
					t.Errorf("%s%s: got %d ids, unread %v; want %d (-1: some), %v", path, query, len(o.Issued), o.Unread, a.ids, a.unread)
				}
				if a.ids == 20 && schema == 0 {
					schema = o.Schema
				}
				if a.ids == 20 && (o.Schema == 0 || o.Schema != schema) {
					t.Errorf("%s%s: got schema %x; want that of the others, %x", path, query, o.Schema, schema)
				}
			}
		}
	}
	if st := g.proxy.Stats(); st.Held != 0 {
		t.Errorf("got %d bytes held; want none", st.Held)
	}
}

// A coded error says as much as one that is not.
func (s suite) codedErrors(t *testing.T) {
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "br")
		w.WriteHeader(500)
		io.WriteString(w, packed(t, "br", "<p>You have an error in your SQL syntax; check the manual</p>"))
	})
	leaks := make(chan bool, 1)
	g := s.front.start(t, setup{upstreams: []string{up}, policy: func(o *policy.Options) { o.InspectAnswers = true }, proxy: func(o *proxy.Options) {
		o.Access = func(r *request.Request, _ engine.Verdict, _ request.Outcome) {
			leaks <- slices.ContainsFunc(r.Signals, func(s signal.Signal) bool { return s.Kind == signal.ErrorLeak })
		}
	}})
	for target, want := range map[string]bool{"/item?id=1'%20UNION%20SELECT%20password%20FROM%20users--": true, "/item?id=1": false} {
		res, err := client(t, "http1").Get("http://" + g.plain + target)
		read(t, res, err)
		if got := <-leaks; got != want {
			t.Errorf("%s: got a leak %v; want %v", target, got, want)
		}
	}
}

// codedBudget: where the budget is used up, a coded answer is not read, and passes.
func (s suite) codedBudget(t *testing.T) {
	text := packed(t, "gzip", orders(20))
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, text)
	})
	g := s.front.start(t, setup{upstreams: []string{up}, proxy: func(o *proxy.Options) { o.Budget = int64(len(text)) }})
	res, err := client(t, "http1").Get("http://" + g.plain + "/orders")
	if got := read(t, res, err); got != text {
		t.Errorf("got %d bytes; want %d as they were sent", len(got), len(text))
	}
	if o := g.lines(t, 1)[0].outcome; len(o.Issued) != 0 || !o.Unread || g.proxy.Stats().Held != 0 {
		t.Errorf("got %d ids, unread %v, %d bytes held; want none, true, 0", len(o.Issued), o.Unread, g.proxy.Stats().Held)
	}
}

// A decoder that fails costs one answer its ids, and no more.
func (s suite) codedFault(t *testing.T) {
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "x-bad")
		io.WriteString(w, `{"id":1}`)
	})
	g := s.front.start(t, setup{upstreams: []string{up}, engine: func(o *engine.Options) {
		o.Codings = map[string]request.Coding{"x-bad": func(io.Reader) (io.Reader, error) { panic("boom") }}
	}})
	for range 2 {
		res, err := client(t, "http1").Get("http://" + g.plain + "/orders")
		if got := read(t, res, err); got != `{"id":1}` {
			t.Errorf("got %q; want it as it was sent", got)
		}
	}
	if o := g.lines(t, 2)[1].outcome; len(o.Issued) != 0 || !o.Unread {
		t.Errorf("got %d ids, unread %v; want none, true", len(o.Issued), o.Unread)
	}
}

// A bomb costs what 64 KiB cost: no more time, and no memory that stays.
func TestAnswerBombIsCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's pools forget")
	}
	for _, coding := range []string{"gzip", "zstd"} {
		text := bomb(t, coding)
		up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", coding)
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
			io.WriteString(w, text)
		})
		g := proxyFront{}.start(t, setup{upstreams: []string{up}})
		c, sink := client(t, "http1"), make([]byte, 64<<10)
		call := func() {
			res, err := c.Get("http://" + g.plain + "/orders")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{res.Body}, sink); err != nil || n != int64(len(text)) {
				t.Fatalf("got %d bytes, %v; want %d", n, err, len(text))
			}
		}
		call()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		for range 10 {
			call()
		}
		took := time.Since(begun) / 10
		runtime.ReadMemStats(&after)
		each := (after.TotalAlloc - before.TotalAlloc) / 10
		t.Logf("%s: %d bytes for 1 GiB: %v and %d bytes allocated a call, both ends included", coding, len(text), took, each)
		if took > 300*time.Millisecond || each > 4<<20 {
			t.Errorf("%s: got %v and %d bytes a call; want under 300 ms and 4 MiB", coding, took, each)
		}
	}
}
