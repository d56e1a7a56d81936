package swarm

import (
	"cmp"
	"math"
	"slices"
)

// scope is a part of the traffic that is watched for a change.
type scope struct {
	kind     scopeKind
	template uint32
	counts   series
	all      *scope  // whose volume explains failures; nil for volume itself
	failures *scope  // of a template's volume scope: its failures
	tried    int64   // ms: when a search was last made
	fails    int     // searches in a row that found nothing
	level    float64 // what came in 4 s when a search was last made
	rejected map[uint64]int64
	// campaign is the last one opened from here: what follows soon is a mutation.
	campaign *campaign
}

type scopeKind uint8

const (
	ofTemplate         scopeKind = iota // all requests to a template
	ofTemplateFailures                  // those the upstream refuses
	ofFailures                          // all that the upstream refuses
	ofOdd                               // all with software hardly ever seen
	ofOddFailures
	ofAll // volume that is never searched and only explains
	ofSeeds
)

// failing reports whether every row of the scope is a client's failure.
func (k scopeKind) failing() bool {
	return k == ofTemplateFailures || k == ofFailures || k == ofOddFailures
}

// local reports whether the scope is one template.
func (k scopeKind) local() bool { return k == ofTemplate || k == ofTemplateFailures }

// has reports whether a row belongs to the scope.
func (s *scope) has(r *row) bool {
	switch s.kind {
	case ofTemplate:
		return r.at[Template] == s.template
	case ofTemplateFailures:
		return r.at[Template] == s.template && r.failed()
	case ofFailures:
		return r.failed()
	case ofOdd:
		return odd(&r.at)
	case ofOddFailures:
		return odd(&r.at) && r.failed()
	case ofSeeds:
		return r.is(seed)
	}
	return true
}

// scopes are all that is watched, in a fixed order.
type scopes struct {
	list      []*scope
	templates map[uint32]*scope // the volume scopes
	all       *scope
	strangers *scope // volume of clients that are not known-good, with software that is not odd
	failures  *scope
	odd       *scope
	oddFailed *scope
	seeds     *scope
	closed    [len(scales)]int64 // ms: when each scale's interval last ended
}

// templatesMax bounds the templates that are watched by themselves: about 1.3 KiB each.
const templatesMax = 4096

func newScopes() *scopes {
	s := &scopes{templates: map[uint32]*scope{}, all: &scope{kind: ofAll}, strangers: &scope{kind: ofAll}, seeds: &scope{kind: ofSeeds}}
	s.failures = &scope{kind: ofFailures, all: s.all}
	s.odd = &scope{kind: ofOdd}
	s.oddFailed = &scope{kind: ofOddFailures, all: s.odd}
	s.list = []*scope{s.all, s.strangers, s.failures, s.odd, s.oddFailed}
	return s
}

// of returns the volume scope of a template, or nil where there is no room.
func (s *scopes) of(template uint32) *scope {
	t := s.templates[template]
	if t == nil && len(s.templates) < templatesMax {
		t = &scope{kind: ofTemplate, template: template}
		t.failures = &scope{kind: ofTemplateFailures, template: template, all: t}
		s.templates[template] = t
		s.list = append(s.list, t, t.failures)
	}
	return t
}

// count adds a row that no signature matched to all scopes that have it.
func (s *scopes) count(r *row) {
	s.all.counts.count()
	strange, failed := odd(&r.at), r.failed()
	if failed {
		s.failures.counts.count()
	}
	if strange {
		s.odd.counts.count()
		if failed {
			s.oddFailed.counts.count()
		}
	} else if !r.is(trusted) {
		s.strangers.counts.count()
	}
	t := s.of(r.at[Template])
	if t == nil {
		return
	}
	t.counts.count()
	if failed {
		t.failures.counts.count()
	}
}

// close ends the intervals whose time is up. quiet raises no alarm; over is told
// of alarms that ended, and since when they lasted.
func (s *scopes) close(now int64, quiet bool, over func(c *scope, since int64)) {
	for k, length := range scales {
		if s.closed[k] == 0 {
			s.closed[k] = now
			continue
		}
		if now-s.closed[k] < length {
			continue
		}
		s.closed[k] = now
		for _, c := range s.list {
			if k > 0 {
				c.counts[k].inherit(&c.counts[k-1], float64(length)/float64(scales[k-1]))
			}
		}
		// Failures before volume: they need what the volume was.
		for _, c := range s.list {
			if c.all != nil && c.counts[k].close(now, length, quiet, c.all.counts[k].x) {
				over(c, c.counts[k].start)
			}
		}
		for _, c := range s.list {
			if c.all == nil && c.counts[k].close(now, length, quiet || c.kind == ofTemplate && k >= volumeScales, 0) {
				over(c, c.counts[k].start)
			}
		}
	}
}

// swells reports whether so much more volume comes than at the last search that another
// one is worth it at once: where each day's rise is an alarm, an attack comes in the
// middle of one. Failures have alarms of their own.
func (s *scope) swells() bool {
	c := &s.counts[1]
	noise := 3 * math.Sqrt(c.phi*s.level/9) // lately is a mean over some nine intervals
	return s.kind == ofTemplate && s.level > 0 && c.lately > swell*s.level+max(noise, swellLeast)
}

const (
	swell      = 1.25 // growth that is worth another search
	swellLeast = 10   // requests in 4 s beyond it
)

// elsewhere returns how many times what is usual came lately of what c does not have.
func (s *scopes) elsewhere(c *scope, k int) float64 {
	k = max(k, 1) // shorter is too noisy
	all, own := &s.all.counts[k], &c.counts[k]
	if mean := all.mean - own.mean; all.n > warmUp && mean > 0 {
		return (all.lately - own.lately) / mean
	}
	return 1
}

// alarmed returns the scopes under alarm, those with the shortest scale first,
// failures before volume: what fails is better evidence.
func (s *scopes) alarmed() []*scope {
	var out []*scope
	for _, c := range s.list {
		if c.kind != ofAll && c.counts.alarmed() >= 0 {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *scope) int {
		if a.kind.failing() != b.kind.failing() {
			if a.kind.failing() {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.counts.alarmed(), b.counts.alarmed())
	})
	return out
}

// suspicious reports whether a row arrived while a scope that has it was under alarm.
func (s *scopes) suspicious(r *row) bool {
	if t := s.templates[r.at[Template]]; t != nil && (r.time >= t.counts.since() || r.time >= t.failures.counts.since()) {
		return true
	}
	return odd(&r.at) && (r.time >= s.odd.counts.since() || r.time >= s.oddFailed.counts.since()) || r.failed() && r.time >= s.failures.counts.since()
}
