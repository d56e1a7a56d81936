package answer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"bartizan/internal/answer"
	"bartizan/internal/challenge"
)

var question = challenge.Question{Nonce: strings.Repeat("n", 82), Bits: 15, Expires: time.Unix(1795507320, 0), Wait: 10 * time.Second}

// The page is one small document that loads nothing, and its policy names its own
// script and style and no others.
func TestChallengePage(t *testing.T) {
	r := answer.Page(question, `/x?a="><script>alert(1)</script>&b=<`, "<ref>", "", `"><script>alert(1)</script>`, `<b>{{to}}</b>`, `a@b."><script>alert(1)</script>`)
	text := string(r.Body)
	if r.Status != 429 || len(text) > 30_000 {
		t.Errorf("got %d with %d bytes; want 429 with less than 30,000", r.Status, len(text))
	}
	t.Logf("%d bytes, %d in gzip", len(text), len(answer.Page(question, "/shop", "0cza0m3vs8s7d", "gzip", "", "Shop", "").Body))
	if strings.Contains(text, "alert(1)</script>") || strings.Contains(text, "<ref>") || strings.Contains(text, "<b>") {
		t.Error("what the client sent is not escaped")
	}
	policy := field(r, "Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "worker-src blob:", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("got policy %q; want %s", policy, want)
		}
	}
	for _, tag := range []string{"script", "style"} {
		all := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(text, -1)
		if len(all) != 1 {
			t.Fatalf("got %d elements %s; want one", len(all), tag)
		}
		sum := sha256.Sum256([]byte(all[0][1]))
		if want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
			t.Errorf("got policy %q; want %s", policy, want)
		}
	}
	if m := regexp.MustCompile(`(src|href)="?(https?:)?//|@import|\burl\(`).FindString(text); m != "" {
		t.Errorf("the page loads something from elsewhere: %q", m)
	}
}

// What people need who use no script, no mouse or no eyes.
func TestPageIsAccessible(t *testing.T) {
	text := string(answer.Page(question, "/shop", "ref", "", "", "Shop", "").Body)
	for _, want := range []string{
		`<html lang="en">`, `<main>`, `<h1>`, `role="status" aria-live="polite"`, `aria-label="Progress`, `<button id="go" type="button" hidden>`, `go.focus()`,
		`<noscript><meta http-equiv="refresh" content="10;url=/.well-known/bartizan/wait?t=`, `>Go on without scripts</a>`, `color-scheme:light dark`, `:focus-visible`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// The page speaks the language that the browser wants most, of those there are, and says
// whose site it is and whom to ask.
func TestPageSpeaksTheBrowsersLanguage(t *testing.T) {
	for accepts, want := range map[string]string{
		"": "en", "de": "de", "de-CH,de;q=0.9,en;q=0.8": "de", "sv,fr;q=0.5,en;q=0.3": "fr", "en;q=0.1, PT-br;q=0.9": "pt",
		"xx": "en", "*": "en", "de;q=0,nl": "nl", "de;q=nonsense": "en", "zh-Hant-TW": "zh", "ja;q=5": "en",
		strings.Repeat("sv,", 5000) + "de": "en",
	} {
		text := string(answer.Page(question, "/shop", "ref", "", accepts, "Shop & Co", "help@example.com").Body)
		if !strings.Contains(text, `<html lang="`+want+`">`) || !strings.Contains(text, "Shop &amp; Co") ||
			!strings.Contains(text, `<a href="mailto:help@example.com">help@example.com</a>`) {
			t.Errorf("%.60q: want a page in %s that names site and contact; got %s", accepts, want, text)
		}
		if m := regexp.MustCompile(`\{+[a-z]+\}+|=""`).FindString(text[:strings.Index(text, "<script>")]); m != "" {
			t.Errorf("%.60q: %s is not filled in", accepts, m)
		}
	}
	text := string(answer.Page(question, "/shop", "ref", "", "", "Shop", "https://example.com/help").Body)
	if !strings.Contains(text, `<a href="https://example.com/help">`) {
		t.Error("the page does not lead to a contact that is a URL")
	}
	if text := string(answer.Page(question, "/shop", "ref", "", "", "Shop", "").Body); strings.Contains(text, "write to") {
		t.Error("the page names a contact where there is none")
	}
}

func TestLocal(t *testing.T) {
	for to, want := range map[string]string{
		"/shop?a=b%20c": "/shop?a=b%20c", "/": "/", "": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/", "evil": "/",
		"/a\r\nSet-Cookie: x=y": "/", "/a b": "/", "/caf\xc3\xa9": "/", "/" + strings.Repeat("x", 3000): "/", "/a//b": "/a//b",
	} {
		if got := answer.Local(to); got != want {
			t.Errorf("%q: got %q; want %q", to, got, want)
		}
	}
}

// No target leads to another host, whatever it looks like to a browser.
func FuzzLocal(f *testing.F) {
	f.Add("/shop")
	f.Add("/\\evil.example")
	f.Add("/\t/evil.example")
	f.Fuzz(func(t *testing.T, to string) {
		got := answer.Local(to)
		u, err := url.Parse("https://shop.example.com" + got)
		if err == nil && u.Host != "shop.example.com" || strings.ContainsAny(got, "\r\n\t \x00") || !strings.HasPrefix(got, "/") || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Errorf("%q: got %q, which may lead elsewhere", to, got)
		}
	})
}

func TestSetCookie(t *testing.T) {
	if got, want := answer.SetCookie("p", time.Hour, true), "__Host-bartizan-pass=p; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if got := answer.SetCookie("p", time.Hour, false); !strings.HasPrefix(got, "bartizan-pass=") || strings.Contains(got, "Secure") {
		t.Errorf("without TLS: got %q; want it not Secure", got)
	}
}

func BenchmarkPage(b *testing.B) {
	for name, accepts := range map[string]string{"plain": "", "gzip": "gzip"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				answer.Page(question, "/shop", "0cza0m3vs8s7d", accepts, "de-CH,de;q=0.9,en;q=0.8", "Shop", "help@example.com")
			}
		})
	}
}
