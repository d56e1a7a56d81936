package engine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const jsonHead = "Content-Type: application/json\r\n"

// taught returns an engine that has seen n good exchanges of 40 clients.
func taught(t *testing.T, o policy.Options, n int) *Engine {
	t.Helper()
	e := New(Options{Policy: compile(t, o), Detector: detect.New(1, lists), Clients: 1000, Seed: 1,
		Model: apimap.Options{EnforceAfter: time.Minute, EnforceNetworks: 1}})
	for i := range n {
		at, who := time.Duration(i)*100*time.Millisecond, fmt.Sprintf("198.51.100.%d", i%40)
		target, method, more, body := fmt.Sprintf("/items/%d?page=%d", i*7919%10007, i%9), "GET", "", ""
		if i%3 == 0 {
			target, method, more, body = "/items", "POST", jsonHead, fmt.Sprintf(`{"name":"lamp no %d","price":%d}`, i, i)
		}
		if v, _ := exchange(e, at, who, method, target, more, body, 200); v.Refused() {
			t.Fatalf("exchange %d: got %v by %v while it was being learned", i, v.Action, v.Reason)
		}
	}
	return e
}

// What was learned of an API is evidence, or the law on a route, but only once the
// model is certain; what it would refuse is reported beforehand.
func TestLearnedLaw(t *testing.T) {
	const later = 3 * time.Hour
	enforce, evidence := policy.Enforce, policy.Observe
	for name, c := range map[string]struct {
		site       policy.Mode
		route      *policy.Mode
		n          int
		method     string
		target     string
		body       string
		action     signal.Action
		documented bool
		path       bool
		where      string
	}{
		"as always":            {enforce, nil, 9000, "GET", "/items/5?page=2", "", signal.Pass, false, false, ""},
		"unknown parameter":    {enforce, nil, 9000, "GET", "/items/5?page=2&debug=1", "", signal.BlockAction, true, true, "query:debug"},
		"another type":         {enforce, nil, 9000, "GET", "/items/5?page=two%20or%20three", "", signal.BlockAction, true, true, "query:page"},
		"unknown field":        {enforce, nil, 9000, "POST", "/items", `{"name":"x y z","price":1,"seller":{"rank":1}}`, signal.BlockAction, true, true, "body:seller.rank"},
		"unknown method":       {enforce, nil, 9000, "DELETE", "/items/5", "", signal.BlockAction, false, true, ""},
		"unknown path":         {enforce, nil, 9000, "GET", "/internal/metrics", "", signal.BlockAction, false, false, ""},
		"a word for a number":  {enforce, nil, 9000, "GET", "/items/latest", "", signal.Pass, false, false, ""},
		"a health check":       {enforce, nil, 9000, "GET", "/healthz", "", signal.Pass, false, false, ""},
		"no word":              {enforce, nil, 9000, "GET", "/items/a.b~c", "", signal.BlockAction, false, false, ""},
		"evidence only":        {evidence, nil, 9000, "GET", "/items/5?debug=1", "", signal.Pass, false, false, ""},
		"the route enforces":   {evidence, &enforce, 9000, "GET", "/items/5?debug=1", "", signal.BlockAction, true, true, "query:debug"},
		"not certain yet":      {enforce, nil, 1800, "GET", "/items/5?debug=1", "", signal.Pass, false, false, ""},
		"a preflight":          {enforce, nil, 9000, "OPTIONS", "/internal/metrics", "", signal.Pass, false, false, ""},
		"the route is lenient": {enforce, &evidence, 9000, "GET", "/items/5?debug=1", "", signal.Pass, false, false, ""},
	} {
		o := options(policy.Enforce)
		o.Sites[0].Learned = c.site
		if c.route != nil {
			o.Sites[0].Routes = []policy.Route{{Match: "/items/*", Learned: c.route}}
		}
		e, more := taught(t, o, c.n), ""
		switch {
		case c.body != "":
			more = jsonHead
		case c.method == "OPTIONS":
			more = "Origin: https://x\r\nAccess-Control-Request-Method: PUT\r\n"
		}
		v, _ := exchange(e, later, "203.0.113.9", c.method, c.target, more, c.body, 200)
		if v.Action != c.action {
			t.Errorf("%s: got %v by %v; want %v", name, v.Action, v.Reason, c.action)
			continue
		}
		if c.action == signal.Pass {
			continue
		}
		if f := v.Schema; v.Reason != policy.Schema || f == nil || f.Documented != c.documented || f.PathDocumented != c.path || !f.Learned {
			t.Errorf("%s: got %v, %+v", name, v.Reason, v.Schema)
		} else if c.where != "" && (len(f.Problems) == 0 || f.Problems[0].Where != c.where) {
			t.Errorf("%s: got problems %+v; want one at %s", name, f.Problems, c.where)
		}
	}
}

