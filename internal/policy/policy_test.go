package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func defaults() Options {
	return Options{
		Sites:      []Site{{Hosts: []string{"*"}}},
		Thresholds: Thresholds{5, 30, 60, 85}, Block: Durations{5 * time.Minute, 4, 24 * time.Hour}, BodyInspect: 64 << 10,
	}
}

func compiled(t *testing.T, o Options) *Policy {
	t.Helper()
	p, problems := Compile(o)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func requestOf(client, method, target string, fields ...request.Field) *request.Request {
	r := &request.Request{Client: addr.Of(netip.MustParseAddr(client))}
	r.Head = request.Head{Method: method, Target: target, Host: "api.example.com", Fields: fields}
	r.Parse()
	return r
}

func TestSiteByHost(t *testing.T) {
	o := defaults()
	o.Sites = []Site{{Hosts: []string{"api.example.com", "API2.example.com."}}, {Hosts: []string{"*.example.com"}}, {Hosts: []string{"*.eu.example.com"}}, {Hosts: []string{"*"}}}
	p := compiled(t, o)
	for host, want := range map[string]int{
		"api.example.com": 0, "API.Example.COM": 0, "api.example.com:8443": 0, "api.example.com.": 0, "api2.example.com": 0,
		"www.example.com": 1, "a.b.example.com": 1, "x.eu.example.com": 2, "example.com": 3, "": 3, "[2001:db8::1]:80": 3, "192.0.2.1": 3,
	} {
		if got := p.SiteIndex(host); got != want {
			t.Errorf("host %q: got site %d; want %d", host, got, want)
		}
	}
	o.Sites = o.Sites[:1]
	if s := compiled(t, o).Site("other.example.org"); s != nil {
		t.Errorf("without a default site: got %v for an unknown host; want none", s.Hosts)
	}
}

// A route must hold for every spelling that reaches the same handler.
func TestRouteCannotBeSteppedAround(t *testing.T) {
	o := defaults()
	o.Sites[0].Routes = []Route{{Match: "POST /api/login", Tags: []string{"login"}}, {Match: "/admin/**", Tags: []string{"account"}}, {Match: "* /users/{id}/orders", Tags: []string{"content"}}}
	s := compiled(t, o).Site("x")
	for _, c := range []struct {
		method, target string
		want           request.Tags
	}{
		{"POST", "/api/login", request.TagLogin}, {"POST", "//api//login/", request.TagLogin}, {"POST", "/api/./login", request.TagLogin},
		{"POST", "/x/../api/login", request.TagLogin}, {"POST", "/%61pi/l%6fgin?next=/", request.TagLogin}, {"POST", "/../api/login", request.TagLogin},
		{"GET", "/api/login", 0}, {"POST", "/api/login/x", 0}, {"POST", "/API/LOGIN", 0},
		{"GET", "/admin", request.TagAccount}, {"DELETE", "/admin/a/b", request.TagAccount}, {"GET", "/administrator", 0},
		{"GET", "/users/7/orders", request.TagContent}, {"GET", "/users/orders", 0},
	} {
		r := requestOf("203.0.113.9", c.method, c.target)
		if got := s.Route(c.method, r.Steps()).TagSet(); got != c.want {
			t.Errorf("%s %s: got tags %b; want %b", c.method, c.target, got, c.want)
		}
	}
}

func TestLists(t *testing.T) {
	o := defaults()
	o.Allow = []Entry{{Prefix: "192.0.2.0/24", Note: "partner"}, {Credential: "Bearer good"}, {Bot: "googlebot"}, {Prefix: "198.51.100.7", Until: now.Add(time.Hour)}}
	o.Deny = []Entry{{File: "bad.txt", Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("192.0.2.0/24")}},
		{Credential: "sha256:" + "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"}} // of "alice"
	p := compiled(t, o)
	bearer := func(v string) request.Field { return request.Field{Name: "Authorization", Value: v} }
	bot := requestOf("8.8.8.8", "GET", "/")
	bot.Network.Bot = "googlebot"
	for name, c := range map[string]struct {
		r    *request.Request
		at   time.Time
		want signal.Action
	}{
		"in both: allow wins":     {requestOf("192.0.2.5", "GET", "/"), now, signal.Pass},
		"denied by file":          {requestOf("203.0.113.5", "GET", "/"), now, signal.BlockAction},
		"allowed credential":      {requestOf("203.0.113.5", "GET", "/", bearer("Bearer good")), now, signal.Pass},
		"denied credential":       {requestOf("8.8.8.8", "GET", "/", bearer("alice")), now, signal.BlockAction},
		"other credential":        {requestOf("8.8.8.8", "GET", "/", bearer("Bearer other")), now, signal.Unset},
		"verified bot":            {bot, now, signal.Pass},
		"allowed for an hour":     {requestOf("198.51.100.7", "GET", "/"), now, signal.Pass},
		"the hour is over":        {requestOf("198.51.100.7", "GET", "/"), now.Add(2 * time.Hour), signal.Unset},
		"nobody":                  {requestOf("8.8.8.8", "GET", "/"), now, signal.Unset},
		"IPv4-mapped counts as 4": {requestOf("::ffff:203.0.113.5", "GET", "/"), now, signal.BlockAction},
	} {
		d, ok := p.Listed(c.at, c.r)
		if d.Would != c.want || ok != (c.want != signal.Unset) {
			t.Errorf("%s: got %v (%v, %s); want %v", name, d.Would, ok, d.Entry, c.want)
		}
	}
}

