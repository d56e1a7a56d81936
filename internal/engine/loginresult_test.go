package engine

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// tried is one attempt to log in and how it is answered.
type tried struct {
	path, cookie, referer string
	status                int
	answer                LoginAnswer
	size                  int64
	want                  request.LoginResult
}

// attempt sends one login of user and returns what became of it.
func attempt(e *Engine, at time.Duration, client, user string, c tried) (*request.Request, Verdict) {
	r, body := new(request.Request), "user="+user+"&password=p"+user+fmt.Sprint(at)
	more := "Content-Type: application/x-www-form-urlencoded\r\n" + fmt.Sprintf("Content-Length: %d\r\n", len(body))
	if c.cookie != "" {
		more += "Cookie: " + c.cookie + "\r\n"
	}
	if c.referer != "" {
		more += "Referer: http://api.example.com" + c.referer + "\r\n"
	}
	receive(r, client, "POST", c.path, more)
	now, scratch := epoch.Add(at), new(Scratch)
	v := e.Begin(now, r)
	if !v.Refused() {
		v = e.Body(now, r, v, []byte(body), true, scratch)
	}
	if v.Refused() {
		e.End(now, r, v, request.Outcome{})
		return r, v
	}
	o := request.Outcome{Answered: true, Status: c.status, ResponseType: c.answer.Type, ResponseSize: c.size, Duration: time.Millisecond}
	if e.MayLogin(r) {
		e.Login(r, &o, c.answer, scratch)
	}
	e.End(now.Add(time.Millisecond), r, v, o)
	return r, v
}

func to(location string, cookies ...string) LoginAnswer {
	return LoginAnswer{Location: location, Cookies: cookies}
}

func html(body string, cookies ...string) LoginAnswer {
	return LoginAnswer{Type: "text/html", Body: []byte(body), Cookies: cookies}
}

func says(body string, cookies ...string) LoginAnswer {
	return LoginAnswer{Type: "application/json", Body: []byte(body), Cookies: cookies}
}

const form = `<form action="/login"><input type=password></form>`

const (
	unknown = request.LoginUnknown
	refused = request.LoginRefused
	entered = request.LoginEntered
	unclear = request.LoginUnclear
)

