package request

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var wide = HeadLimits{Bytes: 8 << 10, Fields: 50, Target: 4 << 10}

func parse(raw string) Head {
	var h Head
	ParseHead(raw, wide, &h)
	return h
}

// fields makes fields of names and values in turn.
func fields(s ...string) (out []Field) {
	for ; len(s) > 0; s = s[2:] {
		out = append(out, Field{Name: s[0], Value: s[1]})
	}
	return out
}

func TestParseHeadReads(t *testing.T) {
	got := parse("POST /a//b%2Fc/../d|e?x=1;y=\xff<> HTTP/1.1\r\nhOST: Api.Example.com:8443\r\nAccept:\t*/* \r\ncontent-length: 12\r\nX:\r\nExpect: 100-Continue\r\n\r\n")
	want := Head{
		Method: "POST", Target: "/a//b%2Fc/../d|e?x=1;y=\xff<>", Proto: "HTTP/1.1", Host: "Api.Example.com:8443",
		Fields:  fields("hOST", "Api.Example.com:8443", "Accept", "*/*", "content-length", "12", "X", "", "Expect", "100-Continue"),
		Ordered: true, ContentLength: 12, Expect: true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("head differs (-want +got):\n%s", d)
	}
}

func TestParseHeadFraming(t *testing.T) {
	type framing struct {
		Host                            string
		Length                          int64
		Chunked, Upgrade, Expect, Close bool
	}
	for _, tc := range []struct {
		raw  string
		want framing
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", framing{Host: "a", Length: -1}},
		{"GET / HTTP/1.0\r\n\r\n", framing{Length: -1, Close: true}},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", framing{Length: -1}},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", framing{Host: "a", Length: -1, Close: true}},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", framing{Host: "a", Length: -1, Chunked: true}},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", framing{Host: "a"}},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", framing{Host: "a", Length: 1<<63 - 1}},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", framing{Host: "a", Length: -1, Upgrade: true}},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", framing{Host: "a", Length: -1}},
		{"GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n", framing{Host: "a", Length: -1, Close: true}},
		{"GET http://b:80/x HTTP/1.1\r\nHost: a\r\n\r\n", framing{Host: "b:80", Length: -1}},
		{"GET http://b?x HTTP/1.1\r\nHost: a\r\n\r\n", framing{Host: "b", Length: -1}},
		{"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", framing{Host: "[::1]:80", Length: -1}},
	} {
		h := parse(tc.raw)
		got := framing{h.Host, h.ContentLength, h.Chunked, h.Upgrade, h.Expect, h.Close}
		if got != tc.want || h.Fault != Fine {
			t.Errorf("ParseHead(%q) got %+v, fault %v; want %+v", tc.raw, got, h.Fault, tc.want)
		}
	}
}

