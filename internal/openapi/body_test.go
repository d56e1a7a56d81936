package openapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/apimap"
)

func TestBodies30(t *testing.T) {
	s := shop(t, "shop30.yaml")
	const (
		item    = "POST /v1/items"
		json    = "application/json"
		pay     = "POST /v1/pay"
		login   = "POST /v1/login"
		upload  = "POST /v1/upload"
		comment = "POST /v1/comments"
		form    = "application/x-www-form-urlencoded"
		parts   = "multipart/form-data; boundary=x"
	)
	title := "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello\r\n"
	file := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n"
	for _, c := range []struct{ line, media, body, want, skipped string }{
		{item, json, `{"name":"a","price":1.25}`, "", ""},
		{item, "Application/JSON; charset=utf-8", "\ufeff {\"name\":\"a\",\"price\":0,\"stock\":null,\"owner\":null}", "", ""},
		{item, "application/vnd.shop+json", `{"name":"a"}`, "missing body:price: required", ""},
		{item, json, `{"name":"a","price":"1"}`, "value body:price: string instead of number", ""},
		{item, json, `{"name":"a","price":-1}`, "value body:price: below the minimum", ""},
		{item, json, `{"name":"a","price":1.005}`, "value body:price: not a multiple of what is documented", ""},
		{item, json, `{"name":"","price":1}`, "value body:name: shorter than 1", ""},
		{item, json, `{"name":null,"price":1}`, "value body:name: null instead of string", ""},
		{item, json, `{"name":"a","price":1,"size":"XL"}`, "value body:size: none of the 3 documented values", ""},
		{item, json, `{"name":"a","price":1,"admin":true}`, "unknown body:admin: no such field is documented", ""},
		{item, json, `{"name":"a","price":1,"id":7}`, "read-only body:id: only answers have it", ""},
		{item, json, `{"name":"a","name":"b","price":1}`, "repeated body:name: an object names one key twice", ""},
		{item, json, `{"name":"a","price":1,"tags":["x","x"]}`, "value body:tags[1]: the same item again", ""},
		{item, json, `{"name":"a","price":1,"owner":{"email":"x"}}`, "value body:owner.email: not of format email", ""},
		{item, json, `{"name":"a","price":1,"parts":[{"sku":"ABC-1"},{"sku":"abc","count":1001},{}]}`, "value body:parts[1].sku: does not match the pattern; value body:parts[1].count: above the maximum; missing body:parts[2].sku: required", ""},
		{item, json, `[]`, "value body: array instead of object", ""},
		{item, json, `{"name":"a","price":1`, "malformed body: JSON ends too early at byte 21", ""},
		{item, json, `{"name":"a","price":01}`, "malformed body: not JSON at byte 21", ""},
		{item, json, `{"name":"a","price":1} {}`, "malformed body: more after the JSON value at byte 23", ""},
		{item, json, "", "missing body: required", ""},
		{item, "", `{}`, "content-type header:Content-Type: not a documented content type", skippedMedia},
		{item, "text/plain", `{}`, "content-type header:Content-Type: not a documented content type", skippedMedia},
		{item, "application/xml", `<a/>`, "", skippedType},
		{"GET /v1/items", json, `{}`, "unknown body: no body is documented", ""},
		{"PUT /v1/items/1", json, "", "", ""},
		{pay, json, `{"kind":"card","number":"4111111111111111"}`, "", ""},
		{pay, json, `{"kind":"card","number":"4111"}`, "value body:number: does not match the pattern", ""},
		{pay, json, `{"kind":"transfer"}`, "missing body:iban: required", ""},
		{pay, json, `{"kind":"cash"}`, "value body:kind: names none of the documented kinds", ""},
		{pay, json, `{}`, "value body: fits none of the 2 documented forms", ""},
		{comment, json, `{"text":"a","replies":[{"text":"b","replies":[{"text":1}]}]}`, "value body:replies[0].replies[0].text: number instead of string", ""},
		{login, form, "user=a&password=longenough&remember=true&age=7&role=a&role=b", "", ""},
		{login, form, "user=a&password=short&x=1", "value body:password: shorter than 8; unknown body:x: no such field is documented", ""},
		{login, form, "user=a&password=longenough&age=x&role=c", "value body:age: string instead of integer; value body:role[0]: none of the 2 documented values", ""},
		{login, form, "user=a&user=b&password=longenough", "repeated body:user: an object names one key twice", ""},
		{login, form, "user=a+%26b", "missing body:password: required", ""},
		{login, form, strings.Repeat("a=1&", 2000), "", skippedMany},
		{upload, parts, title + file + "--x--\r\n", "", ""},
		{upload, parts, file + "--x--\r\n", "missing body:title: required", ""},
		{upload, parts, strings.Replace(title, "hello", strings.Repeat("a", 30), 1) + file + "--x--\r\n", "value body:title: longer than 20", ""},
		{upload, parts, title, "malformed body: not the multipart body that it says it is", ""},
		{upload, "multipart/form-data", title, "malformed body: multipart without a boundary", ""},
		{"POST /v1/report", "text/csv", "a,b", "", skippedType},
		{"POST /v1/report", "image/png", "a,b", "content-type header:Content-Type: not a documented content type", skippedMedia},
	} {
		r := ask(c.line, "Content-Type: "+c.media)
		f := s.Body(r, []byte(c.body), true)
		if got := strings.Join(spell(f), "; "); got != c.want || f.Skipped != c.skipped || !f.Documented {
			t.Errorf("%s %s %q:\n got %q, skipped %q\nwant %q, skipped %q", c.line, c.media, c.body, got, f.Skipped, c.want, c.skipped)
		}
	}
}