// Each application answers its logins in its own way, one after the other.
func TestLoginResults(t *testing.T) {
	for name, answers := range map[string][]tried{
		"the form again": {
			{path: "/login", status: 200, answer: html(form, "sid=1"), want: refused},
			{path: "/login", status: 302, answer: to("/home", "auth=1"), want: entered},
			{path: "/login", status: 200, answer: html("<h1>Hello</h1>", "auth=1"), want: entered},
		},
		"WordPress": {
			{path: "/wp-login.php", cookie: "wordpress_test_cookie=1", status: 200, answer: html(`<form action="http://a/wp-login.php"><input type="password"></form>`, "wordpress_test_cookie=1"), want: refused},
			{path: "/wp-login.php", cookie: "wordpress_test_cookie=1", status: 302, answer: to("http://a/wp-admin/", "wordpress_test_cookie=1", "wordpress_logged_in_1=ann"), want: entered},
		},
		"back and another way, cookies each time": {
			{path: "/login", cookie: "app_session=1", referer: "/login", status: 302, answer: to("/login", "app_session=2", "XSRF-TOKEN=3"), want: unknown},
			{path: "/login", cookie: "app_session=1", referer: "/login", status: 302, answer: to("/home", "app_session=4", "XSRF-TOKEN=5"), want: entered},
			{path: "/login", cookie: "app_session=1", referer: "/login", status: 302, answer: to("/login", "app_session=6"), want: refused},
			{path: "/login", status: 302, answer: to("/login", "app_session=6"), want: refused},
		},
		"back to the page before": {
			{path: "/session", referer: "/login", status: 302, answer: to("/login"), want: unknown},
			{path: "/session", referer: "/login", status: 302, answer: to("/", "sid=1"), want: entered},
			{path: "/session", referer: "/login", status: 302, answer: to("/login"), want: refused},
			{path: "/session", referer: "/products", status: 302, answer: to("/products", "sid=2"), want: entered},
		},
		"another thing that the endpoint does": {
			{path: "/wp-login.php", status: 302, answer: to("/wp-admin/", "logged_in=1"), want: entered},
			{path: "/wp-login.php?action=lost", cookie: "logged_in=1", status: 302, answer: to("/wp-login.php?checkemail=confirm"), want: refused},
			{path: "/wp-login.php?action=lost", cookie: "logged_in=1", status: 302, answer: to("/elsewhere"), want: unclear},
		},
		"no cookie is ever new": {
			{path: "/in.php", cookie: "PHPSESSID=1", status: 200, answer: html(`<form><input type=password></form>`), want: refused},
			{path: "/in.php", cookie: "PHPSESSID=1", status: 302, answer: to("/u/ann"), want: entered},
			{path: "/in.php", cookie: "PHPSESSID=2", status: 302, answer: to("/u/bob"), want: entered},
		},
		"an error in the link":  {{path: "/enter", status: 302, answer: to("/enter?error"), want: refused}, {path: "/enter", status: 302, answer: to("/?login=failed", "sid=1"), want: refused}},
		"a second step":         {{path: "/login", status: 302, answer: to("/login/code"), want: unknown}, {path: "/login", status: 302, answer: to("/login/code", "mfa=1"), want: entered}},
		"always the same place": {{path: "/in", cookie: "a=1", status: 302, answer: to("/in"), want: unknown}, {path: "/in", status: 302, answer: to("/in", "pmaAuth=1"), want: entered}, {path: "/in", cookie: "a=1", status: 302, answer: to("/in"), want: unclear}},
		"the session was there": {
			{path: "/in", status: 302, answer: to("/u/ann", "PHPSESSID=1"), want: entered},
			{path: "/in", cookie: "PHPSESSID=2", status: 302, answer: to("/u/bob"), want: unclear},
			{path: "/in", status: 302, answer: to("/sorry"), want: refused},
		},
		"JSON": {
			{path: "/api/login", status: 200, answer: says(`{"token":"0123456789abcdef0123"}`), want: entered},
			{path: "/api/login", status: 200, answer: says(`{"success":false}`), want: refused},
			{path: "/api/login", status: 200, answer: says(`{"errors":[{"message":"no"}]}`), want: refused},
			{path: "/api/login", status: 200, answer: says(`{"hello":"ann"}`), want: unclear},
		},
		"JSON and a cookie": {
			{path: "/api/login", status: 200, size: 900, answer: says(`{"id":7}`, "sid=1"), want: entered},
			{path: "/api/login", status: 200, size: 30, answer: says(`{"message":"no"}`), want: refused},
			{path: "/api/login", status: 200, size: 950, answer: says(`{"id":8}`, "sid=1"), want: entered},
		},
		"the status says it": {{path: "/login", status: 401, answer: html(form), want: unknown}, {path: "/login", status: 422, answer: html(form), want: unknown}},
		"an account is made": {{path: "/register", status: 200, answer: html(`<form action=/register><input type=password></form>`), want: unknown}},
	} {
		e := newEngine(t, options(policy.Enforce))
		for i, c := range answers {
			if r, _ := attempt(e, time.Duration(i)*time.Second, "203.0.113.9", fmt.Sprint("u", i), c); r.Login.Result != c.want {
				t.Errorf("%s, answer %d: got %q; want %q", name, i+1, r.Login.Result, c.want)
			}
		}
	}
}

// An operator's hint decides before all else.
func TestFailedHint(t *testing.T) {
	o := options(policy.Enforce)
	o.Sites[0].Routes = []policy.Route{
		{Match: "POST /in", Failed: &policy.Failed{Location: "/sorry"}},
		{Match: "POST /door", Failed: &policy.Failed{Status: 200, Body: "Wrong"}},
	}
	e := newEngine(t, o)
	for i, c := range []tried{
		{path: "/in", status: 302, answer: to("/sorry", "sid=1"), want: refused},
		{path: "/in", status: 302, answer: to("/in"), want: entered},
		{path: "/in", status: 403, answer: to(""), want: refused},
		{path: "/door", status: 200, answer: html("<p>Wrong password"), want: refused},
		{path: "/door", status: 200, answer: html("<p>wrong password" + form), want: entered},
		{path: "/door", status: 302, answer: to("/x?Wrong"), want: entered},
	} {
		if r, _ := attempt(e, time.Duration(i)*time.Second, "203.0.113.9", fmt.Sprint("u", i), c); r.Login.Result != c.want {
			t.Errorf("answer %d: got %q; want %q", i+1, r.Login.Result, c.want)
		}
	}
}

