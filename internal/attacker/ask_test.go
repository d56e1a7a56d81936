package attacker

import (
	"testing"
	"time"

	"bartizan/internal/fingerprint"
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
