package proxy_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bartizan/internal/policy"
)

// The script is served where the site wants it, whatever is enforced, in 2 KB, and is the
// upstream's path elsewhere.
func TestScriptIsServed(t *testing.T) {
	u := newRaw(t, nil)
	for name, c := range map[string]struct {
		mode   policy.Mode
		script bool
		want   bool
	}{"enforce": {policy.Enforce, true, true}, "observe": {policy.Observe, true, true}, "not asked for": {policy.Enforce, false, false}, "observe, not asked for": {policy.Observe, false, false}} {
		s := interrogating(u.url, c.mode)
		s.policy = scripted(s.policy, c.script)
		g := proxyFront{}.start(t, s)
		b := &bot{t: t, client: client(t, "http1"), base: "http://" + g.plain, agent: chrome}
		res := b.do("GET", "/.well-known/bartizan/fetch.js", "Accept-Encoding", "gzip")
		packed, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.HasPrefix(res.Header.Get("Content-Type"), "text/javascript"); got != c.want {
			t.Errorf("%s: got %d, %s; want the script %v", name, res.StatusCode, res.Header.Get("Content-Type"), c.want)
			continue
		}
		if !c.want {
			continue
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || len(packed) > 2048 || !bytes.Contains(text, []byte("XMLHttpRequest")) {
			t.Errorf("%s: got %d bytes, %d in gzip, %v; want at most 2,048", name, len(text), len(packed), err)
		}
		if res := b.do("GET", "/.well-known/bartizan/fetch.js", "If-None-Match", res.Header.Get("ETag")); res.StatusCode != 304 {
			t.Errorf("%s: asked whether it is still good: got %d; want 304", name, res.StatusCode)
		}
	}
}

func scripted(before func(*policy.Options), script bool) func(*policy.Options) {
	return func(o *policy.Options) {
		before(o)
		for i := range o.Sites {
			o.Sites[i].Script = script
		}
	}
}

// A page under a strict policy, whose reader becomes a suspect while he reads it.
const editor = `<!doctype html><script src="/.well-known/bartizan/fetch.js"></script><script src="/page.js"></script>`

// What the page does: one request that is refused, and then its own, by fetch and by
// XMLHttpRequest, each with a body; the results go to the upstream.
const editorScript = `
(async () => {
  await fetch("` + hostile + `");
  const told = [];
  const saved = await Promise.all([1, 2, 3].map((n) => fetch("/save?by=fetch", { method: "POST", body: "text " + n })));
  told.push(...saved.map((r) => r.status));
  const later = await fetch(new Request("/save?by=request", { method: "PUT", body: "text 4", headers: { "X-Own": "yes" } }));
  told.push(later.status);
  for (const way of ["onload", "listener"]) {
    told.push(await new Promise((done) => {
      const x = new XMLHttpRequest(), states = [];
      x.onreadystatechange = () => states.push(x.status);
      const over = () => done(x.status + (states.includes(429) ? " seen 429" : "") + x.responseText);
      if (way === "onload") x.onload = over; else x.addEventListener("loadend", over);
      x.open("POST", "/save?by=xhr");
      x.setRequestHeader("X-Own", "yes");
      x.send("text 5");
    }));
  }
  const form = new FormData();
  form.append("note", new Blob(["text 6"]));
  told.push((await fetch("/form", { method: "POST", body: form })).status);
  told.push(await new Promise((done) => {
    const x = new XMLHttpRequest();
    x.open("GET", "/json");
    x.responseType = "json";
    x.onload = () => done(x.response.n);
    x.send();
  }));
  told.push(await fetch("/slow", { signal: AbortSignal.timeout(200) }).catch((e) => e.name));
  await fetch("/told?" + encodeURIComponent(told.join(",")));
})().catch((e) => fetch("/told?" + encodeURIComponent(String(e))));`

// A page's own fetch and XMLHttpRequest recover by themselves in a real browser while its
// reader is interrogated: each arrives once, whole, and the page sees no 429.
func TestScriptInChromium(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not here")
	}
	for name, script := range map[string]bool{"with the script": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			var told atomic.Value
			var saved atomic.Int32
			up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'")
				switch r.URL.Path {
				case "/edit":
					w.Header().Set("Content-Type", "text/html")
					io.WriteString(w, editor)
				case "/page.js":
					w.Header().Set("Content-Type", "text/javascript")
					io.WriteString(w, editorScript)
				case "/save":
					if !strings.HasPrefix(string(body), "text ") || r.URL.RawQuery != "by=fetch" && r.Header.Get("X-Own") != "yes" {
						w.WriteHeader(400)
					}
					saved.Add(1)
					io.WriteString(w, " ok")
				case "/form":
					if !strings.Contains(string(body), "text 6") || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data; boundary=") {
						w.WriteHeader(400)
					}
				case "/json":
					w.Header().Set("Content-Type", "application/json")
					io.WriteString(w, `{"n":7}`)
				case "/slow":
					time.Sleep(time.Second)
				case "/told":
					told.Store(r.URL.RawQuery)
				}
			})
			s := interrogating(up, policy.Enforce)
			s.policy = scripted(s.policy, script)
			g := proxyFront{}.start(t, s)
			ended := func() bool { return told.Load() != nil || !script && lineOf(g, "/told").id != "" }
			browse(t, path, t.TempDir(), []string{"--disable-blink-features=AutomationControlled", "--user-agent=" + chrome}, "http://"+g.plain+"/edit", ended)
			got, _ := told.Load().(string)
			if want := "200%2C200%2C200%2C200%2C200%20ok%2C200%20ok%2C200%2C7%2CTimeoutError"; script && (got != want || saved.Load() != 6) {
				t.Errorf("got %q, %d saved; want %q, 6; the requests: %+v", got, saved.Load(), want, g.lines(t, 1))
			}
			if !script && (got != "" || saved.Load() != 0) {
				t.Errorf("without the script: got %q, %d saved; want everything asked", got, saved.Load())
			}
		})
	}
}

// A page's script that answers for its fetch gets a cookie beside the header, so that the
// page's next window and pictures pass too; a program gets the header alone.
func TestPageAnswersForAll(t *testing.T) {
	u := newRaw(t, nil)
	for agent, cookie := range map[string]bool{chrome: true, "shop-app/3.2": false} {
		g := proxyFront{}.start(t, interrogating(u.url, policy.Enforce))
		b := &bot{t: t, client: client(t, "http1"), base: "http://" + g.plain, agent: agent}
		b.do("GET", hostile)
		b.do("GET", hostile)
		res := b.do("GET", "/data", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin")
		if res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
			t.Fatalf("%s: got %d; want it asked, and told to wait", agent, res.StatusCode)
		}
		res = b.do("GET", "/data", "Bartizan-Answer", b.solve(res))
		if res.StatusCode != 200 || res.Header.Get("Bartizan-Pass") == "" || strings.Contains(res.Header.Get("Set-Cookie"), "bartizan-pass=") != cookie {
			t.Errorf("%s: answered: got %d, pass %q, cookie %q; want a pass, and a cookie %v", agent, res.StatusCode, res.Header.Get("Bartizan-Pass"), res.Header.Get("Set-Cookie"), cookie)
		}
	}
}
