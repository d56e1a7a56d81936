package request

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parsed(method, target string, fields ...Field) *Request {
	r := &Request{Head: Head{Method: method, Target: target, Fields: fields}}
	r.Parse()
	return r
}

func TestParseTarget(t *testing.T) {
	tests := []struct{ method, target, path, query, decoded string }{
		{"GET", "/a/b?x=1", "/a/b", "x=1", "/a/b"},
		{"GET", "http://h/a?b", "/a", "b", "/a"},
		{"GET", "http://h?b", "/", "b", "/"},
		{"GET", "http://h", "/", "", "/"},
		{"GET", "/r?u=http://h/", "/r", "u=http://h/", "/r"},
		{"OPTIONS", "*", "*", "", "*"},
		{"CONNECT", "h:443", "", "", ""},
		{"GET", "", "/", "", "/"},
		{"GET", "/%2e%2E/%zz", "/%2e%2E/%zz", "", "/../%zz"},
		{"GET", "/a?b?c", "/a", "b?c", "/a"},
	}
	for _, tt := range tests {
		r := parsed(tt.method, tt.target)
		if r.Path != tt.path || r.RawQuery != tt.query || r.Decoded() != tt.decoded {
			t.Errorf("Parse(%s %s) = %q, %q, %q; want %q, %q, %q", tt.method, tt.target, r.Path, r.RawQuery, r.Decoded(), tt.path, tt.query, tt.decoded)
		}
	}
}

func TestParseParts(t *testing.T) {
	r := parsed("GET", "/a//b%2Fc?x=1+2&%41=%&&y", Field{Name: "cookie", Value: "a=1; b=2;c"}, Field{Name: "Cookie", Value: "d=4"})
	if d := cmp.Diff([]Param{{"", "a"}, {"", "b/c"}}, r.Segments); d != "" {
		t.Errorf("Segments (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Param{{"x", "1 2"}, {"A", "%"}, {"y", ""}}, r.Query); d != "" {
		t.Errorf("Query (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Param{{"a", "1"}, {"b", "2"}, {"c", ""}, {"d", "4"}}, r.Cookies); d != "" {
		t.Errorf("Cookies (-want +got):\n%s", d)
	}
	if !r.BadEscapes {
		t.Error("BadEscapes = false; want true for a lone percent sign")
	}
}

func TestParseBounds(t *testing.T) {
	r := parsed("GET", strings.Repeat("/a", 100)+"?"+strings.Repeat("a=1&", 1500))
	if len(r.Segments) != maxSegments || len(r.Query) != maxParams || r.Omitted != 36+500 {
		t.Errorf("segments, parameters, omitted = %d, %d, %d; want %d, %d, 536", len(r.Segments), len(r.Query), r.Omitted, maxSegments, maxParams)
	}
	r.Reset()
	if r.Omitted != 0 || len(r.Query) != 0 || cap(r.Query) > 256 || r.Path != "" {
		t.Errorf("Reset left %d omitted, %d parameters with room for %d", r.Omitted, len(r.Query), cap(r.Query))
	}
}

func TestParseAllocates(t *testing.T) {
	r := parsed("GET", "/users/17/%20x?a=1&b=%41+c", Field{Name: "Cookie", Value: "a=1; b=2"})
	visit := func(*Value) bool { return true }
	n := testing.AllocsPerRun(50, func() {
		r.Parse()
		r.WalkHead(visit)
	})
	if n != 0 {
		t.Errorf("Parse and WalkHead allocate %v times; want 0", n)
	}
}

func TestWalkHead(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("ann' or 1=1:x"))
	r := parsed("GET", "/a/b%20c?q=%3Cx%3E", Field{Name: "Host", Value: "h"}, Field{Name: "Authorization", Value: "Basic " + basic},
		Field{Name: "X-Api-Key", Value: "secret123"}, Field{Name: "X-Auth-Token", Value: "' or 1=1"}, Field{Name: "Cookie", Value: "s=a%27"})
	var got []string
	r.WalkHead(func(v *Value) bool {
		got = append(got, fmt.Sprintf("%v %s=%s", v.In, v.Key, v.Text))
		return true
	})
	want := []string{"path =/a/b c", "segment =a", "segment =b c", "query-name q=q", "query q=<x>", "header Host=h",
		"header Authorization=ann' or 1=1:x", "header X-Auth-Token=' or 1=1", "cookie s=a'"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("WalkHead (-want +got):\n%s", d)
	}
	if u, p := r.HeadLogin(); u != "ann' or 1=1" || !p {
		t.Errorf("HeadLogin() = %q, %v; want the user of Basic, true", u, p)
	}
	if u, p := parsed("GET", "/login?user=bob&pwd=x").HeadLogin(); u != "bob" || !p {
		t.Errorf("HeadLogin() = %q, %v; want bob, true", u, p)
	}
}

func TestHeader(t *testing.T) {
	r := parsed("GET", "/", Field{Name: "ACCEPT", Value: "a"}, Field{Name: "accept", Value: "b"})
	if got := r.Header("Accept"); got != "a" {
		t.Errorf("Header(Accept) = %q; want a", got)
	}
	if got := slices.Collect(r.Headers("Accept")); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("Headers(Accept) = %q; want a, b", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"/a?b=c", "http://x/%41?%zz", "*", "//", "/?&&=", "/%"} {
		f.Add("GET", s, "a=1; b")
	}
	f.Fuzz(func(t *testing.T, method, target, cookie string) {
		r := parsed(method, target, Field{Name: "Cookie", Value: cookie}, Field{Name: "Authorization", Value: "Basic " + cookie})
		r.WalkHead(func(v *Value) bool { return v.Text != "stop" })
		r.HeadLogin()
		if len(r.Segments) > maxSegments || len(r.Query) > maxParams || len(r.Cookies) > maxCookies {
			t.Errorf("bounds broken: %d, %d, %d", len(r.Segments), len(r.Query), len(r.Cookies))
		}
		want, err := url.ParseQuery(r.RawQuery)
		if err != nil || r.Omitted > 0 {
			return
		}
		got := url.Values{}
		for _, q := range r.Query {
			got.Add(q.Name, q.Value)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("query of %q (-want +got):\n%s", target, d)
		}
	})
}