func TestExceptions(t *testing.T) {
	o := defaults()
	o.Exceptions = []Exception{
		{Endpoint: "POST /api/report", Field: "body:query", Kind: "sql-injection"},
		{Who: "192.0.2.0/24", Kind: "xss"},
		{Who: "Bearer tester", Kind: "path-traversal", Until: now.Add(time.Hour)},
	}
	p := compiled(t, o)
	tester := request.Field{Name: "Authorization", Value: "Bearer tester"}
	sql, xss, lfi := signal.Signal{Kind: signal.SQLInjection, Where: "body:query"}, signal.Signal{Kind: signal.XSS, Where: "query:q"}, signal.Signal{Kind: signal.PathTraversal, Where: "path"}
	for name, c := range map[string]struct {
		r    *request.Request
		at   time.Time
		s    signal.Signal
		gone bool
	}{
		"endpoint, field and kind": {requestOf("8.8.8.8", "POST", "/api/report"), now, sql, true},
		"another field":            {requestOf("8.8.8.8", "POST", "/api/report"), now, signal.Signal{Kind: signal.SQLInjection, Where: "body:name"}, false},
		"another endpoint":         {requestOf("8.8.8.8", "POST", "/api/orders"), now, sql, false},
		"another kind":             {requestOf("8.8.8.8", "POST", "/api/report"), now, signal.Signal{Kind: signal.XSS, Where: "body:query"}, false},
		"by prefix":                {requestOf("192.0.2.9", "GET", "/"), now, xss, true},
		"outside the prefix":       {requestOf("192.0.3.9", "GET", "/"), now, xss, false},
		"by credential":            {requestOf("8.8.8.8", "GET", "/", tester), now, lfi, true},
		"over":                     {requestOf("8.8.8.8", "GET", "/", tester), now.Add(2 * time.Hour), lfi, false},
	} {
		c.r.Signals = []signal.Signal{{Kind: signal.MissingUserAgent}, c.s}
		if gone := p.Excuse(c.at, c.r, 1); gone != c.gone || len(c.r.Signals) != map[bool]int{true: 1, false: 2}[c.gone] {
			t.Errorf("%s: got gone %v, %d signals left; want %v", name, gone, len(c.r.Signals), c.gone)
		}
	}
}

