package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// loads is what the patch of these tests keeps out.
const loads = "@@load(1)"

func shielded(t testing.TB, more ...policy.Patch) *Engine {
	o := options(policy.Enforce)
	o.BodyFollow = 1 << 20
	o.Patches = append([]policy.Patch{{Name: "template", Endpoint: "POST /api/report", Field: "body:template", Allow: policy.Allowance{Type: "word", Max: 40}}}, more...)
	return newEngine(t, o)
}

func typed(contentType string) string {
	if contentType == "" {
		return "Content-Length: 9\r\n"
	}
	return "Content-Type: " + contentType + "\r\nContent-Length: 9\r\n"
}

const (
	asJSON  = "application/json"
	asForm  = "application/x-www-form-urlencoded"
	asParts = "multipart/form-data; boundary=b"
)

func partOf(head, content string) string {
	return "--b\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + content + "\r\n--b--\r\n"
}

// A patch holds in whatever shape the field comes.
func TestPatchHoldsInEveryShape(t *testing.T) {
	utf16 := "\xfe\xff"
	for _, c := range `{"template":"@@load(1)"}` {
		utf16 += "\x00" + string(c)
	}
	for name, c := range map[string]struct{ contentType, body string }{
		"plain":                   {asJSON, `{"template":"@@load(1)"}`},
		"list":                    {asJSON, `{"template":["@@load(1)"]}`},
		"lists":                   {asJSON, `{"template":[[1,["@@load(1)"]]]}`},
		"object":                  {asJSON, `{"template":{"a":"@@load(1)"}}`},
		"objects in lists":        {asJSON, `{"template":[{"a":{"b":["@@load(1)"]}}]}`},
		"letter case":             {asJSON, `{"Template":"@@load(1)"}`},
		"capitals":                {asJSON, `{"TEMPLATE":["@@load(1)"]}`},
		"below":                   {asJSON, `{"data":[{"template":"@@load(1)"}]}`},
		"wrapped":                 {asJSON, `{"report":{"template":"@@load(1)"}}`},
		"list at the top":         {asJSON, `[{"template":"@@load(1)"}]`},
		"key twice":               {asJSON, `{"template":"a","template":"@@load(1)"}`},
		"key twice, first":        {asJSON, `{"template":"@@load(1)","template":"a"}`},
		"escapes in the name":     {asJSON, `{"t\u0065mpl\u0061te":"@@load(1)"}`},
		"escapes in the value":    {asJSON, `{"template":"\u0040@load(1)"}`},
		"text/plain":              {"text/plain", `{"template":"@@load(1)"}`},
		"no type":                 {"", `{"template":"@@load(1)"}`},
		"binary type":             {"application/octet-stream", `{"template":["@@load(1)"]}`},
		"form type":               {asForm, `{"template":"@@load(1)"}`},
		"vendor type":             {"application/vnd.x+json; charset=utf-8", `{"template":"@@load(1)"}`},
		"NDJSON":                  {"application/x-ndjson", "{\"a\":1}\n{\"template\":\"@@load(1)\"}\n"},
		"byte order mark":         {asJSON, "\ufeff" + `{"template":"@@load(1)"}`},
		"UTF-16":                  {asJSON + "; charset=utf-16", utf16},
		"charset that lies":       {asJSON + "; charset=utf-16", `{"template":"@@load(1)"}`},
		"GraphQL variables":       {asJSON, `{"query":"query q($t:String){report(template:$t){id}}","variables":{"template":"@@load(1)"}}`},
		"GraphQL batch":           {asJSON, `[{"query":"{a}"},{"query":"{b}","variables":{"input":{"template":"@@load(1)"}}}]`},
		"form":                    {asForm, "template=%40%40load(1)"},
		"form, twice":             {asForm, "template=a&template=@@load(1)"},
		"form, escaped twice":     {asForm, "template=%2540%2540load(1)"},
		"form, name escaped":      {asForm, "t%65mplate=@@load(1)"},
		"form, name twice so":     {asForm, "t%2565mplate=@@load(1)"},
		"form, list of PHP":       {asForm, "template[]=@@load(1)"},
		"form, key of PHP":        {asForm, "template[a][b]=@@load(1)"},
		"form, escaped bracket":   {asForm, "template%5B%5D=@@load(1)"},
		"form, of Rails":          {asForm, "report[template]=@@load(1)"},
		"form, dots":              {asForm, "template.a=@@load(1)"},
		"form, index":             {asForm, "template.0=@@load(1)"},
		"form, case":              {asForm, "TEMPLATE=@@load(1)"},
		"form, semicolon":         {asForm, "x=1;template=@@load(1)"},
		"form, third semicolon":   {asForm, "x=1;y=2;template=@@load(1);z=3"},
		"form, semicolon first":   {asForm, "a;template=@@load(1)"},
		"form, no type":           {"", "template=@@load(1)"},
		"form as text":            {"text/plain", "a=1&template=@@load(1)"},
		"part":                    {asParts, partOf(`name="template"`, loads)},
		"part, case":              {asParts, partOf(`name="Template"`, loads)},
		"part, list":              {asParts, partOf(`name="template[]"`, loads)},
		"part, unquoted":          {asParts, partOf(`name=template`, loads)},
		"part, twice":             {asParts, strings.TrimSuffix(partOf(`name="template"`, "a"), "--b--\r\n") + partOf(`name="template"`, loads)},
		"part with a file name":   {asParts, partOf(`name="template"; filename="a.txt"`, loads)},
		"name of a file":          {asParts, partOf(`name="template"; filename="@@load(1)"`, "a")},
		"part of JSON":            {asParts, partOf("name=\"template\"\r\nContent-Type: application/json", `{"a":"@@load(1)"}`)},
		"part of XML":             {asParts, partOf("name=\"template\"\r\nContent-Type: text/xml", `<a>@@load(1)</a>`)},
		"XML":                     {"text/xml", `<report><template>@@load(1)</template></report>`},
		"XML, case":               {"text/xml", `<report><Template>@@load(1)</Template></report>`},
		"XML, namespace":          {"application/soap+xml", `<?xml version="1.0"?><s:Envelope><s:Body><r:template>@@load(1)</r:template></s:Body></s:Envelope>`},
		"XML, attribute":          {"application/xml", `<report template="@@load(1)"/>`},
		"XML, attributes":         {"application/xml", `<report a='1' template = '@@load(1)' b="2">x</report>`},
		"XML, CDATA":              {"application/xml", `<report><template><![CDATA[@@load(1)]]></template></report>`},
		"XML, below":              {"application/xml", `<report><template><a/><b><c>@@load(1)</c></b></template></report>`},
		"XML, behind elements":    {"application/xml", `<report><template><a>x</a>@@load(1)</template></report>`},
		"XML, stray end":          {"application/xml", `<report><template></x>@@load(1)</template></report>`},
		"XML, entities":           {"application/xml", `<report><template>&#64;&#x40;load(1)</template></report>`},
		"XML as text":             {"text/plain", `<?xml version="1.0"?><report><template>@@load(1)</template></report>`},
		"too long":                {asJSON, `{"template":"` + strings.Repeat("a", 41) + `"}`},
		"unknown coding":          {asJSON + "\r\nContent-Encoding: x-own", "\x01\x02\x03\x80\x81\xff\xfe\x00\x01"},
		"unknown coding, untyped": {"\r\nContent-Encoding: x-own", "\x01\x02\x03\x80\x81\xff\xfe\x00\x01"},
		"unknown charset":         {asJSON + "; charset=utf-7", "\xff\xfe\x80"},
	} {
		e := shielded(t)
		v, _ := exchange(e, 0, "203.0.113.9", "POST", "/api/report", typed(c.contentType), c.body, 200)
		if v.Would != signal.BlockAction || v.Reason != policy.PatchReason || v.Entry != "template" {
			t.Errorf("%s: got %v because of %v %q; want the patch", name, v.Would, v.Reason, v.Entry)
		}
	}
}

