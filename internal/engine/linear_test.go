package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// repeated is unit as often as fits n bytes.
func repeated(unit string, n int) string { return strings.Repeat(unit, max(n/len(unit), 1)) }

// shapes are requests of about n bytes that make each reader work: of bodies, and of
// heads.
var shapes = map[string]func(n int) (target, headers, body string){
	"JSON in depth":     func(n int) (string, string, string) { return "/a", aJSON, repeated(`{"a":[`, n) },
	"JSON, one key":     func(n int) (string, string, string) { return "/a", aJSON, "{" + repeated(`"a":"b",`, n) + `"a":1}` },
	"JSON, many keys":   func(n int) (string, string, string) { return "/a", aJSON, "{" + numbered(`"k%d":"b",`, n) + `"a":1}` },
	"JSON that is none": func(n int) (string, string, string) { return "/a", aJSON, "[" + repeated("a'b ", n) },
	"JSON, white space": func(n int) (string, string, string) { return "/a", aJSON, repeated(`"a"          `, n) },
	"JSON in JSON": func(n int) (string, string, string) {
		return "/a", aJSON, `{"a":"` + repeated(`{\"a\":\"b\"},`, n) + `"}`
	},
	"XML in depth": func(n int) (string, string, string) { return "/a", anXML, "<?xml?>" + repeated("<a b='c'>", n) },
	"XML, entities": func(n int) (string, string, string) {
		return "/a", anXML, "<?xml?><a>" + repeated("&lt;&#60;&amp", n) + "</a>"
	},
	"XML, declarations": func(n int) (string, string, string) {
		return "/a", anXML, "<?xml?>" + repeated("<!ENTITY a '&b;'><![", n)
	},
	"XML that stays open": func(n int) (string, string, string) {
		return "/a", anXML, "<?xml?>" + repeated("<!--<![CDATA[<a b=\"", n)
	},
	"many fields":    func(n int) (string, string, string) { return "/a", aForm, numbered("k%d=v&", n) },
	"one field":      func(n int) (string, string, string) { return "/a", aForm, repeated("k=value%41&", n) },
	"nested escapes": func(n int) (string, string, string) { return "/a", aForm, "a=" + repeated("%25252541", n) },
	"nested base64": func(n int) (string, string, string) {
		return "/a", aForm,
			"a=" + repeated("eyJhIjoiPHNjcmlwdD4ifQ", n)
	},
	"many parts": func(n int) (string, string, string) {
		return "/a", aParts, repeated("--A\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", n)
	},
	"parts without lines": func(n int) (string, string, string) {
		return "/a", aParts,
			"--A\r\n" + repeated("--A--A ", n)
	},
	"parts of headers": func(n int) (string, string, string) {
		return "/a", aParts, repeated("--A\r\n"+strings.Repeat("a:b\r\n", 9), n)
	},
	"parts in parts": func(n int) (string, string, string) {
		return "/a", aParts, repeated("--A\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n", n)
	},
	"a boundary of one byte": func(n int) (string, string, string) {
		return "/a", "Content-Type: multipart/form-data; boundary=-", repeated("\n---", n)
	},
	"noise in a part": func(n int) (string, string, string) {
		return "/a", aParts,
			"--A\r\nContent-Disposition: form-data; name=a\r\n\r\n" + repeated("\x01\x02sixteen letters or so", n)
	},
	"GraphQL": func(n int) (string, string, string) {
		return "/graphql", aJSON, `{"query":"query{` + repeated(`a(b:\"c\"){d}`, n) + `}"}`
	},
	"GraphQL in depth": func(n int) (string, string, string) {
		return "/graphql", aJSON, `{"query":"` + repeated("{a ", n) + `"}`
	},
	"GraphQL, fragments": func(n int) (string, string, string) {
		return "/graphql", aJSON, `{"query":"{...a}` + repeated("fragment a on b{...a} ", n) + `"}`
	},
	"EBCDIC": func(n int) (string, string, string) {
		return "/a", aForm + "; charset=cp037",
			repeated("a=%F1&", n)
	},
	"a long query": func(n int) (string, string, string) {
		return "/a?q=" + repeated("*)(a%3d1", n/4), "A: b",
			""
	},
	"many parameters": func(n int) (string, string, string) {
		return "/a?" + repeated("a=%27&", n/4), "A: b",
			""
	},
	"a long path": func(n int) (string, string, string) { return repeated("/a;b=%2f/..", n/4), "A: b", "" },
	"many cookies": func(n int) (string, string, string) {
		return "/a", "Cookie: " + repeated("a=b'; ", n/2),
			""
	},
	"cookies that are none": func(n int) (string, string, string) {
		return "/a", "Cookie: a=" + repeated("; (b)", n/2),
			""
	},
	"many cookie fields": func(n int) (string, string, string) {
		return "/a", strings.TrimSuffix(repeated("Cookie: aa=bb'\r\n", min(n/2, 1400)), "\r\n"), ""
	},
	"a long field": func(n int) (string, string, string) { return "/a", "X-A: " + repeated("${a:-b};", n/2), "" },
	"a long token": func(n int) (string, string, string) {
		return "/a", "Authorization: Bearer " + repeated("eyJhIjoiYiJ9.", n/2), ""
	},
	"types with parameters": func(n int) (string, string, string) {
		return "/a", "Content-Type: multipart/form-data" + repeated("; boundary=\"", n/4), "--A\r\n\r\n"
	},
	"forwarded many times": func(n int) (string, string, string) {
		return "/a", "X-Forwarded-For: " + repeated("192.0.2.1, ", n/2) + "192.0.2.2", ""
	},
}

