// Package challenge is a client's side of Bartizan's interrogation: a transport
// that answers proof-of-work challenges and shows the pass that this earns. Copy
// it; it needs nothing but the standard library. docs/interrogation.md describes
// the protocol.
//
//	client := &http.Client{Transport: &challenge.Transport{}}
package challenge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Transport sends requests through Base and answers what suspects are asked. It
// is safe for concurrent use. A request with a body is sent again only if it has
// GetBody, which http.NewRequest sets for bytes and strings.
type Transport struct {
	Base http.RoundTripper // nil: http.DefaultTransport
	// Most is the hardest work that is done, in leading zero bits; 0 means 24.
	Most int

	passes sync.Map // by host
}

// RoundTrip sends r; if it is challenged, it solves, and sends it once more.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	host, first := r.URL.Host, r.Clone(r.Context())
	if pass, ok := t.passes.Load(host); ok {
		first.Header.Set("Bartizan-Pass", pass.(string))
	}
	resp, err := t.base().RoundTrip(first)
	if err != nil {
		return nil, err
	}
	nonce, difficulty, ok := parse(resp.Header.Get("Bartizan-Challenge"))
	if !ok || difficulty > t.most() || r.Body != nil && r.GetBody == nil {
		return resp, nil
	}
	answer, err := solve(r.Context(), nonce, difficulty)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil // what there is is the challenge
		}
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	resp.Body.Close()
	again.Header.Set("Bartizan-Answer", answer) // once: the pass is for what follows
	if resp, err = t.base().RoundTrip(again); err == nil && resp.Header.Get("Bartizan-Pass") != "" {
		t.passes.Store(host, resp.Header.Get("Bartizan-Pass"))
	}
	return resp, err
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

func (t *Transport) most() int {
	if t.Most > 0 {
		return t.Most
	}
	return 24
}

// parse reads `sha-256;difficulty=17;expires=1764000000;nonce="…"`.
func parse(field string) (nonce string, difficulty int, ok bool) {
	algorithm, rest, _ := strings.Cut(field, ";")
	for part := range strings.SplitSeq(rest, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "difficulty":
			difficulty, _ = strconv.Atoi(value) // 0 is refused below
		case "nonce":
			nonce = strings.Trim(value, `"`)
		}
	}
	return nonce, difficulty, algorithm == "sha-256" && difficulty > 0 && difficulty <= 64 && nonce != ""
}

// solve finds the counter for which SHA-256 over nonce, dot and counter begins
// with so many zero bits.
func solve(ctx context.Context, nonce string, difficulty int) (string, error) {
	b := []byte(nonce + ".")
	for n := uint64(0); ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return "", fmt.Errorf("solving challenge: %w", ctx.Err())
		}
		b = strconv.AppendUint(b[:len(nonce)+1], n, 10)
		if h := sha256.Sum256(b); bits.LeadingZeros64(binary.BigEndian.Uint64(h[:])) >= difficulty {
			return string(b), nil
		}
	}
}
