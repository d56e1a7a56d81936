package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"bartizan/internal/addr"
	"bartizan/internal/config"
	"bartizan/internal/engine"
	"bartizan/internal/policy/rule"
	"bartizan/internal/request"
)

// shaped is one request that carries a value of a field in some shape.
type shaped struct {
	shape       string
	query       string
	header      string // lines
	contentType string
	body        string
}

// tried is how a rule or patch did in one shape.
type tried struct {
	of, field, shape string
	matched          bool
}

const fillerBytes = 70_000 // before the field: more than is inspected at once

// queryShapes returns the shapes of a parameter of the query; other is another value of it.
func queryShapes(name, value, other string) []shaped {
	_, name = partsOf(name)
	n, v, o := url.QueryEscape(name), url.QueryEscape(value), url.QueryEscape(other)
	return []shaped{
		{shape: "query", query: n + "=" + v},
		{shape: "query, twice, first", query: n + "=" + v + "&" + n + "=" + o},
		{shape: "query, twice, last", query: n + "=" + o + "&" + n + "=" + v},
		{shape: "query, letter case", query: url.QueryEscape(otherCase(name)) + "=" + v},
		{shape: "query, name[]", query: n + "[]=" + v},
		{shape: "query, name[a]", query: n + "%5Ba%5D=" + v},
		{shape: "query, name escaped twice", query: url.QueryEscape(hexed(name)) + "=" + v},
	}
}

func headerShapes(name, value, other string) []shaped {
	return []shaped{
		{shape: "header", header: name + ": " + value + "\r\n"},
		{shape: "header, twice, first", header: name + ": " + value + "\r\n" + name + ": " + other + "\r\n"},
		{shape: "header, twice, last", header: name + ": " + other + "\r\n" + name + ": " + value + "\r\n"},
		{shape: "header, letter case", header: otherCase(name) + ": " + value + "\r\n"},
		{shape: "header, underscores", header: strings.ReplaceAll(name, "-", "_") + ": " + value + "\r\n"},
	}
}

func cookieShapes(name, value, other string) []shaped {
	return []shaped{
		{shape: "cookie", header: "Cookie: " + name + "=" + value + "\r\n"},
		{shape: "cookie, twice, first", header: "Cookie: " + name + "=" + value + "; " + name + "=" + other + "\r\n"},
		{shape: "cookie, twice, last", header: "Cookie: " + name + "=" + other + "; " + name + "=" + value + "\r\n"},
		{shape: "cookie, letter case", header: "Cookie: " + otherCase(name) + "=" + value + "\r\n"},
	}
}

// bodyShapes returns the shapes of a field of the body.
func bodyShapes(field, value, other string) []shaped {
	const (
		asJSON = "application/json"
		asForm = "application/x-www-form-urlencoded"
		asXML  = "application/xml"
	)
	name, top := strings.CutPrefix(field, "$.")
	parts, flat := partsOf(field)
	v, o, form, ov := quoted(value), quoted(other), url.QueryEscape(value), url.QueryEscape(other)
	last := quoted(parts[len(parts)-1])
	twice := nest(parts[:len(parts)-1], "{"+last+":"+o+","+last+":"+v+"}")
	doc := nest(parts, v)
	out := []shaped{
		{shape: "JSON", contentType: asJSON, body: doc},
		{shape: "JSON, in a list", contentType: asJSON, body: nest(parts, "["+v+"]")},
		{shape: "JSON, below the field", contentType: asJSON, body: nest(parts, `{"a":[{"b":`+v+`}]}`)},
		{shape: "JSON, letter case", contentType: asJSON, body: nest(mapped(parts, otherCase), v)},
		{shape: "JSON, key twice", contentType: asJSON, body: twice},
		{shape: `JSON, \u in the name`, contentType: asJSON, body: nestRaw(mapped(parts, spelled), v)},
		{shape: "JSON, list at the top", contentType: asJSON, body: "[" + doc + "]"},
		{shape: "JSON as text/plain", contentType: "text/plain", body: doc},
		{shape: "JSON without a type", body: doc},
		{shape: "NDJSON", contentType: "application/x-ndjson", body: "{\"a\":1}\n" + doc + "\n"},
		{shape: "JSON in UTF-16", contentType: asJSON + "; charset=utf-16", body: inUTF16(doc)},
		{shape: "JSON, charset that lies", contentType: asJSON + "; charset=utf-16", body: doc},
		{shape: "JSON behind 70 kB", contentType: asJSON, body: `{"filler":"` +
			strings.Repeat("lorem ipsum ", fillerBytes/12) + `",` + doc[1:]},
		{shape: "form", contentType: asForm, body: flat + "=" + form},
		{shape: "form, twice", contentType: asForm, body: flat + "=" + ov + "&" + flat + "=" + form},
		{shape: "form, name[]", contentType: asForm, body: flat + "[]=" + form},
		{shape: "form, name[a]", contentType: asForm, body: flat + "[a]=" + form},
		{shape: "form, dots", contentType: asForm, body: name + ".a=" + form},
		{shape: "form, name escaped twice", contentType: asForm, body: url.QueryEscape(hexed(flat)) + "=" + form},
		{shape: "form, behind ;", contentType: asForm, body: "filler=1;" + flat + "=" + form},
		{shape: "form without a type", body: flat + "=" + form},
		{shape: "multipart", contentType: "multipart/form-data; boundary=b", body: partOf(flat, "", value)},
		{shape: "multipart, part of JSON", contentType: "multipart/form-data; boundary=b",
			body: partOf(flat, "Content-Type: application/json\r\n", `{"a":`+v+`}`)},
	}
	if top { // only at the top: an element of XML stands below its document's
		return out
	}
	attribute := fmt.Sprintf("<x %s=%q/>", parts[len(parts)-1], value)
	return append(out,
		shaped{shape: "JSON, deeper", contentType: asJSON, body: `{"data":[` + doc + `]}`},
		shaped{shape: "GraphQL variables", contentType: asJSON,
			body: `{"query":"query($a:A){a(a:$a){id}}","variables":` + doc + `}`},
		shaped{shape: "XML", contentType: asXML, body: "<x>" + element(parts, value) + "</x>"},
		shaped{shape: "XML, below the field", contentType: asXML,
			body: "<x>" + element(parts, "<a><b>"+value+"</b></a>") + "</x>"},
		shaped{shape: "XML, attribute", contentType: asXML, body: element(parts[:len(parts)-1], attribute)},
	)
}