const aParts = "Content-Type: multipart/form-data; boundary=A"

// numbered fills n bytes with unit and rising numbers.
func numbered(unit string, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, unit, i)
	}
	return b.String()
}

// quickest returns the least time in which e judges a shape of n bytes.
func quickest(e *Engine, shape func(int) (string, string, string), n, runs int) time.Duration {
	target, headers, body := shape(n)
	out := time.Hour
	r, scratch := new(request.Request), new(Scratch)
	for range runs {
		r.Reset()
		began := time.Now()
		request.ParseHead(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: api.example.com\r\n%s\r\nContent-Length: %d\r\n\r\n",
			target, headers, len(body)), request.HeadLimits{Bytes: 64 << 10, Fields: 5000, Target: 64 << 10}, &r.Head)
		receiveConn(r, "203.0.113.9")
		v := e.Begin(epoch, r)
		if body != "" {
			v = e.Body(epoch, r, v, []byte(body), true, scratch)
		}
		e.End(epoch, r, v, request.Outcome{})
		out = min(out, time.Since(began))
	}
	return out
}

// No reader is superlinear: what is quadratic takes sixteen times as long for four
// times the bytes. Half of that is refused, so that a busy machine does not fail the
// test, and only when it comes out so again and again.
func TestReadersAreLinear(t *testing.T) {
	e := decoding(t, options(policy.Observe))
	for name, shape := range shapes {
		var ratio float64
		short, long := time.Hour, time.Hour
		for range 20 {
			short, long = min(short, quickest(e, shape, 15<<10, 4)), min(long, quickest(e, shape, 60<<10, 2))
			if ratio = float64(long) / float64(short); ratio < 9 {
				break
			}
		}
		if ratio >= 9 {
			t.Errorf("%s: four times the bytes cost %.1f times as much; want about 4", name, ratio)
		}
	}
}

// BenchmarkReaders shows what each shape costs at 60 KB.
func BenchmarkReaders(b *testing.B) {
	e := decoding(b, options(policy.Observe))
	for name, shape := range shapes {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				quickest(e, shape, 60<<10, 1)
			}
		})
	}
	for name, c := range hostileBodies() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				quickest(e, func(int) (string, string, string) { return "/a", c.headers, c.body }, 0, 1)
			}
		})
	}
}