// What an honest client sends to a patched endpoint is none of its business.
func TestPatchLeavesOthersAlone(t *testing.T) {
	for name, c := range map[string]struct{ contentType, body string }{
		"allowed":         {asJSON, `{"template":"monthly_report-2"}`},
		"allowed, list":   {asJSON, `{"template":["a","b"]}`},
		"empty":           {asJSON, `{"template":""}`},
		"number":          {asJSON, `{"template":7}`},
		"another field":   {asJSON, `{"text":"@@load(1)","templates":"@@x","my_template_x":"@@x"}`},
		"text of it":      {asJSON, `{"text":"template=@@load(1)"}`},
		"form":            {asForm, "template=monthly&text=%40%40load"},
		"form, semicolon": {asForm, "text=a;+b%3B+template+%40%40load&template=x"},
		"part":            {asParts, partOf(`name="text"`, "template=@@load(1)")},
		"XML":             {"text/xml", `<report><text a="@@x">@@load(1)</text><template>a</template>  <c>@@y</c></report>`},
		"XML, behind":     {"text/xml", `<report><template/><text>@@load(1)</text></report>`},
		"XML, break":      {"text/html", `<p>template<br>@@load(1)</p>`},
		"UTF-8 of Latin":  {asForm + "; charset=iso-8859-1", "template=a&name=J%FCrgen"},
		"GraphQL":         {asJSON, `{"query":"{report{template}}","variables":{"text":"@@x"}}`},
		"part of a body":  {asJSON, `{"template":"monthly`},
	} {
		e := shielded(t)
		r := new(request.Request)
		receive(r, "203.0.113.9", "POST", "/api/report", typed(c.contentType))
		v := e.Begin(epoch, r)
		if v = e.Body(epoch, r, v, []byte(c.body), name != "part of a body", new(Scratch)); v.Reason == policy.PatchReason {
			t.Errorf("%s: got %v by %q; want a pass", name, v.Would, v.Entry)
		}
	}
}

