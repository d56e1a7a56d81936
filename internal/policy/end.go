package policy

import "time"

// End is when a rule or a patch ends.
type End struct {
	Kind  string // "rule" or "patch"
	Name  string
	Until time.Time
}

// Ends returns the ends of all rules and patches that have one.
func (p *Policy) Ends() []End { return p.ends }

func endsOf(rules []Rule, patches []Patch) (ends []End) {
	for i := range rules {
		if x := &rules[i]; !x.Until.IsZero() {
			ends = append(ends, End{"rule", x.Name, x.Until.UTC()})
		}
	}
	for i := range patches {
		if x := &patches[i]; !x.Until.IsZero() {
			ends = append(ends, End{"patch", x.Name, x.Until.UTC()})
		}
	}
	return ends
}
