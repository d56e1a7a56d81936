package engine

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/unpack"
)

// decoding returns an engine that undoes all codings.
func decoding(t testing.TB, o policy.Options) *Engine {
	t.Helper()
	return New(Options{Policy: compile(t, o), Detector: detect.New(1, lists), Clients: 1000, Seed: 1, Start: epoch,
		Codings: unpack.Codings()})
}

// judged judges one body that is there as a whole.
func judged(e *Engine, headers, body string) (*request.Request, Verdict) {
	r := new(request.Request)
	receive(r, "203.0.113.9", "POST", "/a", fmt.Sprintf("%s\r\nContent-Length: %d\r\n", headers, len(body)))
	v := e.Begin(epoch, r)
	if !v.Refused() {
		v = e.Body(epoch, r, v, []byte(body), true, new(Scratch))
	}
	return r, v
}

// packers are the codings, as senders apply them.
var packers = map[string]func(string) string{
	"gzip": func(s string) string {
		return squeezed(s, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	},
	"deflate": func(s string) string {
		return squeezed(s, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	},
	"br": func(s string) string {
		return squeezed(s, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
	},
	"zstd": func(s string) string {
		return squeezed(s, func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z })
	},
}

func squeezed(s string, coder func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := coder(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// encode is code page 037, made from what its decoder makes of each byte.
func encode(s string) string {
	var back [256]byte
	for b := range 256 {
		text, _ := request.ToUTF8("text/plain; charset=ibm037", []byte{byte(b)}, nil)
		if r := []rune(string(text)); len(r) == 1 && r[0] < 256 {
			back[r[0]] = byte(b)
		}
	}
	out := make([]byte, len(s))
	for i := range out {
		out[i] = back[s[i]]
	}
	return string(out)
}

const (
	aForm = "Content-Type: application/x-www-form-urlencoded"
	aJSON = "Content-Type: application/json"
	anXML = "Content-Type: application/xml"
	hole  = "1' UNION SELECT password FROM users--"
)

// A text that cannot be read is evidence, and refused where the site says so. What
// usual programs send that is no text, or is text under another name, is none.
func TestUnread(t *testing.T) {
	gz := packers["gzip"]
	window := "\x11\x1a" + strings.Repeat("\x9c\x02\x7f\xe3", 40) // RFC 9841: a large window
	noise := string(chance(600))
	for name, c := range map[string]struct {
		headers, body string
		unread        bool
	}{
		"three codings":               {aJSON + "\r\nContent-Encoding: gzip, gzip, gzip", gz(gz(gz(`{"a":"b"}`))), true},
		"an unknown coding":           {aJSON + "\r\nContent-Encoding: x-ours", noise, true},
		"compress":                    {aForm + "\r\nContent-Encoding: compress", "\x1f\x9d" + noise, true},
		"a large window of brotli":    {aJSON + "\r\nContent-Encoding: br", window, true},
		"a broken coding":             {aJSON + "\r\nContent-Encoding: gzip", gz(strings.Repeat(`{"a":"b"}`, 900))[:40] + noise, true},
		"UTF-7":                       {"Content-Type: text/plain; charset=utf-7", "+ADw-b+AD4-", true},
		"a charset that nobody knows": {aJSON + "; charset=x-ours", "{\"a\":\"\x81\x93\xfe\xff\x80\"}", true},
		"a national page of EBCDIC":   {aJSON + "; charset=cp273", encode(`{"a":"b"}`), true},
		"UTF-7 in XML":                {anXML, `<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>`, true},
		"a form's own charset":        {aForm, "_charset_=IBM037&q=%F1", true},

		"octets":   {"Content-Type: application/octet-stream", noise, false},
		"no type":  {"X-A: b", noise, false},
		"protobuf": {"Content-Type: application/x-protobuf", noise, false},
		"an encrypted push": {"Content-Type: application/octet-stream\r\nContent-Encoding: aes128gcm", noise,
			false},
		"an image that is coded": {"Content-Type: image/png\r\nContent-Encoding: x-ours", noise, false},
		"identity":               {aJSON + "\r\nContent-Encoding: identity", `{"a":"b"}`, false},
		"pieces of an object store": {aJSON + "\r\nContent-Encoding: aws-chunked",
			"9;chunk-signature=0f0f\r\n{\"a\":\"b\"}\r\n0;chunk-signature=0f0f\r\n\r\n", false},
		"a charset as coding":         {aJSON + "\r\nContent-Encoding: UTF-8", `{"a":"b"}`, false},
		"text that is no gzip":        {aJSON + "\r\nContent-Encoding: gzip", `{"a":"b"}`, false},
		"two codings":                 {aJSON + "\r\nContent-Encoding: gzip, gzip", gz(gz(`{"a":"b"}`)), false},
		"utf8":                        {aJSON + `; charset="UTF8"`, `{"a":"é"}`, false},
		"a misspelt charset":          {aJSON + "; charset=uft-8", `{"a":"é"}`, false},
		"us-ascii":                    {aForm + "; charset=us-ascii", "a=b", false},
		"Latin-1":                     {aForm + "; charset=ISO-8859-1", "a=\xe9t\xe9", false},
		"windows-1252":                {"Content-Type: text/plain; charset=windows-1252", "it\x92s", false},
		"Shift JIS":                   {aForm + "; charset=Shift_JIS", "a=\x83\x65\x83\x58\x83\x67", false},
		"GBK":                         {aForm + "; charset=gbk", "a=\xb2\xe2\xca\xd4", false},
		"EUC-KR":                      {aForm + "; charset=euc-kr", "a=\xc5\xd7\xbd\xba\xc6\xae", false},
		"Big5":                        {aForm + "; charset=big5", "a=\xb4\xfa\xb8\xd5", false},
		"KOI8-R":                      {aForm + "; charset=koi8-r", "a=\xd4\xc5\xd3\xd4", false},
		"UTF-16 only in the document": {anXML, `<?xml version="1.0" encoding="utf-16"?><a>b</a>`, false},
		"EBCDIC":                      {aJSON + "; charset=cp037", encode(`{"a":"b"}`), false},
	} {
		o := options(policy.Enforce)
		r, v := judged(decoding(t, o), c.headers, c.body)
		if got := shows(r, signal.Unread); got != c.unread || v.Refused() {
			t.Errorf("%s: got unread %v, %v; want %v and a pass: %v", name, got, v.Action, c.unread, r.Signals)
		}
		o.Sites[0].Unread = true
		if _, v = judged(decoding(t, o), c.headers,
			c.body); v.Refused() != c.unread || c.unread && (v.Schema == nil || !v.Schema.Unread) {
			t.Errorf("%s, refused: got %v, %+v; want refused %v", name, v.Action, v.Schema, c.unread)
		}
		lax := false
		o.Sites[0].Routes = []policy.Route{{Match: "/a", Unread: &lax}}
		if _, v = judged(decoding(t, o), c.headers, c.body); v.Refused() {
			t.Errorf("%s, on a route that takes it: got %v; want a pass", name, v.Action)
		}
	}
}

func shows(r *request.Request, k signal.Kind) bool {
	for _, s := range r.Signals {
		if s.Kind == k {
			return true
		}
	}
	return false
}

// chance is n bytes in which chance may find anything.
func chance(n int) []byte {
	random := rand.New(rand.NewPCG(7, 11))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(random.IntN(256))
	}
	return out
}

// EBCDIC is read: whole bodies, forms that are taken apart before they are decoded,
// and XML that says so in its own first bytes.
func TestEBCDIC(t *testing.T) {
	escaped := ""
	for _, b := range []byte(encode(hole)) {
		escaped += fmt.Sprintf("%%%02X", b)
	}
	for name, c := range map[string]struct{ headers, body string }{
		"a form":               {aForm + "; charset=ibm037", encode("q=" + url.QueryEscape(hole))},
		"values of a form":     {aForm + "; charset=IBM037", "q=" + escaped},
		"bytes of a form":      {aForm + "; charset=IBM037", "q=" + encode(hole)},
		"JSON":                 {aJSON + "; charset=cp1047", encode(`{"q":"` + hole + `"}`)},
		"JSON by another":      {aJSON + "; charset=ebcdic-cp-be", encode(`{"q":"` + hole + `"}`)},
		"XML by its bytes":     {anXML, encode(`<?xml version="1.0" encoding="IBM037"?><a>` + hole + `</a>`)},
		"a national page":      {aJSON + "; charset=IBM01147", encode(`{"q":"` + hole + `"}`)},
		"ASCII under its name": {aForm + "; charset=ibm037", "q=" + url.QueryEscape(hole)},
	} {
		if _, v := judged(decoding(t, options(policy.Enforce)), c.headers,
			c.body); v.Action != signal.BlockAction || v.Reason != policy.Exploit {
			t.Errorf("%s: got %v by %v; want a block by exploit", name, v.Action, v.Reason)
		}
	}
}

// Compressed bytes are never judged as text: honest forms and uploads show nothing,
// whatever chance puts into their codes.
func TestCompressedIsNoText(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	words := strings.Fields("please leave it with the neighbour and ring twice when nobody is there since the dog " +
		"barks at all who come late in an evening of winter")
	e := decoding(t, options(policy.Observe))
	for i := range 250 {
		var form strings.Builder
		form.WriteString("note=")
		for range 7000 {
			form.WriteString(words[random.IntN(len(words))])
			fmt.Fprintf(&form, "%c+", 'a'+random.IntN(26))
		}
		for name, pack := range packers {
			if name != "gzip" && i%10 > 0 {
				continue
			}
			if r, v := judged(e, aForm+"\r\nContent-Encoding: "+name,
				pack(form.String())); len(r.Signals) > 0 || v.Would != signal.Pass {
				t.Errorf("form %d in %s: got %v; want nothing", i, name, r.Signals)
			}
		}
	}
	for name, file := range map[string][2]string{"an image": {"a.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"}, "an archive": {"a.zip", "PK\x03\x04\x14\x00\x00\x00"}, "a document": {"a.pdf", "%PDF-1.7\n1 0 obj << /Type /Catalog >> stream\n"}} {
		for i := range 20 {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, flate.BestCompression)
			for range 9000 {
				fmt.Fprintf(w, "%s%c ", words[random.IntN(len(words))], 'a'+random.IntN(26))
			}
			w.Close()
			content := file[1] + b.String()
			for how, disposition := range map[string]string{"plain": `name="f"; filename="` + file[0] + `"`, "extended": `name="f"; filename*=utf-8''` + file[0]} {
				body := "--A\r\nContent-Disposition: form-data; " + disposition + "\r\nContent-Type: " +
					"application/octet-stream\r\n\r\n" + content + "\r\n--A--\r\n"
				if r, _ := judged(e, "Content-Type: multipart/form-data; boundary=A", body); len(r.Signals) > 0 {
					t.Errorf("%s %d, %s: got %v; want nothing", name, i, how, r.Signals)
				}
			}
		}
	}
}

// What any server may take for a field is judged as one, whole.
func TestFieldsThatLookLikeFiles(t *testing.T) {
	odd := strings.Repeat("\x01\x02\x03\x04\x05\x06\x07", 10) + hole
	long := strings.Repeat("x", 4500) + " " + hole
	const field, file = "Content-Disposition: form-data; name=\"q\"\r\n",
		"Content-Disposition: form-data; name=\"q\"; filename=\"a.png\"\r\n"
	for name, c := range map[string]struct{ head, content string }{
		"two dispositions":           {field + file, odd},
		"two dispositions, reversed": {file + field, odd},
		"extended name alone":        {"Content-Disposition: form-data; name=\"q\"; filename*=utf-8''a.png\r\n", odd},
		"file name before the name":  {"Content-Disposition: form-data; filename=\"a.png\"; name=\"q\"\r\n", odd},
		"empty file name":            {"Content-Disposition: form-data; name=\"q\"; filename=\"\"\r\n", odd},
		"odd quoting":                {"Content-Disposition: form-data; name=\"q\"; filename=\"a\\\".png\"\r\n", odd},
		"quote that stays open":      {"Content-Disposition: form-data; name=\"q\"; filename=\"a.png\r\n", odd},
		"single quotes":              {"Content-Disposition: form-data; name=\"q\"; filename = 'a.png'\r\n", odd},
		"two names": {"Content-Disposition: form-data; name=\"q\"; name=\"r\"; filename=\"a.png\"\r\n",
			odd},
		"folded line":              {"Content-Disposition: form-data; name=\"q\"\r\n ;filename=\"a.png\"\r\n", odd},
		"space before the colon":   {"Content-Disposition : form-data; name=\"q\"; filename=\"a.png\"\r\n", odd},
		"a file of another kind":   {"Content-Disposition: attachment; name=\"q\"; filename=\"a.png\"\r\n", odd},
		"a type and no file name":  {field + "Content-Type: image/png\r\n", odd},
		"a long one":               {field + "Content-Type: image/png\r\n", long},
		"control bytes, then text": {field, odd},
	} {
		body := "--A\r\n" + c.head + "\r\n" + c.content + "\r\n--A--\r\n"
		if _, v := judged(decoding(t, options(policy.Enforce)), "Content-Type: multipart/form-data; boundary=A",
			body); v.Action != signal.BlockAction || v.Reason != policy.Exploit {
			t.Errorf("%s: got %v by %v; want a block by exploit", name, v.Action, v.Reason)
		}
	}
}

// Files of text are judged as far as bodies are inspected; honest ones stay clean.
func TestFilesBeyondTheirBeginning(t *testing.T) {
	row := "4711,\"O'Hara, Ann\",\"Garden chair (white), 19.95; see page 3\",2026-11-30,ann@example.com\n"
	prose := "## Delivery\n\nPlease select a date & leave it with the neighbour - or ring twice; it's *not* " +
		"urgent.\n\n- one or two chairs\n- a table (120x80)\n\n"
	rows := `{"id":4711,"name":"O'Hara","note":"Select a date; it's \"not\" urgent","tags":["a","b"]},`
	for name, c := range map[string]struct {
		file, media, content string
		found                bool
	}{
		"JSON": {"a.json", "application/json", "[" + strings.Repeat(rows, 600) + `{"id":"` + hole + `"}]`, true},
		"XML":  {"a.xml", "application/xml", `<?xml version="1.0"?><a>` + strings.Repeat("<b>O'Hara</b>", 2000) + "<b>" + hole + "</b></a>", true},
		"CSV":  {"a.csv", "text/csv", strings.Repeat(row, 300) + "1," + hole + "\n", true},
		"text": {"a.txt", "text/plain", strings.Repeat("a line\n", 2000) + hole, true},
		"script": {"a.txt", "text/plain",
			strings.Repeat(prose, 300) + "<script>alert(document.cookie)</script>", true},
		"an honest CSV":    {"a.csv", "text/csv", strings.Repeat(row, 700), false},
		"an honest text":   {"a.md", "text/markdown", strings.Repeat(prose, 430), false},
		"honest JSON":      {"a.json", "application/json", "[" + strings.Repeat(rows, 650) + "1]", false},
		"honest XML":       {"a.xml", "text/xml", `<?xml version="1.0"?><a>` + strings.Repeat("<b c=\"d\">O'Hara &amp; sons; 3 &lt; 4</b>", 1400) + "</a>", false},
		"base64 in a text": {"a.txt", "text/plain", base64.StdEncoding.EncodeToString(chance(40000)), false},
	} {
		body := "--A\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" + c.file + "\"\r\nContent-Type: " + c.media + "\r\n\r\n" + c.content + "\r\n--A--\r\n"
		if len(body) > 64<<10 {
			t.Fatalf("%s has %d bytes; want what is inspected", name, len(body))
		}
		r, v := judged(decoding(t, options(policy.Enforce)), "Content-Type: multipart/form-data; boundary=A", body)
		if got := len(r.Signals) > 0; got != c.found || v.Refused() && !c.found {
			t.Errorf("%s: got %v, %v; want found %v", name, v.Action, r.Signals, c.found)
		}
	}
}
