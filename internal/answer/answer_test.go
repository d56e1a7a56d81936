package answer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bartizan/internal/answer"
	"bartizan/internal/apimap"
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func verdict(a signal.Action, r policy.Reason) engine.Verdict {
	return engine.Verdict{Decision: policy.Decision{Action: a, Would: a, Reason: r, Entry: "secret entry"}, Cause: "secret cause"}
}

func field(r answer.Response, name string) string {
	for _, f := range r.Header {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

// Every verdict has one answer, and it tells nothing but the reference.
func TestRefusal(t *testing.T) {
	malformed := verdict(signal.BlockAction, policy.Malformed)
	malformed.Fault = request.FaultHeadTooLarge
	streams := malformed
	streams.Fault = request.FaultStreams // has no status of its own
	slowly := verdict(signal.TarpitAction, policy.StageReason)
	slowly.Retry = 90*time.Second + 400*time.Millisecond
	for name, c := range map[string]struct {
		v      engine.Verdict
		status int
		retry  string
		close  bool
	}{
		"malformed":       {malformed, 431, "", true},
		"streams":         {streams, 400, "", true},
		"unknown host":    {verdict(signal.BlockAction, policy.UnknownHost), 404, "", false},
		"no verdict":      {engine.Verdict{}, 503, "", false},
		"engine fault":    {verdict(signal.BlockAction, policy.EngineFault), 503, "", false},
		"exploit":         {verdict(signal.BlockAction, policy.Exploit), 403, "", false},
		"deny list":       {verdict(signal.BlockAction, policy.DenyListed), 403, "", false},
		"challenge":       {verdict(signal.ChallengeAction, policy.StageReason), 429, "1", false},
		"tarpit, waiting": {slowly, 429, "90", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := answer.Refusal(c.v, "abc123", false)
			if r.Status != c.status || field(r, "Retry-After") != c.retry || r.Close != c.close {
				t.Errorf("got %d, Retry-After %q, close %v; want %d, %q, %v", r.Status, field(r, "Retry-After"), r.Close, c.status, c.retry, c.close)
			}
			checkProblem(t, r)
			if strings.Contains(string(r.Body), "secret") {
				t.Errorf("got %s; want nothing of why", r.Body)
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	for status, retry := range map[int]string{502: "", 503: "5", 504: ""} {
		r := answer.Unavailable(status, "abc123", false)
		if r.Status != status || field(r, "Retry-After") != retry || r.Close {
			t.Errorf("got %d, Retry-After %q; want %d, %q", r.Status, field(r, "Retry-After"), status, retry)
		}
		checkProblem(t, r)
	}
}

// checkProblem checks what RFC 9457 asks for.
func checkProblem(t *testing.T, r answer.Response) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Reference string
		Status                         int
	}
	if err := json.Unmarshal(r.Body, &p); err != nil {
		t.Fatalf("got %q: %v", r.Body, err)
	}
	if p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.Reference != "abc123" || p.Status != r.Status {
		t.Errorf("got %+v; want all members, and status %d", p, r.Status)
	}
	for name, want := range map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "Bartizan-Reference": "abc123"} {
		if got := field(r, name); got != want {
			t.Errorf("got %s %q; want %q", name, got, want)
		}
	}
}

// A page is for people: it must not run anything, whatever the reference holds.
func TestPage(t *testing.T) {
	r := answer.Refusal(verdict(signal.BlockAction, policy.Exploit), "<script>&", true)
	if got := field(r, "Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("got Content-Type %q; want HTML", got)
	}
	if got := field(r, "Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") {
		t.Errorf("got policy %q; want nothing allowed", got)
	}
	if got := string(r.Body); strings.Contains(got, "<script>") || !strings.Contains(got, "&lt;script&gt;&amp;") {
		t.Errorf("got %q; want the reference escaped", got)
	}
}

// What departs from what was learned, and what is too long to be checked, is said so.
func TestLawfulAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		f      apimap.Finding
		status int
		body   string
	}{
		"too large":      {apimap.Finding{Documented: true, PathDocumented: true, TooLarge: true}, 413, "Content too large"},
		"learned":        {apimap.Finding{Documented: true, PathDocumented: true, Learned: true, Problems: []apimap.Problem{{Where: "query:debug", What: "never taken here"}}}, 400, `"query:debug"`},
		"learned method": {apimap.Finding{PathDocumented: true, Learned: true, Allow: []string{"GET", "POST"}}, 405, "does not take this method"},
		"learned path":   {apimap.Finding{Learned: true}, 404, "no such path"},
	} {
		v := verdict(signal.BlockAction, policy.Schema)
		v.Schema = &c.f
		r := answer.Refusal(v, "abc123", false)
		if r.Status != c.status || !strings.Contains(string(r.Body), c.body) {
			t.Errorf("%s: got %d %s; want %d with %q", name, r.Status, r.Body, c.status, c.body)
		}
		if c.status == 405 && field(r, "Allow") != "GET, POST" {
			t.Errorf("%s: got Allow %q", name, field(r, "Allow"))
		}
		checkProblem(t, r)
	}
}
