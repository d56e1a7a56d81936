package engine

import (
	"slices"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func TestRules(t *testing.T) {
	o := options(policy.Enforce)
	o.Rules = []policy.Rule{
		{Name: "watch posts", When: `method == "POST"`, Action: "observe"},
		{Name: "dry", When: `path startsWith "/old"`, Action: "block", DryRun: true},
		{Name: "over", When: `path startsWith "/old"`, Action: "block", Until: epoch.Add(-time.Hour)},
		{Name: "pentest", When: `header("x-pentest") == "yes"`, Action: "allow"},
		{Name: "no debug", When: `query("debug") != ""`, Action: "block"},
		{Name: "slow", When: `path == "/export"`, Action: "limit"},
	}
	e := newEngine(t, o)
	for _, c := range []struct {
		name, method, target, more string
		would                      signal.Action
		reason                     policy.Reason
		entry                      string
		noted                      []string
	}{
		{"nothing", "GET", "/a", "", signal.Pass, policy.Clean, "", nil},
		{"watched", "POST", "/a", "Content-Length: 0\r\n", signal.Pass, policy.Clean, "", []string{"watch posts"}},
		{"dry and over", "GET", "/old", "", signal.Pass, policy.Clean, "", []string{"dry"}},
		{"blocked", "GET", "/a?debug=1", "", signal.BlockAction, policy.Ruled, "no debug", nil},
		{"the first rule decides", "GET", "/a?debug=1", "X-Pentest: yes\r\n", signal.Pass, policy.Ruled, "pentest", nil},
		{"allowed against an exploit", "GET", union, "X-Pentest: yes\r\n", signal.Pass, policy.Ruled, "pentest", nil},
		{"limited", "GET", "/export", "", signal.Limit, policy.Ruled, "slow", nil},
		{"an exploit is worse than a limit", "GET", union, "", signal.BlockAction, policy.Exploit, "", nil},
		{"preflight", "OPTIONS", "/export", "Origin: https://x\r\nAccess-Control-Request-Method: PUT\r\n", signal.Pass, policy.Preflight, "", nil},
	} {
		v, events := exchange(e, 0, "203.0.113.9", c.method, c.target, c.more, "", 200)
		if v.Would != c.would || v.Reason != c.reason || v.Entry != c.entry {
			t.Errorf("%s: got %v because of %v %q; want %v because of %v %q", c.name, v.Would, v.Reason, v.Entry, c.would, c.reason, c.entry)
		}
		for _, ev := range events {
			if ev.Type == "refused" && !slices.Equal(ev.Noted, c.noted) {
				t.Errorf("%s: event notes %q; want %q", c.name, ev.Noted, c.noted)
			}
		}
	}
	if v, _ := exchange(e, 0, "127.0.0.1", "GET", "/a?debug=1", "", "", 200); v.Would != signal.BlockAction {
		t.Errorf("from a private address: got %v; a rule holds for everybody", v.Would)
	}
}

func TestPatches(t *testing.T) {
	o := options(policy.Enforce)
	o.Patches = []policy.Patch{
		{Name: "number", Endpoint: "GET /item/{id}", Field: "query:page", Allow: policy.Allowance{Type: "int"}},
		{Name: "name", Endpoint: "/users", Field: "body:user.name", Allow: policy.Allowance{Pattern: "[a-z]+", Max: 8}},
		{Name: "agent", Endpoint: "/users", Field: "header:X-Lang", Allow: policy.Allowance{Max: 2}},
		{Name: "would", Endpoint: "/users", Field: "cookie:theme", Allow: policy.Allowance{Type: "word"}, DryRun: true},
	}
	e := newEngine(t, o)
	json := "Content-Type: application/json\r\nContent-Length: 40\r\n"
	for _, c := range []struct{ method, target, more, body, patch string }{
		{"GET", "/item/7?page=3", "", "", ""},
		{"GET", "/item/7?page=3x", "", "", "number"},
		{"GET", "/item/7?page=3&page=x", "", "", "number"},
		{"GET", "//item/./7?page=x", "", "", "number"},
		{"POST", "/item/7?page=x", "Content-Length: 0\r\n", "", ""},
		{"POST", "/users", json, `{"user":{"name":"ada"}}`, ""},
		{"POST", "/users", json, `{"user":{"name":"ada lovelace"}}`, "name"},
		{"POST", "/users", json, `{"user":{"name":"adalovelace"}}`, "name"},
		{"POST", "/users", json + "X-Lang: eng\r\n", `{"user":{"name":"ada"}}`, "agent"},
		{"POST", "/users", json + "Cookie: theme=d ark\r\n", `{"user":{"name":"ada"}}`, ""},
	} {
		v, _ := exchange(e, 0, "203.0.113.9", c.method, c.target, c.more, c.body, 200)
		if refused := v.Would == signal.BlockAction; refused != (c.patch != "") || v.Entry != c.patch || refused && v.Reason != policy.PatchReason {
			t.Errorf("%s %s %q %s: got %v because of %v %q; want patch %q", c.method, c.target, c.more, c.body, v.Would, v.Reason, v.Entry, c.patch)
		}
	}
}

func TestRulesAreChecked(t *testing.T) {
	for want, change := range map[string]func(*policy.Options){
		"rules[0].when":   func(o *policy.Options) { o.Rules = []policy.Rule{{Name: "a", When: "methd", Action: "block"}} },
		"rules[0].action": func(o *policy.Options) { o.Rules = []policy.Rule{{Name: "a", When: "true", Action: "explode"}} },
		"rules[1].name": func(o *policy.Options) {
			o.Rules = []policy.Rule{{Name: "a", When: "true", Action: "limit"}, {Name: "a", When: "true", Action: "limit"}}
		},
		"patches[0].endpoint": func(o *policy.Options) {
			o.Patches = []policy.Patch{{Name: "a", Endpoint: "x", Field: "query:a", Allow: policy.Allowance{Max: 1}}}
		},
		"patches[0].field": func(o *policy.Options) {
			o.Patches = []policy.Patch{{Name: "a", Endpoint: "/x", Field: "a", Allow: policy.Allowance{Max: 1}}}
		},
		"patches[0].allow": func(o *policy.Options) { o.Patches = []policy.Patch{{Name: "a", Endpoint: "/x", Field: "query:a"}} },
		"patches[0].allow.type": func(o *policy.Options) {
			o.Patches = []policy.Patch{{Name: "a", Endpoint: "/x", Field: "query:a", Allow: policy.Allowance{Type: "age"}}}
		},
		"patches[0].allow.pattern": func(o *policy.Options) {
			o.Patches = []policy.Patch{{Name: "a", Endpoint: "/x", Field: "query:a", Allow: policy.Allowance{Pattern: "("}}}
		},
	} {
		o := options(policy.Enforce)
		change(&o)
		_, problems := policy.Compile(o)
		if len(problems) != 1 || problems[0].Path != want {
			t.Errorf("got %v; want one problem at %s", problems, want)
		}
	}
}

func TestDecoys(t *testing.T) {
	o := options(policy.Enforce)
	o.Decoys = policy.Decoys{Paths: []string{"/backup/**"}, Credentials: []string{"sk_live_4711"}}
	e := newEngine(t, o)
	if v, _ := exchange(e, 0, "203.0.113.1", "GET", "/", "", "", 200); v.Would != signal.Pass {
		t.Errorf("nobody's decoy: got %v; want pass", v.Would)
	}
	r := new(request.Request)
	receive(r, "203.0.113.2", "GET", "/backup/2026", "")
	if v := e.Begin(epoch, r); v.Would > signal.ChallengeAction || r.Standing.Stage < signal.Watch {
		t.Errorf("a decoy path: got %v at stage %v; want to be watched or asked, no more", v.Would, r.Standing.Stage)
	}
	for _, header := range []string{"Authorization: Bearer sk_live_4711\r\n", "X-Api-Key: sk_live_4711\r\n", "Cookie: session=sk_live_4711\r\n"} {
		if v, _ := exchange(e, 0, "203.0.113.3", "GET", "/", header, "", 200); v.Would != signal.BlockAction || v.Reason != policy.StageReason {
			t.Errorf("%q: got %v because of %v; want block in this very request", header, v.Would, v.Reason)
		}
	}
	if v, _ := exchange(e, 0, "203.0.113.4", "GET", "/", "Authorization: Bearer sk_live_4712\r\n", "", 200); v.Would != signal.Pass {
		t.Errorf("another credential: got %v; want pass", v.Would)
	}
	robot := new(request.Request)
	receive(robot, "203.0.113.5", "GET", "/backup/", "")
	robot.Network.Bot = "googlebot"
	if e.Begin(epoch, robot); len(robot.Signals) > 0 {
		t.Errorf("a verified robot: got %v", robot.Signals)
	}
}