func TestDeparturesAreReported(t *testing.T) {
	e := taught(t, options(policy.Enforce), 9000)
	exchange(e, 3*time.Hour, "203.0.113.9", "GET", "/items/5?debug=1", "", "", 200)
	exchange(e, 3*time.Hour, "203.0.113.10", "GET", "/items/5?debug=1", "", "", 400)
	exchange(e, 3*time.Hour, "203.0.113.10", "DELETE", "/items/5", "", "", 405)
	all := e.Departures(epoch.Add(3 * time.Hour))
	at := func(method, template string) apimap.Departure {
		i := slices.IndexFunc(all, func(d apimap.Departure) bool { return d.Method == method && d.Template == template })
		if i < 0 {
			t.Fatalf("got no %s %q in %+v", method, template, all)
		}
		return all[i]
	}
	if d := at("GET", "/items/{int}"); !d.Ripe || d.Refused != 2 || d.Clients != 2 || d.Good != 1 || !slices.Equal(d.Places, []string{"query:debug"}) {
		t.Errorf("got %+v; want 2 requests of 2 clients, one answered well, at query:debug", d)
	}
	if d := at("unknown", ""); d.Refused != 1 || d.Good != 0 {
		t.Errorf("unknown methods: got %+v; want 1", d)
	}
}

// A body that decodes to more than is inspected is as long as that.
func TestOversizeDecoded(t *testing.T) {
	o := options(policy.Enforce)
	o.BodyInspect, o.Sites[0].Oversize = 1000, true
	e := New(Options{Policy: compile(t, o), Detector: detect.New(1, lists), Clients: 1000, Seed: 1, Codings: map[string]request.Coding{
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	}})
	for _, size := range []int{1000, 1001} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		io.WriteString(w, strings.Repeat("a", size))
		w.Close()
		r := new(request.Request)
		receive(r, "203.0.113.9", "POST", "/strict", fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", packed.Len()))
		v := e.Begin(epoch, r)
		v = e.Body(epoch, r, v, packed.Bytes(), true, new(Scratch))
		if refused := size > 1000; v.Refused() != refused || refused && (v.Schema == nil || !v.Schema.TooLarge) {
			t.Errorf("%d bytes, packed: got %v, %+v; want refused %v", size, v.Action, v.Schema, refused)
		}
	}
}

// A body that is longer than what is inspected passes, or is refused where the
// route says so: by its declared length, or once it has come.
func TestOversize(t *testing.T) {
	refuse := true
	o := options(policy.Enforce)
	o.BodyInspect = 1000
	o.Sites[0].Routes = []policy.Route{{Match: "/strict", Oversize: &refuse}}
	e := newEngine(t, o)
	long := strings.Repeat("a", 1000)
	for name, c := range map[string]struct {
		target, more string
		body         string
		complete     bool
		refused      bool
	}{
		"declared":      {"/strict", "Content-Length: 5000\r\n", "", false, true},
		"streamed":      {"/strict", "Transfer-Encoding: chunked\r\n", long, false, true},
		"just fits":     {"/strict", "Content-Length: 1000\r\n", long, true, false},
		"a silence":     {"/strict", "Transfer-Encoding: chunked\r\n", "abc", false, false},
		"another route": {"/lax", "Content-Length: 5000\r\n", long, false, false},
	} {
		r := new(request.Request)
		receive(r, "203.0.113.9", "POST", c.target, c.more)
		v := e.Begin(epoch, r)
		if c.body != "" && !v.Refused() {
			v = e.Body(epoch, r, v, []byte(c.body), c.complete, new(Scratch))
		}
		if v.Refused() != c.refused || c.refused && (v.Schema == nil || !v.Schema.TooLarge) {
			t.Errorf("%s: got %v, %+v; want refused %v", name, v.Action, v.Schema, c.refused)
		}
	}
}
