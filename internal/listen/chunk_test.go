package listen

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bartizan/internal/request"
)

func FuzzChunks(f *testing.F) {
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nrest"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		var whole, parts chunkReader
		n, fault := whole.scan(b)
		m, in := 0, slices.Clone(b)
		var fault2 request.Fault
		for len(in) > 0 && !parts.done() && fault2 == request.Fine {
			k := min(len(in), int(step)+1)
			var d int
			d, fault2 = parts.scan(in[:k])
			m += d
			in = in[d:]
		}
		if n != m || fault != fault2 {
			t.Fatalf("at once %d, %v; in pieces %d, %v", n, fault, m, fault2)
		}
		if fault == request.Fine && whole.done() { // what we take, net/http takes, and to the same end
			req, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + string(b[:n]))))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(req.Body); err != nil {
				t.Fatalf("net/http refuses %q: %v", b[:n], err)
			}
		}
	})
}
