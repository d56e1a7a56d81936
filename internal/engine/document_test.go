package engine

import (
	"testing"

	"bartizan/internal/apimap"
	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// paper is a document that knows POST /orders, whose body must not be "bad".
type paper struct{}

func (paper) Head(r *request.Request) apimap.Finding {
	f := apimap.Finding{PathDocumented: r.Path == "/orders", Allow: []string{"POST"}}
	f.Documented = f.PathDocumented && r.Head.Method == "POST"
	for _, q := range r.Query {
		f.Problems = append(f.Problems, apimap.Problem{Kind: apimap.ProblemUnknown, Where: "query:" + q.Name, What: "not documented"})
	}
	return f
}

func (paper) Body(_ *request.Request, body []byte, complete bool) apimap.Finding {
	switch {
	case len(body) == 0 && complete:
		return apimap.Finding{Problems: []apimap.Problem{{Kind: apimap.ProblemMissing, Where: "body", What: "required"}}}
	case string(body) == `{"a":"bad"}`:
		return apimap.Finding{Problems: []apimap.Problem{{Where: "body:a", What: "not one of the values"}}}
	}
	return apimap.Finding{}
}

// A document is evidence, or the law, as the site or route says.
func TestDocument(t *testing.T) {
	enforce, evidence := policy.Enforce, policy.Observe
	const kind = "Content-Type: application/json\r\nContent-Length: 11\r\n"
	for name, c := range map[string]struct {
		site             policy.Mode
		route            *policy.Mode
		method, target   string
		more, body       string
		action           signal.Action
		problems         int
		path, documented bool
	}{
		"right":                     {enforce, nil, "POST", "/orders", kind, `{"a":"good"}`, signal.Pass, 0, true, true},
		"unknown path":              {enforce, nil, "GET", "/other", "", "", signal.BlockAction, 0, false, false},
		"unknown method":            {enforce, nil, "DELETE", "/orders", "", "", signal.BlockAction, 0, true, false},
		"unknown parameter":         {enforce, nil, "POST", "/orders?x=1", kind, `{"a":"good"}`, signal.BlockAction, 1, true, true},
		"wrong body":                {enforce, nil, "POST", "/orders", kind, `{"a":"bad"}`, signal.BlockAction, 1, true, true},
		"missing body":              {enforce, nil, "POST", "/orders", "Content-Length: 0\r\n", "", signal.BlockAction, 1, true, true},
		"missing, and no length":    {enforce, nil, "POST", "/orders", "", "", signal.BlockAction, 1, true, true},
		"evidence only":             {evidence, nil, "POST", "/orders?x=1", kind, `{"a":"bad"}`, signal.Pass, 0, true, true},
		"the route is stricter":     {evidence, &enforce, "POST", "/orders", kind, `{"a":"bad"}`, signal.BlockAction, 1, true, true},
		"the route is more lenient": {enforce, &evidence, "POST", "/orders", kind, `{"a":"bad"}`, signal.Pass, 0, true, true},
		"a preflight":               {enforce, nil, "OPTIONS", "/other", "Origin: https://x\r\nAccess-Control-Request-Method: PUT\r\n", "", signal.Pass, 0, false, false},
	} {
		o := options(policy.Enforce)
		o.Sites[0].Validate = c.site
		if c.route != nil {
			o.Sites[0].Routes = []policy.Route{{Match: "/orders", Validate: c.route}}
		}
		e := New(Options{Policy: compile(t, o), Specs: map[string]apimap.Validator{"*": paper{}}, Detector: detect.New(1, lists), Clients: 1000, Seed: 1})
		v, _ := exchange(e, 0, "203.0.113.9", c.method, c.target, c.more, c.body, 200)
		if v.Action != c.action {
			t.Errorf("%s: got %v by %v; want %v", name, v.Action, v.Reason, c.action)
			continue
		}
		if v.Action == signal.BlockAction && (v.Reason != policy.Schema || v.Schema == nil || v.Schema.PathDocumented != c.path || v.Schema.Documented != c.documented || len(v.Schema.Problems) != c.problems) {
			t.Errorf("%s: got %v, %+v", name, v.Reason, v.Schema)
		}
	}
}

// Departures that are not refused are evidence.
func TestDocumentIsEvidence(t *testing.T) {
	e := New(Options{Policy: compile(t, options(policy.Enforce)), Specs: map[string]apimap.Validator{"*": paper{}}, Detector: detect.New(1, lists), Clients: 1000, Seed: 1})
	r := new(request.Request)
	receive(r, "203.0.113.9", "DELETE", "/orders?x=1", "")
	if v := e.Begin(epoch, r); v.Action != signal.Pass {
		t.Fatalf("got %v", v.Action)
	}
	var kinds []signal.Kind
	for _, s := range r.Signals {
		kinds = append(kinds, s.Kind)
	}
	if len(kinds) != 2 || kinds[0] != signal.UnknownMethod || kinds[1] != signal.UnknownParameter {
		t.Errorf("got signals %v; want unknown-method and unknown-parameter", kinds)
	}
}
