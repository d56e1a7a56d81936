package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	challenge "bartizan/examples/challenge-go"
	"bartizan/internal/config"
	"bartizan/internal/replay"
	"bartizan/internal/sink"
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

// A recording of challenges and passes is judged as it was live: the tokens are
// masked, and what became of them is not.
func TestReplayOfPasses(t *testing.T) {
	r := serve(t, t.TempDir(), func(f *config.File) { f.Thresholds.Interrogate = 20 })
	wire := &counting{address: r.addresses()[0].Address}
	ask(t, r, attack)
	for range 3 {
		ask(t, r, "/api/products") // without
		client := &http.Client{Transport: &challenge.Transport{Base: wire}}
		for range 3 {
			res, err := client.Get("http://shop.example.com/api/products/1")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
	}
	r.stop(t)
	live, passes := map[string]sink.Access{}, map[string]int{}
	each(t, filepath.Join(r.dir, "access.jsonl"), func(line []byte) {
		var a sink.Access
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		live[a.ID] = a
		passes[a.Pass]++
	})
	if passes["solved"] != 9 || passes[""] != 7 {
		t.Errorf("got requests by pass %v; want 9 with one and 7 without", passes)
	}
	each(t, filepath.Join(r.dir, "traffic.jsonl"), func(line []byte) {
		if strings.Contains(string(line), "Bartizan-Pass") && !strings.Contains(string(line), `["Bartizan-Pass","~`) || strings.Contains(string(line), "Bartizan-Answer") && !strings.Contains(string(line), `["Bartizan-Answer","~`) {
			t.Errorf("a token is in the recording: %s", line)
		}
	})
	e, err := replayEngine(policyOf(t, "protect_private: true\nthresholds: {interrogate: 20}\nsites: [{hosts: [\"*\"], upstreams: [\"http://127.0.0.1:1\"]}]\n"), true, 99)
	if err != nil {
		t.Fatal(err)
	}
	in, err := replay.Open(filepath.Join(r.dir, "traffic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	n := 0
	if err := replay.Run(e, in, func(v replay.Verdict) error {
		if l := live[v.ID]; v.Would != l.Would || v.Action != l.Action || v.Stage != l.Stage {
			t.Errorf("%s %s: replay says %s at %s, live said %s at %s", l.Method, l.Path, v.Would, v.Stage, l.Would, l.Stage)
		}
		n++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n != len(live) {
		t.Errorf("got %d verdicts; want %d", n, len(live))
	}
}
