package request

import (
	"net/url"
	"strings"
	"testing"
)

func TestPlainPath(t *testing.T) {
	for _, c := range []struct{ target, want, second string }{
		{"/internal/x", "/internal/x", ""},
		{"//internal/x", "/internal/x", ""},
		{"///internal///x", "/internal/x", ""},
		{"/./internal/x", "/internal/x", ""},
		{"/a/../internal/x", "/internal/x", ""},
		{"/../../internal/x", "/internal/x", ""},
		{"/a/%2e%2e/internal/x", "/internal/x", ""},
		{"/%2e/internal/x", "/internal/x", ""},
		{"/%2E%2e/internal/x", "/internal/x", ""},
		{"/internal;v=1/x", "/internal/x", ""},
		{"/internal/x;v=1;w=2", "/internal/x", ""},
		{"/internal%2fx", "/internal/x", ""},
		{"/internal%2Fx", "/internal/x", ""},
		{"/internal\\x", "/internal/x", ""},
		{"/internal%5cx", "/internal/x", ""},
		{"/a%2f..%2finternal/x", "/internal/x", ""},
		{"/a\\..\\internal/x", "/internal/x", ""},
		{"http://h/a/../internal/x", "/internal/x", ""},
		{"/INTERNAL/x", "/INTERNAL/x", ""},        // letter case stays
		{"/internal/x/", "/internal/x/", ""},      // so does a slash at the end
		{"/internal/x/.", "/internal/x/", ""},     // which these mean
		{"/internal/x/y/..", "/internal/x/", ""},  //
		{"/internal%00/x", "/internal\x00/x", ""}, // so does a NUL
		{"/%2569nternal/x", "/%69nternal/x", ""},  // it is decoded once
		{"/a%252f..%252finternal/x", "/a%2f..%2finternal/x", ""},
		{"/internal%3bv=1/x", "/internal;v=1/x", ""}, // an encoded ';' begins no parameter
		{"/internal%zz/x", "/internal%zz/x", ""},
		{"/.well-known/x", "/.well-known/x", ""},
		{"/a..b/...", "/a..b/...", ""},
		{"/caf%C3%A9?x=/../", "/café", ""},
		{"/", "/", ""}, {"*", "*", ""}, {"/..", "/", ""}, {"/;a", "/", ""},
		// Servers that know no parameters read these otherwise.
		{"/a/..;/internal/x", "/internal/x", "/a/..;/internal/x"},
		{"/internal/..;/x", "/x", "/internal/..;/x"},
		{"/a;b=%2f../internal/x", "/a/internal/x", "/internal/x"},
		{"/internal/;/../x", "/x", "/internal/x"},
	} {
		r := parsed("GET", c.target)
		second := ""
		if all := r.Readings(); len(all) > 1 {
			second = all[1].Path
		}
		if r.Plain() != c.want || second != c.second {
			t.Errorf("%s: got %q, then %q; want %q, then %q", c.target, r.Plain(), second, c.want, c.second)
		}
		if joined := "/" + strings.Join(values(r.Steps()), "/"); c.want != "*" && joined != strings.TrimSuffix(c.want,
			"/") && joined != c.want {
			t.Errorf("%s: got steps %q; want those of %q", c.target, joined, c.want)
		}
		if r.Head.Target != c.target {
			t.Errorf("%s: the target has become %q; want it unchanged", c.target, r.Head.Target)
		}
	}
}

func values(list []Param) (out []string) {
	for _, p := range list {
		out = append(out, p.Value)
	}
	return out
}

// A path has room for as many steps as it likes: those that are resolved do not use
// up what is looked at.
func TestManySteps(t *testing.T) {
	for name, target := range map[string]string{
		"dots":    strings.Repeat("/.", 300) + "/internal/x",
		"climbs":  strings.Repeat("/a/..", 300) + "/internal/x",
		"slashes": strings.Repeat("/", 300) + "internal/x",
		"deep":    strings.Repeat("/a", 300) + strings.Repeat("/..", 300) + "/internal/x",
	} {
		if r := parsed("GET", target); len(r.Steps()) != 2 || r.Steps()[0].Value != "internal" {
			t.Errorf("%s: got steps %q; want internal and x", name, values(r.Steps()))
		}
	}
	if r := parsed("GET",
		"/internal"+strings.Repeat("/a", 300)+"/."); len(r.Steps()) != maxSegments || r.Steps()[0].Value != "internal" {
		t.Errorf("a deep path: got %d steps from %q on; want %d from internal on", len(r.Steps()), r.Steps()[0].Value,
			maxSegments)
	}
}

// lenient resolves a path as a lenient server does, by other means than Readings:
// parameters first if it knows any, then escapes, then dots.
func lenient(path string, parameters bool) string {
	if parameters {
		parts := strings.Split(path, "/")
		for i, p := range parts {
			parts[i], _, _ = strings.Cut(p, ";")
		}
		path = strings.Join(parts, "/")
	}
	var decoded strings.Builder
	for path != "" {
		if len(path) > 2 && path[0] == '%' {
			if one, err := url.PathUnescape(path[:3]); err == nil {
				decoded.WriteString(one)
				path = path[3:]
				continue
			}
		}
		decoded.WriteByte(path[0])
		path = path[1:]
	}
	var stack []string
	for part := range strings.SplitSeq(strings.ReplaceAll(decoded.String(), "\\", "/"), "/") {
		switch part {
		case "", ".":
		case "..":
			stack = stack[:max(len(stack)-1, 0)]
		default:
			stack = append(stack, part)
		}
	}
	return "/" + strings.Join(stack, "/")
}

// No target that a lenient server maps below a prefix may escape who asks for that
// prefix in any of the readings; and a path that nothing is to be resolved in has
// one reading, the decoded path.
func FuzzReadings(f *testing.F) {
	for _, s := range []string{"//internal/x", "/a/..;/internal/x", "/a;b=%2f../internal/x", "/internal/;/../x", "/internal/.;x/..;y/z", "/%2e%2e%5cinternal%2fx;v", "/;/..;/internal/x", "/internal/x;%2f..%2f.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, "?# ") {
			return
		}
		r := parsed("GET", target)
		for _, parameters := range []bool{false, true} {
			path := lenient(target, parameters)
			if !strings.HasPrefix(path, "/internal/") {
				continue
			}
			found := false
			for _, reading := range r.Readings() {
				found = found || strings.HasPrefix(reading.Path, "/internal/") && reading.Steps[0].Value == "internal"
			}
			if !found {
				t.Errorf("%q: a server (parameters %v) reads %q; got %q", target, parameters, path, r.Readings())
			}
		}
		for _, reading := range r.Readings() {
			if strings.Contains(reading.Path, "//") || strings.Contains(reading.Path+"/",
				"/../") || strings.Contains(reading.Path+"/", "/./") || !strings.HasPrefix(reading.Path, "/") {
				t.Errorf("%q: got %q, in which something is left to resolve", target, reading.Path)
			}
		}
	})
}
