package policy

import (
	"strings"
	"testing"
)

func TestFailedHints(t *testing.T) {
	for name, c := range map[string]struct {
		hint Failed
		want string // path of the problem; empty: none
	}{
		"nothing":                  {Failed{}, "sites[0].routes[0].failed"},
		"a status":                 {Failed{Status: 200}, ""},
		"no status":                {Failed{Status: 99}, "sites[0].routes[0].failed.status"},
		"too high":                 {Failed{Status: 600}, "sites[0].routes[0].failed.status"},
		"a place that 200 has not": {Failed{Status: 200, Location: "/x"}, "sites[0].routes[0].failed.location"},
		"a place":                  {Failed{Status: 303, Location: "/x"}, ""},
		"a long text":              {Failed{Body: strings.Repeat("x", 257)}, "sites[0].routes[0].failed.body"},
		"a text":                   {Failed{Body: "Wrong"}, ""},
	} {
		o := defaults()
		o.Sites = []Site{{Hosts: []string{"*"}, Routes: []Route{{Match: "POST /in", Failed: &c.hint}}}}
		p, problems := Compile(o)
		if (c.want == "") != (len(problems) == 0) || c.want != "" && problems[0].Path != c.want {
			t.Errorf("%s: got problems %v; want %q", name, problems, c.want)
		}
		if c.want == "" && p.Options().Sites[0].Routes[0].FailedHint() == nil {
			t.Errorf("%s: the hint is gone", name)
		}
	}
}

// All that a hint gives must hold.
func TestFailedMatches(t *testing.T) {
	f := Failed{Status: 302, Location: "/login?", Body: "no"}
	for name, c := range map[string]struct {
		status         int
		location, body string
		want           bool
	}{
		"all": {302, "http://a/login?x", "is no", true}, "status": {303, "/login?x", "no", false}, "location": {302, "/home", "no", false}, "body": {302, "/login?", "No", false},
	} {
		if got := f.Matches(c.status, c.location, []byte(c.body)); got != c.want {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
}