// The prefix of a slow body may end within a value that is allowed.
func TestPatchOfAValueThatIsStillComing(t *testing.T) {
	e := shielded(t, policy.Patch{Name: "id", Endpoint: "POST /api/report", Field: "body:id", Allow: policy.Allowance{Type: "uuid"}})
	whole := `{"id":"0f8fad5b-d9cb-469f-a165-70867728950e"}`
	for _, body := range []string{whole, "id=0f8fad5b-d9cb-469f-a165-70867728950e", "<a><id>0f8fad5b-d9cb-469f-a165-70867728950e</id></a>", partOf(`name="id"`, "0f8fad5b-d9cb-469f-a165-70867728950e")} {
		contentType := map[byte]string{'{': asJSON, 'i': asForm, '<': "text/xml", '-': asParts}[body[0]]
		for n := 1; n <= len(body); n++ {
			r := new(request.Request)
			receive(r, "203.0.113.9", "POST", "/api/report", typed(contentType))
			v := e.Begin(epoch, r)
			if v = e.Body(epoch, r, v, []byte(body[:n]), n == len(body), new(Scratch)); v.Would != signal.Pass {
				t.Fatalf("%q: got %v because of %v %q; want a pass", body[:n], v.Would, v.Reason, v.Entry)
			}
		}
	}
	r := new(request.Request)
	receive(r, "203.0.113.9", "POST", "/api/report", typed(asJSON))
	v := e.Begin(epoch, r)
	if v = e.Body(epoch, r, v, []byte(`{"id":"`+loads+loads+loads), false, new(Scratch)); v.Reason != policy.PatchReason {
		t.Errorf("a piece that no allowed value has: got %v; want the patch", v.Would)
	}
}

// follow judges a body as the proxy does, and returns the last verdict.
func follow(e *Engine, contentType, body string) Verdict {
	r := new(request.Request)
	receive(r, "203.0.113.9", "POST", "/api/report", typed(contentType))
	v, scratch := e.Begin(epoch, r), new(Scratch)
	prefix := body[:min(len(body), v.Inspect)]
	if v = e.Body(epoch, r, v, []byte(prefix), len(prefix) == len(body), scratch); v.Refused() {
		return v
	}
	var rest request.Rest
	if !rest.Begin(contentType, []byte(prefix), make([]byte, 0, request.RestWindow)) {
		return v
	}
	for b := []byte(body[len(prefix):]); ; {
		n := rest.Add(b)
		b = b[n:]
		if window := rest.Window(len(b) == 0); window != nil {
			if v = e.Rest(epoch, r, v, window, len(b) == 0, scratch); v.Refused() {
				return v
			}
			rest.Turn()
		}
		if len(b) == 0 {
			return v
		}
	}
}

