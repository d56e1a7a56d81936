package listen

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/request"
)

func TestPipelinedHeadsComeInOrder(t *testing.T) {
	h := &recorder{}
	c := dial(t, start(t, Options{Handler: h}))
	send(t, c, "GET /1 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\nHEAD /3 HTTP/1.1\r\nhost: c\r\n\r\n")
	r := bufio.NewReader(c)
	for i, method := range []string{"GET", "GET", "HEAD"} {
		want := fmt.Sprintf("%s /%d #%d ", method, i+1, i+1)
		if method == "HEAD" {
			want = ""
		}
		if status, body := answer(t, r, method); status != 200 || body != want {
			t.Errorf("answer %d: got %d %q; want 200 %q", i, status, body, want)
		}
	}
	all := h.wait(t, 3)
	for i, host := range []string{"a", "b", "c"} {
		if got := all[i].head; got.Host != host || got.Fault != request.Fine || !got.Ordered || got.Scheme != "http" {
			t.Errorf("head %d: got %+v; want host %q", i, got, host)
		}
	}
	if f := all[0].head.Fields; len(f) != 2 || f[1].Name != "X-One" {
		t.Errorf("fields of the first head: got %v; want Host and X-One", f)
	}
}

func TestKeptAliveBodies(t *testing.T) {
	h := &recorder{}
	c := dial(t, start(t, Options{Handler: h}))
	r := bufio.NewReader(c)
	long := strings.Repeat("x", 100_000)
	for _, tc := range []struct{ raw, want string }{
		{"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"GET /b HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n", "hello0123456789"},
		{"POST /d HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + long, long},
		{"POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n" + long + "\r\n0\r\n\r\n", long},
		{"\r\n\r\nGET /f HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	} {
		send(t, c, tc.raw)
		if status, body := answer(t, r, "GET"); status != 200 || !strings.HasSuffix(body, " "+tc.want) {
			t.Fatalf("%.60q: got %d %.60q; want the body back", tc.raw, status, body)
		}
	}
	if n := len(h.requests()); n != 6 {
		t.Errorf("got %d requests; want 6", n)
	}
}

func TestPipelinedBehindBodies(t *testing.T) {
	h := &recorder{}
	c := dial(t, start(t, Options{Handler: h}))
	send(t, c, "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+
		"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ndef"+
		"GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"POST /1 #1 abc", "POST /2 #2 def", "GET /3 #3 "} {
		if !strings.Contains(string(b), want) {
			t.Errorf("answers lack %q: %q", want, b)
		}
	}
	if all := h.requests(); len(all) != 3 {
		t.Errorf("got %d requests; want 3: nothing counts behind Connection: close", len(all))
	}
}

// Each shape gets one answer from us, the handler is called once, and nothing
// behind it is taken for a request.
func TestFaultsReachTheHandlerOnce(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h})
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, tc := range []struct {
		raw  string
		want request.Fault
	}{
		{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", request.FaultLengthAndCoding},
		{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", request.FaultLengthDuplicate},
		{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nabcd", request.FaultLengthDuplicate},
		{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd", request.FaultLengthInvalid},
		{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", request.FaultFieldName},
		{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", request.FaultFieldValue},
		{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", request.FaultCodingUnknown},
		{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", request.FaultCodingInvalid},
		{"POST /p HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", request.FaultCodingInvalid},
		{"POST /p HTTP/1.1\r\nHost: a\r\nX: a\r\n Content-Length: 4\r\n\r\nabcd", request.FaultFolding},
		{"POST /p HTTP/1.1\r\nHost: a\nContent-Length: 4\r\n\r\nabcd", request.FaultBareLF},
		{"POST /p HTTP/1.1\nHost: a\n\n", request.FaultBareLF},
		{"POST /p HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 4\r\n\r\nabcd", request.FaultBareCR},
		{"GET /p HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", request.FaultFieldValue},
		{"GET /p HTTP/1.1\r\n\r\n", request.FaultHostMissing},
		{"GET /p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", request.FaultHostDuplicate},
		{"GET /p HTTP/1.1\r\nHost: a/b\r\n\r\n", request.FaultHostInvalid},
		{"GET /p HTTP/3.0\r\nHost: a\r\n\r\n", request.FaultVersion},
		{"GET /p x HTTP/1.1\r\nHost: a\r\n\r\n", request.FaultRequestLine},
		{"GET /" + strings.Repeat("p", 17<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", request.FaultTargetTooLong},
		{"GET /" + strings.Repeat("p", 40<<10), request.FaultTargetTooLong},
		{"GET /p HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 600) + "\r\n", request.FaultHeadTooLarge},
		{"GET /p HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 40<<10), request.FaultHeadTooLarge},
		{"\r\n\r\n\r\n\r\n\r\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n", request.FaultRequestLine},
		{"\x80\x2e\x01\x03\x01\r\n\r\n", request.FaultRequestLine},
		{"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n....", request.FaultVersion},
	} {
		before := len(h.requests())
		got := exchange(t, s, tc.raw+smuggled)
		if want := fmt.Sprintf("HTTP/1.1 %d ", tc.want.Status()); !strings.HasPrefix(got, want) || strings.Count(got, "HTTP/1.1 ") != 1 {
			t.Errorf("%.80q: got answer %.100q; want one, %q", tc.raw, got, want)
		}
		all := h.requests()[before:]
		if len(all) != 1 || all[0].head.Fault != tc.want || all[0].head.Target == "/smuggled" {
			t.Errorf("%.80q: handler saw %.200v; want one request with fault %v", tc.raw, all, tc.want)
		}
	}
}

func TestFaultyHeadGetsNoBody(t *testing.T) {
	s := start(t, Options{Handler: &recorder{}})
	got := exchange(t, s, "HEAD / HTTP/1.1\r\n\r\n")
	if head, body, _ := strings.Cut(got, "\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 400") || body != "" {
		t.Errorf("HEAD with a fault: got %q; want 400 without a body", got)
	}
}

// A fault comes in its turn: what was asked before it is answered first.
func TestFaultBehindRequest(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h})
	got := exchange(t, s, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
	if !strings.Contains(got, "GET /1 #1") || !strings.Contains(got, "host-missing") {
		t.Errorf("got %q; want the answer to /1 and then the fault", got)
	}
}

func TestBadChunks(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h})
	for _, body := range []string{
		"5\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n",
		"5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "\r\n", "10000000000000000\r\n", "00000000000000005\r\nhello\r\n0\r\n\r\n",
		"5;" + strings.Repeat("x", 300) + "\r\nhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n",
		"0\r\nX y: 1\r\n\r\n", "0\r\n: 1\r\n\r\n", "0\r\nX: " + strings.Repeat("y", 3000) + "\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\n\n",
		strings.Repeat("1;"+strings.Repeat("e", 200)+"\r\nx\r\n", 60) + "0\r\n\r\n",
	} {
		before := len(h.requests())
		got := exchange(t, s, "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"+body+"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
		all := h.requests()[before:]
		if !strings.HasPrefix(got, "HTTP/1.1 400") || strings.Count(got, "HTTP/1.1 ") != 1 || len(all) != 1 || all[0].fault != request.FaultChunk || all[0].err == nil {
			t.Errorf("body %.60q: answer %.60q, handler saw %.200v; want one 400 with fault chunk", body, got, all)
		}
	}
}

func TestContinue(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h})
	const head = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	c := dial(t, s)
	send(t, c, head)
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v; want 100 Continue", line, err)
	}
	r.ReadString('\n')
	send(t, c, "hello")
	if status, body := answer(t, r, "POST"); status != 200 || !strings.HasSuffix(body, "hello") {
		t.Errorf("got %d %q; want the body back", status, body)
	}

	// A handler that refuses without reading: no 100, and the connection ends.
	refuse := start(t, Options{Handler: &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) { w.WriteHeader(403) }}})
	c = dial(t, refuse)
	send(t, c, head)
	all, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 403") {
		t.Errorf("got %q, %v; want 403 at once", all, err)
	}
	if odd := exchange(t, s, "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(odd, "HTTP/1.1 200") {
		t.Errorf("unknown expectation: got %q; want the handler's own answer", odd)
	}
}

// A body that nobody wants and that does not come must not hold the connection.
func TestStalledBodyBehindAnswer(t *testing.T) {
	s := start(t, Options{Handler: &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) { w.WriteHeader(403) }}})
	began := time.Now()
	got := exchange(t, s, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhello")
	if took := time.Since(began); !strings.HasPrefix(got, "HTTP/1.1 403") || took > 2*bodyGrace {
		t.Errorf("got %q after %v; want 403 within %v", got, took, bodyGrace)
	}
}

func TestByteByByte(t *testing.T) {
	h := &recorder{}
	c := dial(t, start(t, Options{Handler: h}))
	raw := "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	for i := range len(raw) {
		send(t, c, raw[i:i+1])
		time.Sleep(200 * time.Microsecond)
	}
	if status, body := answer(t, bufio.NewReader(c), "POST"); status != 200 || body != "POST /slow #1 hello" {
		t.Errorf("got %d %q; want 200 and the body", status, body)
	}
}

func TestSlowHead(t *testing.T) {
	for _, before := range []string{"", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"} {
		h := &recorder{}
		s := start(t, Options{Handler: h, HeaderTimeout: 300 * time.Millisecond, IdleTimeout: time.Minute})
		c := dial(t, s)
		send(t, c, before)
		began := time.Now()
		send(t, c, "GET /slow HTTP/1.1\r\nHost: a\r\nUser-Agent: loris\r\n")
		go func() { // a byte now and then must not extend it
			for range 20 {
				time.Sleep(50 * time.Millisecond)
				if _, err := io.WriteString(c, "X"); err != nil {
					return
				}
			}
		}()
		b, _ := io.ReadAll(c) // the client still writes, so a reset is fine
		took := time.Since(began)
		all := h.requests()
		last := all[len(all)-1].head
		if last.Fault != request.FaultSlow || last.Target != "/slow" || len(last.Fields) != 2 || !strings.Contains(string(b), "HTTP/1.1 408") {
			t.Errorf("after %q: head %+v, answer %q; want fault slow with its fields, and 408", before, last, b)
		}
		if took < 250*time.Millisecond || took > 2*time.Second {
			t.Errorf("took %v; want about 300ms", took)
		}
	}
}

func TestIdleConnectionsJustClose(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h, HeaderTimeout: 100 * time.Millisecond, IdleTimeout: 100 * time.Millisecond})
	if got := exchange(t, s, ""); got != "" {
		t.Errorf("silent connection got %q; want nothing", got)
	}
	if got := exchange(t, s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"); strings.Count(got, "HTTP/1.1 ") != 1 {
		t.Errorf("idle connection got %q; want one answer", got)
	}
	if n := len(h.requests()); n != 1 {
		t.Errorf("got %d requests; want 1", n)
	}
}

// A slow handler must not use up the time of the head behind it.
func TestHeadBehindSlowHandler(t *testing.T) {
	h := &recorder{}
	h.then = func(w http.ResponseWriter, r *http.Request, s *seen) {
		time.Sleep(300 * time.Millisecond)
		w.Write([]byte("ok"))
	}
	c := dial(t, start(t, Options{Handler: h, HeaderTimeout: 100 * time.Millisecond}))
	send(t, c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
	time.Sleep(350 * time.Millisecond)
	send(t, c, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
	r := bufio.NewReader(c)
	for range 2 {
		if status, _ := answer(t, r, "GET"); status != 200 {
			t.Errorf("got %d; want 200", status)
		}
	}
}

func TestUpgrade(t *testing.T) {
	h := &recorder{}
	h.then = func(w http.ResponseWriter, r *http.Request, s *seen) {
		if !s.head.Upgrade || s.head.Target == "/refused" {
			w.WriteHeader(200)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijacking: %v", err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		io.Copy(c, rw)
	}
	s := start(t, Options{Handler: h})
	const head = " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	for _, early := range []string{"", "GET /raw HTTP/1.1\r\n\r\n"} {
		c := dial(t, s)
		send(t, c, "GET /ok"+head+early)
		r := bufio.NewReader(c)
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("got %v, %v; want 101", res, err)
		}
		send(t, c, "\x00\x01raw\n")
		want := early + "\x00\x01raw\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Errorf("echo: got %q, %v; want %q", got, err, want)
		}
		c.Close()
	}
	// Refused: the connection goes on with HTTP, judged as ever.
	c := dial(t, s)
	send(t, c, "GET /refused"+head+"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
	r := bufio.NewReader(c)
	for range 2 {
		if status, _ := answer(t, r, "GET"); status != 200 {
			t.Errorf("refused upgrade: got %d; want 200", status)
		}
	}
	if !slices.ContainsFunc(h.requests(), func(s seen) bool { return s.head.Target == "/next" && s.number == 2 }) {
		t.Errorf("requests: got %+v; want /next as the second of its connection", h.requests())
	}
	// CONNECT is a fault, and ends the connection.
	c = dial(t, s)
	send(t, c, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	if got, err := io.ReadAll(c); err != nil || strings.Count(string(got), "HTTP/1.1 ") != 1 {
		t.Errorf("CONNECT: got %q, %v; want one answer and the end", got, err)
	}
	if all := h.requests(); all[len(all)-1].head.Fault != request.FaultConnect {
		t.Errorf("CONNECT: got %+v; want its fault", all[len(all)-1].head)
	}
}

func TestOldClients(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h})
	if got := exchange(t, s, "GET /old HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 200") || !strings.HasSuffix(got, "GET /old #1 ") {
		t.Errorf("HTTP/1.0: got %q", got)
	}
	c := dial(t, s)
	r := bufio.NewReader(c)
	for i := 1; i <= 2; i++ {
		send(t, c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		if _, body := answer(t, r, "GET"); body != fmt.Sprintf("GET / #%d ", i) {
			t.Errorf("HTTP/1.0 keep-alive: got %q", body)
		}
	}
}

func TestOddMethods(t *testing.T) {
	h := &recorder{}
	s := start(t, Options{Handler: h})
	long := strings.Repeat("M", 100)
	for _, m := range []string{"get", "PROPFIND", "M-SEARCH", "!#$%&'*+-.^_`|~", "PRI", "OPTIONS", long} {
		got := exchange(t, s, m+" /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 200") || !strings.HasSuffix(got, m+" /x #1 ") {
			t.Errorf("method %s: got %q", m, got)
		}
	}
	if got := exchange(t, s, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(got, "OPTIONS * #1 ") {
		t.Errorf("OPTIONS *: got %q; want it to reach the handler", got)
	}
}

// A client that leaves must still cancel the request it waits for.
func TestClientGoneCancels(t *testing.T) {
	gone := make(chan struct{})
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) {
		<-r.Context().Done()
		close(gone)
	}}
	c := dial(t, start(t, Options{Handler: h}))
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	time.Sleep(20 * time.Millisecond)
	c.Close()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("context not cancelled when the client went away")
	}
}

// Nor may a fault cancel the handler that answers it.
func TestFaultDoesNotCancel(t *testing.T) {
	h := &recorder{then: func(w http.ResponseWriter, r *http.Request, s *seen) {
		select {
		case <-r.Context().Done():
			t.Error("context cancelled while the client was there")
		case <-time.After(100 * time.Millisecond):
		}
		w.WriteHeader(400)
	}}
	got := exchange(t, start(t, Options{Handler: h}), "GET / HTTP/1.1\r\n\r\n"+strings.Repeat("junk", 1000))
	if !strings.HasPrefix(got, "HTTP/1.1 400") {
		t.Errorf("got %q; want 400", got)
	}
}
