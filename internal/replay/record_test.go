package replay

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/engine"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// secrets are what must never stand in a recording.
var secrets = []string{"bearer-5ecret", "c00kie-5ecret", "k3y-5ecret", "pa55 \"word\"", "pa55+%22word%22", `pa55 \"word\"`, "t0ken-in-query", "4111111111111111", "b4sic-pass", "gr4ph 5ecret", "gr4ph+5ecret", "v4riable-5ecret"}

func recordingOf(t *testing.T, requests ...*request.Request) string {
	t.Helper()
	var out strings.Builder
	r := NewRecorder(1, func(line any) {
		b, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		var l Line // as a replay reads it
		if err := json.Unmarshal(b, &l); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%+v %+v\n", l, string(b))
	})
	for _, q := range requests {
		body := q.Head.Fields[len(q.Head.Fields)-1].Value // by convention of these tests
		r.Record(q, engine.Verdict{}, request.Outcome{Answered: true, Status: 200, Duration: time.Millisecond, RequestSize: int64(len(body))}, []byte(body))
	}
	return out.String()
}

func exchangeOf(target, kind, body string, fields ...request.Field) *request.Request {
	r := &request.Request{Time: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC), ID: "r1", Client: addr.Of(netip.MustParseAddr("203.0.113.9"))}
	r.Head = request.Head{Method: "POST", Target: target, Host: "x", Proto: "HTTP/1.1", Ordered: true}
	r.Head.Fields = append(append(r.Head.Fields, request.Field{Name: "Content-Type", Value: kind}), fields...)
	r.Head.Fields = append(r.Head.Fields, request.Field{Name: "X-Test-Body", Value: body})
	r.Parse()
	return r
}

func TestSecretsAreNeverRecorded(t *testing.T) {
	fields := []request.Field{
		{Name: "Authorization", Value: "Bearer bearer-5ecret"}, {Name: "cookie", Value: "session=c00kie-5ecret; theme=dark"}, {Name: "X-API-Key", Value: "k3y-5ecret"},
		{Name: "Referer", Value: "https://x/?access_token=t0ken-in-query"},
		{Name: "Proxy-Authorization", Value: "Basic dXNlcjpiNHNpYy1wYXNz"},
	}
	form, json := "application/x-www-form-urlencoded", "application/json"
	target := "/login?access_token=t0ken-in-query&page=2"
	var all []*request.Request
	for _, c := range [][2]string{
		{json, `{"user":"ada","password":{"now":"pa55 \"word\""},"card":{"number":"4111111111111111"},"alt":4111111111111111}`},
		{form, "user=ada&password=pa55+%22word%22&card_number=4111111111111111"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\npa55 \"word\"\r\n--b--\r\n"},
		{json, `{"query":"mutation { a: login(user: \"ada\", password: \"gr4ph 5ecret\") { t } b: login(input: {pass: \"pa55 \\\"word\\\"\"}) { t } }"}`},
		{json, `[{"variables":{"p":"v4riable-5ecret"},"query":"mutation L($p: String!) { login(user: \"ada\", password: $p) { t } }"}]`},
		{"application/graphql", `mutation { login(user: "ada", password: """gr4ph 5ecret""") { t } }`},
		{json, `{}`},
	} {
		q := exchangeOf(target, c[0], c[1], fields...)
		q.Head.Fields = q.Head.Fields[:len(q.Head.Fields)-1] // the body is no header here
		q.Head.Fields = append(q.Head.Fields, request.Field{Name: "X-Api-Secret", Value: c[1]})
		all = append(all, q)
	}
	all[len(all)-1].Head.Target = "/graphql?query=" + url.QueryEscape(`mutation { login(user: "ada", password: "gr4ph 5ecret") { t } }`) + "&page=2"
	text := recordingOf(t, all...)
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q is in the recording:\n%s", s, text)
		}
	}
	for _, kept := range []string{"ada", "page=2", "theme=~", "Bearer ~", "session=~"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%q is not in the recording:\n%s", kept, text)
		}
	}
}

// A payload in a secret's place is an attack: a replay needs it as it was.
func TestPayloadsAreKept(t *testing.T) {
	q := exchangeOf("/login", "application/json", `{"password":"' OR 1=1--"}`)
	q.Signals = []signal.Signal{{Kind: signal.SQLInjection, Band: signal.Certain, Where: "body:password"}}
	if text := recordingOf(t, q); !strings.Contains(text, "' OR 1=1--") {
		t.Errorf("the payload is gone:\n%s", text)
	}
}

// Equal secrets have equal digests under one key, and other ones under another.
func TestDigestsAreKeyed(t *testing.T) {
	a, b := masker{[]byte("a")}, masker{[]byte("b")}
	if again := a.digest("x"); again != (masker{[]byte("a")}).digest("x") || a.digest("x") == a.digest("y") || a.digest("x") == b.digest("x") || !masked(a.digest("x")) {
		t.Errorf("got %s, %s, %s", a.digest("x"), a.digest("y"), b.digest("x"))
	}
}

// Ids of objects stand in a recording as digests of digests: those of a target
// and of the answer that showed it are equal, and nobody can read one from the other.
func TestObjectsAreRecorded(t *testing.T) {
	var lines []*Line
	r := NewRecorder(1, func(l any) { lines = append(lines, l.(*Line)) })
	q := exchangeOf("/orders/17", "application/json", "{}")
	q.Object.ID, q.Posted = 42, []uint64{7}
	r.Record(q, engine.Verdict{}, request.Outcome{Answered: true, Status: 200, Issued: []uint64{42, 43}, Unread: true}, nil)
	l := lines[0]
	if len(l.Issued) != 3 || l.Object != l.Issued[0] || l.Issued[0] == l.Issued[1] || !masked(l.Object) || !l.Unread {
		t.Errorf("got object %q, issued %q, unread %v", l.Object, l.Issued, l.Unread)
	}
	if l.Issued = make([]string, maxIssued+1); l.Issued != nil {
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b); err == nil {
			t.Errorf("%d issued ids: got no error", len(l.Issued))
		}
	}
}
