package proxy_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
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
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// interrogating is a gateway that asks suspects; one exploit makes one.
func interrogating(upstream string, mode policy.Mode) setup {
	return setup{
		upstreams: []string{upstream}, mode: mode,
		policy: func(o *policy.Options) {
			o.Thresholds = policy.Thresholds{Watch: 5, Interrogate: 20, Tarpit: 97, Block: 98} // what claims a browser here is none, which shows
			o.Interrogation = policy.Interrogation{
				Enabled: true, Pass: time.Hour, Answer: 2 * time.Minute, Wait: time.Second, Difficulty: 8, Page: true, Cookies: true,
			}
		},
		engine: func(o *engine.Options) { o.Key = []byte("0123456789abcdef0123456789abcdef") },
	}
}

const hostile = "/item?id=1%27%20UNION%20SELECT%20password%20FROM%20users--"

// bot is a program that calls the API.
type bot struct {
	t      *testing.T
	client *http.Client
	base   string
	agent  string
}

func (b *bot) do(method, target string, fields ...string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequest(method, b.base+target, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("User-Agent", b.agent)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "" {
			continue
		}
		req.Header.Set(fields[i], fields[i+1])
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { res.Body.Close() })
	return res
}

type posed struct {
	Status    int
	Challenge struct {
		Algorithm, Nonce, Answer string
		Difficulty               int
		Expires                  time.Time
	}
}

// solve answers the challenge in res.
func (b *bot) solve(res *http.Response) string {
	b.t.Helper()
	var p posed
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		b.t.Fatalf("reading the challenge: %v", err)
	}
	c := p.Challenge
	want := fmt.Sprintf(`sha-256;difficulty=%d;expires=%d;nonce="%s"`, c.Difficulty, c.Expires.Unix(), c.Nonce)
	if got := res.Header.Get("Bartizan-Challenge"); res.StatusCode != 429 || p.Status != 429 || got != want || c.Algorithm != "sha-256" || c.Answer != "Bartizan-Answer" {
		b.t.Fatalf("got %d, %+v, field %q; want 429 with a challenge, in body and field alike", res.StatusCode, p, got)
	}
	if res.Header.Get("Retry-After") == "" || res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get("Bartizan-Reference") == "" {
		b.t.Errorf("got header %v; want a problem with Retry-After and reference", res.Header)
	}
	answer, ok := challenge.Solve(c.Nonce, c.Difficulty, 1<<20)
	if !ok {
		b.t.Fatal("no answer")
	}
	return answer
}

// program: a Go program solves the challenge over real sockets, on each protocol;
// one that does not stays out.
func (s suite) program(t *testing.T) {
	u := newRaw(t, nil)
	for _, protocol := range []string{"http1", "h2", "h2c"} {
		t.Run(protocol, func(t *testing.T) {
			g := s.front.start(t, interrogating(u.url, policy.Enforce))
			b := &bot{t, client(t, protocol), "http://" + g.plain, "shop-app/3.2"}
			if protocol == "h2" {
				b.base = "https://" + g.secure
			}
			if res := b.do("GET", hostile); res.StatusCode != 403 {
				t.Fatalf("got %d; want the exploit refused", res.StatusCode)
			}
			before := u.received()
			res := b.do("GET", "/api/orders")
			if u.received() != before {
				t.Error("the upstream saw the request of somebody who is asked")
			}
			answer := b.solve(res)
			res = b.do("GET", "/api/orders", "Bartizan-Answer", answer)
			pass := res.Header.Get("Bartizan-Pass")
			if res.StatusCode != 200 || pass == "" || res.Header.Get("Bartizan-Pass-Expires") == "" {
				t.Fatalf("with the answer: got %d, pass %q; want 200 and a pass", res.StatusCode, pass)
			}
			for n := range 3 {
				if res = b.do("POST", fmt.Sprint("/api/orders/", n), "Bartizan-Pass", pass); res.StatusCode != 200 || res.Header.Get("Bartizan-Pass") != "" {
					t.Errorf("with the pass: got %d, pass %q; want 200 and no other", res.StatusCode, res.Header.Get("Bartizan-Pass"))
				}
			}
			if res = b.do("GET", "/api/orders"); res.StatusCode != 429 {
				t.Errorf("without: got %d; want 429", res.StatusCode)
			}
			if res = b.do("GET", "/api/orders", "Bartizan-Answer", strings.Repeat("x", 82)+".1"); res.StatusCode != 429 {
				t.Errorf("with nonsense: got %d; want 429", res.StatusCode)
			}
		})
	}
}

// Theft: a pass that another program shows opens nothing.
func (s suite) stolenPass(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	b := &bot{t, client(t, "http1"), "http://" + g.plain, "shop-app/3.2"}
	b.do("GET", hostile)
	pass := b.do("GET", "/x", "Bartizan-Answer", b.solve(b.do("GET", "/x"))).Header.Get("Bartizan-Pass")
	thief := &bot{t, client(t, "http1"), "http://" + g.plain, "python-requests/2.32"}
	thief.do("GET", hostile)
	if res := thief.do("GET", "/x", "Bartizan-Pass", pass); res.StatusCode != 429 {
		t.Errorf("other software: got %d; want 429", res.StatusCode)
	}
	if res := b.do("GET", "/x", "Bartizan-Pass", pass); res.StatusCode != 200 {
		t.Errorf("who earned it: got %d; want 200", res.StatusCode)
	}
}

