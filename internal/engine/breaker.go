package engine

import (
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// breaker keeps a mistake of ours from shutting out everybody: it learns what
// share of the clients is usually refused by their stage, and when that jumps, a
// release, a broken model or a wrong weight is likelier than that so many people
// turned bad within a minute. Then such refusals become challenges, which people
// and SDKs can answer, and an alarm is raised. What is proven (an exploit, a
// botnet's signature, hard evidence on the client) and what an operator wrote
// stays refused.
//
// Clients are counted, not requests: one loud attacker must not open it. Each is
// a bit in a bitmap (linear counting; Whang, Vander-Zanden and Taylor, 1990).
type breaker struct {
	seen, refused bitset
	open          atomic.Int64 // ns since the epoch: until when it is open

	// Of Tick alone.
	closes time.Time // end of the running window
	usual  float64   // share of clients, a running mean
	known  int       // windows in it
}

const (
	breakerWindow = time.Minute
	breakerHold   = 10 * time.Minute // after the last window that was too much
	breakerLeast  = 20               // refused clients in a window
	breakerFew    = 50               // clients seen, below which a share says nothing
	breakerFactor = 4                // times the usual share
	breakerFloor  = 0.10             // share that is always allowed
	breakerMemory = 1440             // windows: a day
)

// bitset counts distinct digests: 64 Ki bits, about 1 % off up to 100,000.
type bitset [1024]atomic.Uint64

func (b *bitset) add(h uint64) {
	i := digest.Scramble(h) >> 48
	if w := &b[i>>6]; w.Load()&(1<<(i&63)) == 0 {
		w.Or(1 << (i & 63))
	}
}

// drain returns the estimate and empties the set.
func (b *bitset) drain() float64 {
	zero := 0
	for i := range b {
		zero += 64 - bits.OnesCount64(b[i].Swap(0))
	}
	const m = float64(64 * len(b))
	return -m * math.Log(max(float64(zero), 1)/m)
}

// count notes one request that has ended.
func (b *breaker) count(r *request.Request, v Verdict) {
	b.seen.add(r.Standing.Keys[0])
	if v.Reason == policy.StageReason && v.Would > signal.ChallengeAction && !r.Standing.Proven {
		b.refused.add(r.Standing.Keys[0])
	}
}

// soften makes a challenge of a refusal that nothing proves, while it is open.
func (b *breaker) soften(now time.Time, r *request.Request, d policy.Decision) policy.Decision {
	if now.UnixNano() >= b.open.Load() || d.Reason != policy.StageReason || d.Would <= signal.ChallengeAction || r.Standing.Proven {
		return d
	}
	if r.Pass.Answers() {
		return policy.Decision{Would: signal.Pass, Reason: policy.Passed, Entry: breakerEntry}
	}
	d.Would, d.Entry = signal.ChallengeAction, breakerEntry
	return d
}

// breakerEntry is how a softened verdict is told.
const breakerEntry = "circuit breaker"

// tick ends a window and returns why the breaker opened, if it did just now.
func (b *breaker) tick(now time.Time) (alarm string) {
	if b.closes.IsZero() {
		b.closes = now.Add(breakerWindow)
	}
	if now.Before(b.closes) {
		return ""
	}
	b.closes = now.Add(breakerWindow)
	seen, refused := b.seen.drain(), b.refused.drain()
	if seen < breakerFew {
		return ""
	}
	share, bound := refused/seen, max(breakerFloor, breakerFactor*b.usual)
	if share > bound && refused >= breakerLeast {
		was := b.open.Swap(now.Add(breakerHold).UnixNano())
		if was > now.UnixNano() {
			return ""
		}
		return fmt.Sprintf("%.0f of %.0f clients were refused within a minute (%.1f %%; usual is %.1f %%): refusals without proof are challenges until %s",
			refused, seen, 100*share, 100*b.usual, now.Add(breakerHold).UTC().Format(time.RFC3339))
	}
	b.known = min(b.known+1, breakerMemory)
	b.usual += (share - b.usual) / float64(b.known)
	return ""
}

// BreakerOpen returns until when refusals without proof are challenges; zero if
// they are not.
func (e *Engine) BreakerOpen(now time.Time) time.Time {
	if until := e.breaker.open.Load(); now.UnixNano() < until {
		return time.Unix(0, until).UTC()
	}
	return time.Time{}
}