// A refused login counts as one that is answered 401: stuffing is stopped, who mistypes
// twice is not.
func TestRefusedLoginsAreSeen(t *testing.T) {
	again := tried{path: "/enter", status: 200, answer: html(`<form><input type=password></form>`)}
	in := tried{path: "/enter", status: 302, answer: to("/home", "auth=1")}
	e, passed := newEngine(t, options(policy.Enforce)), 0
	for i := range 40 {
		if _, v := attempt(e, time.Duration(i)*time.Second, "203.0.113.9", fmt.Sprint("user", i), again); !v.Refused() {
			passed++
		}
	}
	if passed > 16 {
		t.Errorf("stuffing: %d of 40 logins passed; want at most 16, as with 401", passed)
	}
	for p := range 30 {
		client, user := fmt.Sprintf("198.51.100.%d", p), fmt.Sprint("person", p)
		for i, c := range []tried{again, again, in} {
			if r, v := attempt(e, time.Minute+time.Duration(i)*3*time.Second, client, user, c); v.Refused() || r.Standing.Stage > 0 {
				t.Errorf("person %d, try %d: got %v at stage %v; want a pass, clear", p, i+1, v.Action, r.Standing.Stage)
			}
		}
	}
}

// One password after the other for one user: the next login waits, and nothing else does.
func TestGuessing(t *testing.T) {
	again := tried{path: "/enter", status: 200, answer: html(`<form><input type=password></form>`)}
	e, passed := newEngine(t, options(policy.Enforce)), 0
	for i := range 30 {
		if _, v := attempt(e, time.Duration(i)*time.Second, "203.0.113.9", "ann", again); !v.Refused() {
			passed++
		} else if v.Reason != policy.Guessing {
			t.Fatalf("try %d: refused by %v; want guessing", i+1, v.Reason)
		}
	}
	if passed < 18 || passed > 25 {
		t.Errorf("%d of 30 tries passed; want about 20", passed)
	}
	if v, _ := exchange(e, time.Minute, "203.0.113.9", "GET", "/catalogue", "", "", 200); v.Refused() {
		t.Errorf("another page: got %v; want a pass", v.Action)
	}
}

// Nobody makes a crowd of users who got in from what else a login's endpoint does.
func TestUnclearLoginsEnterNobody(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	again := tried{path: "/enter", status: 200, answer: html(`<form><input type=password></form>`)}
	attempt(e, 0, "203.0.113.9", "ann", again)
	attempt(e, time.Second, "203.0.113.9", "ann", tried{path: "/enter", status: 302, answer: to("/home", "auth=1")})
	other := tried{path: "/enter?do=else", cookie: "auth=x", status: 302, answer: to("/sent")}
	for i := range 20 {
		if r, _ := attempt(e, time.Minute+time.Duration(i)*time.Second, "203.0.113.9", fmt.Sprint("made", i), other); r.Login.Result != unclear || r.Standing.Shared {
			t.Fatalf("request %d: got %q, shared %v; want it unclear, and no crowd", i, r.Login.Result, r.Standing.Shared)
		}
	}
}

// Ever new paths that answer like logins do not wash away what is known of one.
func TestDoorsKeepWhatTheyKnow(t *testing.T) {
	var d doors
	known := 0
	for id := range uint64(200) {
		p := d.of(id + 1)
		p.refuses, p.enters = true, true
	}
	for id := range uint64(2000) {
		d.of(id + 1000)
	}
	for id := range uint64(200) {
		if p := d.of(id + 1); p.enters {
			known++
		}
	}
	if known < 140 {
		t.Errorf("got %d of 200 after 2,000 others; want at least 140", known)
	}
}

// What was seen of both outcomes is kept over a restart; damage is told.
func TestDoorsAreKept(t *testing.T) {
	back := tried{path: "/login", cookie: "app_session=1", status: 302, answer: to("/login")}
	in := tried{path: "/login", cookie: "app_session=1", status: 302, answer: to("/home")}
	e := newEngine(t, options(policy.Enforce))
	for i, c := range []tried{back, in, back} {
		attempt(e, time.Duration(i)*time.Second, "203.0.113.9", fmt.Sprint("u", i), c)
	}
	var b bytes.Buffer
	if err := e.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	kept := bytes.Clone(b.Bytes())
	again := newEngine(t, options(policy.Enforce))
	if _, err := again.Restore(epoch, &b); err != nil {
		t.Fatal(err)
	}
	if r, _ := attempt(again, time.Minute, "203.0.113.10", "ann", back); r.Login.Result != refused {
		t.Errorf("after a restart: got %q; want refused", r.Login.Result)
	}
	kept[len(kept)-1] ^= 1
	if _, err := newEngine(t, options(policy.Enforce)).Restore(epoch, bytes.NewReader(kept)); err == nil {
		t.Error("a damaged snapshot: got no error")
	}
}
