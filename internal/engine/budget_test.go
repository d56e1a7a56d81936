package engine

import (
	"fmt"
	"strings"
	"testing"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// hostileBodies are those that would be gone over again and again.
func hostileBodies() map[string]struct{ headers, body string } {
	boundaries := ""
	for i := range 8 {
		boundaries += fmt.Sprintf("; boundary=b%d", i)
	}
	parts := ""
	for i := range 8 {
		parts += fmt.Sprintf("--b%d\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n%s\r\n", i,
			strings.Repeat("nothing ", 930))
	}
	gz := packers["gzip"]
	two := "Content-Type: multipart/form-data" + boundaries + "\r\nContent-Type: multipart/form-data" + boundaries + "; boundary=z"
	files := ""
	for range 200 {
		files += "--b0\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.json\"\r\nContent-Type: " +
			"application/json\r\n\r\n[" + strings.Repeat("1,", 60) + "1]\r\n"
	}
	return map[string]struct{ headers, body string }{
		"boundaries":        {two, parts},
		"boundaries, coded": {two + "\r\nContent-Encoding: gzip", gz(parts)},
		"coded twice":       {aJSON + "\r\nContent-Encoding: gzip, br", packers["br"](gz(`{"a":"` + strings.Repeat("nothing ", 7500) + `"}`))},
		"much from little":  {aForm + "\r\nContent-Encoding: gzip", gz("a=" + strings.Repeat("a", 1<<20))},
		"UTF-16 and two types": {aForm + "; charset=utf-16le\r\n" + aJSON,
			strings.Repeat("a\x00=\x00b\x00&\x00", 7600)},
		"EBCDIC and two types":  {aForm + "; charset=cp037\r\n" + aJSON, strings.Repeat("a=%F1&", 10000)},
		"a form like multipart": {aForm, "--A=ontent-&" + strings.Repeat("a=b&", 15000)},
		"a form like XML":       {aForm, "<?xml?>&" + strings.Repeat("<a b='c'>&", 6000)},
		"JSON like multipart":   {aJSON, "--x--\nontent-\n" + strings.Repeat(`{"a":[`, 10000)},
		"many files":            {"Content-Type: multipart/form-data; boundary=b0", files},
	}
}

// However a body comes, and however many readings it has, no more than four times
// what is inspected is gone over.
func TestWalkedBytesAreBounded(t *testing.T) {
	e := decoding(t, options(policy.Observe))
	for name, c := range hostileBodies() {
		for _, tail := range []int{0, 40, 2000} {
			r, scratch := new(request.Request), new(Scratch)
			receive(r, "203.0.113.9", "POST", "/a", c.headers+"\r\nTransfer-Encoding: chunked\r\n")
			v := e.Begin(epoch, r)
			body := []byte(c.body)
			for n := max(len(body)-tail, 1); n <= len(body); n++ {
				v = e.Body(epoch, r, v, body[:n], n == len(body), scratch)
			}
			if budget := walks * 64 << 10; r.Walked > budget || r.Walked < min(len(body), 64<<10)/2 {
				t.Errorf("%s, the last %d bytes by themselves: got %d bytes walked; want at most %d", name, tail,
					r.Walked, budget)
			}
			if r.Looked != len(body) {
				t.Errorf("%s, the last %d bytes by themselves: got %d bytes looked at; want all %d", name, tail,
					r.Looked, len(body))
			}
		}
	}
}

// The budget is kept for the end: what comes last is seen, however the rest came.
func TestLastBytesAreSeen(t *testing.T) {
	e := decoding(t, options(policy.Enforce))
	long := strings.Repeat("nothing ", 7400)
	for name, c := range map[string]struct{ headers, body string }{
		"JSON": {aJSON, `{"a":"` + long + `","b":"` + hole + `"}`},
		"form": {aForm, "a=" + long + "&b=" + strings.ReplaceAll(hole, " ", "+")},
		"multipart": {"Content-Type: multipart/form-data; boundary=A",
			"--A\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + long + "\r\n--A\r\nContent-Disposition: " +
				"form-data; name=\"b\"\r\n\r\n" + hole + "\r\n--A--\r\n"},
		"gzip": {aJSON + "\r\nContent-Encoding: gzip", packers["gzip"](string(aThousand(`{"a":"`)) + long + `","b":"` + hole + `"}`)},
	} {
		r, scratch := new(request.Request), new(Scratch)
		receive(r, "203.0.113.9", "POST", "/a", c.headers+"\r\nTransfer-Encoding: chunked\r\n")
		v := e.Begin(epoch, r)
		body := []byte(c.body)
		for n := max(len(body)-200, 1); n <= len(body) && !v.Refused(); n++ {
			v = e.Body(epoch, r, v, body[:n], n == len(body), scratch)
		}
		if !v.Refused() { // half of it raises the stage already
			t.Errorf("%s: got %v by %v; want it refused", name, v.Action, v.Reason)
		}
	}
}

// aThousand is the beginning of a document with bytes that do not compress.
func aThousand(begin string) []byte {
	out := []byte(begin)
	for _, c := range chance(1000) {
		out = append(out, 'a'+c%26)
	}
	return out
}

// A conversation of small pieces is judged at each of them.
func TestSmallPiecesAreJudged(t *testing.T) {
	e := decoding(t, options(policy.Enforce))
	r, scratch := new(request.Request), new(Scratch)
	receive(r, "203.0.113.9", "POST", "/a", aJSON+"\r\nTransfer-Encoding: chunked\r\n")
	v := e.Begin(epoch, r)
	body := ""
	for i := range 30 {
		body += fmt.Sprintf("{\"line\":%d,\"text\":\"nothing much to see\"}\n", i)
		if v = e.Body(epoch, r, v, []byte(body), false, scratch); r.Looked != len(body) || v.Refused() {
			t.Fatalf("piece %d: got %d bytes looked at, %v; want all %d and a pass", i, r.Looked, v.Action, len(body))
		}
	}
	body += `{"line":31,"text":"` + hole + "\"}\n"
	if v = e.Body(epoch, r, v, []byte(body), false, scratch); !v.Refused() {
		t.Errorf("an attack in piece 31: got %v; want it refused at once", v.Action)
	}
}

// Two boundaries or types are evidence; one that is said twice is none.
func TestAmbiguousTypes(t *testing.T) {
	const part = "--A\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--A--\r\n"
	for name, c := range map[string]struct {
		headers, body string
		odd           bool
	}{
		"two boundaries": {"Content-Type: multipart/form-data; boundary=A; boundary=B", part, true},
		"types with two boundaries": {"Content-Type: multipart/form-data; boundary=A\r\nContent-Type: " +
			"multipart/form-data; boundary=B", part, true},
		"two types":          {aJSON + "\r\n" + aForm, `{"a":1}`, true},
		"one type twice":     {aJSON + "\r\n" + aJSON + "; charset=utf-8", `{"a":1}`, false},
		"one boundary twice": {"Content-Type: multipart/form-data; boundary=A; boundary=A", part, false},
		"one boundary":       {"Content-Type: multipart/form-data; boundary=A; charset=utf-8", part, false},
	} {
		r, v := judged(decoding(t, options(policy.Enforce)), c.headers, c.body)
		if got := shows(r, signal.ProtocolOddity); got != c.odd || v.Refused() {
			t.Errorf("%s: got %v, %v; want a pass and evidence %v", name, v.Action, r.Signals, c.odd)
		}
	}
}
