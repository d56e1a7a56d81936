package rule

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func sample() *request.Request {
	r := &request.Request{Site: "api.example.com", Client: addr.Of(netip.MustParseAddr("203.0.113.9"))}
	r.Head = request.Head{Method: "POST", Target: "/api/v1/login?debug=1", Host: "api.example.com", Proto: "HTTP/1.1", ContentLength: 40}
	r.Head.Fields = []request.Field{{Name: "User-Agent", Value: "curl/8.5.0"}, {Name: "X-Env", Value: "prod"}, {Name: "Cookie", Value: "a=b"}}
	r.Parse()
	r.Endpoint = request.Endpoint{Template: "/api/v1/login", Known: true, Tags: request.TagLogin}
	r.Network = request.Network{ASN: 64500, Country: "NL"}
	r.Standing.Risk, r.Standing.Age, r.Standing.Stage = 12, time.Minute, signal.Watch
	r.Signals = []signal.Signal{{Kind: signal.SQLInjection}}
	r.Outcome = request.Outcome{Answered: true, Status: 503, Duration: 1500 * time.Millisecond, ResponseType: "text/html", ResponseSize: 4096}
	return r
}

func TestConditions(t *testing.T) {
	r := sample()
	for condition, want := range map[string]bool{
		`method == "POST" and endpoint == "/api/v1/login"`: true,
		`method == "GET" || path startsWith "/api/"`:       true,
		`not (country in ["NL", "BE"])`:                    false,
		`asn in [1, 64500]`:                                true,
		`risk > 10 && risk <= 12`:                          true,
		`age < 60`:                                         false,
		`header("x-env") != "prod"`:                        false,
		`query("debug") == "1"`:                            true,
		`cookie("a") endsWith "b"`:                         true,
		`user_agent matches "^curl/[0-9]+"`:                true,
		`user_agent contains "wget"`:                       false,
		`tagged("login") and known and !accepted`:          true,
		`signal("sql-injection")`:                          true,
		`signal("xss")`:                                    false,
		`from("203.0.113.0/24") and not tls`:               true,
		`stage == "watch"`:                                 true,
		`true`:                                             true,
		`body_size == -1`:                                  false,
		`status >= 500 and answered`:                       true,
		`duration > 1499.5 and duration < 1501`:            true,
		`response_type in ["text/html"]`:                   true,
		`risk > 90 or response_size < 4096`:                false,
	} {
		c, after, err := Compile(condition, false)
		if err != nil {
			t.Errorf("Compile(%s): %v", condition, err)
			continue
		}
		if names := strings.Contains(condition, "status") || strings.Contains(condition, "duration") || strings.Contains(condition, "response_"); after != names {
			t.Errorf("%s: got after %t; want %t", condition, after, names)
		}
		if got := c(r); got != want {
			t.Errorf("%s: got %t; want %t", condition, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { c(r) }); n > 0 && !racing && !strings.Contains(condition, "contradicts") {
			t.Errorf("%s: got %.0f allocations; want none", condition, n)
		}
	}
}

func TestConditionsThatAreNoRules(t *testing.T) {
	for condition, want := range map[string]string{
		`methd == "GET"`:                         "methd",
		`method`:                                 "bool",
		`risk == "high"`:                         "invalid operation",
		`method == `:                             "unexpected token",
		`now() > 3`:                              "now",
		`all(1..1000000, # > 0)`:                 "",
		`(1..1000000)[5] == 5`:                   "not for rules",
		`path matches "("`:                       "missing",
		`path matches method`:                    "in quotes",
		`from("here")`:                           "prefix",
		`tagged("payday")`:                       "unknown tag",
		`header(method) == "x"`:                  "in quotes",
		`method in [1]`:                          "",
		`risk + 1 > 2`:                           "not for rules",
		`(true ? risk : age) > 1`:                "not for rules",
		`method in [host]`:                       "constants",
		strings.Repeat("true or ", 600) + "true": "",
		`"` + strings.Repeat("a", 5000) + `" == method`: "bytes long",
	} {
		c, _, err := Compile(condition, false)
		if err == nil {
			t.Errorf("Compile(%.60s) gives a rule: %t", condition, c != nil)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Compile(%.60s): got %v; want %q in it", condition, err, want)
		}
	}
}

// Of several values of one name any may restrain, and all must allow.
func TestConditionsOnSeveralValues(t *testing.T) {
	for _, c := range []struct {
		condition, query string
		any, all         bool
	}{
		{`query("a") == "1"`, "a=1", true, true},
		{`query("a") == "1"`, "a=0&a=1", true, false},
		{`query("a") == "1"`, "a=1&a=0", true, false},
		{`query("a") == "1"`, "A=0&a[]=1", true, false},
		{`query("a") == "1"`, "b=1", false, false},
		{`query("a") == ""`, "b=1", true, true},
		{`query("a") == ""`, "a", true, true},
		{`query("a") != "1"`, "a=1&a=0", true, false},
		{`query("a") != "1"`, "a=1&a=1", false, false},
		{`query("a") != "1"`, "a=2&a=3", true, true},
		{`query("a") != "1"`, "", true, true},
		{`not (query("a") == "1")`, "a=1&a=0", true, false},
		{`not (query("a") == "1")`, "a=1&a=1", false, false},
		{`not (query("a") == "1")`, "a=2", true, true},
		{`not not (query("a") == "1")`, "a=1&a=0", true, false},
		{`not (not (query("a") != "1") and true)`, "a=1&a=0", true, false},
		{`query("a") in ["1", "2"]`, "a=1&a=3", true, false},
		{`query("a") in ["1", "2"]`, "a=1&a=2", true, true},
		{`not (query("a") in ["1", "2"])`, "a=1&a=2", false, false},
		{`not (query("a") in ["1", "2"])`, "a=1&a=3", true, false},
		{`query("a") not in ["1", "2"]`, "a=1&a=3", true, false},
		{`not (query("a") matches "^[0-9]+$")`, "a=1&a=x", true, false},
		{`query("a") matches "^[0-9]+$"`, "a=1&a=2", true, true},
		{`query("a") contains "x" or query("b") startsWith "y"`, "a=1&a=x&b=1", true, false},
		{`query("a") == query("b")`, "a=1&a=2&b=2", true, false},
		{`query("a") != query("b")`, "a=1&b=1", false, false},
		{`query("a") != query("b")`, "a=1&b=1&b=2", true, false},
		{`query("a") == query("b")`, "", true, true},
		{`"1" == query("a")`, "a=1&a=0", true, false},
		{`header("x-env") == "test"`, "", false, false},
		{`user_agent contains "wget"`, "", true, false},
		{`not (user_agent contains "curl")`, "", true, false},
	} {
		r := sample()
		if strings.Contains(c.condition, "user_agent") {
			r.Head.Fields = append(r.Head.Fields, request.Field{Name: "user-agent", Value: "wget/1.2"})
		}
		r.Head.Target = "/?" + c.query
		r.Parse()
		for all, want := range map[bool]bool{false: c.any, true: c.all} {
			met, _, err := Compile(c.condition, all)
			if err != nil {
				t.Errorf("Compile(%s): %v", c.condition, err)
				continue
			}
			if got := met(r); got != want {
				t.Errorf("%s with %q, all values %t: got %t; want %t", c.condition, c.query, all, got, want)
			}
			if n := testing.AllocsPerRun(10, func() { met(r) }); n > 0 && !racing {
				t.Errorf("%s: got %.0f allocations; want none", c.condition, n)
			}
		}
	}
}

// Many values on both sides cost no more than a bound.
func TestComparisonOfManyValues(t *testing.T) {
	r := sample()
	r.Head.Target = "/?" + strings.Repeat("a=1&b=2&", 5000)
	r.Parse()
	for all, want := range map[bool]bool{false: true, true: false} {
		met, _, err := Compile(`query("a") == query("b")`, all)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if got := met(r); got != want {
			t.Errorf("all values %t: got %t; want %t", all, got, want)
		}
		if d := time.Since(start); d > 200*time.Millisecond {
			t.Errorf("took %v", d)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`method == "POST" and risk > 3`, `not (country in ["NL"])`, `header("a") matches "b+"`, `a.b[1:2]`, `let x = 1; x`, `{}`, `#`} {
		f.Add(s)
	}
	r := sample()
	f.Fuzz(func(_ *testing.T, s string) {
		if c, _, err := Compile(s, false); err == nil {
			c(r)
		}
	})
}

// A hundred rules that all look at different things.
func BenchmarkHundredRules(b *testing.B) {
	hundred(b, `method == "POST" and endpoint == "/api/v1/reset" and country in ["NL", "BE"]`, `risk > 40 and not accepted`,
		`header("x-env") == "test" or query("debug") == "2"`, `user_agent contains "sqlmap"`, `tagged("payment") and age < 60`)
}

// A hundred rules over the outcome.
func BenchmarkHundredOutcomeRules(b *testing.B) {
	hundred(b, `status == 402 and endpoint == "/api/v1/reset"`, `duration > 5000 and not accepted`, `response_size > 1000000 or response_type == "text/csv"`,
		`not answered and user_agent contains "sqlmap"`, `status >= 500 and duration < 1 and tagged("payment")`)
}

func hundred(b *testing.B, conditions ...string) {
	var rules []Condition
	for i := range 100 {
		c, _, err := Compile(conditions[i%len(conditions)], false)
		if err != nil {
			b.Fatal(err)
		}
		rules = append(rules, c)
	}
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range rules {
			if c(r) {
				b.Fatal("a rule matches")
			}
		}
	}
}

// A rule whose text is never had is an error that says what is.
func TestValuesThatNeverCome(t *testing.T) {
	for condition, want := range map[string]string{
		`intent == "cardnig"`:                     `did you mean "OAT-001" (carding)?`,
		`intent == "scraping"`:                    `did you mean "OAT-011" (scraping)?`,
		`"oat-008" == intent`:                     `did you mean "OAT-008" (credential stuffing)?`,
		`intent in ["OAT-001", "OAT-099"]`:        `"OAT-001" to "OAT-021"`,
		`not (intent == "x") and method == "GET"`: `"OAT-001" to "OAT-021"`,
		`stage == "blok"`:                         "want clear, watch, interrogate, tarpit or block",
		`intent == "OAT-001"`:                     "",
		`intent in ["OAT-001", "unclassified"]`:   "",
		`intent == ""`:                            "",
		`stage == "tarpit"`:                       "",
		`method == "cardnig"`:                     "",
	} {
		_, _, err := Compile(condition, false)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v; want %q", condition, err, want)
		}
	}
}
