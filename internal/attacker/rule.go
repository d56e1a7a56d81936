package attacker

import (
	"time"

	"bartizan/internal/request"
)

// Rule has the operator's rule with this id act until then on whoever sent r: the
// client, or the accepted credential at its address where several use its address and software. It
// returns what the journal must keep.
func (t *Table) Rule(now time.Time, r *request.Request, id uint32, until time.Time) Sentence {
	scope, key := Client, t.against(r)[Client]
	if r.Standing.Shared && r.Standing.Accepted && r.Standing.Elsewhere == 0 {
		scope, key = Credential, t.pair(r)
		t.with(millis(now), Credential, r.Standing.Keys[Credential], nil, func(c *record) { c.past |= pastPair })
	}
	s := Sentence{Key: key, Scope: scope, Prefix: r.Client.Key.String(), Until: until, Rule: id, At: now}
	t.with(millis(now), scope, s.Key, r, func(rec *record) { rec.serve(id, until) })
	return s
}

// serve has a rule act until then, to a second.
func (r *record) serve(id uint32, until time.Time) {
	r.rule, r.ruled = id, uint32((millis(until)+999)/1000)
}

// serving returns the rule that acts on the record at now, ms since the epoch, and
// until when; 0 if none does.
func (r *record) serving(now int64) (id uint32, until time.Time) {
	if 1000*int64(r.ruled) <= now {
		return 0, time.Time{}
	}
	return r.rule, time.Unix(int64(r.ruled), 0).UTC()
}