func TestParseHeadFaults(t *testing.T) {
	const get, end = "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"
	for _, tc := range []struct {
		raw  string
		want Fault
	}{
		{"GET /\r\n\r\n", FaultRequestLine},
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", FaultRequestLine},
		{" GET / HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET / http/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET / HTTP/1.10\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET a HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n", FaultConnect},
		{"connect b:443 HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine}, // no form of a target but CONNECT's
		{"Connect /x HTTP/1.1\r\nHost: a\r\n\r\n", FaultConnect},
		{"CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", FaultRequestLine},
		{"\r\n\r\n", FaultRequestLine},
		{"\n", FaultBareLF},
		{"GET / HTTP/1.1\nHost: a\r\n\r\n", FaultBareLF},
		{get + "X: y\n\r\n", FaultBareLF},
		{get + "X: y\r\n\n", FaultBareLF},
		{"GET / HTTP/1.1\rX\r\nHost: a\r\n\r\n", FaultBareCR},
		{get + "X: y\rz\r\n" + end, FaultBareCR},
		{get + "X: y\r\r\n" + end, FaultBareCR},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", FaultVersion},
		{"GET / HTTP/1.2\r\nHost: a\r\n\r\n", FaultVersion},
		{"GET / HTTP/0.9\r\n\r\n", FaultVersion},
		{get + "X y: z\r\n" + end, FaultFieldName},
		{get + "Content-Length : 1\r\n" + end, FaultFieldName},
		{get + ": z\r\n" + end, FaultFieldName},
		{get + "nothing\r\n" + end, FaultFieldName},
		{get + "X\x00: z\r\n" + end, FaultFieldName},
		{get + "X: a\x00b\r\n" + end, FaultFieldValue},
		{get + "X: \x0bchunked\r\n" + end, FaultFieldValue},
		{get + "X: a\x7f\r\n" + end, FaultFieldValue},
		{get + "X: a\r\n b\r\n" + end, FaultFolding},
		{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", FaultFolding},
		{"GET / HTTP/1.1\r\n\r\n", FaultHostMissing},
		{"GET http://a/ HTTP/1.1\r\n\r\n", FaultHostMissing},
		{get + "host: a\r\n" + end, FaultHostDuplicate},
		{"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", FaultHostDuplicate},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost: [1.2.3.4]\r\n\r\n", FaultHostInvalid},
		{"GET / HTTP/1.1\r\nHost: a%00\r\n\r\n", FaultHostInvalid},
		{"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", FaultHostInvalid},
		{"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", FaultHostInvalid},
		{"GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", FaultHostInvalid},
		{get + "Content-Length: +5\r\n" + end, FaultLengthInvalid},
		{get + "Content-Length: 0x5\r\n" + end, FaultLengthInvalid},
		{get + "Content-Length:\r\n" + end, FaultLengthInvalid},
		{get + "Content-Length: 5 5\r\n" + end, FaultLengthInvalid},
		{get + "Content-Length: 9223372036854775808\r\n" + end, FaultLengthInvalid},
		{get + "Content-Length: 99999999999999999999999\r\n" + end, FaultLengthInvalid},
		{get + "Content-Length: 5\r\ncontent-length: 5\r\n" + end, FaultLengthDuplicate},
		{get + "Content-Length: 5, 5\r\n" + end, FaultLengthDuplicate},
		{get + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + end, FaultLengthAndCoding},
		{get + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + end, FaultLengthAndCoding},
		{get + "Transfer-Encoding: gzip, chunked\r\n" + end, FaultCodingUnknown},
		{get + "Transfer-Encoding: identity\r\n" + end, FaultCodingUnknown},
		{get + "Transfer-Encoding: chunked;a\r\n" + end, FaultCodingUnknown},
		{get + "Transfer-Encoding: \"chunked\"\r\n" + end, FaultCodingUnknown},
		{get + "Transfer-Encoding: chunked, chunked\r\n" + end, FaultCodingInvalid},
		{get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + end, FaultCodingInvalid},
		{get + "Transfer-Encoding: chunked, gzip\r\n" + end, FaultCodingInvalid},
		{get + "Transfer-Encoding: chunked,\r\n" + end, FaultCodingInvalid},
		{get + "Transfer-Encoding:\r\n" + end, FaultCodingInvalid},
		{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", FaultCodingInvalid},
		{get + strings.Repeat("X: y\r\n", 50) + end, FaultHeadTooLarge},
		{get + "X: " + strings.Repeat("y", 9<<10) + "\r\n" + end, FaultHeadTooLarge},
		{get + "X: " + strings.Repeat("y", 9<<10), FaultHeadTooLarge},
		{"GET /" + strings.Repeat("y", 5<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", FaultTargetTooLong},
		{"GET /" + strings.Repeat("y", 9<<10), FaultTargetTooLong},
	} {
		if got := parse(tc.raw); got.Fault != tc.want {
			t.Errorf("ParseHead(%.80q) got fault %v; want %v", tc.raw, got.Fault, tc.want)
		}
	}
}

// A refused request must still show who sent it.
func TestParseHeadGoesOnAfterAFault(t *testing.T) {
	for _, raw := range []string{
		"GET /p HTTP/9.9\r\nHost: a\r\nUser-Agent: evil\r\n\r\n",
		"GET /p HTTP/1.1\nHost: a\nUser-Agent: evil\n\n",
		"GET /p HTTP/1.1\r\nHost: a\r\nHost: b\r\nUser-Agent: evil\r\n\r\n",
		"GET /p HTTP/1.1\r\nHost : a\r\nUser-Agent: evil\r\n\r\n",
	} {
		h := parse(raw)
		if last := h.Fields[len(h.Fields)-1]; h.Fault == Fine || h.Method != "GET" || h.Target != "/p" || last != fields("User-Agent", "evil")[0] {
			t.Errorf("ParseHead(%q) got %+v; want method, target and User-Agent beside a fault", raw, h)
		}
	}
}

func TestHeadEnd(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int
	}{
		{"", 0}, {"GET / HTTP/1.1\r\n", 0}, {"a\r\n\r", 0}, {"a\r\n\r\nb", 5}, {"a\n\nb", 3}, {"a\r\n\nb", 4}, {"a\n\r\nb", 4}, {"\r\n", 2}, {"\n", 1}, {"a\r\r\n", 0},
	} {
		got := HeadEnd([]byte(tc.in), 0)
		if got != tc.want {
			t.Errorf("HeadEnd(%q, 0) = %d; want %d", tc.in, got, tc.want)
		}
		slow := 0
		for i := 1; i <= len(tc.in) && slow == 0; i++ {
			slow = HeadEnd([]byte(tc.in)[:i], i-1)
		}
		if slow != tc.want {
			t.Errorf("HeadEnd(%q) byte by byte = %d; want %d", tc.in, slow, tc.want)
		}
	}
}

func TestFaultNames(t *testing.T) {
	seen := map[string]bool{}
	for f := range Fault(Faults) {
		name := f.String()
		back, ok := FaultNamed(name)
		if name == "" || seen[name] || !ok || back != f {
			t.Errorf("fault %d has name %q, which names %v, %v; want a name of its own", f, name, back, ok)
		}
		seen[name] = true
		if s := f.Status(); (s < 400 || s > 599) && f != Fine && f != FaultStreams {
			t.Errorf("fault %v has status %d; want an error", f, s)
		}
	}
	if _, ok := FaultNamed("none such"); ok {
		t.Error("FaultNamed of an unknown name got true; want false")
	}
}

func TestParseHeadDoesNotAllocate(t *testing.T) {
	const raw = "POST /login?x=1 HTTP/1.1\r\nHost: api.example.com:443\r\nUser-Agent: x\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"
	var h Head
	ParseHead(raw, wide, &h)
	if n := testing.AllocsPerRun(100, func() { ParseHead(raw, wide, &h) }); n != 0 {
		t.Errorf("ParseHead allocates %v times; want 0", n)
	}
}

func FuzzParseHead(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	f.Add("POST http://a:1/ HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
	f.Add("CONNECT a:1 HTTP/1.0\nContent-Length: 5,5\n\n")
	f.Fuzz(func(t *testing.T, raw string) {
		h := parse(raw)
		if len(h.Fields) > wide.Fields {
			t.Fatalf("got %d fields; want at most %d", len(h.Fields), wide.Fields)
		}
		if h.Fault != Fine || raw == "" || HeadEnd([]byte(raw), 0) != len(raw) {
			return
		}
		// A head without fault reads the same when it is written out again.
		var b strings.Builder
		b.WriteString(h.Method + " " + h.Target + " " + h.Proto + "\r\n")
		for _, x := range h.Fields {
			b.WriteString(x.Name + ": " + x.Value + "\r\n")
		}
		b.WriteString("\r\n")
		if d := cmp.Diff(h, parse(b.String())); d != "" {
			t.Fatalf("head written out again reads differently:\n%s", d)
		}
	})
}

func BenchmarkParseHead(b *testing.B) {
	raw := "GET /api/v1/users/12345/orders?page=2&sort=-date HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: */*\r\nAccept-Language: en\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef0123456789abcdef\r\nConnection: keep-alive\r\n\r\n"
	var h Head
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		ParseHead(raw, wide, &h)
	}
}
