package openapi

import (
	"os"
	"strings"
	"testing"
	"time"
)

// order is a body of about 1 KB with everything that orders have.
var order = `{"name":"A box of things","price":129.95,"stock":12,"size":"M","owner":{"email":"mary.major@example.com","born":"1990-02-28"},"tags":["new","sale","red"],"parts":[` +
	strings.Repeat(`{"sku":"ABC-12345","count":3},`, 26) + `{"sku":"XYZ-1","count":1000}]}`

func BenchmarkHead(b *testing.B) {
	s := shop(b, "shop30.yaml")
	r := ask("GET /v1/items?page=2&limit=100&sort=-price&tags=a&tags=b&instock=true&api_key=x", "User-Agent: a", "Accept: */*")
	b.ReportAllocs()
	for b.Loop() {
		if f := s.Head(r); len(f.Problems) > 0 {
			b.Fatal(f)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	s := shop(b, "shop30.yaml")
	r := ask("POST /v1/items", "Content-Type: application/json")
	body := []byte(order)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if f := s.Body(r, body, true); len(f.Problems) > 0 {
			b.Fatal(f)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load("testdata/shop30.yaml"); err != nil {
			b.Fatal(err)
		}
	}
}

// What is as documented costs no memory.
func TestAllocations(t *testing.T) {
	if racing {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	s := shop(t, "shop30.yaml")
	get := ask("GET /v1/items?page=2&limit=100&sort=-price&tags=a&tags=b&instock=true&api_key=x")
	one := ask("GET /v1/items/17/photo.png")
	post := ask("POST /v1/items", "Content-Type: application/json")
	body := []byte(`{"name":"a\u00e9","price":129,"size":"M","parts":[{"sku":"ABC-1","count":3}]}`)
	for name, f := range map[string]func(){
		"GET with parameters": func() { s.Head(get) },
		"GET by path":         func() { s.Head(one) },
		"POST":                func() { s.Body(post, body, true) },
	} {
		if n := testing.AllocsPerRun(200, f); n > 0.5 { // the pool may be emptied once
			t.Errorf("%s: got %v allocations; want none", name, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"shop30.yaml", "shop31.yaml"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(head + "paths: {/a: {get: {parameters: [{name: a, in: query, schema: {$ref: '#/paths/~1a'}}], responses: {}}}}"))
	f.Add([]byte(`{"openapi":"3.1.0","info":{"title":"a","version":"1"},"paths":{"/a/{b}":{"post":{"requestBody":{"content":{"*/*":{"schema":{"$ref":"#"}}}}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		start := time.Now()
		s, err := Parse("fuzz", data)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		if err != nil {
			return
		}
		s.Head(ask("GET /v1/items?page=1&a=b"))
		s.Body(ask("POST /v1/items", "Content-Type: application/json"), []byte(order), true)
		Compare(s, nil)
	})
}

func FuzzRequest(f *testing.F) {
	thirty, err := Load("testdata/shop30.yaml")
	if err != nil {
		f.Fatal(err)
	}
	latest, err := Load("testdata/shop31.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("GET", "/v1/items?page=1&tags=a&ids=1,2&where={}", "", []byte(""))
	f.Add("POST", "/v1/items", "application/json", []byte(order))
	f.Add("POST", "/v1/login", formMedia, []byte("user=a&password=b&role=a&role=b"))
	f.Add("POST", "/v1/upload", "multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello\r\n--x--"))
	f.Add("POST", "/search", "application/json", []byte(`{"q":"a","labels":{"x-a":1}}`))
	f.Add("POST", "/expr", "application/json", []byte(`{"left":{"left":1,"op":"or"},"op":"xor"}`))
	f.Fuzz(func(t *testing.T, method, target, media string, body []byte) {
		r := ask(method+" "+target, "Content-Type: "+media, "Cookie: session="+target)
		for _, s := range []*Spec{thirty, latest} {
			for _, found := range []struct {
				problems int
				skipped  string
			}{{len(s.Head(r).Problems), ""}, {len(s.Body(r, body, true).Problems), ""}} {
				if found.problems > 8 {
					t.Errorf("got %d problems", found.problems)
				}
			}
			if f := s.Body(r, body, false); f.Skipped == skippedLonger && len(f.Problems) > 0 {
				t.Errorf("got problems of a body that was not whole: %q", spell(f))
			}
		}
	})
}
