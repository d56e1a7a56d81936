package apimap

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// world plays traffic into a model.
type world struct {
	m   *Model
	now time.Time
	r   *rand.Rand
}

func newWorld() *world {
	return &world{New(Options{Seed: 1}), epoch, rand.New(rand.NewPCG(1, 2))}
}

// call is one exchange; zero values are filled in.
type call struct {
	method, target string
	json           map[string]string // keys and values of the body
	client         int
	status         int
	schema, body   uint64
	bare           bool   // no credential
	after          uint64 // endpoint called before
	gap            time.Duration
	family         fingerprint.Family
}

// send judges and learns one exchange and returns its signals.
func (w *world) send(c call) []signal.Signal {
	w.now = w.now.Add(50 * time.Millisecond)
	if c.method == "" {
		c.method = "GET"
	}
	if c.status == 0 {
		c.status = 200
	}
	r := &request.Request{Site: "api", Client: addr.Of(netip.AddrFrom4([4]byte{10, 0, byte(c.client >> 8), byte(c.client)}))}
	r.Head = request.Head{Method: c.method, Target: c.target}
	r.Parse()
	id := (uint64(c.client) + 1) * 0x9e3779b97f4a7c15
	r.Standing.Keys = [3]uint64{id, id ^ 1, id ^ 2}
	if c.bare {
		r.Standing.Keys[2] = 0
	}
	r.Standing.Previous, r.Standing.Gap = c.after, c.gap
	r.Standing.Same, r.Software.Claimed = c.after != 0, c.family
	w.m.Locate(r)
	for _, q := range r.Query {
		w.m.See(r, &request.Value{In: request.InQuery, Key: q.Name, Text: q.Value}, nil)
	}
	w.m.JudgeHead(w.now, r)
	from, size := len(r.Shape), 0
	for k, v := range c.json {
		w.m.See(r, &request.Value{In: request.InJSON, Key: k, Text: v}, nil)
		size += len(k) + len(v)
	}
	if c.json != nil {
		w.m.JudgeBody(w.now, r, from, int64(size))
	}
	if c.status/100 == 2 {
		w.m.Learn(w.now, r, request.Outcome{Answered: true, Status: c.status, Schema: c.schema, Body: c.body, RequestSize: int64(size), Duration: time.Millisecond})
	}
	return r.Signals
}

// template returns what a path is filed under.
func (w *world) template(path string) (string, bool) {
	r := &request.Request{Site: "api"}
	r.Head = request.Head{Method: "GET", Target: path}
	r.Parse()
	w.m.Locate(r)
	return r.Endpoint.Template, r.Endpoint.PathKnown
}

func (w *world) wantTemplate(t *testing.T, path, want string, known bool) {
	t.Helper()
	if got, ok := w.template(path); got != want || ok != known {
		t.Errorf("%s: got %s (known %v); want %s (%v)", path, got, ok, want, known)
	}
}

