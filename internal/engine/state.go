package engine

import (
	"bufio"
	"io"
	"net/netip"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/attacker"
	"bartizan/internal/challenge"
	"bartizan/internal/signal"
	"bartizan/internal/swarm"
)

// ErrSnapshot marks a snapshot that cannot be used.
var ErrSnapshot = attacker.ErrSnapshot

// Snapshot writes what must survive a restart. Requests go on meanwhile.
func (e *Engine) Snapshot(w io.Writer) error {
	if err := e.attackers.Snapshot(w); err != nil {
		return err
	}
	if err := e.model.Snapshot(w); err != nil {
		return err
	}
	if err := e.swarm.Snapshot(w); err != nil {
		return err
	}
	if err := e.forecast.Snapshot(w); err != nil {
		return err
	}
	return e.doors.snapshot(w)
}

// Restore reads a snapshot; call it before the first request. On an error that
// wraps ErrSnapshot nothing has been taken over and the engine is as new.
func (e *Engine) Restore(now time.Time, r io.Reader) (records int, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	model, attackers := apimap.New(e.model.Options()), attacker.New(e.clients, e.seed)
	if records, err = attackers.Restore(now, in); err != nil {
		return 0, err
	}
	if err := model.Restore(in); err != nil {
		return 0, err
	}
	botnets := swarm.New(e.swarm.Options())
	if _, err := in.Peek(1); err == nil { // a snapshot of an older version ends here
		if err := botnets.Restore(in); err != nil {
			return 0, err
		}
	}
	if _, err := in.Peek(1); err == nil { // as above
		if err := e.forecast.Restore(in); err != nil {
			return 0, err
		}
	}
	if _, err := in.Peek(1); err == nil { // as above
		if err := e.doors.restore(in); err != nil {
			return 0, err
		}
	}
	e.attackers, e.model, e.swarm = attackers, model, botnets
	return records, nil
}

// Impose restores a block from the journal and reports whether it still holds.
func (e *Engine) Impose(now time.Time, s attacker.Sentence) bool { return e.attackers.Impose(now, s) }

// Unblock clears stage, evidence and repetition of an address or of the record
// with a display name, and returns how many records that touched.
func (e *Engine) Unblock(p attacker.Pardon) int { return e.attackers.Unblock(p) }

// Endpoints returns what has been learned of the APIs.
func (e *Engine) Endpoints(now time.Time) []apimap.Endpoint { return e.model.Endpoints(now) }

// Stats are the engine's counters.
type Stats struct {
	Model     apimap.Stats
	Attackers attacker.Stats
	Swarm     swarm.Stats
	Challenge challenge.Stats
	Faults    uint64 // panics caught
	Policy    uint64 // version in force
}

// Stats returns counters for metrics; it takes each shard's lock for a moment.
func (e *Engine) Stats() Stats {
	s := Stats{Model: e.model.Stats(), Attackers: e.attackers.Stats(), Swarm: e.swarm.Stats(), Faults: e.faults.Load(), Policy: e.current.Load().version}
	if e.keeper != nil {
		s.Challenge = e.keeper.Stats()
	}
	return s
}

// Census counts clients by stage. It walks the whole table.
func (e *Engine) Census(now time.Time) [signal.Stages]int { return e.attackers.Census(now) }

// Evidence is what evidence is worth at this site, as seen since the start.
type Evidence struct {
	Attackers uint64  `json:"attackers"` // hours of clients known to attack
	Good      uint64  `json:"good"`      // hours of clients known to be good
	Kinds     []Worth `json:"kinds"`
}

// Worth is what one kind of evidence is worth.
type Worth struct {
	Kind      string  `json:"kind"`
	Band      string  `json:"band"`
	Shipped   float64 `json:"shipped"`  // nats
	Measured  float64 `json:"measured"` // nats
	Attackers uint64  `json:"attackers"`
	Good      uint64  `json:"good"`
	Doc       string  `json:"doc"`
}

// Evidence says which evidence known attackers and known good clients gave.
func (e *Engine) Evidence() Evidence {
	list, attackers, good := e.attackers.Worths()
	out := Evidence{Attackers: attackers, Good: good}
	for _, w := range list {
		out.Kinds = append(out.Kinds, Worth{w.Kind.String(), w.Band.String(), round(w.Shipped), round(w.Measured), w.Attacking, w.Good, w.Kind.Info().Doc})
	}
	return out
}

// Campaigns returns the botnets found, newest first, at most limit.
func (e *Engine) Campaigns(limit int) []swarm.Campaign { return e.swarm.Campaigns(limit) }

// WriteSignatures replaces the operator's own botnet signatures.
func (e *Engine) WriteSignatures(now time.Time, list []swarm.Written) error {
	return e.swarm.Write(now, list)
}

// Do carries out an operator's act on a signature.
func (e *Engine) Do(now time.Time, signature string, act swarm.Act) error {
	return e.swarm.Do(now, signature, act)
}

// Members returns the listed addresses of a campaign, in order.
func (e *Engine) Members(campaign string) []netip.Addr { return e.swarm.Members(campaign) }

// Signatures returns all signatures, newest first.
func (e *Engine) Signatures() []swarm.Signature { return e.swarm.Signatures() }

// Certainty says how much is known of good traffic.
func (e *Engine) Certainty() swarm.Certainty { return e.swarm.Certainty() }