// nest returns a JSON document in which value stands at parts.
func nest(parts []string, value string) string { return nestRaw(mapped(parts, quoted), value) }

// nestRaw is nest of parts that are JSON already.
func nestRaw(parts []string, value string) string {
	for _, p := range slices.Backward(parts) {
		value = "{" + p + ":" + value + "}"
	}
	return value
}

// spelled returns s as JSON whose every character is an escape.
func spelled(s string) string {
	out := ""
	for _, u := range utf16.Encode([]rune(s)) {
		out += fmt.Sprintf(`\u%04x`, u)
	}
	return `"` + out + `"`
}

// partsOf returns the parts of a field's name, and the name as forms have it: user[name].
func partsOf(name string) (parts []string, flat string) {
	parts = strings.FieldsFunc(strings.TrimPrefix(name, "$."), func(c rune) bool {
		return strings.ContainsRune(".[]/:", c)
	})
	flat = parts[0] // a name that has none is refused when the configuration is read
	for _, p := range parts[1:] {
		flat += "[" + p + "]"
	}
	return parts, flat
}

func element(parts []string, content string) string {
	for _, p := range slices.Backward(parts) {
		content = "<" + p + ">" + content + "</" + p + ">"
	}
	return content
}

func partOf(name, more, content string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n" + more + "\r\n" + content + "\r\n--b--\r\n"
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}

func mapped(parts []string, f func(string) string) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = f(p)
	}
	return out
}

// otherCase returns s with its first letter in the other case, or all of it.
func otherCase(s string) string {
	if up := strings.ToUpper(s); up != s {
		return up
	}
	return strings.ToLower(s)
}

// hexed returns s with its first byte escaped.
func hexed(s string) string { return fmt.Sprintf("%%%02x", s[0]) + s[1:] }

func inUTF16(s string) string {
	b := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return string(b)
}

// tryShapes tries every patch, and every comparison of a rule with a field that can come
// in several shapes, against requests that carry a value in each of them.
func tryShapes(e *engine.Engine, f config.File) (out []tried, untried []string) {
	t := trial{engine: e}
	for _, r := range f.Rules {
		for _, c := range rule.Trials(r.When, r.Action == "allow") {
			if !c.Known {
				untried = append(untried, fmt.Sprintf("rule %s: no value is known that meets %s", r.Name, c.Source))
				continue
			}
			shapes := map[string]func(name, value, other string) []shaped{
				"query": queryShapes, "header": headerShapes, "cookie": cookieShapes,
			}[c.Function]
			for _, s := range shapes(c.Name, c.Value, c.Other) {
				q := t.request("GET", "/", s)
				q.Parse()
				out = append(out, tried{r.Name, c.Source, s.shape, c.Met(q)})
			}
		}
	}
	for _, x := range f.Patches {
		value, ok := e.Policy().Breaking(x.Name)
		if !ok {
			untried = append(untried, fmt.Sprintf("patch %s: no value is known that it does not allow", x.Name))
			continue
		}
		for _, s := range patchShapes(x.Field, value) {
			out = append(out, tried{x.Name, x.Field, s.shape, t.patch(x, s)})
		}
	}
	return out, untried
}

