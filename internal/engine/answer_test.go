package engine

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"bartizan/internal/detect"
	"bartizan/internal/digest"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/unpack"
)

func reader(t testing.TB) *Engine {
	t.Helper()
	return New(Options{Policy: compile(t, options(policy.Observe)), Detector: detect.New(1, lists), Clients: 1000, Seed: 1, Start: epoch, Codings: unpack.Codings()})
}

// list is a JSON answer of about size bytes that lists orders as shops do.
func list(size int) []byte {
	var b strings.Builder
	b.WriteString(`{"orders":[`)
	for i := 0; b.Len() < size-140; i++ {
		h := digest.Mix(1, uint64(i))
		fmt.Fprintf(&b, `{"id":"%08x-6f1c-4d0e-9a43-%012x","customer":%d,"state":"sent","total":%d,"note":"%x"},`, uint32(h), h>>16, h%9999, h%50000, h>>40)
	}
	b.WriteString(`{}]}`)
	return []byte(b.String())
}

func packed(t testing.TB, coding string, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	}
	w.Write(plain)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// BenchmarkAnswer reads the ids of one answer, as it is sent; bytes are decoded ones.
func BenchmarkAnswer(b *testing.B) {
	e := reader(b)
	for _, size := range []int{4 << 10, 20 << 10, 60 << 10} {
		plain := list(size)
		b.Run(fmt.Sprintf("plain/%dk", size>>10), func(b *testing.B) {
			var a Answer
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				a.Reset()
				e.Read(&a, plain)
			}
		})
		for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
			b.Run(fmt.Sprintf("%s/%dk", coding, size>>10), func(b *testing.B) {
				var a Answer
				held, buf := packed(b, coding, plain), make([]byte, 0, request.MaxBody)
				b.SetBytes(int64(len(plain)))
				b.ReportAllocs()
				for b.Loop() {
					a.Reset()
					if out, err := e.Decode(&a, coding, held, true, buf); len(out) != len(plain) || err != nil {
						b.Fatalf("got %d bytes, %v; want %d", len(out), err, len(plain))
					}
				}
			})
		}
	}
}

// Decoders and buffers are pooled: a coded answer allocates a few small things.
func TestCodedAnswersAllocateLittle(t *testing.T) {
	if racing {
		t.Skip("pools forget under the race detector")
	}
	e, plain := reader(t), list(20<<10)
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		var a Answer
		held, buf := packed(t, coding, plain), make([]byte, 0, request.MaxBody)
		n := testing.AllocsPerRun(50, func() {
			a.Reset()
			if out, err := e.Decode(&a, coding, held, true, buf); !bytes.Equal(out, plain) || err != nil || len(a.issued) < 100 {
				t.Fatalf("%s: got %d bytes, %d ids, %v; want %d bytes and their ids", coding, len(out), len(a.issued), err, len(plain))
			}
		})
		if n > 16 {
			t.Errorf("%s: got %v allocations; want at most 16", coding, n)
		}
	}
}
