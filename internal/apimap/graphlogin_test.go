package apimap

import (
	"testing"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Logins are counted by what they try, users by what is spelled out.
func TestGraphQLLogins(t *testing.T) {
	for _, c := range []struct {
		documents     []string
		logins, users int
	}{
		{[]string{`mutation { login(user: "a", password: "b") { token } }`}, 1, 1},
		{[]string{`mutation { a: login(user: "a", password: "b") { t } b: login(password: "c", user: "a") { t } c: login(user: "d", password: "b") { t } }`}, 3, 2},
		{[]string{`mutation { a: login(user: "a", password: "b") { t } b: login(user: "a", password: "b") { t } }`}, 1, 1},
		{[]string{`mutation { tokenAuth(input: [{email: "a", password: "b"}, {email: "c", password: "d"}]) { t } }`}, 2, 2},
		{[]string{`mutation L($u: String!, $p: String!, $q: String!) { a: sign_in(username: $u, password: $p) { t } b: sign_in(username: $u, password: $q) { t } }`}, 2, 0},
		{[]string{`mutation L($u: String!, $p: String!) { login(user: $u, password: $p) { t } }`, `mutation L($u: String!, $p: String!) { login(user: $u, password: $p) { t } }`}, 2, 0},
		{[]string{`mutation { a: createUser(email: "a", password: "b") { id } b: createUser(email: "c", password: "d") { id } }`}, 0, 0},
		{[]string{`{ sessions(first: 3, user: "a") { id } }`}, 0, 0},
		{[]string{`{ a @login(user: "a", password: "b") }`}, 0, 0},
		{[]string{`mutation { login(user: "a", password: """b" c""") { t } }`}, 1, 1},
		{[]string{`mutation { login(user: "a", password: "b`}, 1, 1},
	} {
		var r request.Request
		for _, s := range c.documents {
			r.Graph.Operations++
			(&graphReader{s: s, found: &r.Graph, field: func(uint64, string, string) {}}).read()
		}
		if r.Graph.Logins != c.logins || r.Graph.Known != c.users {
			t.Errorf("%q: got %d logins, %d users; want %d, %d", c.documents, r.Graph.Logins, r.Graph.Known, c.logins, c.users)
		}
	}
}

// More logins than are counted apart are evidence all the same, and no more than that.
func TestGraphQLLoginsAreBounded(t *testing.T) {
	var r request.Request
	s := "mutation {"
	for i := range 500 {
		s += "x: login(user: \"" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "\", password: \"p\") { t } "
	}
	(&graphReader{s: s + "}", found: &r.Graph, field: func(uint64, string, string) {}}).read()
	if r.Graph.Logins != len(r.Graph.Tried) || r.Graph.Known != len(r.Graph.Users) {
		t.Errorf("got %d logins, %d users; want %d of both", r.Graph.Logins, r.Graph.Known, len(r.Graph.Tried))
	}
	if Logins(&r); len(r.Signals) != 1 || r.Signals[0].Kind != signal.LoginBatch || r.Signals[0].Band != signal.Likely {
		t.Errorf("got %v; want a likely login-batch", r.Signals)
	}
}