func TestBodies31(t *testing.T) {
	s := shop(t, "shop31.yaml")
	for _, c := range []struct{ body, want string }{
		{`{"q":"a","page":2}`, ""},
		{`{"q":null,"pair":["a",1],"mode":"fast"}`, ""},
		{`{"q":1}`, "value body:q: number instead of null or string"},
		{`{"page":1}`, "missing body:q: required"},
		{`{"q":"a","mode":"slow"}`, "value body:mode: not the one documented value"},
		{`{"q":"a","mode":"fast"}`, "missing body:pair: required"},
		{`{"q":"a","pair":["a","b"]}`, "value body:pair[1]: string instead of integer"},
		{`{"q":"a","pair":["a",1,2]}`, "unknown body:pair[2]: not allowed here"},
		{`{"q":"a","range":0}`, "value body:range: below the minimum"},
		{`{"q":"a","range":9.99999999999999999999}`, ""},
		{`{"q":"a","range":10}`, "value body:range: above the maximum"},
		{`{"q":"a","either":7}`, ""},
		{`{"q":"a","either":"x"}`, "value body:either: not of format uuid"},
		{`{"q":"a","either":true}`, "value body:either: fits none of the 2 documented forms"},
		{`{"q":"a","exact":9}`, ""},
		{`{"q":"a","exact":15}`, "value body:exact: fits more than one of the documented forms"},
		{`{"q":"a","never":1}`, "unknown body:never: not allowed here"},
		{`{"q":"a","surprise":1}`, "unknown body:surprise: no such field is documented"},
		{`{"q":"a","labels":{"x-a":"b","n":1}}`, ""},
		{`{"q":"a","labels":{"x-a":1,"n":"b"}}`, "value body:labels.x-a: number instead of string; value body:labels.n: string instead of integer"},
		{`{"q":"a","labels":{"abcdefghijkl":1}}`, "unknown body:labels.abcdefghijkl: no such field name is documented"},
		{`{"q":"a","lookahead":"zzz"}`, ""},
		{`{"q":"a","card":"x"}`, "missing body:mode: required"},
		{`{"q":"a","big":9007199254740993}`, ""},
		{`{"q":"a","big":9007199254740994}`, "value body:big: above the maximum"},
		{`{"q":"a","has":[1,1.0]}`, ""},
		{`{"q":"a","has":[1,2]}`, "value body:has: does not contain what it must"},
		{`{"q":"a","forbidden":1}`, "value body: what the document excludes; unknown body:forbidden: no such field is documented"},
		{`{"q":"\u00e9\ud83d\ude00\n"}`, ""},
		{`{"q":"` + strings.Repeat("é", 40) + `"}`, ""},
		{`{"q":"` + strings.Repeat("é", 41) + `"}`, "value body:q: longer than 40"},
		{`{"q":"\x"}`, "malformed body: bad escape in a string at byte 7"},
		{`{"q":"a` + "\n" + `"}`, "malformed body: control byte in a string at byte 7"},
	} {
		f := s.Body(ask("POST /search", "Content-Type: application/json"), []byte(c.body), true)
		if got := strings.Join(spell(f), "; "); got != c.want || f.Skipped != "" {
			t.Errorf("%s:\n got %q, skipped %q\nwant %q", c.body, got, f.Skipped, c.want)
		}
	}
	if f := s.Body(ask("POST /made"), nil, true); f.PathDocumented {
		t.Errorf("a webhook is a path: %+v", f)
	}
}

