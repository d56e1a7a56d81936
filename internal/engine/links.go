package engine

import (
	"time"

	"bartizan/internal/attacker"
)

// reasons say what each kind of link is.
var reasons = map[string]string{
	"credential": "an accepted credential that a suspect was the first to show",
	"pass":       "a pass that a suspect has earned or used",
	"signature":  "requests that match one botnet's signature",
	"account":    "an account that a suspect was the first to log in to",
	"software":   "software that hardly anybody but suspects uses",
}

// linked adds to each client's record what links it to others. It looks up every
// client: for people.
func (e *Engine) linked(now time.Time, records []Record, views []attacker.View) []Record {
	rules := e.current.Load().rules
	for i, v := range views {
		if v.Scope != attacker.Client {
			continue
		}
		for _, l := range e.attackers.Links(now, v.Key) {
			out := Link{What: l.Kind.String(), Weight: l.Kind.Weight(), Why: reasons[l.Kind.String()], Count: l.Count, Since: l.Since, Seen: l.Seen}
			for _, j := range l.Clients {
				m := Member{Name: attacker.Name(j.Client), Joined: j.At}
				if c, ok := e.attackers.Lookup(now, rules, j.Client); ok {
					m.Address = c.Address
				}
				out.Clients = append(out.Clients, m)
			}
			records[i].Links = append(records[i].Links, out)
		}
	}
	return records
}