// Every fault is told at once, with its path.
func TestProblems(t *testing.T) {
	mode := Enforce
	o := Options{
		Sites:          []Site{{}, {Hosts: []string{"a.example.com", "http://x"}, Routes: []Route{{Match: "post /x"}, {Match: "/a/**/b"}, {Match: "/x", Tags: []string{"logon"}, Mode: &mode}}}, {Hosts: []string{"a.example.com"}}},
		TrustedProxies: []string{"10.0.0.1/8"},
		Thresholds:     Thresholds{5, 3, 60, 100}, Block: Durations{0, 0.5, -1},
		Allow:      []Entry{{}, {Prefix: "x"}, {Credential: "sha256:12"}},
		Exceptions: []Exception{{Who: "10.0.0.0/8"}, {Kind: "sqli"}},
	}
	_, problems := Compile(o)
	var got []string
	for _, p := range problems {
		got = append(got, p.Path)
	}
	for _, want := range []string{
		"sites[0].hosts", "sites[1].hosts[1]", "sites[2].hosts[0]", "sites[1].routes[0].match", "sites[1].routes[1].match", "sites[1].routes[2].tags[0]",
		"trusted_proxies[0]", "thresholds.interrogate", "thresholds.block", "block.first", "block.grow", "block.max", "allow[0]", "allow[1].prefix", "allow[2].credential", "exceptions[0]", "exceptions[1].kind",
	} {
		if !strings.Contains(strings.Join(got, " ")+" ", want+" ") {
			t.Errorf("no problem at %s; got %v", want, got)
		}
	}
}

// Waiting is told for what waiting cures, and never for ever.
func TestCooling(t *testing.T) {
	p := compiled(t, defaults())
	last := time.Duration(0)
	for risk := 30.0; risk < 100; risk += 5 {
		d := p.cooling(risk)
		if d < last || d < 30*time.Second || d > time.Hour {
			t.Errorf("risk %.0f: got %v; want between 30s and 1h, rising", risk, d)
		}
		last = d
	}
}

func BenchmarkListed(b *testing.B) {
	o := defaults()
	for i := range 50 {
		o.Deny = append(o.Deny, Entry{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16).String()})
	}
	p, _ := Compile(o)
	r := requestOf("203.0.113.9", "GET", "/")
	b.ReportAllocs()
	for b.Loop() {
		p.Listed(now, r)
	}
}

// What answers a challenge: at the interrogate stage a pass or a known, clear
// credential; before a signature's challenge a pass alone; and nothing above.
func TestWhatAnswersAChallenge(t *testing.T) {
	p := compiled(t, defaults())
	solved := request.Pass{Result: request.PassValid, How: request.PassSolved}
	kept := request.Pass{Result: request.PassValid, How: request.PassKept}
	match := request.Match{Signature: "s-1", Action: signal.ChallengeAction}
	for name, c := range map[string]struct {
		stage signal.Stage
		known bool
		pass  request.Pass
		match request.Match
		want  signal.Action
	}{
		"interrogate":                   {stage: signal.Interrogate, want: signal.ChallengeAction},
		"interrogate, pass":             {stage: signal.Interrogate, pass: solved, want: signal.Pass},
		"interrogate, cookie":           {stage: signal.Interrogate, pass: kept, want: signal.ChallengeAction},
		"interrogate, known":            {stage: signal.Interrogate, known: true, want: signal.Pass},
		"signature":                     {match: match, want: signal.ChallengeAction},
		"signature, pass":               {match: match, pass: solved, want: signal.Pass},
		"signature, known":              {match: match, known: true, want: signal.ChallengeAction},
		"signature that blocks, pass":   {match: request.Match{Signature: "s-1", Action: signal.BlockAction}, pass: solved, want: signal.BlockAction},
		"tarpit, known":                 {stage: signal.Tarpit, known: true, want: signal.TarpitAction},
		"tarpit that a pass left there": {stage: signal.Tarpit, pass: solved, want: signal.TarpitAction},
		"block, pass":                   {stage: signal.Block, pass: solved, want: signal.BlockAction},
	} {
		r := requestOf("203.0.113.5", "GET", "/")
		r.Standing.Stage, r.Standing.Known, r.Pass, r.Match = c.stage, c.known, c.pass, c.match
		if got := p.Judge(now, r); got.Would != c.want {
			t.Errorf("%s: got %v by %v; want %v", name, got.Would, got.Reason, c.want)
		}
	}
}

