package engine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/signal"
	"bartizan/internal/unpack"
)

// Servers differ in how they read what contradicts itself: an exploit in any of
// the readings is refused.
func TestExploitInAnyReading(t *testing.T) {
	const (
		sql  = "1' UNION SELECT password FROM users--"
		form = "id=1%27+UNION+SELECT+password+FROM+users--"
		json = `{"id":"` + sql + `"}`
		urlF = "Content-Type: application/x-www-form-urlencoded"
		js   = "Content-Type: application/json"
		mp   = "Content-Type: multipart/form-data; boundary=A"
	)
	zip := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
		return b.String()
	}
	part := func(more, headers, content string) string {
		return "--A\r\nContent-Disposition: form-data; name=\"id\"" + more + "\r\n" + headers + "\r\n" + content + "\r\n"
	}
	const end = "--A--\r\n"
	pad := strings.Repeat("x", 4500)
	decoy := "--B\r\nContent-Disposition: form-data; name=\"q\"; filename=\"a.txt\"\r\n\r\n" + pad + "\r\n" + part("", "", sql) + end + "--B--\r\n"
	for name, c := range map[string]struct{ headers, body string }{
		"coding on a second line":    {js + "\r\nContent-Encoding: identity\r\nContent-Encoding: gzip", zip(json)},
		"codings on two lines":       {js + "\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip", zip(zip(json))},
		"coding that is none":        {js + "\r\nContent-Encoding: deflate", json},
		"form behind a gzip member":  {urlF + "\r\nContent-Encoding: gzip", zip("a=1") + "&" + form},
		"parts behind a gzip member": {mp + "\r\nContent-Encoding: gzip", zip("a=1") + "\r\n" + part("", "", sql) + end},
		"charset that is none":       {js + "; charset=utf-16", json},
		"charset of 32 that is none": {js + "; charset=utf-32", json},
		"charset of a form":          {urlF + "; charset=utf-16le", form},
		"form with NULs":             {urlF, "a\x00b\x00=1&" + form},
		"form with a mark":           {urlF, "\xff\xfe=1&" + form},
		"form like XML":              {urlF, "<?xml=1&" + form + "&z=?>"},
		"form in an XML comment":     {urlF, "<?xml?><!--&" + form + "-->"},
		"form like multipart":        {urlF, "--A=ontent-&" + form},
		"JSON behind a boundary":     {js, "--x--\nontent-\n" + json},
		"parts behind the end":       {mp, part("", "", "1") + end + part("", "", sql) + end},
		"parts behind an early end":  {mp, end + part("", "", sql) + end},
		"no file name":               {mp, part(`; xfilename=""`, "", pad+sql) + end},
		"empty file name":            {mp, part(`; filename=""`, "", pad+sql) + end},
		"binary, but no file":        {mp, part(`; x="filename"`, "", "\x00"+sql) + end},
		"second file name":           {mp, part(`; filename=a; filename*=utf-8''..%2f..%2f..%2fetc%2fpasswd`, "", "x") + end},
		"a 257th part":               {mp, strings.Repeat(part("", "", "x"), 256) + part("", "", sql) + end},
		"two boundaries":             {"Content-Type: multipart/form-data; boundary=B; boundary=A", decoy},
		"continued boundary":         {"Content-Type: multipart/form-data; boundary*0=A", decoy},
		"extended boundary":          {"Content-Type: multipart/form-data; boundary*=utf-8''A", decoy},
		"two types":                  {"Content-Type: multipart/form-data; boundary=B\r\n" + mp, decoy},
		"text, then form":            {"Content-Type: text/plain\r\n" + urlF, "a b=1&" + form},
		"comment of a part":          {mp, part("", "Content-Type: text/xml\r\n", "<!--"+sql+"-->") + end},
		"instruction of a part":      {mp, part("", "Content-Type: text/xml\r\n", "<?"+sql) + end},
		"many headers of a part":     {mp, part("", strings.Repeat("X: y\r\n", 20), sql) + end},
		"form behind many names":     {urlF, strings.Repeat("a&", 10001) + form},
		"JSON behind many strings":   {js, "[" + strings.Repeat(`"",`, 10001) + `"` + sql + `"]`},
		"XML behind many texts":      {"Content-Type: text/xml", "<?xml?><a>" + strings.Repeat("1<b>", 11000) + sql + "</a>"},
		"cookie behind many":         {js + "\r\nCookie: " + strings.Repeat("a=1;", 201) + "b=" + sql, "{}"},
		"cookie with octal escapes":  {js + "\r\nCookie: a=\"1\\047 UNION SELECT password FROM users--\"", "{}"},
	} {
		e := New(Options{Policy: compile(t, options(policy.Enforce)), Detector: detect.New(1, lists), Clients: 1000, Seed: 1, Start: epoch, Codings: unpack.Codings()})
		v, _ := exchange(e, 0, "203.0.113.9", "POST", "/", fmt.Sprintf("%s\r\nContent-Length: %d\r\n", c.headers, len(c.body)), c.body, 200)
		if v.Action != signal.BlockAction || v.Reason != policy.Exploit {
			t.Errorf("%s: got %v by %v; want a block by exploit", name, v.Action, v.Reason)
		}
	}
}

func TestExploitBehindManyParameters(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	target := "/item?" + strings.Repeat("a&", 1001) + "id=1%27%20UNION%20SELECT%20password%20FROM%20users--"
	if v, _ := exchange(e, 0, "203.0.113.9", "GET", target, "", "", 200); v.Action != signal.BlockAction {
		t.Errorf("got %v; want a block", v.Action)
	}
}