func patchShapes(field, value string) []shaped {
	in, name, _ := strings.Cut(field, ":")
	switch in {
	case "query":
		return queryShapes(name, value, "a")
	case "header":
		return headerShapes(name, value, "a")
	case "cookie":
		return cookieShapes(name, value, "a")
	case "param":
		return append(queryShapes(name, value, "a"), bodyShapes(name, value, "a")...)
	}
	return bodyShapes(name, value, "a")
}

// trial sends requests, each from a client of its own.
type trial struct {
	engine  *engine.Engine
	n       uint32
	scratch engine.Scratch
	room    [request.RestWindow]byte
}

// request returns a request with s.
func (t *trial) request(method, path string, s shaped) *request.Request {
	t.n++
	target := path
	if s.query != "" {
		target += "?" + s.query
	}
	head := method + " " + target + " HTTP/1.1\r\nHost: shapes.invalid\r\nUser-Agent: bartizan-rules-test\r\n" + s.header
	if s.contentType != "" {
		head += "Content-Type: " + s.contentType + "\r\n"
	}
	if s.body != "" {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(s.body))
	}
	r := new(request.Request)
	request.ParseHead(head+"\r\n", request.HeadLimits{Bytes: 32 << 10, Fields: 100, Target: 16 << 10}, &r.Head)
	r.Head.Scheme = "https"
	r.Conn = request.Conn{ID: uint64(t.n)}
	r.Conn.Peer = addr.Of(netip.AddrFrom4([4]byte{198, 18 + byte(t.n>>16&1), byte(t.n >> 8), byte(t.n)}))
	r.Client = r.Conn.Peer
	return r
}

// patch reports whether a dry patch notes s.
func (t *trial) patch(x config.Patch, s shaped) bool {
	method, path := "", x.Endpoint
	if m, p, ok := strings.Cut(strings.TrimSpace(x.Endpoint), " "); ok {
		method, path = m, strings.TrimSpace(p)
	}
	if method == "" || method == "*" {
		method = "POST"
	}
	steps := strings.Split(path, "/")
	for i, p := range steps {
		if strings.HasPrefix(p, "*") || strings.HasPrefix(p, "{") {
			steps[i] = "x"
		}
	}
	r := t.request(method, strings.Join(steps, "/"), s)
	now := time.Unix(0, 0)
	if x.Until != nil && !x.Until.After(now) {
		now = x.Until.Add(-time.Second)
	}
	v := t.engine.Begin(now, r)
	prefix := []byte(s.body)[:min(len(s.body), max(v.Inspect, 1))]
	if s.body == "" {
		prefix = nil
	}
	v = t.engine.Body(now, r, v, prefix, len(prefix) == len(s.body), &t.scratch)
	if len(prefix) < len(s.body) {
		t.rest(now, r, v, prefix, []byte(s.body)[len(prefix):])
	}
	return slices.Contains(r.Noted, x.Name)
}

// rest judges what follows the prefix, as the proxy does.
func (t *trial) rest(now time.Time, r *request.Request, v engine.Verdict, prefix, body []byte) {
	var rest request.Rest
	if v.Follow == 0 || !rest.Begin(r.Header("Content-Type"), prefix, t.room[:0]) {
		return
	}
	for done := false; !done; {
		body = body[rest.Add(body):]
		done = len(body) == 0
		if window := rest.Window(done); window != nil {
			v = t.engine.Rest(now, r, v, window, done, &t.scratch)
			rest.Turn()
		}
	}
}

// printShapes prints in which shapes rules and patches hold.
func printShapes(w io.Writer, all []tried, untried []string) error {
	var t table
	if len(all) > 0 {
		t.addf("rule or patch\tfield\tshape\tmatched")
	}
	for _, s := range all {
		matched := "yes"
		if !s.matched {
			matched = "NO"
		}
		t.addf("%s\t%s\t%s\t%s", s.of, s.field, s.shape, matched)
	}
	if err := t.print(w); err != nil {
		return err
	}
	for _, s := range untried {
		if _, err := fmt.Fprintln(w, "not tried:", s); err != nil {
			return err
		}
	}
	return nil
}
