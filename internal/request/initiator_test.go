package request

import (
	"strings"
	"testing"

	"bartizan/internal/fingerprint"
)

func TestInitiator(t *testing.T) {
	const host = "Host: api.example.com:8443\n"
	for _, c := range []struct {
		head             string
		program          bool
		claimed, foreign bool
		site             string
	}{
		{head: ""},
		{head: "Sec-Fetch-Site: none\nReferer: https://other.example/\n"},
		{head: "Sec-Fetch-Site: same-origin\nSec-Fetch-Mode: cors\n"},
		{head: "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\n", claimed: true, foreign: true},
		{head: "Sec-Fetch-Site: same-site\nSec-Fetch-Mode: cors\nOrigin: https://app.example.com\n", claimed: true,
			foreign: true, site: "app.example.com"},
		{head: "Referer: https://api.example.com/page\n"},
		{head: "Referer: https://user@other.example:81/page\n", claimed: true, foreign: true, site: "other.example"},
		{head: "Referer: https://api.example.com.other.example/\n", claimed: true, foreign: true,
			site: "api.example.com.other.example"},
		{head: "Origin: null\n", claimed: true, foreign: true},
		{head: "Origin: https://other.example\nReferer: https://api.example.com/\n", claimed: true, foreign: true,
			site: "other.example"},
		// What no page can do.
		{head: "Sec-Fetch-Site: cross-site\n", program: true, claimed: true},
		{head: "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\nSec-Fetch-User: ?1\n", claimed: true},
		{head: "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\nX-Api-Key: k\n", claimed: true},
		{head: "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nContent-Type: application/json\n", claimed: true},
		{head: "Referer: https://other.example/\nAuthorization: Bearer k\n", claimed: true},
		{head: "Referer: https://other.example/\nAuthorization: Basic dTpw\n", claimed: true, foreign: true,
			site: "other.example"},
	} {
		r := &Request{Head: Head{Method: "GET", Host: "api.example.com:8443"}}
		for line := range strings.Lines(host + c.head) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			r.Head.Fields = append(r.Head.Fields, Field{Name: name, Value: value})
		}
		if r.Software.Claimed = fingerprint.Chrome; c.program {
			r.Software.Claimed = fingerprint.Curl
		}
		site, claimed, foreign := r.Initiator()
		if claimed != c.claimed || foreign != c.foreign || foreign && c.site != site {
			t.Errorf("%q: got %q, %t, %t; want %q, %t, %t", c.head, site, claimed, foreign, c.site, c.claimed,
				c.foreign)
		}
	}
}

func TestPathOf(t *testing.T) {
	for url, want := range map[string]string{"http://a/b?c": "/b?c", "http://a": "", "https://a?x": "?x", "null": "", "http://[::1]:80/x": "/x"} {
		if got := PathOf(url); got != want {
			t.Errorf("%q: got %q; want %q", url, got, want)
		}
	}
	for _, c := range []struct {
		url, host string
		want      bool
	}{{"http://[::1]:80/x", "[::1]", true}, {"http://A.example/x", "a.example:99", true}, {"/x", "a", false},
		{"", "", false}, {"http://b/", "a", false}} {
		if got := SameHost(c.url, c.host); got != c.want {
			t.Errorf("%q at %q: got %t; want %t", c.url, c.host, got, c.want)
		}
	}
}
