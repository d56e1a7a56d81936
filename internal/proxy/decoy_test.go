package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/signal"
)

// baited is a site that lays bait in a page with a form.
func baited(t *testing.T, mode policy.Mode, page string) (*rawUpstream, setup) {
	u := newRaw(t, func(c net.Conn, in *bufio.Reader, m *message) bool {
		m.readBody(in)
		answer := "ok"
		if strings.HasPrefix(m.start, "GET /form ") {
			answer = page
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
		return true
	})
	return u, setup{
		upstreams: []string{u.url}, mode: mode,
		policy: func(o *policy.Options) {
			o.Decoys = policy.Decoys{Paths: []string{"/export/9k2m"}, Fields: []string{"contact_7x"}}
		},
		proxy: func(o *proxy.Options) { o.Sites[0].Bait = proxy.Bait{Link: "/export/9k2m", Field: "contact_7x"} },
	}
}

const form = "<html><body><form action=/send method=post><input name=a value=b></form></body></html>"

// Bait is laid wherever it is asked for, in observe mode too, and who takes it shows
// evidence there; he is touched only where that is enforced.
func (s suite) bait(t *testing.T) {
	for _, mode := range []policy.Mode{policy.Observe, policy.Enforce} {
		_, o := baited(t, mode, form)
		g := s.front.start(t, o)
		res := call(t, g, head("GET /form HTTP/1.1\nHost: a\n"))
		page, err := io.ReadAll(res.Body)
		if err != nil || !strings.Contains(string(page), `name="contact_7x"`) || !strings.Contains(string(page), `href="/export/9k2m"`) {
			t.Errorf("%v: got %q, %v; want a field and a link in it", mode, page, err)
		}
		body := "a=b&contact_7x=me"
		call(t, g, head("POST /send HTTP/1.1\nHost: a\nContent-Type: application/x-www-form-urlencoded\nContent-Length: %d\n", len(body))+body)
		call(t, g, head("GET /export/9k2m HTTP/1.1\nHost: a\n"))
		g.lines(t, 3)
		seen := g.evidence()
		if !strings.Contains(seen, signal.DecoyField.String()) || !strings.Contains(seen, signal.DecoyPath.String()) {
			t.Errorf("%v: got evidence %q; want both decoys", mode, seen)
		}
		if last := g.lines(t, 3)[2].verdict; last.Refused() != (mode == policy.Enforce) || last.Would == signal.Pass {
			t.Errorf("%v: got %+v; want him refused where that is enforced", mode, last.Decision)
		}
	}
}

// evidence returns the kinds of all signals in events.
func (g *gateway) evidence() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var kinds []string
	for _, ev := range g.events {
		for _, s := range ev.Signals {
			kinds = append(kinds, s.Kind)
		}
	}
	return strings.Join(kinds, " ")
}

// A real browser that sends the form leaves the field out, and follows no link.
func TestChromiumTakesNoBait(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not here")
	}
	for _, mode := range []policy.Mode{policy.Observe, policy.Enforce} {
		t.Run(mode.String(), func(t *testing.T) {
			page := strings.Replace(form, "</body>", "<script>document.forms[0].submit()</script></body>", 1)
			u, o := baited(t, mode, page)
			g := proxyFront{}.start(t, o)
			sent := func() *message {
				for _, m := range u.messages() {
					if strings.HasPrefix(m.start, "POST /send ") {
						return m
					}
				}
				return nil
			}
			browse(t, path, t.TempDir(), nil, "http://"+g.plain+"/form", func() bool { return sent() != nil && len(g.lines(t, 2)) > 0 })
			if m := sent(); m == nil {
				t.Fatalf("got no form; the requests: %+v", g.lines(t, 1))
			} else if body, _ := m.content(); body != "a=b" {
				t.Errorf("got the form %q; want a=b", body)
			}
			if seen := g.evidence(); strings.Contains(seen, "decoy") {
				t.Errorf("got evidence %q; want no decoy", seen)
			}
		})
	}
}

// A field of the bait's name counts in the forms that were laid with it, wherever they
// send their bodies, and nowhere else.
func TestDecoyFieldNeedsItsForm(t *testing.T) {
	page := `<html><body><form method=post ACTION="../a/./save?x=1&amp;y=2"></form><form class='a>b'></form>` +
		`<form action="https://other.example/elsewhere"></form><form action=//a/by-host></form><form action=/items/17/edit></form>`
	for name, c := range map[string]struct {
		before, path, body string
		want               bool
	}{
		"where it sends its body":    {"GET /form", "/a/save", "contact_7x=me", true},
		"as another spells the path": {"GET /form", "/b/..//a/%73ave", "contact_7x=me", true},
		"its own page":               {"GET /form", "/form?a=b", "contact_7x=me", true},
		"this host by name":          {"GET /form", "/by-host", "contact_7x=me", true},
		"another object":             {"GET /form", "/items/4711/edit", "contact_7x=me", true},
		"a query":                    {"GET /form", "/a/save?contact_7x=me", "a=b", false},
		"another path":               {"GET /form", "/a/other", "contact_7x=me", false},
		"another host's form":        {"GET /form", "/elsewhere", "contact_7x=me", false},
		"a form that nobody has got": {"GET /other", "/a/save", "contact_7x=me", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, o := baited(t, policy.Enforce, page)
			g := proxyFront{}.start(t, o)
			io.Copy(io.Discard, call(t, g, head("%s HTTP/1.1\nHost: a\n", c.before)).Body)
			call(t, g, head("POST %s HTTP/1.1\nHost: a\nContent-Type: "+
				"application/x-www-form-urlencoded\nContent-Length: %d\n", c.path, len(c.body))+c.body)
			g.lines(t, 2)
			if got := strings.Contains(g.evidence(), signal.DecoyField.String()); got != c.want {
				t.Errorf("got evidence %q; want a decoy field: %t", g.evidence(), c.want)
			}
		})
	}
}
