package forecast

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/frame"
	"bartizan/internal/signal"
)

var start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func key(n int) uint64 { return digest.Scramble(uint64(n) + 1) }

// usual counts n good requests of so many clients over d.
func usual(l *Ledger, n, clients int, d time.Duration) time.Time {
	now := start
	for i := range n {
		now = start.Add(d * time.Duration(i+1) / time.Duration(n))
		l.Count(now, &Request{Site: "*", ID: fmt.Sprint("u", i), Client: key(i % clients), Good: i%clients < clients/2,
			Established: true})
	}
	return now
}

func refuse(client int, good bool) *Request {
	return &Request{
		Site: "*", ID: "r" + fmt.Sprint(client), Client: key(client), Good: good, Would: signal.BlockAction,
		Proven:   true,
		Refusal:  Refusal{"exploit", "xss", "POST /api/posts", "body:content"},
		Evidence: [MaxEvidence]Evidence{{"xss", "certain", "POST /api/posts", "body:content"}},
	}
}

// What keeps enforcing from being safe is said, each by itself; a usual day with an
// attacker is safe.
func TestSafe(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(*Ledger) time.Time
		want string // part of the only reason; empty: safe
	}{
		{"a usual day", func(l *Ledger) time.Time { return usual(l, 5000, 100, 25*time.Hour) }, ""},
		{"and an attacker", func(l *Ledger) time.Time {
			now := usual(l, 5000, 100, 25*time.Hour)
			for range 500 {
				l.Count(now, refuse(7000, false))
			}
			return now
		}, ""},
		{"an hour", func(l *Ledger) time.Time { return usual(l, 5000, 100, time.Hour) }, "only 1h0m were observed"},
		{"few", func(l *Ledger) time.Time { return usual(l, 50, 10, 25*time.Hour) },
			"only 50 requests of about 10 clients"},
		{"a good client", func(l *Ledger) time.Time {
			now := usual(l, 5000, 100, 25*time.Hour)
			l.Count(now, refuse(3, true))
			return now
		}, "clients known to be good would have been refused"},
		{"many without proof", func(l *Ledger) time.Time {
			now := usual(l, 5000, 100, 25*time.Hour)
			for i := range 40 {
				r := refuse(9000+i, false)
				r.Proven, r.Refusal = false, Refusal{Reason: "stage", What: "OAT-011"}
				l.Count(now, r)
			}
			return now
		}, "without proof"},
		{"an unnamed proxy", func(l *Ledger) time.Time {
			now := usual(l, 5000, 100, 25*time.Hour)
			l.Count(now, &Request{Site: "*", Client: 1, Untold: true})
			return now
		}, "trusted_proxies does not name"},
		{"all private", func(l *Ledger) time.Time {
			now := usual(l, 1000, 100, 25*time.Hour)
			for range 50_000 {
				l.Count(now, &Request{Site: "*", Client: 1, Exempt: true})
			}
			return now
		}, "protect_private"},
	} {
		l := New(start)
		r := l.Report(c.play(l)).Sites[0]
		switch {
		case c.want == "" && !r.Safe:
			t.Errorf("%s: got %q; want it safe", c.name, r.NotYet)
		case c.want != "" && (r.Safe || len(r.NotYet) != 1 || !strings.Contains(r.NotYet[0], c.want)):
			t.Errorf("%s: got %q; want %q alone", c.name, r.NotYet, c.want)
		}
	}
}

