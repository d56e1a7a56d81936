package main

import (
	"net/http"
	"strings"
	"testing"

	challenge "bartizan/examples/challenge-go"
	"bartizan/internal/config"
)

// counting counts the requests that a client really sends, all to one address.
type counting struct {
	address string
	sent    int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.sent++
	r.URL.Host = c.address
	return http.DefaultTransport.RoundTrip(r)
}

// The example client gets through to the shop behind the whole gateway, with the
// work of the defaults, and its pass survives a restart; a new epoch revokes it.
func TestExampleClient(t *testing.T) {
	dir, wire := t.TempDir(), &counting{}
	client := &http.Client{Transport: &challenge.Transport{Base: wire}}
	for _, c := range []struct {
		name   string
		epoch  uint16
		status int
		sent   int // with the pass, or with a challenge before it
	}{{"first", 0, 200, 2}, {"again", 0, 200, 1}, {"after a restart", 0, 200, 1}, {"revoked", 1, 200, 2}} {
		r := serve(t, dir, func(f *config.File) {
			f.Thresholds.Interrogate = 20
			f.Interrogation.Epoch = c.epoch
		})
		ask(t, r, attack)
		before := wire.sent
		wire.address = r.addresses()[0].Address
		res, err := client.Get("http://shop.example.com/api/products")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := wire.sent - before; res.StatusCode != c.status || got != c.sent {
			t.Errorf("%s: got %d after %d requests; want %d after %d", c.name, res.StatusCode, got, c.status, c.sent)
		}
		if status, _ := ask(t, r, "/api/products"); status != 429 {
			t.Errorf("%s: one without a pass: got %d; want 429", c.name, status)
		}
		r.stop(t)
		if strings.Contains(r.log.String(), "panic") {
			t.Errorf("%s: the log says\n%s", c.name, r.log)
		}
	}
}
