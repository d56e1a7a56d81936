package engine

import (
	"fmt"
	"time"

	"bartizan/internal/policy"
)

// endWarning is how long before its end a rule or patch is reported.
const endWarning = 24 * time.Hour

// endings are what was reported of the ends of rules and patches: of each its end and
// whether that has come. It holds no more than the policy names.
type endings struct {
	version uint64 // of the policy that the rest is about
	told    map[policy.End]bool
}

// ending reports, once each, the rules and patches that end within a day, and those that
// have ended. A reload repeats nothing of what stays as it was; a start does.
func (e *Engine) ending(now time.Time) (events []Event) {
	s := e.current.Load()
	ends := s.policy.Ends()
	if len(ends) == 0 {
		return nil
	}
	if t := &e.endings; t.version != s.version {
		told := make(map[policy.End]bool, len(ends))
		for _, end := range ends {
			if over, ok := t.told[end]; ok {
				told[end] = over
			}
		}
		t.version, t.told = s.version, told
	}
	for _, end := range ends {
		told, ok := e.endings.told[end]
		over := now.After(end.Until)
		if ok && told == over || now.Before(end.Until.Add(-endWarning)) {
			continue
		}
		e.endings.told[end] = over
		until := end.Until.UTC()
		cause := fmt.Sprintf("the %s ends in %v", end.Kind, until.Sub(now).Round(time.Second))
		if over {
			cause = fmt.Sprintf("the %s has ended: it holds no more", end.Kind)
		}
		events = append(events, Event{
			Time: now.UTC(), Type: "expiry", Node: e.node, Policy: s.version, Entry: end.Name, Until: &until, Cause: cause,
		})
	}
	return events
}
