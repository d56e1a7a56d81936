package policy

import (
	"testing"
	"time"

	"bartizan/internal/signal"
)

// spellings are all read as /internal/x by some server.
var spellings = []string{
	"/internal/x", "//internal/x", "/./internal/x", "/a/../internal/x", "/a/%2e%2e/internal/x", "/%2e/internal/x",
	"/internal;v=1/x", "/a/..;/internal/x",
	"/internal%2fx", "/%69nternal/x", "/internal\\x", "/a%2f..%2finternal/x", "/internal/y/../x", "/internal/;/x",
	"/a;b=%2f..%2f/internal/x", "/../internal/x;v=1",
}

// What restrains holds for every spelling of a path.
func TestEverySpellingIsRestrained(t *testing.T) {
	o := defaults()
	o.Rules = []Rule{{Name: "internal", When: `path startsWith "/internal/"`, Action: "block"}}
	o.Decoys.Paths = []string{"/internal/x"}
	o.Patches = []Patch{{Name: "id", Endpoint: "/internal/**", Field: "query:id", Allow: Allowance{Type: "int"}}}
	o.Rates = []Rate{{Match: "/internal/*", Requests: 1, Every: time.Second}}
	o.Sites[0].Routes = []Route{{Match: "/internal/**", Tags: []string{"costly"}}}
	p := compiled(t, o)
	now := time.Unix(0, 0)
	for _, target := range spellings {
		r := requestOf("203.0.113.9", "GET", target+"?id=x")
		if d := p.Judge(now, r); d.Would != signal.BlockAction || d.Entry != "internal" {
			t.Errorf("%s: got %v by %q; want a block by the rule", target, d.Would, d.Entry)
		}
		if p.PatchHead(now, r); r.Patched != "id" {
			t.Errorf("%s: the patch does not hold", target)
		}
		if len(r.Signals) != 1 || r.Signals[0].Kind != signal.PatchHit {
			t.Errorf("%s: got %v; want evidence of the patch", target, r.Signals)
		}
		if p.Decoy(r); len(r.Signals) != 2 || r.Signals[1].Kind != signal.DecoyPath {
			t.Errorf("%s: got %v; want a decoy", target, r.Signals)
		}
		if !p.Rates()[0].Applies(r) {
			t.Errorf("%s: the rate does not apply", target)
		}
	}
	for _, target := range []string{"/INTERNAL/x", "/internal", "/x/internal/", "/internal%252fx", "/x?/internal/"} {
		if d := p.Judge(now, requestOf("203.0.113.9", "GET", target)); d.Would != signal.Pass {
			t.Errorf("%s: got %v; want a pass", target, d.Would)
		}
	}
}

// What excuses holds only where every server reads the path so.
func TestOnlyOnePathIsExcused(t *testing.T) {
	o := defaults()
	o.Rules = []Rule{{Name: "open", When: `path startsWith "/public/"`, Action: "allow"}, {Name: "rest", When: "true", Action: "block"}}
	o.Exceptions = []Exception{{Endpoint: "/public/**", Kind: "xss"}}
	p := compiled(t, o)
	now := time.Unix(0, 0)
	for target, want := range map[string]bool{
		"/public/x": true, "//public/x": true, "/public;v=1/x": true, "/public/../x": false, "/public/%2e%2e/x": false,
		"/x/..%2fpublic/y": true,
		"/x/..;/public/y":  false, "/public/..;/x": false, "/public/a;b=%2f..%2f..%2fx": false,
	} {
		r := requestOf("203.0.113.9", "GET", target)
		if d := p.Judge(now, r); (d.Would == signal.Pass) != want {
			t.Errorf("%s: got %v; want it allowed %v", target, d.Would, want)
		}
		r.Signals = []signal.Signal{{Kind: signal.XSS}}
		if got := p.Excuse(now, r, 0); got != want {
			t.Errorf("%s: got excused %v; want %v", target, got, want)
		}
	}
	r := requestOf("203.0.113.9", "GET", "/x/..;/public/y")
	p.Judge(now, r)
	if r.Plain() != "/public/y" {
		t.Errorf("after a verdict: got %q; want the first reading again", r.Plain())
	}
}