func TestIncomplete(t *testing.T) {
	s := shop(t, "shop30.yaml")
	for _, body := range []string{"", `{"name":"a","price":"wrong"`, `{"name":1}`} {
		f := s.Body(ask("POST /v1/items", "Content-Type: application/json"), []byte(body), false)
		if f.Skipped != skippedLonger || len(f.Problems) != 0 {
			t.Errorf("%q: got %+v", body, f)
		}
	}
}

func TestHostileBody(t *testing.T) {
	thirty, expr := shop(t, "shop30.yaml"), shop(t, "shop31.yaml")
	tree := func(n int) string {
		return strings.Repeat(`{"left":`, n) + "1" + strings.Repeat(`,"op":"xor"}`, n)
	}
	things := ""
	for i := range 2000 {
		things += fmt.Sprintf(`,{"a":%d}`, i)
	}
	for _, c := range []struct {
		name    string
		s       *Spec
		line    string
		media   string
		body    string
		skipped string
		want    string
	}{
		{"nested", thirty, "POST /v1/items", "application/json", strings.Repeat("[", 1<<20), "", "nested too deeply"},
		{"objects", thirty, "POST /v1/items", "application/json", strings.Repeat(`{"a":`, 200_000), "", "nested too deeply"},
		{"many", thirty, "POST /v1/items", "application/json", "[" + strings.Repeat("1,", 500_000) + "1]", skippedMany, ""},
		{"keys", thirty, "POST /v1/items", "application/json", `{"a":1` + strings.Repeat(`,"a":1`, 20_000) + "}", "", "twice"},
		{"digits", thirty, "POST /v1/items", "application/json", `{"name":"a","price":` + strings.Repeat("9", 1<<20) + `}`, "", ""},
		{"exponent", thirty, "POST /v1/items", "application/json", `{"name":"a","price":1e-999999999}`, "", ""},
		{"unique", thirty, "POST /v1/items", "application/json", `{"name":"a","price":1,"tags":["a"` + things + "]}", skippedWork, "body:tags: more items than 5"},
		// 3^40 ways in a validator without a bound; a failing leaf tries all.
		{"branches", expr, "POST /expr", "application/json", tree(40), skippedWork, ""},
		{"shallow", expr, "POST /expr", "application/json", tree(5), "", ""},
		{"form", thirty, "POST /v1/login", formMedia, strings.Repeat("role=a&", 1000), "", "required"},
		{"parts", thirty, "POST /v1/upload", "multipart/form-data; boundary=x", strings.Repeat("--x\r\n\r\n\r\n", 50_000), skippedMany, ""},
	} {
		start := time.Now()
		f := c.s.Body(ask(c.line, "Content-Type: "+c.media), []byte(c.body), true)
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: took %v", c.name, took)
		}
		if f.Skipped != c.skipped || len(f.Problems) > apimap.MaxProblems {
			t.Errorf("%s: got skipped %q, %q; want %q", c.name, f.Skipped, spell(f), c.skipped)
		}
		if got := strings.Join(spell(f), "; "); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q; want %q in it", c.name, got, c.want)
		}
	}
}
