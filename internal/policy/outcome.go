package policy

import (
	"errors"
	"fmt"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// DefaultFor is how long a rule over the outcome acts on a client that it matched
// last, MostFor how long one may ask for.
const (
	DefaultFor = 10 * time.Minute
	MostFor    = 24 * time.Hour
)

// outcomeRule checks a rule that names something of the outcome, and gives it its
// id among the others.
func (c *compiler) outcomeRule(path string, x *Rule, others []Rule) {
	switch {
	case x.action == signal.Pass:
		c.fail(path+".action", errors.New("is allow, and when names something of the outcome, which is known when the request is over: want observe, limit, challenge, tarpit or block"))
	case x.action == signal.Unset && x.For != 0:
		c.fail(path+".for", errors.New("goes with an action that lasts: observe has none"))
	case x.For != 0 && (x.For < time.Second || x.For > MostFor):
		c.fail(path+".for", fmt.Errorf("is %v: want 1s to %v", x.For, MostFor))
	}
	if x.For == 0 {
		x.For = DefaultFor
	}
	x.id = uint32(digest.String(0, x.Name)) | 1 // 0 is no rule
	for i := range others {
		if others[i].id == x.id && others[i].Name != x.Name {
			c.fail(path+".name", fmt.Errorf("has the digest of %q: want another", others[i].Name))
		}
	}
}

// AsksAfterwards reports whether there are rules over the outcome.
func (p *Policy) AsksAfterwards() bool { return len(p.after) > 0 }

// Imposed is what a rule over the outcome does to a client from now on.
type Imposed struct {
	Decision
	ID    uint32
	Until time.Time
	// Dry says that it only would, Again that the same rule acts on the client already.
	Dry, Again bool
}

// Afterwards asks the rules over the outcome, when r.Outcome is known, what is to be
// done to r's client from now on; ok is false for nothing. The first that acts
// decides, a dry one only where no other does. What is harder and acts already stays.
// Rules that observe are noted in r.Noted.
func (p *Policy) Afterwards(now time.Time, r *request.Request) (_ Imposed, ok bool) {
	var found *Rule
	for i := range p.after {
		x := &p.after[i]
		switch {
		case x.over(now) || !x.holds(r):
		case x.action == signal.Unset:
			note(r, x.Name)
		case found == nil || found.DryRun && !x.DryRun:
			found = x
		}
	}
	if found == nil {
		return Imposed{}, false
	}
	if old := p.acting(now, r.Standing.Rule); old != nil && old != found && (found.DryRun && !old.DryRun || found.DryRun == old.DryRun && found.action < old.action) {
		return Imposed{}, false
	}
	d := Decision{Would: found.action, Reason: Ruled, Entry: found.Name, Retry: found.For}
	return Imposed{d, found.id, now.Add(found.For), found.DryRun, r.Standing.Rule == found.id}, true
}

// acting returns the rule over an outcome with this id, or nil where it does not
// act: one that is not in the configuration any more does not.
func (p *Policy) acting(now time.Time, id uint32) *Rule {
	if id == 0 {
		return nil
	}
	for i := range p.after {
		if x := &p.after[i]; x.id == id && x.action != signal.Unset && !x.over(now) {
			return x
		}
	}
	return nil
}

// ActingRule returns the name of the rule over an outcome with this id, empty if it
// does not act; dry says that it only would.
func (p *Policy) ActingRule(now time.Time, id uint32) (name string, dry bool) {
	if x := p.acting(now, id); x != nil {
		return x.Name, x.DryRun
	}
	return "", false
}

// serving applies to d, the verdict without it, the rule that an earlier outcome has
// brought upon r's client.
func (p *Policy) serving(now time.Time, r *request.Request, d Decision) Decision {
	x := p.acting(now, r.Standing.Rule)
	switch {
	case x == nil:
		return d
	case x.DryRun:
		note(r, x.Name)
		return d
	}
	out := x.decide(r, d)
	if out.Reason == Ruled {
		out.Retry = r.Standing.RuleUntil.Sub(now)
	}
	return out
}