// Filler before the field hides nothing, and long honest bodies pass.
func TestPatchBehindTheWindow(t *testing.T) {
	const id = "0f8fad5b-d9cb-469f-a165-70867728950e"
	e := shielded(t, policy.Patch{Name: "id", Endpoint: "POST /api/report", Field: "body:id", Allow: policy.Allowance{Type: "uuid"}})
	for _, filler := range []int{60_000, 65_500, 65_530, 70_000, 81_000, 200_000, 900_000} {
		text := strings.Repeat("lorem ipsum, ", filler/13)
		for _, c := range []struct{ contentType, body string }{
			{asJSON, `{"text":"` + text + `","template":["` + loads + `"]}`},
			{asForm, "text=" + strings.ReplaceAll(text, " ", "+") + "&template=" + loads},
			{"text/xml", "<r><text>" + text + "</text><template>" + loads + "</template></r>"},
			{asParts, strings.TrimSuffix(partOf(`name="text"`, text), "--b--\r\n") + partOf(`name="template"`, loads)},
			{asJSON, `{"text":"` + text + `","template":"` + strings.Repeat("a", 5000) + `"}`},
		} {
			if v := follow(e, c.contentType, c.body); v.Reason != policy.PatchReason {
				t.Errorf("%s behind %d bytes: got %v because of %v; want the patch", c.contentType, filler, v.Would, v.Reason)
			}
		}
	}
	var items []string
	for i := range 6000 {
		items = append(items, fmt.Sprintf(`{"id":%q,"template":"monthly","n":%d}`, id, i))
	}
	for shift := range 40 {
		body := `{"pad":"` + strings.Repeat("x", shift) + `","items":[` + strings.Join(items, ",") + `]}`
		if v := follow(e, asJSON, body); v.Would != signal.Pass {
			t.Fatalf("%d bytes, shifted by %d: got %v because of %v %q; want a pass", len(body), shift, v.Would, v.Reason, v.Entry)
		}
	}
}

// Fields that a patch allows none of are refused empty, too.
func TestPatchThatAllowsNone(t *testing.T) {
	e := shielded(t, policy.Patch{Name: "admin", Endpoint: "POST /api/report", Field: "param:is_admin", Allow: policy.Allowance{Type: "none"}})
	for body, contentType := range map[string]string{
		`{"isAdmin":{}}`: asJSON, `{"user":{"is_admin":[]}}`: asJSON, `{"is_admin":true}`: asJSON, "isAdmin=": asForm, "is_admin": asForm, "user[is_admin]=": asForm,
		partOf(`name="isAdmin"`, ""): asParts,
	} {
		if v, _ := exchange(e, 0, "203.0.113.9", "POST", "/api/report", typed(contentType), body, 200); v.Entry != "admin" {
			t.Errorf("%s: got %v; want a refusal", body, v.Would)
		}
	}
	for _, target := range []string{"/api/report?isAdmin", "/api/report?IS_ADMIN=1", "/api/report?a=1;is_admin=1", "/API/Report?is_admin[]=1", "/api/report?is%255fadmin=1"} {
		if v, _ := exchange(e, 0, "203.0.113.9", "POST", target, "Content-Length: 0\r\n", "", 200); v.Entry != "admin" {
			t.Errorf("%s: got %v; want a refusal", target, v.Would)
		}
	}
	if v, _ := exchange(e, 0, "203.0.113.9", "POST", "/api/report?filter[is_admin]=1", typed(asJSON), `{"admin":true,"administrator":1}`, 200); v.Would != signal.Pass {
		t.Errorf("other fields: got %v by %q; want a pass", v.Would, v.Entry)
	}
}

