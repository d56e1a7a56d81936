package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

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
