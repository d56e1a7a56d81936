package proxy_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/challenge"
	"bartizan/internal/policy"
)

const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"

// navigate sends what a browser window does. Redirects are followed.
func (b *bot) navigate(method, target string, more ...string) *http.Response {
	b.t.Helper()
	return b.do(method, target, append([]string{"Accept", "text/html,application/xhtml+xml", "Accept-Language", "en", "Upgrade-Insecure-Requests", "1",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}, more...)...)
}

func follows(t *testing.T, jar bool) *http.Client {
	c := client(t, "http1")
	c.CheckRedirect = nil
	if jar {
		c.Jar, _ = cookiejar.New(nil) // never fails without options
	}
	return c
}

var dataOf = regexp.MustCompile(`data-([a-z]+)="([^"]*)"`)

// window: what a browser goes through, without running the script: the redirect,
// the page, the answer, the way without scripts.
func (s suite) window(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	b := &bot{t, follows(t, true), "http://" + g.plain, chrome}
	b.do("GET", hostile)
	res := b.navigate("GET", "/shop?a=b%20c&d=%22")
	text := body(t, res)
	if res.StatusCode != 429 || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || res.Request.URL.Path != "/shop" {
		t.Fatalf("got %d %s at %s: %.200s; want the page at the same address", res.StatusCode, res.Header.Get("Content-Type"), res.Request.URL, text)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("got policy %q; want a strict one", csp)
	}
	data := map[string]string{}
	for _, m := range dataOf.FindAllStringSubmatch(text, -1) {
		data[m[1]] = strings.ReplaceAll(strings.ReplaceAll(m[2], "&amp;", "&"), "&#34;", `"`)
	}
	if data["to"] != `/shop?a=b%20c&d=%22` {
		t.Errorf("goes on to %q; want the target unchanged", data["to"])
	}
	bits := 0
	fmt.Sscan(data["bits"], &bits)
	answer, _ := challenge.Solve(data["nonce"], bits, 1<<20)
	for _, probe := range []string{"", "1", "2", "4", "8", "16", "x", "33"} {
		if res := b.do("POST", "/.well-known/bartizan/answer", "Bartizan-Answer", answer, "Bartizan-Probe", probe, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"); res.StatusCode == 204 {
			t.Errorf("probe %q: got %d; want the answer refused", probe, res.StatusCode)
		}
	}
	g.engine.Unblock(attacker.Pardon{Address: netip.MustParseAddr("127.0.0.1")})
	b.do("GET", hostile)
	if res := b.do("POST", "/.well-known/bartizan/answer", "Bartizan-Answer", answer, "Bartizan-Probe", "0"); res.StatusCode != 204 {
		t.Fatalf("a good answer: got %d; want 204", res.StatusCode)
	}
	if res := b.navigate("GET", "/shop?a=b"); res.StatusCode != 200 || body(t, res) != "ok" {
		t.Errorf("with the cookie: got %d; want the upstream's answer", res.StatusCode)
	}
	if res := b.do("GET", "/style.css", "Sec-Fetch-Mode", "no-cors"); res.StatusCode != 200 {
		t.Errorf("what the page loads: got %d; want 200", res.StatusCode)
	}
}

// scriptless: the way without scripts works, but not before its time.
func (s suite) scriptless(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	b := &bot{t, follows(t, true), "http://" + g.plain, chrome}
	b.do("GET", hostile)
	text := body(t, b.navigate("GET", "/shop"))
	link := regexp.MustCompile(`<noscript><meta http-equiv="refresh" content="([1-4]);url=([^"]*)"`).FindStringSubmatch(text)
	if link == nil || !strings.Contains(text, `<a href="`+link[2]+`">`) {
		t.Fatalf("got %.900s; want a refresh, and a link to the same", text)
	}
	way, wait := strings.ReplaceAll(link[2], "&amp;", "&"), time.Duration(link[1][0]-'0')*time.Second
	if res := b.navigate("GET", way); res.StatusCode != 429 {
		t.Errorf("at once: got %d; want the page again", res.StatusCode)
	}
	time.Sleep(wait + 100*time.Millisecond)
	if res := b.navigate("GET", way); res.StatusCode != 200 || res.Request.URL.Path != "/shop" {
		t.Errorf("after the wait: got %d at %s; want the upstream's answer", res.StatusCode, res.Request.URL)
	}
}

