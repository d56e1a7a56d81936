package attacker

import (
	"testing"
	"time"

	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Silence is no evidence against a program that names itself and waits as it is
// told; it is against one that comes back too early, and against a browser.
func TestSilenceOfWhoWaits(t *testing.T) {
	for name, c := range map[string]struct {
		claimed fingerprint.Family
		pause   time.Duration // after each question; it was told 30 s
		want    bool
	}{
		"a program that waits":   {0, 31 * time.Second, false},
		"a program that hurries": {0, 10 * time.Second, true},
		"a browser":              {fingerprint.Chrome, 31 * time.Second, true},
	} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		r.Software.Claimed = c.claimed
		silent := false
		for i := range 30 {
			now := epoch.Add(time.Duration(i) * c.pause)
			stand(table, now.Sub(epoch), r)
			table.Heed(now, r, c.claimed.Browser(), false)
			for _, s := range table.Asked(now, r, Ask{Question: true, Until: now.Add(30 * time.Second)}) {
				silent = silent || s.Kind == signal.Unanswered
			}
		}
		if silent != c.want {
			t.Errorf("%s: got silence as evidence %v; want %v", name, silent, c.want)
		}
	}
}

// Silence and haste say nothing of a program that was answered well before, or shows an
// accepted credential, until it has answered a question itself; they do of a window.
func TestWhoCannotAnswerOwesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		served, accepted, answers, page bool
		want                            bool
	}{
		"nobody's program":         {want: true},
		"one that was served":      {served: true},
		"with a credential":        {accepted: true},
		"served, and has answered": {served: true, answers: true, want: true},
		"served, and a window":     {served: true, page: true, want: true},
	} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		if c.served {
			for i := range 8 {
				table.Learn(epoch.Add(time.Duration(i)*time.Second), DefaultRules(), r, &Exchange{Status: 200, Endpoint: 7}, func(int) {})
			}
			stand(table, 8*time.Second, r)
		}
		if c.page {
			r.Software.Claimed = fingerprint.Chrome
		}
		if c.answers {
			table.Asked(epoch.Add(9*time.Second), r, Ask{Question: true})
			r.Pass = request.Pass{Result: request.PassValid, How: request.PassSolved}
			table.Heed(epoch.Add(9*time.Second), r, false, false)
			r.Pass = request.Pass{}
		}
		silent, hasty := false, false
		for i := range 60 {
			now := epoch.Add(10*time.Second + time.Duration(i)*time.Second)
			stand(table, now.Sub(epoch), r)
			r.Standing.Accepted = c.accepted
			found := table.Heed(now, r, c.page, false)
			found = append(found, table.Asked(now, r, Ask{Question: !c.page, Page: c.page, Until: now.Add(5 * time.Minute)})...)
			for _, s := range found {
				silent = silent || s.Kind == signal.Unanswered
				hasty = hasty || s.Kind == signal.RetryIgnored
			}
		}
		if silent != c.want || hasty != (c.want && !c.page) {
			t.Errorf("%s: got silence %v, haste %v as evidence; want %v", name, silent, hasty, c.want)
		}
	}
}
