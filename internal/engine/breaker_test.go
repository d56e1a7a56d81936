package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// minuteOf lets clients call once each, some of them refused by their stage, and
// ends the minute. It returns the alarm.
func minuteOf(b *breaker, now *time.Time, clients, refused int, proven bool) string {
	for i := range clients {
		r := &request.Request{}
		r.Standing.Keys[0], r.Standing.Proven = uint64(now.Unix())<<20|uint64(i+1), proven
		v := Verdict{Decision: policy.Decision{Would: signal.Pass}}
		if i < refused {
			v.Would, v.Reason = signal.BlockAction, policy.StageReason
		}
		b.count(r, v)
	}
	b.tick(*now)
	*now = now.Add(breakerWindow + time.Second)
	return b.tick(*now)
}

func TestBreaker(t *testing.T) {
	b, now := new(breaker), epoch
	for range 30 {
		if alarm := minuteOf(b, &now, 1000, 20, false); alarm != "" {
			t.Fatalf("an ordinary minute: %s", alarm)
		}
	}
	blocked := policy.Decision{Would: signal.BlockAction, Reason: policy.StageReason}
	r := &request.Request{}
	if d := b.soften(now, r, blocked); d.Would != signal.BlockAction {
		t.Errorf("closed: got %v; want block", d.Would)
	}
	if alarm := minuteOf(b, &now, 1000, 400, true); alarm != "" {
		t.Errorf("proven refusals: %s", alarm)
	}
	alarm := minuteOf(b, &now, 1000, 400, false)
	if !strings.Contains(alarm, "of 10") && !strings.Contains(alarm, "clients were refused") {
		t.Fatalf("four in ten refused: got alarm %q", alarm)
	}
	if d := b.soften(now, r, blocked); d.Would != signal.ChallengeAction || d.Entry != breakerEntry {
		t.Errorf("open: got %v %q; want a challenge", d.Would, d.Entry)
	}
	proven := &request.Request{}
	proven.Standing.Proven = true
	for name, c := range map[string]struct {
		r *request.Request
		d policy.Decision
	}{
		"a proven client": {proven, blocked}, "an exploit": {r, policy.Decision{Would: signal.BlockAction, Reason: policy.Exploit}},
		"a signature": {r, policy.Decision{Would: signal.BlockAction, Reason: policy.Signature}}, "a deny list": {r, policy.Decision{Would: signal.BlockAction, Reason: policy.DenyListed}},
	} {
		if d := b.soften(now, c.r, c.d); d.Would != signal.BlockAction {
			t.Errorf("open, %s: got %v; want block", name, d.Would)
		}
	}
	if again := minuteOf(b, &now, 1000, 400, false); again != "" {
		t.Errorf("one alarm is enough: got %q", again)
	}
	now = now.Add(breakerHold)
	if d := b.soften(now, r, blocked); d.Would != signal.BlockAction {
		t.Errorf("ten minutes later: got %v; want block again", d.Would)
	}
}

func TestBreakerNeedsMany(t *testing.T) {
	b, now := new(breaker), epoch
	for _, c := range [][2]int{{40, 40}, {100, 15}} {
		if alarm := minuteOf(b, &now, c[0], c[1], false); alarm != "" {
			t.Errorf("%d of %d clients: got %q; want no alarm", c[1], c[0], alarm)
		}
	}
}

func TestBitset(t *testing.T) {
	for _, n := range []int{0, 10, 5_000, 100_000} {
		b := new(bitset)
		for i := range n {
			b.add(uint64(i) * 7919)
		}
		if got := b.drain(); got < 0.97*float64(n)-1 || got > 1.03*float64(n)+1 {
			t.Errorf("got %.0f; want about %d", got, n)
		}
		if got := b.drain(); got != 0 {
			t.Errorf("drained: got %.0f; want 0", got)
		}
	}
}

// Through the engine: an alarm is an event, and what is refused becomes a question.
func TestBreakerInTheEngine(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	now := epoch
	e.Tick(now)
	for i := range 300 {
		r := new(request.Request)
		receive(r, fmt.Sprintf("203.0.%d.%d", 100+i/200, 1+i%200), "GET", "/", "")
		v := e.Begin(now, r)
		if i < 200 { // as a wrong weight would have it
			v.Would, v.Action, v.Reason = signal.BlockAction, signal.BlockAction, policy.StageReason
		}
		e.End(now, r, v, request.Outcome{Answered: !v.Refused(), Status: 200})
	}
	now = now.Add(2 * breakerWindow)
	var alarm string
	for _, ev := range e.Tick(now) {
		if ev.Type == "alarm" {
			alarm = ev.Cause
		}
	}
	if !strings.Contains(alarm, "clients were refused within a minute") || e.BreakerOpen(now).IsZero() {
		t.Errorf("got alarm %q, open until %v", alarm, e.BreakerOpen(now))
	}
}