// Farm: bots on many addresses that share one solver's pass are noticed, and the
// pass is nobody's then.
func (s suite) farm(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Enforce))
	at := func(n int) *bot {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 7, byte(n))}}
		tr := &http.Transport{DialContext: d.DialContext}
		t.Cleanup(tr.CloseIdleConnections)
		return &bot{t, &http.Client{Transport: tr}, "http://" + g.plain, "shop-app/3.2"}
	}
	solver := at(1)
	solver.do("GET", hostile)
	pass := solver.do("GET", "/x", "Bartizan-Answer", solver.solve(solver.do("GET", "/x"))).Header.Get("Bartizan-Pass")
	through := 0
	for n := range 40 {
		b := at(n + 10)
		b.do("GET", hostile)
		if b.do("GET", "/x", "Bartizan-Pass", pass).StatusCode == 200 {
			through++
		}
	}
	if through >= challenge.MostUsers {
		t.Errorf("got %d of 40 bots through by one pass; want fewer than %d", through, challenge.MostUsers)
	}
	if got := g.engine.Stats().Challenge.Results[request.PassFarmed]; got < 30 {
		t.Errorf("got %d requests noticed; want the other bots", got)
	}
	if res := solver.do("GET", "/x", "Bartizan-Pass", pass); res.StatusCode != 429 {
		t.Errorf("the solver, with the shared pass: got %d; want 429", res.StatusCode)
	}
}

// Restart: a pass is good for a new process with the same key.
func (s suite) passSurvives(t *testing.T) {
	u := newRaw(t, nil)
	pass := ""
	for n := range 2 {
		g := s.front.start(t, interrogating(u.url, policy.Enforce))
		b := &bot{t, client(t, "http1"), "http://" + g.plain, "shop-app/3.2"}
		b.do("GET", hostile)
		if n == 0 {
			pass = b.do("GET", "/x", "Bartizan-Answer", b.solve(b.do("GET", "/x"))).Header.Get("Bartizan-Pass")
		} else if res := b.do("GET", "/x", "Bartizan-Pass", pass); res.StatusCode != 200 {
			t.Errorf("after a restart: got %d; want 200", res.StatusCode)
		}
	}
}

// observesUntouched: where nothing is enforced nothing changes on the wire: no
// challenge, no cookie, no reserved paths.
func (s suite) observesUntouched(t *testing.T) {
	u := newRaw(t, nil)
	g := s.front.start(t, interrogating(u.url, policy.Observe))
	b := &bot{t, client(t, "http1"), "http://" + g.plain, "shop-app/3.2"}
	b.do("GET", hostile)
	for _, target := range []string{"/x", "/.well-known/bartizan/probe", "/.well-known/bartizan/answer"} {
		res := b.do("GET", target)
		if got := body(t, res); got != "ok" || res.Header.Get("Set-Cookie") != "" || res.Header.Get("Bartizan-Pass") != "" {
			t.Errorf("%s: got %q with header %v; want the upstream's own", target, got, res.Header)
		}
	}
}

// handsCookies: who is not suspected is handed nothing, who is watched a cookie, but
// not in answers that caches share.
func (s suite) handsCookies(t *testing.T) {
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "own=1")
		w.Header().Set("Cache-Control", r.URL.Query().Get("cache"))
		io.WriteString(w, "ok")
	})
	soon := interrogating(up, policy.Enforce)
	ask := soon.policy
	soon.policy = func(o *policy.Options) {
		ask(o)
		o.Thresholds.Watch = 1.5 // a hint is enough
	}
	g := s.front.start(t, soon)
	b := &bot{t, client(t, "http1"), "http://" + g.plain, "curl/8.1"}
	if got := b.do("GET", "/x").Header.Values("Set-Cookie"); len(got) != 1 {
		t.Errorf("unsuspected: got cookies %q; want the upstream's alone", got)
	}
	watched := &bot{t, client(t, "http1"), "http://" + g.plain, ""} // without a User-Agent, which is a hint
	if got := watched.do("GET", "/x").Header.Values("Set-Cookie"); len(got) != 2 || !strings.HasPrefix(got[1], "bartizan-pass=") || !strings.HasSuffix(got[1], "; HttpOnly; SameSite=Lax") {
		t.Errorf("watched: got cookies %q; want ours behind the upstream's", got)
	}
	for control, want := range map[string]int{"public,max-age=60": 1, "max-age=60": 1, "private,max-age=60": 2, "no-cache": 2} {
		if got := watched.do("GET", "/x?cache="+control).Header.Values("Set-Cookie"); len(got) != want {
			t.Errorf("watched, %s: got cookies %q; want ours only where caches keep the answer to one client", control, got)
		}
	}
	if got := b.do("GET", "/x").Header.Values("Set-Cookie"); len(got) != 1 {
		t.Errorf("still unsuspected: got cookies %q; want the upstream's alone", got)
	}
}

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
