package engine

import (
	"fmt"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
)

const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"

// begun sends one request of a browser and returns its verdict.
func begun(e *Engine, at time.Duration, target, fields string, status int) Verdict {
	r, now := new(request.Request), epoch.Add(at)
	receive(r, "203.0.113.9", "GET", target, fields)
	for i := range r.Head.Fields {
		if r.Head.Fields[i].Name == "User-Agent" {
			r.Head.Fields[i].Value = chrome
		}
	}
	v := e.Begin(now, r)
	e.End(now.Add(time.Millisecond), r, v, request.Outcome{Answered: !v.Refused(), Status: status})
	return v
}

// A page's pictures are refused one by one, and their loader goes on as if nothing had
// been; the same requests without the claim have him blocked.
func TestPagesElsewhereBlockNobody(t *testing.T) {
	const picture = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n"
	for name, c := range map[string]struct {
		fields  string
		blocked bool
	}{"pictures": {picture, false}, "without the claim": {"", true},
		"a program's key with it":  {picture + "X-Api-Key: k\r\n", true},
		"an old browser's picture": {"Referer: http://page.example/\r\n", false}} {
		e := newEngine(t, options(policy.Enforce))
		for i := range 8 {
			if v := begun(e, time.Duration(i)*time.Second,
				fmt.Sprintf("/item?id=1%%27%%20UNION%%20SELECT%%20%d,password%%20FROM%%20users--", i), c.fields,
				200); !v.Refused() {
				t.Errorf("%s: request %d passed", name, i)
			}
		}
		if v := begun(e, 10*time.Second, "/orders", "", 200); v.Refused() != c.blocked {
			t.Errorf("%s: got %v by %v afterwards; want blocked %t", name, v.Action, v.Reason, c.blocked)
		}
	}
}