// curlFails: neither plain curl nor one that claims a browser, follows and keeps
// cookies gets in; nor does one whose redirects lose the cookie loop.
func (s suite) curlFails(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not here")
	}
	u := newRaw(t, nil)
	for name, args := range map[string][]string{
		"plain":   nil,
		"follows": {"-L"},
		"browser": {"-L", "-b", "", "-A", chrome, "-H", "Accept: text/html", "-H", "Upgrade-Insecure-Requests: 1", "--compressed"},
		"no jar":  {"-L", "-A", chrome, "-H", "Accept: text/html", "-H", "Upgrade-Insecure-Requests: 1"},
	} {
		g := s.front.start(t, interrogating(u.url, policy.Enforce))
		run := func(target string) string {
			out, err := exec.Command("curl", append(append([]string{"-s", "-o", "/dev/null", "-w", "%{http_code} %{num_redirects}"}, args...), "http://"+g.plain+target)...).Output()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return string(out)
		}
		run(hostile)
		before := u.received()
		for range 3 {
			if got := run("/shop"); !strings.HasPrefix(got, "429") && !strings.HasPrefix(got, "403") || len(got) > len("429 2") {
				t.Errorf("%s: got %q; want a refusal after two redirects at most", name, got)
			}
		}
		if u.received() != before {
			t.Errorf("%s: the upstream saw something", name)
		}
	}
}

// postsAreNotSwallowed: a form is told that it was not taken, and a call that it
// must come again; nothing of it goes upstream.
func (s suite) postsAreNotSwallowed(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	b := &bot{t, client(t, "http1"), "http://" + g.plain, chrome}
	b.do("GET", hostile)
	before := u.received()
	res := b.navigate("POST", "/order")
	if text := body(t, res); res.StatusCode != 429 || !strings.Contains(text, "send it again") || !strings.Contains(text, `href="/.well-known/bartizan/page"`) {
		t.Errorf("a form: got %d %.300s; want it told to come back, with a link to the check", res.StatusCode, text)
	}
	if res := b.do("POST", "/api/order"); res.StatusCode != 429 || res.Header.Get("Bartizan-Challenge") == "" {
		t.Errorf("a call: got %d; want a challenge", res.StatusCode)
	}
	if res := b.navigate("GET", "/.well-known/bartizan/page"); res.StatusCode != 429 || !strings.Contains(body(t, res), `data-to="/.well-known/bartizan/page"`) {
		t.Errorf("the check: got %d; want the page, which comes back to itself", res.StatusCode)
	}
	if u.received() != before {
		t.Error("the upstream saw something of it")
	}
}

// loopGuard: questions end.
func (s suite) loopGuard(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	b := &bot{t, follows(t, true), "http://" + g.plain, chrome}
	b.do("GET", hostile)
	last, pages := 0, 0
	for range 40 {
		res := b.navigate("GET", "/shop")
		if last = res.StatusCode; last == 429 {
			pages++
		}
	}
	if last != 403 || pages != challenge.MostPages {
		t.Errorf("got %d pages, and %d in the end; want %d and 403", pages, last, challenge.MostPages)
	}
}

// reservedPaths: what is there, and what is not.
func (s suite) reservedPaths(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	b := &bot{t, client(t, "http1"), "http://" + g.plain, chrome}
	for _, c := range []struct {
		method, path, field, value string
		want                       int
	}{
		{"GET", "probe", "", "", 200}, {"GET", "probe", "If-None-Match", `"bartizan-1"`, 304}, {"GET", "probe", "If-None-Match", `"else"`, 200},
		{"GET", "answer", "", "", 404}, {"POST", "answer", "", "", 403}, {"POST", "answer", "Bartizan-Answer", "x", 403}, {"GET", "nonesuch", "", "", 404}, {"GET", "", "", "", 404},
		{"GET", "page", "", "", 200}, {"GET", "follow", "", "", 403}, {"GET", "follow?t=x&to=//evil.example", "", "", 403},
		{"GET", "wait?t=x&to=https://evil.example/", "", "", 429},
	} {
		res := b.do(c.method, "/.well-known/bartizan/"+c.path, c.field, c.value)
		if text := body(t, res); res.StatusCode != c.want || strings.Contains(text, "evil.example") {
			t.Errorf("%s %s: got %d %.200s; want %d and nobody sent elsewhere", c.method, c.path, res.StatusCode, text, c.want)
		}
	}
	if n := u.received(); n > 0 {
		t.Errorf("the upstream saw %d bytes; want none", n)
	}
}

// truthful: the page comes in the coding that the client says it takes.
func (s suite) truthful(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	b := &bot{t, follows(t, true), "http://" + g.plain, chrome}
	b.do("GET", hostile)
	for accepts, coded := range map[string]bool{"": false, "identity": false, "gzip, br": true, "GZIP;q=0.5": true, "gzip;q=0": false, "br": false} {
		res := b.navigate("GET", "/shop", "Accept-Encoding", accepts)
		raw := []byte(body(t, res))
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != coded {
			t.Errorf("%q: got coded %v; want %v", accepts, got, coded)
		}
		if coded {
			z, err := gzip.NewReader(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Contains(raw, []byte("<h1>One moment</h1>")) || len(raw) > 30_000 {
			t.Errorf("%q: got %d bytes %.80q; want the page, under 30 KB", accepts, len(raw), raw)
		}
	}
}
