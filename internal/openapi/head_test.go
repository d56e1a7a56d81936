package openapi

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/request"
)

// shop loads a document of testdata.
func shop(t testing.TB, name string) *Spec {
	t.Helper()
	s, err := Load(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask makes a request: "GET /path?query", then header lines "Name: value".
func ask(line string, fields ...string) *request.Request {
	method, target, _ := strings.Cut(line, " ")
	r := &request.Request{Head: request.Head{Method: method, Target: target, ContentLength: -1}}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Head.Fields = append(r.Head.Fields, request.Field{Name: name, Value: value})
	}
	r.Parse()
	return r
}

// spell writes a finding's problems as "kind where: what".
func spell(f apimap.Finding) []string {
	var out []string
	for _, p := range f.Problems {
		out = append(out, fmt.Sprintf("%s %s: %s", p.Kind, p.Where, p.What))
	}
	return out
}

func TestPaths(t *testing.T) {
	s := shop(t, "shop30.yaml")
	for _, c := range []struct {
		line, template string
		documented     bool
		allow          string
	}{
		{"GET /v1/items", "/v1/items", true, ""},
		{"GET /shop/items", "/shop/items", true, ""},
		{"GET /items", "", false, ""},
		{"GET /v2/items", "", false, ""},
		{"GET /v1/items/", "/v1/items", true, ""},
		{"HEAD /v1/items", "/v1/items", true, ""},
		{"OPTIONS /v1/items", "/v1/items", true, ""},
		{"PATCH /v1/items", "/v1/items", false, "GET POST"},
		{"GET /v1/items/17", "/v1/items/{id}", true, ""},
		{"GET /v1/items/featured", "/v1/items/featured", true, ""},
		{"GET /v1/items/%66eatured", "/v1/items/featured", true, ""},
		{"DELETE /v1/items/featured", "/v1/items/{id}", true, ""},
		{"POST /v1/items/17", "/v1/items/{id}", false, "DELETE GET PUT"},
		{"GET /v1/items/17/photo.png", "/v1/items/{id}/photo.{ext}", true, ""},
		{"GET /v1/items/17/photo.", "", false, ""},
		{"GET /v1/items/17/photos", "", false, ""},
		{"GET /v1/users/../orders", "", false, ""},
		{"GET /v1/users/%2e%2e/orders", "", false, ""},
		{"GET /status", "/status", true, ""},
		{"GET /v1/status", "", false, ""},
		{"GET /" + strings.Repeat("a/", 100), "", false, ""},
		{"GET *", "", false, ""},
	} {
		f := s.Head(ask(c.line))
		if f.Template != c.template || f.Documented != c.documented || f.PathDocumented != (c.template != "") || strings.Join(f.Allow, " ") != c.allow {
			t.Errorf("%s: got %+v; want %q, documented %v, allow %q", c.line, f, c.template, c.documented, c.allow)
		}
	}
	if f := s.Head(ask("PUT /v1/items/1")); !f.Deprecated {
		t.Errorf("PUT /v1/items/1: got %+v; want deprecated", f)
	}
}

func TestParameters(t *testing.T) {
	s := shop(t, "shop30.yaml")
	const key = "Idempotency-Key: 6fa459ea-ee8a-3ca4-894e-db77e160355e"
	for _, c := range []struct {
		line   string
		fields string
		want   string
	}{
		{"GET /v1/items?page=2&limit=100&sort=-price&tags=a&tags=b&ids=1,2,3&sizes=1|2&instock=true&above=0.5&since=2026-01-31&at=2026-01-31T10:00:00Z&mail=a@b.example&address=10.0.0.1&odd=%27&api_key=x", "", ""},
		{"GET /v1/items?page=0", "", "value query:page: below the minimum"},
		{"GET /v1/items?page=007", "", ""},
		{"GET /v1/items?page=1.5", "", "value query:page: number instead of integer"},
		{"GET /v1/items?page=3000000000", "", "value query:page: does not fit int32"},
		{"GET /v1/items?page=1%20or%201=1", "", "value query:page: string instead of integer"},
		{"GET /v1/items?page=", "", "value query:page: string instead of integer"},
		{"GET /v1/items?page=1&page=2", "", "repeated query:page: given more than once"},
		{"GET /v1/items?limit=101", "", "value query:limit: above the maximum"},
		{"GET /v1/items?limit=1e400", "", "value query:limit: above the maximum"},
		{"GET /v1/items?limit=1e99999999999", "", "value query:limit: above the maximum"},
		{"GET /v1/items?sort=size", "", "value query:sort: none of the 3 documented values"},
		{"GET /v1/items?tags=a&tags=a", "", "value query:tags[1]: the same item again"},
		{"GET /v1/items?tags=a&tags=b&tags=c&tags=d", "", "value query:tags: more items than 3"},
		{"GET /v1/items?tags=a&page=1&tags=123456789", "", "value query:tags[1]: longer than 8"},
		{"GET /v1/items?ids=1,x", "", "value query:ids[1]: string instead of integer"},
		{"GET /v1/items?sizes=1%7C2%7Cz", "", "value query:sizes[2]: string instead of integer"},
		{"GET /v1/items?instock=yes", "", "value query:instock: string instead of boolean"},
		{"GET /v1/items?above=0", "", "value query:above: below the minimum"},
		{"GET /v1/items?since=2026-02-30", "", "value query:since: not of format date"},
		{"GET /v1/items?at=yesterday", "", "value query:at: not of format date-time"},
		{"GET /v1/items?mail=nobody", "", "value query:mail: not of format email"},
		{"GET /v1/items?address=10.0.0.256", "", "value query:address: not of format ipv4"},
		{"GET /v1/items?flag", "", ""},
		{"GET /v1/items?filter[color]=red&filter%5Bx%5D=1", "", ""},
		{"GET /v1/items?where=%7B%22q%22:%22a%22%7D", "", ""},
		{"GET /v1/items?where=%7B%7D", "", "missing query:where.q: required"},
		{"GET /v1/items?where=%7B", "", "malformed query:where: not JSON at byte 1"},
		{"GET /v1/items?debug=1&x=2", "", "unknown query:debug: no such parameter is documented; unknown query:x: no such parameter is documented"},
		{"GET /v1/items/0", "", "value path:id: below the minimum"},
		{"GET /v1/items/abc", "", "value path:id: string instead of integer"},
		{"GET /v1/items/99999999999999999999", "", "value path:id: does not fit int64"},
		{"GET /v1/items/1/photo.gif", "", "value path:ext: none of the 2 documented values"},
		{"GET /v1/users/a%2Fb/orders", "", "malformed path:name: an encoded slash"},
		{"GET /v1/users/..%2fadmin/orders", "", "malformed path:name: an encoded slash"},
		{"GET /v1/files/a%2Fb", "", ""},
		{"GET /v1/files/a%2F..%2Fb", "", "value path:path: does not match the pattern"},
		{"GET /v1//items", "", "malformed path: an empty segment"},
		{"POST /v1/items", key, ""},
		{"POST /v1/items", "", "missing header:Idempotency-Key: required"},
		{"POST /v1/items", "idempotency-key: 1", "value header:Idempotency-Key: not of format uuid"},
		{"POST /v1/items", key + "|Cookie: a=b; session=short", "value cookie:session: shorter than 8"},
	} {
		var fields []string
		if c.fields != "" {
			fields = strings.Split(c.fields, "|")
		}
		f := s.Head(ask(c.line, fields...))
		if got := strings.Join(spell(f), "; "); got != c.want || !f.Documented {
			t.Errorf("%s: got %q, %+v; want %q", c.line, got, f, c.want)
		}
	}
}

// The values never show in what is said of them.
func TestNoSecrets(t *testing.T) {
	s := shop(t, "shop30.yaml")
	for _, r := range []*request.Request{
		ask("GET /v1/items?page=hunter2&sort=hunter2&since=hunter2&ids=hunter2&where=hunter2"),
		ask("POST /v1/items", "Idempotency-Key: hunter2", "Cookie: session=hunter2"),
	} {
		if f := s.Head(r); len(f.Problems) < 2 || strings.Contains(fmt.Sprint(f), "hunter2") {
			t.Errorf("%s: got %v", r.Head.Target, spell(f))
		}
	}
	body := `{"password":"hunter2","name":{"hunter2":1},"price":"hunter2","size":"hunter2"}`
	if f := s.Body(ask("POST /v1/items", "Content-Type: application/json"), []byte(body), true); len(f.Problems) < 4 || strings.Contains(fmt.Sprint(f), "hunter2") {
		t.Errorf("got %v", spell(f))
	}
}

func TestHostileHead(t *testing.T) {
	s := shop(t, "shop30.yaml")
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "&tags=%d&x%d=1", i, i)
	}
	for _, line := range []string{
		"GET /v1/items?" + b.String(),
		"GET /v1/items?code=" + strings.Repeat("a", 60_000) + "!", // (a+)+ in a backtracking engine never ends
		"GET /v1/items?where=" + strings.Repeat("[", 60_000),
		"GET /v1/items?ids=" + strings.Repeat("1,", 30_000),
		"GET /v1/" + strings.Repeat("items/", 10_000),
		"GET /v1/items?above=" + strings.Repeat("9", 60_000),
	} {
		start := time.Now()
		f := s.Head(ask(line))
		if took := time.Since(start); took > 500*time.Millisecond {
			t.Errorf("%.40s: took %v", line, took)
		}
		if len(f.Problems) > apimap.MaxProblems {
			t.Errorf("%.40s: got %d problems", line, len(f.Problems))
		}
		for _, p := range f.Problems {
			if len(p.Where) > 96 || len(p.What) > 96 {
				t.Errorf("%.40s: got %+v", line, p)
			}
		}
	}
	// Parse leaves out what is tiny beyond a thousand parameters, and the rest is told.
	if f := s.Head(ask("GET /v1/items?" + strings.Repeat("&x=1", 10_000))); f.Skipped == "" || len(f.Problems) == 0 {
		t.Errorf("got %d problems, skipped %q", len(f.Problems), f.Skipped)
	}
	if f := s.Head(ask("GET /v1/items?" + b.String())); len(f.Problems) != apimap.MaxProblems {
		t.Errorf("got %d problems; want %d", len(f.Problems), apimap.MaxProblems)
	}
}

func TestNotes(t *testing.T) {
	notes := append(shop(t, "shop30.yaml").Notes(), shop(t, "shop31.yaml").Notes()...)
	for _, want := range []string{"deepObject", "bodies of this type", "(?!a)"} {
		if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no note of %q in %q", want, notes)
		}
	}
}
