package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"bartizan/internal/policy/rule"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Rule is an operator's own verdict on requests that meet a condition. The first
// rule that matches decides; those that only watch never do. One whose condition
// names something of the outcome is asked when that is known, and acts on the
// client from then on.
type Rule struct {
	Name   string
	When   string // condition, see package rule
	Action string // allow, observe, limit, challenge, tarpit, block
	DryRun bool   // only note that it matches, like observe
	// Evidence says that a match speaks against the client, as a hit of a patch does.
	Evidence bool
	For      time.Duration // how long one over the outcome acts; 0: DefaultFor
	Until    time.Time
	Author   string
	Reason   string

	condition rule.Condition
	action    signal.Action
	id        uint32 // of one over the outcome that acts
}

// over reports whether the rule holds no more.
func (x *Rule) over(now time.Time) bool { return !x.Until.IsZero() && now.After(x.Until) }

// holds reports whether r meets the condition: where servers differ in how they read
// its path, by one of the readings if the rule restrains, by all if it allows.
func (x *Rule) holds(r *request.Request) bool {
	met := x.condition(r)
	if len(r.Readings()) < 2 || met != (x.action == signal.Pass) {
		return met
	}
	r.Reread()
	met = x.condition(r)
	r.Reread()
	return met
}

// ruleActions are what a rule may do; observe is no action at all.
var ruleActions = map[string]signal.Action{
	"allow": signal.Pass, "observe": signal.Unset, "limit": signal.Limit, "challenge": signal.ChallengeAction, "tarpit": signal.TarpitAction, "block": signal.BlockAction,
}

// ruleRetry is what Retry-After tells where a rule limits.
const ruleRetry = time.Minute

// rules compiles those over requests and those over outcomes.
func (c *compiler) rules(in []Rule) (before, after []Rule) {
	names := map[string]bool{}
	for i, r := range in {
		path := fmt.Sprintf("rules[%d]", i)
		c.named(path, r.Name, names)
		var ok, late bool
		var err error
		if r.condition, late, err = rule.Compile(r.When, r.Action == "allow"); err != nil {
			c.fail(path+".when", err)
		}
		if r.action, ok = ruleActions[r.Action]; !ok {
			c.fail(path+".action", fmt.Errorf("is %q: want allow, observe, limit, challenge, tarpit or block", r.Action))
		}
		if r.Evidence && (late || r.action == signal.Pass) {
			c.fail(path+".evidence", errors.New("is for rules over requests that do not allow"))
		}
		if late {
			c.outcomeRule(path, &r, after)
			after = append(after, r)
			continue
		}
		if r.For != 0 && err == nil {
			c.fail(path+".for", errors.New("is for rules over the outcome: this one names nothing of it in when and acts on the request itself"))
		}
		before = append(before, r)
	}
	return before, after
}

// named checks that a rule or patch has a name of its own.
func (c *compiler) named(path, name string, names map[string]bool) {
	if name == "" || names[name] {
		c.fail(path+".name", errors.New("want a name that no other one has"))
	}
	names[name] = true
}

// ruled applies the rules to d, the verdict without them, and notes in r.Noted
// which ones match that only watch.
func (p *Policy) ruled(now time.Time, r *request.Request, d Decision) Decision {
	for i := range p.rules {
		x := &p.rules[i]
		if x.over(now) || !x.holds(r) {
			continue
		}
		if x.DryRun || x.action == signal.Unset {
			note(r, x.Name)
			if x.Evidence && !x.DryRun {
				x.accuse(r)
			}
			continue
		}
		if x.Evidence {
			x.accuse(r)
		}
		return x.decide(r, d)
	}
	return d
}

// accuse appends to r.Signals, once, that the rule matches.
func (x *Rule) accuse(r *request.Request) {
	if !slices.ContainsFunc(r.Signals, func(s signal.Signal) bool { return s.Kind == signal.PatchHit }) {
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.PatchHit, Band: signal.Likely, Where: "rule", Note: x.Name})
	}
}

// note lists a rule or patch that matches and only watches, once.
func note(r *request.Request, name string) {
	if !slices.Contains(r.Noted, name) {
		r.Noted = append(r.Noted, name)
	}
}

// decide is what a rule that matches makes of a verdict: to allow overrides
// everything, all else only what is milder.
func (x *Rule) decide(r *request.Request, d Decision) Decision {
	switch {
	case x.action == signal.Pass:
		return Decision{Would: signal.Pass, Reason: Ruled, Entry: x.Name}
	case x.action <= d.Would, d.Reason == Preflight && x.action != signal.BlockAction:
		return d // a preflight can answer nothing
	case x.action == signal.ChallengeAction && r.Pass.Answers():
		return Decision{Would: signal.Pass, Reason: Passed, Entry: x.Name}
	}
	return Decision{Would: x.action, Reason: Ruled, Entry: x.Name, Retry: ruleRetry}
}
