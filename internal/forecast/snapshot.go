package forecast

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"time"

	"bartizan/internal/frame"
	"bartizan/internal/signal"
)

// version of the snapshot; another one is not read.
const version = 1

// maxSnapshot bounds what is read of one: all sites full of groups with long names.
const maxSnapshot = 64 << 20

// saved is a Ledger as it is written.
type saved struct {
	Version        int
	Since, Changed time.Time
	Under          uint64
	Sites          map[string]savedSite
}

type savedSite struct {
	Requests, Refused, Exempt, ExemptRefused, Untold, Rest, Groups uint64
	Clients, Good, Established                                     sketch
	Refusals                                                       map[Refusal]savedGroup
	Evidence                                                       map[Evidence]savedGroup
}

type savedGroup struct {
	Requests, Refused, Number uint64
	First, Last               time.Time
	Would                     signal.Action
	Proven, HasGood           bool
	Clients, Good             sketch
	Examples                  []string
}

// Snapshot writes the counts as one block.
func (l *Ledger) Snapshot(w io.Writer) error {
	l.mu.Lock()
	out := saved{Version: version, Since: l.since, Changed: l.changed, Under: l.under,
		Sites: make(map[string]savedSite, len(l.sites))}
	for name, s := range l.sites {
		out.Sites[name] = savedSite{
			Requests: s.requests, Refused: s.refused, Exempt: s.exempt, ExemptRefused: s.exemptRefused,
			Untold: s.untold,
			Rest:   s.restRequests, Groups: s.groups, Clients: s.clients, Good: s.good, Established: s.established,
			Refusals: save(s.refusals), Evidence: save(s.evidence),
		}
	}
	l.mu.Unlock()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(out); err != nil {
		return fmt.Errorf("writing forecast: %w", err)
	}
	return frame.Write(w, b.Bytes())
}

func save[K comparable](groups map[K]*group) map[K]savedGroup {
	out := make(map[K]savedGroup, len(groups))
	for k, g := range groups {
		out[k] = savedGroup{g.requests, g.refused, g.number, g.first, g.last, g.would, g.proven, g.hasGood, g.clients,
			g.good, append([]string(nil), g.examples...)}
	}
	return out
}

// Restore reads what Snapshot wrote in place of all that was counted. Its errors wrap
// frame.ErrDamaged, and leave l as it was.
func (l *Ledger) Restore(r io.Reader) error {
	b, err := frame.Read(r, maxSnapshot)
	if err != nil {
		return err
	}
	var in saved
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&in); err != nil {
		return fmt.Errorf("reading forecast: %w: %v", frame.ErrDamaged, err)
	}
	if in.Version != version || len(in.Sites) > maxSites {
		return fmt.Errorf("reading forecast: %w: version %d with %d sites", frame.ErrDamaged, in.Version, len(in.Sites))
	}
	sites := make(map[string]*site, len(in.Sites))
	for name, s := range in.Sites {
		if len(s.Refusals) > maxGroups || len(s.Evidence) > maxGroups {
			return fmt.Errorf("reading forecast: %w: too many groups", frame.ErrDamaged)
		}
		sites[name] = &site{
			requests: s.Requests, refused: s.Refused, exempt: s.Exempt, exemptRefused: s.ExemptRefused,
			untold:       s.Untold,
			restRequests: s.Rest, groups: s.Groups, clients: s.Clients, good: s.Good, established: s.Established,
			refusals: load(s.Refusals), evidence: load(s.Evidence),
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since, l.changed, l.sites = in.Since, in.Changed, sites
	l.pending = l.under != 0 && l.under != in.Under // changed while nothing ran
	return nil
}

func load[K comparable](groups map[K]savedGroup) map[K]*group {
	out := make(map[K]*group, len(groups))
	for k, g := range groups {
		examples := g.Examples[:min(len(g.Examples), maxExamples)]
		out[k] = &group{g.Requests, g.Refused, g.First, g.Last, g.Would, g.Proven, g.Clients, g.Good, g.HasGood,
			examples, g.Number}
	}
	return out
}
