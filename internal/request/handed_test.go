package request

import (
	"slices"
	"strings"
	"testing"
)

func TestAppendHanded(t *testing.T) {
	long := strings.Repeat("x", 4000)
	for name, c := range map[string]struct {
		cookies []string
		kind    string
		body    string
		want    []string
	}{
		"a session cookie":      {[]string{"PHPSESSID=0123456789abcdef; path=/; HttpOnly"}, "text/html", "", []string{"0123456789abcdef"}},
		"others":                {[]string{"lang=en-GB-oxendict", "csrf-token=0123456789", "theme=dark-and-blue"}, "text/html", "", nil},
		"one taken away":        {[]string{"sid=; Max-Age=0", "session=deleted; expires=Thu, 01-Jan-1970"}, "text/html", "", nil},
		"OAuth":                 {nil, "application/json", `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600,"refresh_token":"no"}`, []string{"2YotnFZFEjr1zCsicMWpAA"}},
		"nested":                {nil, "application/json", `{"data":{"login":{"jwt":"eyJhbGci.eyJzdWIi.c2ln","user":{"id":"0123456789"}}}}`, []string{"eyJhbGci.eyJzdWIi.c2ln"}},
		"camel case":            {nil, "application/json", `{"authToken":"0123456789abcdef"}`, []string{"0123456789abcdef"}},
		"no JSON":               {nil, "text/html", `{"token":"0123456789"}`, nil},
		"what is no credential": {nil, "application/json", `{"token":"none","session":true,"title":"0123456789"}`, nil},
		"cut":                   {nil, "application/json", `{"token":"` + long, []string{long}},
		"no more than are kept": {[]string{"sid=0123456789"}, "application/json", `{"token":"aaaaaaaaaaaaaaaa","jwt":"bbbbbbbbbbbbbbbb","bearer":"cccccccccccccccc","id_token":"dddddddddddddddd"}`,
			[]string{"0123456789", "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"}},
		"cookie without a value": {[]string{"sid", "=", ""}, "", "", nil},
	} {
		var scratch Scratch
		if got := AppendHanded(nil, c.cookies, c.kind, []byte(c.body), &scratch); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q; want %q", name, got, c.want)
		}
	}
}
