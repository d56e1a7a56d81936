package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"bartizan/internal/request"
)

// rawUpstream keeps what arrives exactly as it arrives.
type rawUpstream struct {
	url    string
	answer func(c net.Conn, in *bufio.Reader, m *message) bool // false closes

	mu    sync.Mutex
	seen  []*message
	bytes int // received in all
	conns int
}

// message is one HTTP/1 message as it was sent.
type message struct {
	start  string // its first line
	fields []request.Field

	mu   sync.Mutex // for content, before the answer has come
	body string
	rest string // trailers
}

// content returns what has come behind the head.
func (m *message) content() (body, rest string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.body, m.rest
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// newRaw starts one. A nil answer says ok.
func newRaw(t testing.TB, answer func(net.Conn, *bufio.Reader, *message) bool) *rawUpstream {
	if answer == nil {
		answer = func(c net.Conn, in *bufio.Reader, m *message) bool {
			m.readBody(in)
			_, err := io.WriteString(c, fine)
			return err == nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &rawUpstream{url: "http://" + l.Addr().String(), answer: answer}
	var wg sync.WaitGroup
	var conns sync.Map
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(c, nil)
			wg.Go(func() {
				defer conns.Delete(c)
				defer c.Close()
				u.serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		wg.Wait()
	})
	return u
}

func (u *rawUpstream) serve(c net.Conn) {
	u.mu.Lock()
	u.conns++
	u.mu.Unlock()
	in := bufio.NewReader(io.TeeReader(c, u))
	for {
		m, err := readHead(in)
		if err != nil {
			return
		}
		u.mu.Lock()
		u.seen = append(u.seen, m)
		u.mu.Unlock()
		if !u.answer(c, in, m) {
			return
		}
	}
}

// Write counts what arrives.
func (u *rawUpstream) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.bytes += len(p)
	return len(p), nil
}

// messages returns what has arrived.
func (u *rawUpstream) messages() []*message {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.seen)
}

func (u *rawUpstream) received() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.bytes
}

func readHead(in *bufio.Reader) (*message, error) {
	m := &message{}
	for {
		l, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		l = strings.TrimSuffix(l, "\r\n")
		switch {
		case l == "":
			return m, nil
		case m.start == "":
			m.start = l
		default:
			name, value, _ := strings.Cut(l, ":")
			m.fields = append(m.fields, request.Field{Name: name, Value: strings.TrimPrefix(value, " ")})
		}
	}
}

// get returns the first value of a field.
func (m *message) get(name string) string {
	for _, f := range m.fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// readBody reads the body by the message's own framing.
func (m *message) readBody(in *bufio.Reader) {
	var b []byte
	rest := ""
	if strings.EqualFold(m.get("Transfer-Encoding"), "chunked") {
		b, _ = io.ReadAll(httputil.NewChunkedReader(in))
		for !strings.HasSuffix(rest, "\r\n\r\n") && rest != "\r\n" {
			l, err := in.ReadString('\n')
			if rest += l; err != nil {
				break
			}
		}
	} else {
		n, _ := strconv.Atoi(m.get("Content-Length"))
		b = make([]byte, n)
		n, _ = io.ReadFull(in, b)
		b = b[:n]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.body, m.rest = string(b), rest
}

// multiset returns the fields in an order of their own, names in lower case,
// without those that end or begin at the gateway.
func multiset(fields []request.Field, without ...string) []string {
	var out []string
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if !slices.Contains(without, name) {
			out = append(out, name+": "+f.Value)
		}
	}
	slices.Sort(out)
	return out
}

var gatewayOwn = []string{
	"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
	"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded",
}

// call sends one raw request on a new connection and returns the answer.
func call(t *testing.T, g *gateway, raw string) *http.Response {
	t.Helper()
	c := dial(t, g.plain)
	send(t, c, raw)
	method, _, _ := strings.Cut(raw, " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("after %.80q: %v", raw, err)
	}
	return res
}

// body returns what is left of an answer, and closes it.
func body(t *testing.T, res *http.Response) string {
	t.Helper()
	return read(t, res, nil)
}

// says is an upstream that answers every request with the same bytes.
func says(raw string, more bool) func(net.Conn, *bufio.Reader, *message) bool {
	return func(c net.Conn, in *bufio.Reader, m *message) bool {
		m.readBody(in)
		_, err := io.WriteString(c, raw)
		return err == nil && more
	}
}

func head(format string, args ...any) string {
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\r\n") + "\r\n"
}
