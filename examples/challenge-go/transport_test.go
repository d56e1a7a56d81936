package challenge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bartizan/internal/challenge"
)

// gate asks for work until it is shown the pass, as the gateway does.
func gate(t *testing.T, difficulty int) *httptest.Server {
	nonce := strings.Repeat("n", 82)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := r.Header.Get("Bartizan-Answer")
		switch {
		case r.Header.Get("Bartizan-Pass") == "p":
		case strings.HasPrefix(answer, nonce+".") && challenge.Zeros(answer) >= difficulty:
			w.Header().Set("Bartizan-Pass", "p")
		default:
			w.Header().Set("Bartizan-Challenge", fmt.Sprintf(`sha-256;difficulty=%d;expires=1;nonce="%s"`, difficulty, nonce))
			w.WriteHeader(429)
			return
		}
		io.Copy(w, r.Body)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestTransport(t *testing.T) {
	s, asked := gate(t, 10), 0
	c := &http.Client{Transport: &Transport{Base: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked++
		return http.DefaultTransport.RoundTrip(r)
	})}}
	for range 3 {
		res, err := c.Post(s.URL, "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(b) != "body" {
			t.Errorf("got %d %q; want the body back", res.StatusCode, b)
		}
		res.Body.Close()
	}
	if asked != 4 {
		t.Errorf("got %d requests for 3 calls; want one more, for the answer", asked)
	}
	res, err := (&http.Client{Transport: &Transport{}}).Post(s.URL, "text/plain", struct{ io.Reader }{strings.NewReader("once")})
	if err != nil || res.StatusCode != 429 {
		t.Errorf("a body that cannot be sent again: got %v, %v; want the challenge handed on", res, err)
	}
	res, err = (&http.Client{Transport: &Transport{Most: 4}}).Get(s.URL)
	if err != nil || res.StatusCode != 429 {
		t.Errorf("more work than allowed: got %v, %v; want the challenge handed on", res, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := solve(ctx, "n", 64); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v; want it to stop", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestParse(t *testing.T) {
	for field, want := range map[string]bool{
		`sha-256;difficulty=17;expires=1;nonce="abc"`: true, `sha-256; nonce="abc"; difficulty=1; later=2`: true,
		``: false, `sha-512;difficulty=17;nonce="abc"`: false, `sha-256;difficulty=0;nonce="a"`: false, `sha-256;difficulty=65;nonce="a"`: false, `sha-256;difficulty=9`: false,
	} {
		if _, _, ok := parse(field); ok != want {
			t.Errorf("%q: got %v; want %v", field, ok, want)
		}
	}
}
