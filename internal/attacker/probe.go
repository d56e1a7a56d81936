package attacker

import (
	"slices"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// A path that scanners ask for says something once it was answered: an application may
// have it. Who asks for four different things of that kind, none of which is there, is
// looking for what is; that is strong evidence and never proof, since no payload was sent.

// Probed notes that r asked for a path that scanners ask for, as s says, and was not
// answered well. lacks says that what was asked for is not there, by its name s.Digest.
// It appends what it finds to r.Signals and stages that changed to r.Changes.
func (t *Table) Probed(now time.Time, rules Rules, r *request.Request, s signal.Signal, lacks bool) {
	spread := signal.Signal{Kind: signal.PathSpread, Band: signal.Likely, Where: "path",
		Note: "4 or more different things that scanners look for, none of which is there"}
	found := false
	t.update(now, rules, r, t.against(r), false, func(rec *record) {
		if owned(r, rec) {
			return
		}
		rec.add(s, portion(millis(now), rec))
		if !lacks {
			return
		}
		switch all, mixed := rec.proofs.lacks(s.Digest); {
		case all && mixed:
			rec.hold(signal.ExploitRepeated, signal.Hint)
		case all:
			found = found || !rec.stands(spread.Kind, spread.Band)
			rec.hold(spread.Kind, spread.Band)
		}
	})
	if found {
		r.Signals = append(r.Signals, spread)
	}
}

// Served takes back that s.Digest is not there, which r's client has now been answered
// well about: it was asked to log in before, or sent on.
func (t *Table) Served(now time.Time, r *request.Request, s signal.Signal) {
	keys := t.against(r)
	for scope, key := range keys {
		if key != 0 {
			t.with(millis(now), Scope(scope), key, nil, func(rec *record) { rec.proofs.has(s.Digest) })
		}
	}
}

// lacks adds a name of something that is not there. all says that there are as many
// different likely values now as make a proof of payloads, mixed that payloads are among
// them.
func (p *proofs) lacks(name uint64) (all, mixed bool) {
	likelies := p.counts >> 4
	remember(p.likely[:], &likelies, fold(name))
	p.counts = p.counts&15 | likelies<<4
	return int(likelies) == len(p.likely), p.counts&anyPayload != 0
}

// has takes a name out again.
func (p *proofs) has(name uint64) {
	n := int(p.counts >> 4)
	i := slices.Index(p.likely[:n], fold(name))
	if i < 0 {
		return
	}
	p.likely[i], p.likely[n-1] = p.likely[n-1], 0
	p.counts = p.counts&15 | uint8(n-1)<<4
}

// fold shortens a digest to what is kept of a value; it is never 0.
func fold(digest uint64) uint32 {
	d := digest | 1
	return uint32(d ^ d>>32)
}
