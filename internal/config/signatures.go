package config

import (
	"cmp"
	"fmt"

	"bartizan/internal/signal"
	"bartizan/internal/swarm"
)

// actionsNamed are what a signature may do.
var actionsNamed = map[string]signal.Action{"observe": signal.Pass, "limit": signal.Limit, "challenge": signal.ChallengeAction, "block": signal.BlockAction}

// BotnetSignatures returns the signatures that the operator wrote.
func (f *File) BotnetSignatures() []swarm.Written {
	out := make([]swarm.Written, len(f.Signatures))
	for i, s := range f.Signatures {
		site := s.Site
		if site == "" && len(f.Sites) > 0 && len(f.Sites[0].Hosts) > 0 {
			site = f.Sites[0].Hosts[0]
		}
		out[i] = swarm.Written{Name: s.Name, Site: site, When: s.When, Action: actionsNamed[cmp.Or(s.Action, "observe")], Until: deref(s.Until), Note: s.Note}
	}
	return out
}

// signatures checks them.
func (c *checker) signatures(f *File) {
	seen := map[string]bool{}
	for i, w := range f.BotnetSignatures() {
		path := fmt.Sprintf("signatures[%d]", i)
		if w.Name == "" || seen[w.Name] {
			c.fail(path+".name", fmt.Errorf("is %q: want a name of its own", w.Name))
		}
		seen[w.Name] = true
		if a := f.Signatures[i].Action; w.Action == signal.Unset {
			c.fail(path+".action", fmt.Errorf("is %q: want observe, limit, challenge or block", a))
		}
		if err := w.Check(); err != nil {
			c.fail(path+".when", err)
		}
	}
}