// Headers and cookies are found in the ways in which servers name them.
func TestPatchOfHeadersAndCookies(t *testing.T) {
	e := shielded(t, policy.Patch{Name: "tenant", Endpoint: "/a", Field: "header:X-Tenant", Allow: policy.Allowance{Type: "int"}},
		policy.Patch{Name: "theme", Endpoint: "/a", Field: "cookie:theme", Allow: policy.Allowance{Pattern: `[^<]*`}})
	for more, want := range map[string]string{
		"X-Tenant: 7\r\n": "", "x-tenant: a\r\n": "tenant", "X_TENANT: a\r\n": "tenant", "X-Tenant: 7\r\nX-Tenant: a\r\n": "tenant",
		"X-Tenants: a\r\n": "", "Cookie: theme=dark\r\n": "", "Cookie: theme=a; Theme=<\r\n": "theme", "Cookie: theme[]=%3C\r\n": "theme",
		"Cookie: theme=a\r\nCookie: theme=%253Cb\r\n": "theme", "Cookie: other=<\r\n": "",
	} {
		if v, _ := exchange(e, 0, "203.0.113.9", "GET", "/a", more, "", 200); v.Entry != want {
			t.Errorf("%q: got %v by %q; want %q", more, v.Would, v.Entry, want)
		}
	}
}

// Who runs into a patch has a record, and no more than a record by that alone.
func TestPatchHitsAreEvidence(t *testing.T) {
	e := shielded(t, policy.Patch{Name: "dry", Endpoint: "/dry", Field: "query:id", Allow: policy.Allowance{Type: "int"}, DryRun: true})
	r, scratch := new(request.Request), new(Scratch)
	for i := range 50 {
		now := epoch.Add(time.Duration(i) * time.Second)
		receive(r, "203.0.113.9", "POST", "/api/report", typed(asJSON))
		v := e.Begin(now, r)
		v = e.Body(now, r, v, fmt.Appendf(nil, `{"template":"@@load(%d)"}`, i), true, scratch)
		e.End(now, r, v, request.Outcome{})
		if n := len(r.Signals); n != 1 || r.Signals[0].Kind != signal.PatchHit {
			t.Fatalf("got %v; want one patch-hit", r.Signals)
		}
	}
	receive(r, "203.0.113.9", "GET", "/a", "")
	if v := e.Begin(epoch.Add(time.Minute), r); r.Standing.Stage != signal.Watch || v.Would != signal.Pass {
		t.Errorf("got %v, risk %.1f, %v; want watch, and other requests pass", r.Standing.Stage, r.Standing.Risk, v.Would)
	}
	receive(r, "203.0.113.10", "GET", "/dry?id=x", "")
	if e.Begin(epoch, r); len(r.Signals) != 0 || len(r.Noted) != 1 {
		t.Errorf("a dry patch: got %v, noted %q; want a note alone", r.Signals, r.Noted)
	}
}

// What a hostile body costs where a field is patched is bounded: deep names that begin as
// the field's does, and many values of the field.
func TestPatchOfHostileBodies(t *testing.T) {
	if racing {
		t.Skip("about time")
	}
	e := shielded(t, policy.Patch{Name: "a", Endpoint: "POST /api/report", Field: "body:a.a.a.a.a.a.b", Allow: policy.Allowance{Type: "int"}})
	fit := func(s string) string { return strings.Repeat(s, (64<<10)/len(s)) }
	for name, c := range map[string]struct{ contentType, body string }{
		"deep keys":         {asJSON, strings.Repeat(`{"a":`, 60) + "{" + fit(`"a":1,`)},
		"brackets":          {asForm, fit("[a]") + "=1"},
		"many brackets":     {asForm, fit("[a][a][a][a][a][a][a]=1&")},
		"semicolons":        {asForm, "x=" + fit(";a=1")},
		"escapes":           {asForm, "template=" + fit("%2525")},
		"escaped name":      {asForm, fit("%25") + "=1"},
		"allowed values":    {asJSON, `{"template":[` + fit(`"a",`)},
		"elements":          {"text/xml", fit("<a>")},
		"elements in turn":  {"text/xml", fit("<a><b></a>")},
		"attributes":        {"text/xml", "<a " + fit(`a="1" `)},
		"attribute, spaces": {"text/xml", "<a " + fit(" ") + `="1">`},
	} {
		r, scratch := new(request.Request), new(Scratch)
		least := time.Hour
		for range 3 {
			receive(r, "203.0.113.9", "POST", "/api/report", typed(c.contentType))
			v := e.Begin(epoch, r)
			start := time.Now()
			e.Body(epoch, r, v, []byte(c.body), true, scratch)
			least = min(least, time.Since(start))
		}
		t.Logf("%s: %v", name, least)
		if least > 150*time.Millisecond {
			t.Errorf("%s: took %v", name, least)
		}
	}
}