func babble(r *rand.Rand) string {
	b := make([]byte, 5+r.IntN(6))
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

func TestTemplates(t *testing.T) {
	w := newWorld()
	static := []string{"orders", "carts", "users", "search", "login", "status", "reviews", "invoices", "labels", "returns", "gifts", "stores", "brands", "colours", "sizes",
		"regions", "taxes", "rates", "offers", "alerts", "topics", "events", "images", "videos", "files", "notes", "teams", "roles", "plans", "seats"}
	for i := range 6000 {
		client := i % 40
		w.send(call{target: "/api/v1/" + static[i%len(static)], client: client, schema: uint64(i%len(static)) + 100})
		w.send(call{target: fmt.Sprintf("/users/%d/orders/%d", w.r.IntN(1e6), w.r.IntN(1e6)), client: client, schema: 1})
		w.send(call{target: "/shops/" + babble(w.r) + "/items", client: client, schema: 2})
		w.send(call{target: "/shops/featured", client: client, schema: 3})
		w.send(call{target: "/", client: client, schema: 4})
	}
	w.wantTemplate(t, "/users/17/orders/93", "/users/{int}/orders/{int}", true)
	w.wantTemplate(t, "/shops/anything/items", "/shops/{name}/items", true)
	w.wantTemplate(t, "/shops/featured", "/shops/featured", true)
	w.wantTemplate(t, "/", "/", true)
	for _, s := range static { // 30 siblings with answers of their own are no parameter
		w.wantTemplate(t, "/api/v1/"+s, "/api/v1/"+s, true)
	}
	w.wantTemplate(t, "/api/v1/nonesuch", "/api/v1/nonesuch", false)
	if got := w.m.Stats().Endpoints; got < 34 || got > 60 {
		t.Errorf("got %d endpoints; want about 34", got)
	}
}

// What the API does not stand behind teaches nothing.
func TestScannersCannotTeach(t *testing.T) {
	w := newWorld()
	for i := range 500 {
		w.send(call{target: "/api/products", client: i % 20, schema: 1})
	}
	before := w.m.Stats()
	for i := range 20_000 {
		w.send(call{target: "/" + babble(w.r), client: i, status: 404, schema: 9, body: 9})
	}
	// A shop window that answers anything with one page.
	for i := range 20_000 {
		w.send(call{target: "/" + babble(w.r) + "/" + babble(w.r), client: i % 3000, schema: 0, body: 77})
	}
	// One client alone, whatever it gets.
	for i := range 2000 {
		w.send(call{target: "/private/" + babble(w.r), client: 5, schema: uint64(i), body: uint64(i) + 1000})
	}
	after := w.m.Stats()
	if after.Endpoints > before.Endpoints+80 {
		t.Errorf("the scan taught %d endpoints", after.Endpoints-before.Endpoints)
	}
	w.wantTemplate(t, "/private/x", "/private/x", false)
}

// A flood of a million random paths that are all answered well changes neither
// the ceiling nor what was known.
func TestFloodStaysBounded(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	w := newWorld()
	w.m = New(Options{Seed: 1, Nodes: 2000, Endpoints: 500})
	for i := range 500 {
		w.send(call{target: "/api/products/7", client: i % 20, schema: 1})
	}
	for i := range n {
		w.send(call{target: "/" + babble(w.r) + "/" + babble(w.r), client: i % 100_000, schema: w.r.Uint64(), body: w.r.Uint64()})
	}
	s := w.m.Stats()
	trie := w.m.sites["api"]
	if s.Nodes > 2000 || s.Endpoints > 500 || len(trie.probation.entries) > maxWaiting || len(trie.wild.entries) > maxWild || len(trie.catchall.entries) > maxAnswers {
		t.Errorf("after %d random paths: got %+v, %d waiting, %d wild, %d answers; want all within bounds", n, s, len(trie.probation.entries), len(trie.wild.entries), len(trie.catchall.entries))
	}
	w.wantTemplate(t, "/api/products/9", "/api/products/{int}", true)
}

// ripe returns a world whose shop is well known.
func ripe() *world {
	w := newWorld()
	for i := range 8000 {
		client := i % 60
		w.send(call{target: fmt.Sprintf("/products/%d?page=%d&sort=price", w.r.IntN(1e5), w.r.IntN(50)), client: client, schema: 1})
		w.send(call{method: "POST", target: "/orders", client: client, schema: 2, json: map[string]string{"product": fmt.Sprint(w.r.IntN(1e5)), "quantity": fmt.Sprint(1 + w.r.IntN(9)), "note": "please ring " + babble(w.r)}})
	}
	return w
}

func kindsOf(found []signal.Signal) string {
	var out []string
	for _, s := range found {
		out = append(out, s.Kind.String()+"/"+s.Band.String()+"@"+s.Where)
	}
	return strings.Join(out, " ")
}

func TestDepartures(t *testing.T) {
	w := ripe()
	order := func(more ...string) map[string]string {
		m := map[string]string{"product": "17", "quantity": "2", "note": "hello there"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		call call
		want string
	}{
		"as always":         {call{target: "/products/5?page=2&sort=price"}, ""},
		"body as always":    {call{method: "POST", target: "/orders", json: order()}, ""},
		"preflight":         {call{method: "OPTIONS", target: "/orders"}, ""},
		"unknown path":      {call{target: "/admin/export"}, "unknown-endpoint/hint@path"},
		"unknown method":    {call{method: "DELETE", target: "/products/5"}, "unknown-method/likely@method"},
		"unknown parameter": {call{target: "/products/5?debug=1"}, "unknown-parameter/likely@query:debug"},
		"mass assignment":   {call{method: "POST", target: "/orders", json: order("isAdmin", "true")}, "unknown-parameter/likely@body:isAdmin"},
		"another type":      {call{target: "/products/5?page=2)+or+(1"}, "parameter-type/likely@query:page"},
		"far too long":      {call{method: "POST", target: "/orders", json: order("note", strings.Repeat("a ", 2000))}, "parameter-length/hint@body:note"},
		"no credential":     {call{target: "/products/5?page=1", bare: true}, "missing-credential/hint@header"},
	} {
		c.call.status = 400 // teaches nothing
		if got := kindsOf(w.send(c.call)); got != c.want {
			t.Errorf("%s: got %q; want %q", name, got, c.want)
		}
	}
}

// A call that nearly always comes after others is odd without them; one that
// comes first now and then is not.
func TestFlow(t *testing.T) {
	w := newWorld()
	const cart, browse = 11, 12
	for i := range 6000 {
		w.send(call{method: "POST", target: "/checkout", client: i % 60, schema: 1, after: cart})
		after := uint64(browse)
		if i%50 == 0 {
			after = 0
		}
		w.send(call{target: "/products", client: i % 60, schema: 2, after: after})
	}
	for name, c := range map[string]struct {
		call call
		want string
	}{
		"as always":            {call{method: "POST", target: "/checkout", after: cart}, ""},
		"without a visit":      {call{method: "POST", target: "/checkout"}, "missing-step/likely@flow"},
		"after something else": {call{method: "POST", target: "/checkout", after: 99}, "missing-step/likely@flow"},
		"sometimes first":      {call{target: "/products"}, ""},
	} {
		c.call.status = 400
		if got := kindsOf(w.send(c.call)); got != c.want {
			t.Errorf("%s: got %q; want %q", name, got, c.want)
		}
	}
}

// A young model claims nothing.
func TestYoungModelIsSilent(t *testing.T) {
	w := newWorld()
	for i := range 300 {
		w.send(call{target: fmt.Sprintf("/products/%d?page=%d", i, i), client: i % 60, schema: 1})
	}
	for _, c := range []call{{target: "/admin"}, {target: "/products/5?debug=1"}, {method: "DELETE", target: "/products/5"}, {target: "/products/5?page=x+y"}} {
		c.status = 400
		if got := w.send(c); len(got) > 0 {
			t.Errorf("%s %s: got %s; want silence", c.method, c.target, kindsOf(got))
		}
	}
}

// A new release sends a new field: odd at first, normal once several clients do.
func TestReleaseIsLearned(t *testing.T) {
	w := ripe()
	odd := 0
	for i := range 400 {
		odd += len(w.send(call{target: "/products/5?page=1&currency=EUR", client: i % 60, schema: 1}))
	}
	if odd == 0 || odd > 20 {
		t.Errorf("got %d signals while it spread; want a few", odd)
	}
	if got := w.send(call{target: "/products/5?page=1&currency=EUR", schema: 1}); len(got) > 0 {
		t.Errorf("afterwards: got %s; want none", kindsOf(got))
	}
}

// One client cannot teach a field by repeating it.
func TestOneClientCannotTeach(t *testing.T) {
	w := ripe()
	for range 500 {
		w.send(call{target: "/products/5?page=1&debug=1", client: 7, schema: 1})
	}
	if got := kindsOf(w.send(call{target: "/products/5?debug=1", client: 8, status: 400})); !strings.Contains(got, "unknown-parameter") {
		t.Errorf("got %q; want the parameter still unknown", got)
	}
}

func TestEndpointsDescribe(t *testing.T) {
	w := ripe()
	all := w.m.Endpoints(w.now)
	if len(all) != 2 || all[0].Method != "POST" || all[0].Template != "/orders" || !all[0].Certain || len(all[0].Parameters) != 3 {
		t.Fatalf("got %+v; want POST /orders with its three fields, and GET /products/{int}", all)
	}
	for _, p := range all[1].Parameters {
		if p.Name == "page" && (p.Type != "integer" || p.Required < 0.99) {
			t.Errorf("page: got %+v; want an integer that is always there", p)
		}
	}
}

func TestFreeText(t *testing.T) {
	w := newWorld()
	for i := range 400 {
		w.send(call{method: "POST", target: "/reviews", client: i % 30, json: map[string]string{"text": strings.Repeat("I like it, "+babble(w.r)+". ", 8), "stars": "5"}})
	}
	r := &request.Request{Site: "api"}
	r.Head = request.Head{Method: "POST", Target: "/reviews"}
	r.Parse()
	w.m.Locate(r)
	if !w.m.FreeText(r, "text") || w.m.FreeText(r, "stars") || w.m.FreeText(r, "nonesuch") {
		t.Error("want text to be free text, and nothing else")
	}
}

func TestKinds(t *testing.T) {
	for s, want := range map[string]kind{
		"": empty, "true": boolean, "17": integer, "-5": integer, "3.14": float, "9b2f0c1e-1d2a-4a0e-9f0e-2f4f6d8a1b3c": uuid, "2026-11-24": date,
		"ada@example.com": email, "price": word, "a b": phrase, "O'Brien": phrase, "x\ny": text, strings.Repeat("a", 200): text, "LMP-00421": word,
	} {
		if got := kindOf(s, classesOf(s)); got != want {
			t.Errorf("kindOf(%q): got %v; want %v", s, got, want)
		}
	}
}

func BenchmarkLocateAndJudge(b *testing.B) {
	w := ripe()
	r := &request.Request{Site: "api"}
	r.Head = request.Head{Method: "GET", Target: "/products/17?page=2&sort=price"}
	r.Parse()
	r.Standing.Keys = [3]uint64{1, 2, 3}
	b.ReportAllocs()
	for b.Loop() {
		r.Shape, r.Signals = r.Shape[:0], r.Signals[:0]
		w.m.Locate(r)
		for _, q := range r.Query {
			w.m.See(r, &request.Value{In: request.InQuery, Key: q.Name, Text: q.Value}, nil)
		}
		w.m.JudgeHead(w.now, r)
	}
}
