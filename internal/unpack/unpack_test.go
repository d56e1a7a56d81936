package unpack

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"bartizan/internal/request"
)

func pack(t testing.TB, coding, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "raw":
		w, _ = flate.NewWriter(&b, 6)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	}
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecode(t *testing.T) {
	c := Codings()
	text := strings.Repeat("' or 1=1-- ", 50)
	for _, coding := range []string{"gzip", "x-gzip", "deflate", "br", "zstd"} {
		for range 3 { // the pool gives clean decoders
			out, err := request.Decode(c, coding, pack(t, coding, text), 4096, nil)
			if string(out) != text || err != nil {
				t.Errorf("Decode(%s) = %d bytes, %v; want the text", coding, len(out), err)
			}
		}
		if out, err := request.Decode(c, strings.ToUpper(coding), pack(t, coding, text), 100, nil); string(out) != text[:100] || !errors.Is(err, request.ErrLimit) {
			t.Errorf("Decode(%s) with limit 100 = %d bytes, %v; want 100, ErrLimit", coding, len(out), err)
		}
	}
	if out, err := request.Decode(c, "deflate", pack(t, "raw", text), 4096, nil); string(out) != text || err != nil {
		t.Errorf("Decode(raw deflate) = %d bytes, %v; want the text", len(out), err)
	}
	twice := pack(t, "br", string(pack(t, "gzip", text)))
	if out, err := request.Decode(c, "gzip, identity, br", twice, 4096, nil); string(out) != text || err != nil {
		t.Errorf("Decode(gzip, br) = %d bytes, %v; want the text", len(out), err)
	}
}

func TestDecodePrefix(t *testing.T) {
	c := Codings()
	var text strings.Builder
	for i := range 3000 {
		text.WriteString(strings.Repeat(string(rune('a'+i%26)), i%7))
	}
	for _, coding := range []string{"gzip", "deflate", "br"} {
		whole := pack(t, coding, text.String())
		out, err := request.Decode(c, coding, whole[:len(whole)*2/3], 1<<20, nil)
		if err != nil || len(out) == 0 || !strings.HasPrefix(text.String(), string(out)) {
			t.Errorf("Decode(%s prefix) = %d bytes, %v; want a prefix of the text", coding, len(out), err)
		}
	}
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		if _, err := request.Decode(c, coding, pack(t, coding, "abc")[:2], 100, nil); err != nil {
			t.Errorf("Decode(%s, 2 bytes) = %v; want no error", coding, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	c := Codings()
	if out, err := request.Decode(c, "gzip,gzip,gzip", []byte("x"), 10, nil); len(out) != 0 || !errors.Is(err, request.ErrCodings) {
		t.Errorf("Decode(three codings) = %q, %v; want nothing, ErrCodings", out, err)
	}
	if out, err := request.Decode(c, "compress", []byte("x"), 10, nil); len(out) != 0 || !errors.Is(err, request.ErrCoding) {
		t.Errorf("Decode(compress) = %q, %v; want nothing, ErrCoding", out, err)
	}
	in := []byte("plain")
	if out, err := request.Decode(c, "identity, ", in, 10, nil); string(out) != "plain" || err != nil || &out[0] == &in[0] {
		t.Errorf("Decode(identity) = %q, %v; want a copy of the input", out, err)
	}
	if _, err := request.Decode(c, "gzip", []byte("not gzip at all"), 10, nil); err == nil {
		t.Error("Decode(gzip of plain text): no error; want one")
	}
}

func TestDecodeBomb(t *testing.T) {
	c := Codings()
	zeros := strings.Repeat("\x00", 8<<20)
	for _, coding := range []string{"gzip", "br", "zstd"} {
		bomb := pack(t, coding, zeros)
		n := testing.AllocsPerRun(5, func() {
			out, err := request.Decode(c, coding, bomb, 64<<10, nil)
			if len(out) != 64<<10 || !errors.Is(err, request.ErrLimit) {
				t.Errorf("Decode(%s bomb) = %d bytes, %v; want the limit", coding, len(out), err)
			}
		})
		if n > 200 { // under the race detector the pool forgets
			t.Errorf("Decode(%s bomb) allocates %v times; want few", coding, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		f.Add(coding, pack(f, coding, "hello hello hello"))
	}
	c := Codings()
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		out, _ := request.Decode(c, encoding, body, 1000, nil)
		if len(out) > 1000 {
			t.Errorf("Decode(%q) gives %d bytes; want at most 1000", encoding, len(out))
		}
	})
}