// Who does one thing far too often waits there and nowhere else; who waits as told goes on.
// An answer to a question does for reading, not for trying cards and codes.
func TestCountsSlowWhatIsCounted(t *testing.T) {
	p := compiled(t, defaults())
	solved := request.Pass{Result: request.PassValid, How: request.PassSolved}
	item := request.Endpoint{Template: "/items/{int}", PathKnown: true}
	pay := request.Endpoint{Template: "/pay", PathKnown: true, Tags: request.TagPayment}
	code := request.Endpoint{Template: "/redeem", PathKnown: true, Tags: request.TagCoupon}
	all := request.PaymentsInVain | request.CodesInVain | request.ObjectsInRow | request.PathsMissing
	for name, c := range map[string]struct {
		counts request.Counts
		at     request.Endpoint
		gap    time.Duration
		pass   request.Pass
		want   signal.Action
	}{
		"no counts":               {0, pay, time.Second, request.Pass{}, signal.Pass},
		"payments":                {request.PaymentsInVain, pay, time.Second, request.Pass{}, signal.ChallengeAction},
		"payments, waits":         {request.PaymentsInVain, pay, 10 * time.Second, request.Pass{}, signal.Pass},
		"payments, has answered":  {request.PaymentsInVain, pay, time.Second, solved, signal.Limit},
		"payments, reads":         {request.PaymentsInVain, item, time.Second, request.Pass{}, signal.Pass},
		"codes":                   {request.CodesInVain, code, time.Second, request.Pass{}, signal.ChallengeAction},
		"codes, pays":             {request.CodesInVain, pay, time.Second, request.Pass{}, signal.Pass},
		"objects":                 {request.ObjectsInRow, item, time.Second, request.Pass{}, signal.ChallengeAction},
		"objects, has answered":   {request.ObjectsInRow, item, time.Second, solved, signal.Pass},
		"paths":                   {request.PathsMissing, request.Endpoint{Template: "/x"}, time.Second, request.Pass{}, signal.ChallengeAction},
		"paths, asks for what is": {request.PathsMissing, item, time.Second, request.Pass{}, signal.Pass},
		"all, elsewhere":          {all, request.Endpoint{Template: "/home", PathKnown: true}, time.Second, request.Pass{}, signal.Pass},
	} {
		r := requestOf("203.0.113.5", "GET", "/")
		r.Endpoint, r.Standing.Counts, r.Standing.Gap, r.Pass = c.at, c.counts, c.gap, c.pass
		if got := p.Judge(now, r); got.Would != c.want || (got.Reason == Counted) != (c.want != signal.Pass) {
			t.Errorf("%s: got %v by %v; want %v", name, got.Would, got.Reason, c.want)
		}
	}
}

func TestInterrogationIsChecked(t *testing.T) {
	good := Interrogation{Enabled: true, Pass: time.Hour, Answer: 2 * time.Minute, Wait: 10 * time.Second, Difficulty: 17}
	for name, c := range map[string]struct {
		change func(*Interrogation)
		fault  string
	}{
		"good":          {func(*Interrogation) {}, ""},
		"off":           {func(i *Interrogation) { *i = Interrogation{} }, ""},
		"no work":       {func(i *Interrogation) { i.Difficulty = 0 }, "difficulty"},
		"too much work": {func(i *Interrogation) { i.Difficulty = 29 }, "difficulty"},
		"no pass":       {func(i *Interrogation) { i.Pass = 0 }, "pass"},
		"long answer":   {func(i *Interrogation) { i.Answer = time.Hour }, "answer"},
		"long wait":     {func(i *Interrogation) { i.Wait = 50 * time.Second }, "wait"},
	} {
		o := defaults()
		o.Interrogation = good
		c.change(&o.Interrogation)
		_, problems := Compile(o)
		if got := len(problems) > 0; got != (c.fault != "") || got && !strings.HasSuffix(problems[0].Path, c.fault) {
			t.Errorf("%s: got %v; want a fault in %q", name, problems, c.fault)
		}
	}
}
