package proxy_test

import (
	"context"
	"io"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/signal"
)

// The page in a real browser: one that says that a program drives it fails, and is
// known for it; one that hides it may pass, pays, and stays suspect.
func TestChromium(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not here")
	}
	u := newRaw(t, nil)
	for name, c := range map[string]struct {
		flags  []string
		passes bool
	}{
		"automation at its defaults": {nil, false},
		"stealth":                    {[]string{"--disable-blink-features=AutomationControlled", "--user-agent=" + chrome}, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := proxyFront{}.start(t, interrogating(u.url, policy.Enforce))
			before, profile := u.received(), t.TempDir()
			for _, target := range []string{hostile, "/shop"} {
				browse(t, path, profile, c.flags, "http://"+g.plain+target, func() bool {
					return target == hostile && len(g.lines(t, 1)) > 0 || u.received() > before || judgedAutomated(g)
				})
			}
			if got := u.received() > before; got != c.passes {
				t.Errorf("got passed %v; want %v; the requests: %+v", got, c.passes, g.lines(t, 1))
			}
			last := lineOf(g, "/shop")
			if c.passes && (last.verdict.Reason != policy.Passed || last.verdict.Action != signal.Pass) {
				t.Errorf("got %v by %v; want it let through by its pass, as a suspect", last.verdict.Action, last.verdict.Reason)
			}
			if !c.passes && !judgedAutomated(g) {
				t.Error("got no evidence of automation")
			}
		})
	}
}

// browse opens url until done, for 20 s at most.
func browse(t *testing.T, path, profile string, flags []string, url string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, path, append(slices.Clone(flags), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
		"--user-data-dir="+profile, "--remote-debugging-port=0", url)...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}()
	for end := time.Now().Add(20 * time.Second); !done() && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
}

func judgedAutomated(g *gateway) bool {
	for _, r := range g.engine.ExplainAddress(time.Now(), netip.MustParseAddr("127.0.0.1")) {
		for _, p := range r.Parts {
			if p.Name == signal.AutomatedBrowser.String() {
				return true
			}
		}
	}
	return false
}

// lineOf returns the last request to a path.
func lineOf(g *gateway, path string) (out line) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.access {
		if strings.HasPrefix(l.target, path) {
			out = l
		}
	}
	return out
}