// A group says who was hit, why, and which exception would have it not count; once the
// configuration has changed and it does not come again, it is settled and keeps nothing
// from being safe.
func TestGroups(t *testing.T) {
	l := New(start)
	now := usual(l, 5000, 100, 25*time.Hour)
	for i := range 6 {
		l.Count(now, refuse(i, true))
	}
	r := l.Report(now).Sites[0]
	if len(r.Refusals) != 1 || r.Refusals[0].Good != 6 || r.Refusals[0].Requests != 6 ||
		r.Refusals[0].Would != "block" || len(r.Refusals[0].Examples) != maxExamples {
		t.Errorf("got refusals %+v; want one group of 6 good clients", r.Refusals)
	}
	if want := `- {endpoint: "POST /api/posts", field: "body:content", kind: xss, reason: ...}`; len(r.Evidence) != 1 || r.Evidence[0].Exception != want || r.Evidence[0].Refused != 6 {
		t.Errorf("got evidence %+v; want the exception %s", r.Evidence, want)
	}
	if r.Safe || r.RefusedGood != 6 {
		t.Errorf("got safe %v, %d good; want it unsafe for 6", r.Safe, r.RefusedGood)
	}
	l.Under(1)
	l.Under(1)
	if l.Count(now, &Request{Site: "*"}); !l.Report(now).Changed.IsZero() {
		t.Error("the same configuration is a change")
	}
	l.Under(2)
	l.Count(now.Add(time.Minute), &Request{Site: "*"})
	r = l.Report(now.Add(time.Hour)).Sites[0]
	if !r.Refusals[0].Settled || !r.Safe || r.RefusedGood != 0 {
		t.Errorf("after the change: got %+v, %q; want it settled and safe", r.Refusals[0], r.NotYet)
	}
	l.Count(now.Add(2*time.Hour), refuse(1, true))
	if r = l.Report(now.Add(2 * time.Hour)).Sites[0]; r.Refusals[0].Settled || r.Safe {
		t.Errorf("again: got %+v; want it unsettled and unsafe", r.Refusals[0])
	}
	if r = l.Report(now.Add(10 * 24 * time.Hour)).Sites[0]; len(r.Refusals) != 0 {
		t.Errorf("after ten days: got %+v; want it forgotten", r.Refusals)
	}
	l.Reset(now)
	if r := l.Report(now); len(r.Sites) != 0 || r.Since != now {
		t.Errorf("after a reset: got %+v", r)
	}
}

// Nothing that attackers send makes a ledger grow, nor pushes out a good client's group.
func TestLedgerIsBounded(t *testing.T) {
	l := New(start)
	l.Count(start, refuse(1, true))
	for i := range 20_000 {
		r := refuse(i, false)
		r.Site = "*"
		if i%100 == 0 {
			r.Site = fmt.Sprint("site ", i)
		}
		r.Refusal.Endpoint, r.Evidence[0].Field = fmt.Sprint("GET /", i), fmt.Sprint("query:", i)
		l.Count(start.Add(time.Duration(i)*20*time.Millisecond), r)
	}
	if len(l.sites) > maxSites {
		t.Errorf("got %d sites; want at most %d", len(l.sites), maxSites)
	}
	for name, s := range l.sites {
		if len(s.refusals) > maxGroups || len(s.evidence) > maxGroups {
			t.Errorf("%s: got %d and %d groups; want at most %d", name, len(s.refusals), len(s.evidence), maxGroups)
		}
	}
	r := l.Report(start.Add(time.Hour))
	i := 0
	for r.Sites[i].Name != "*" {
		i++
	}
	if first := r.Sites[i].Refusals[0]; first.Good != 1 || r.Sites[i].Rest == 0 {
		t.Errorf("got %+v first and a rest of %d; want the good client's group, and what gave way counted", first,
			r.Sites[i].Rest)
	}
}

func TestSnapshot(t *testing.T) {
	l := New(start)
	now := usual(l, 500, 30, 25*time.Hour)
	for i := range 5 {
		l.Count(now, refuse(i, i%2 == 0))
	}
	l.Under(7)
	var b bytes.Buffer
	if err := l.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	again := New(now)
	again.Under(7)
	if err := again.Restore(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", again.Report(now)), fmt.Sprintf("%+v", l.Report(now)); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	for _, damage := range [][]byte{nil, b.Bytes()[:b.Len()/2], append(bytes.Clone(b.Bytes()[:40]), make([]byte, b.Len()-40)...)} {
		fresh := New(start)
		if err := fresh.Restore(bytes.NewReader(damage)); !errors.Is(err, frame.ErrDamaged) || len(fresh.sites) != 0 {
			t.Errorf("%d damaged bytes: got %v and %d sites; want ErrDamaged and none", len(damage), err,
				len(fresh.sites))
		}
	}
}

// Small numbers are told nearly exactly, large ones within three standard errors.
func TestSketch(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 10, 30, 100, 1000, 100_000} {
		var s sketch
		for i := range n {
			s.add(key(i))
			s.add(key(i))
		}
		slack := float64(n) * 0.2
		if n <= 30 {
			slack = float64(n) * 0.1
		}
		if got := s.count(); float64(got) < float64(n)-slack || float64(got) > float64(n)+slack {
			t.Errorf("got %d; want about %d", got, n)
		}
	}
}

func BenchmarkCount(b *testing.B) {
	l := New(start)
	b.ReportAllocs()
	for i := range b.N {
		l.Count(start, &Request{Site: "*", Client: key(i & 4095), Established: true})
	}
}
