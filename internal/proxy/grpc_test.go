package proxy_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// envelope is a gRPC message on the wire: a flag, its length and itself.
func envelope(s string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(s)))) + s
}

func readEnvelope(r io.Reader) (string, error) {
	var h [5]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint32(h[1:]))
	_, err := io.ReadFull(r, b)
	return string(b), err
}

func grpcCall(t *testing.T, c *http.Client, url string, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequest("POST", url+"/pkg.Service/Method", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc+proto")
	req.Header.Set("TE", "trailers")
	req.Header.Set("Grpc-Timeout", "10S")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// grpcServer answers each message with another, until an error or the end.
func grpcServer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc+proto")
	rc := http.NewResponseController(w)
	rc.Flush()
	for {
		m, err := readEnvelope(r.Body)
		if err != nil {
			break
		}
		io.WriteString(w, envelope("re: "+m))
		rc.Flush()
	}
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", r.Header.Get("Te")+" "+r.Header.Get("Grpc-Timeout"))
}

func (s suite) grpcUnary(t *testing.T) {
	for _, kind := range []string{"h2c", "https"} {
		g := s.front.start(t, setup{upstreams: []string{upstream(t, kind, grpcServer)}})
		for _, c := range []struct{ protocol, url string }{{"h2", "https://" + g.secure}, {"h2c", "http://" + g.plain}} {
			cl := client(t, c.protocol)
			for range 3 {
				res := grpcCall(t, cl, c.url, strings.NewReader(envelope("hello")))
				m, err := readEnvelope(res.Body)
				read(t, res, nil)
				if m != "re: hello" || err != nil || res.Trailer.Get("Grpc-Status") != "0" || res.Trailer.Get("Grpc-Message") != "trailers 10S" {
					t.Errorf("got %q, %v, trailers %v; want re: hello and status 0", m, err, res.Trailer)
				}
			}
		}
	}
}

func (s suite) grpcTrailersOnly(t *testing.T) {
	g := s.front.start(t, setup{upstreams: []string{upstream(t, "h2c", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "12")
		w.Header()["Content-Length"] = nil
	})}})
	bare := &http.Client{Transport: client(t, "h2").Transport} // without a timer around the body
	res := grpcCall(t, bare, "https://"+g.secure, strings.NewReader(envelope("hello")))
	// net/http knows a length that nobody told only where the head ended the
	// stream, as a gRPC client wants it.
	if res.ContentLength != 0 || res.Header.Get("Grpc-Status") != "12" || res.Header.Get("Content-Length") != "" {
		t.Errorf("got length %d, header %v; want the status in a head that ends the stream", res.ContentLength, res.Header)
	}
	read(t, res, nil)
}

func (s suite) grpcConversation(t *testing.T) {
	for _, kind := range []string{"h2c", "https"} {
		g := s.front.start(t, setup{upstreams: []string{upstream(t, kind, grpcServer)}})
		pr, pw := io.Pipe()
		// No message before the answer's head has come.
		res := grpcCall(t, client(t, "h2"), "https://"+g.secure, pr)
		for n := range 20 {
			text := fmt.Sprint("message ", n, strings.Repeat(".", n*1000))
			if _, err := io.WriteString(pw, envelope(text)); err != nil {
				t.Fatal(err)
			}
			if got, err := readEnvelope(res.Body); got != "re: "+text {
				t.Fatalf("got %.30q, %v; want re: %.20q", got, err, text)
			}
		}
		pw.Close()
		read(t, res, nil)
		if got := res.Trailer.Get("Grpc-Status"); got != "0" {
			t.Errorf("got status %q; want 0", got)
		}
	}
}

// The status of a gRPC answer stands behind it, or in its head if there is no more.
func TestGRPCStatusIsHeard(t *testing.T) {
	g := proxyFront{}.start(t, setup{upstreams: []string{upstream(t, "h2c", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", r.Header.Get("Accept"))
		where, code, _ := strings.Cut(r.Header.Get("X-Want"), " ")
		w.Header().Set(where, code)
		if where != "Grpc-Status" {
			io.WriteString(w, envelope("hello"))
		}
	})}})
	c := client(t, "h2c")
	for n, want := range []struct {
		kind, where, code string
		status            int
	}{
		{"application/grpc", http.TrailerPrefix + "Grpc-Status", "0", 0},
		{"application/grpc+proto", http.TrailerPrefix + "Grpc-Status", "16", 16},
		{"application/grpc", "Grpc-Status", "12", 12},
		{"application/grpc-web+proto", "X-Nothing", "1", 0},
		{"application/json", "Grpc-Status", "12", 0},
	} {
		req, _ := http.NewRequest("POST", "http://"+g.plain+"/pkg.Service/Method", strings.NewReader(envelope("hello")))
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Accept", want.kind)
		req.Header.Set("X-Want", want.where+" "+want.code)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		read(t, res, nil)
		if got := g.lines(t, n+1)[n].outcome; got.GRPC != want.status || got.Status != 200 {
			t.Errorf("%+v: got status %d, %d", want, got.Status, got.GRPC)
		}
	}
}
