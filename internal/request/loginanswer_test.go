package request

import (
	"strings"
	"testing"
)

const loginForm = `<form name="loginform" action="http://blog.example.com/wp-login.php" method="post"><input type="text" name="log"><INPUT name=pwd TYPE=password></form>`

func TestFormAgain(t *testing.T) {
	for name, c := range map[string]struct {
		page, path string
		want       bool
	}{
		"absolute action":          {"<html>" + loginForm, "/wp-login.php", true},
		"another action":           {"<html>" + loginForm, "/wp-admin/profile.php", false},
		"no action":                {`<form method=post><p><input name=p type='password'></form>`, "/login", true},
		"an empty one":             {`<form action=""><input type="password"></form>`, "/login", true},
		"a relative one":           {`<form action="index.php?route=/"><input type = "password" ></form>`, "/pma/index.php", true},
		"./":                       {`<form action="./login"><input type=password></form>`, "/a/login", true},
		"a query alone":            {`<form action="?x=1"><input type=password></form>`, "/login", true},
		"a host alone":             {`<form action="//shop.example.com/login#f"><input type=password></form>`, "/login", true},
		"the second form":          {`<form action=/search><input type=text></form><form action=/login><input type=password></form>`, "/login", true},
		"the search form only":     {`<form action=/login><input type=text></form><form action=/other><input type=password></form>`, "/login", false},
		"a field behind the form":  {`<form action=/login></form><input type=password>`, "/login", false},
		"a word in the text":       {`<p>type="password" &lt;form action=/login</p>`, "/login", false},
		"data-type":                {`<form action=/login><input data-type="password" type=text></form>`, "/login", false},
		"data-action":              {`<form data-action=/other action=/login><input type=password></form>`, "/login", true},
		"a form that does not end": {`<form action=/login><input type=password>`, "/login", true},
		"a tag that does not end":  {`<form action=/login `, "/login", false},
		"nothing":                  {"", "/login", false},
		"a path like the relative": {`<form action="gin"><input type=password></form>`, "/login", false},
		"behind what is looked at": {strings.Repeat(" ", MaxLoginAnswer) + loginForm, "/wp-login.php", false},
		"one form of many":         {strings.Repeat("<form action=/x></form>", 15) + `<form><input type=password></form>`, "/login", true},
	} {
		if got := FormAgain([]byte(c.page), c.path); got != c.want {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
}

// A hostile page costs no more than a few passes over it.
func TestHostileFormAgain(t *testing.T) {
	for _, page := range []string{strings.Repeat("<form ", 11000), strings.Repeat("<form><input ", 5000), "<form " + strings.Repeat("action ", 9000) + ">", strings.Repeat("<", MaxLoginAnswer)} {
		if n := testing.AllocsPerRun(1, func() { FormAgain([]byte(page), "/login") }); n > 1 {
			t.Errorf("%.12s: got %.0f allocations; want one at most, the page's own", page, n)
		}
	}
}

func TestJSONLogin(t *testing.T) {
	for name, c := range map[string]struct {
		body          string
		token, failed bool
	}{
		"a token":              {`{"access_token":"eyJhbGciOiJIUzI1NiJ9.e30.x","expires_in":3600}`, true, false},
		"deeper":               {`{"data":{"login":{"token":"0123456789abcdef0123"}}}`, true, false},
		"too short for one":    {`{"token":"none"}`, false, false},
		"GraphQL errors":       {`{"errors":[{"message":"bad credentials","path":["login"]}],"data":{"login":null}}`, false, true},
		"of a batch":           {`[{"errors":[{"message":"no"}]},{"data":{"login":{"token":"0123456789abcdef0123"}}}]`, true, true},
		"user errors":          {`{"data":{"login":{"userErrors":[{"message":"no"}],"token":null}}}`, false, true},
		"no errors":            {`{"errors":[],"data":{"me":{"name":"ann"}}}`, false, false},
		"errors that are null": {`{"errors":null,"data":{}}`, false, false},
		"success: false":       {`{"success":false,"message":"wrong"}`, false, true},
		"success: true":        {`{"success":true}`, false, false},
		"ok: 0":                {`{"ok":0}`, false, true},
		"error":                {`{"error":"invalid_grant"}`, false, true},
		"error: false":         {`{"error":false}`, false, false},
		"status":               {`{"status":"FAIL"}`, false, true},
		"status: ok":           {`{"status":"ok"}`, false, false},
		"far down":             {`{"a":{"b":{"c":{"d":{"success":false}}}}}`, false, false},
		"cut":                  {`{"success":false,"mess`, false, true},
	} {
		token, failed := JSONLogin("application/json", []byte(c.body), new(Scratch))
		if token != c.token || failed != c.failed {
			t.Errorf("%s: got token %v, failed %v; want %v, %v", name, token, failed, c.token, c.failed)
		}
	}
}

func TestCookieSet(t *testing.T) {
	for line, want := range map[string]bool{
		"sid=1; Path=/; HttpOnly": true, "sid=; Path=/": false, "sid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT": false,
		"sid=x; Max-Age=0": false, "sid=x; max-age=-1": false, "sid=x; Max-Age=00": true, `sid=""`: false, "sid": false, "=x": false,
		"sid=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT": false,
	} {
		if name, _, ok := CookieSet(line); ok != want || ok && name != "sid" {
			t.Errorf("%s: got %q, %v; want %v", line, name, ok, want)
		}
	}
}

func TestSaysError(t *testing.T) {
	for link, want := range map[string]bool{
		"/login?error": true, "/login?error=1#x": true, "/?login=failed": true, "/x?msg=Invalid+user": true, "/login": false, "/home?next=%2Ferror": false,
		"/home#error": false, "/errors": false, "": false, "/home?lang=en": false, "/home?r=/failed": false,
	} {
		if got := SaysError(link); got != want {
			t.Errorf("%s: got %v; want %v", link, got, want)
		}
	}
}

func TestLoginPathWithAScript(t *testing.T) {
	for path, want := range map[string]bool{"/wp-login.php": true, "/login.aspx": true, "/user/signin.do": true, "/blog.php": false, "/wp-logic.php": false, "/auth.": true} {
		r := Request{Head: Head{Target: path}}
		r.Parse()
		if got := r.LoginPath(); got != want {
			t.Errorf("%s: got %v; want %v", path, got, want)
		}
	}
}

func TestChoosesPassword(t *testing.T) {
	for path, want := range map[string]bool{"/register": true, "/users/sign_up": true, "/forgot": true, "/account/password": true, "/wp-admin/profile.php": true, "/users/sign_in": false, "/customer/account/loginPost": false, "/wp-login.php": false, "/enter": false} {
		r := Request{Head: Head{Target: path}}
		r.Parse()
		if got := r.ChoosesPassword(); got != want {
			t.Errorf("%s: got %v; want %v", path, got, want)
		}
	}
}
