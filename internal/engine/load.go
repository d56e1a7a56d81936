package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/digest"
	"bartizan/internal/load"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// maxRateKeys is how many clients, endpoints and sites owe something at once: 8 MiB
// of a table that is only made where there is a rate. What does not fit is what
// owes least, so a flood of new clients forgives nobody who counts.
const maxRateKeys = 1 << 19

// stranger is for how long before an overload a client must have been answered
// well to be known in it: the first of a flood must not vouch for the rest.
const stranger = time.Minute

// rate is an operator's limit with what the table wants to know of it.
type rate struct {
	*policy.Rate
	load load.Rate
	id   uint64
	path string // "limits.rates[2]", as the operator knows it
}

// bound gives next its rates and gates. What old had goes on where it stays.
func (e *Engine) bound(next, old *compiled) {
	rates := next.policy.Rates()
	for i := range rates {
		l := &rates[i]
		r := rate{Rate: l, path: fmt.Sprintf("limits.rates[%d]", i), id: digest.String(e.seed, l.String()), load: load.Rate{Units: l.Requests, Burst: l.Burst, Per: l.Every}}
		if l.Cost > 0 {
			r.load.Units, r.load.Burst = int64(l.Cost), int64(l.Cost)
		}
		next.rates = append(next.rates, r)
	}
	if len(rates) > 0 && e.rates.Load() == nil {
		e.rates.Store(load.NewTable(maxRateKeys))
	}
	o := next.policy.Options()
	if !o.Load.Adaptive {
		return
	}
	b := load.DefaultBounds()
	b.Minimum, b.Maximum, b.Tolerance, b.Slow = o.Load.Minimum, o.Load.Maximum, o.Load.Tolerance, o.Load.Slow
	b.Initial = min(max(b.Initial, b.Minimum), b.Maximum)
	next.gates = make(map[string]*load.Gate, len(o.Sites))
	for i := range o.Sites {
		name := o.Sites[i].Name()
		if old != nil && old.gates[name] != nil {
			next.gates[name] = old.gates[name]
			next.gates[name].Bind(b)
			continue
		}
		next.gates[name] = load.NewGate(b)
	}
}

// crowded asks whether there is room for r. Where there is none and that is
// carried out, v says so and nothing more need be looked at; else v remembers it,
// for when nothing else is decided. It looks at nobody who is refused already.
func (e *Engine) crowded(now time.Time, s *compiled, r *request.Request, v *Verdict) bool {
	if r.Standing.Stage == signal.Block || r.Match.Action == signal.BlockAction || e.reserved(s, r) {
		return false
	}
	v.crowd = e.overRate(now, s, r)
	if g := s.gates[r.Site]; g != nil && v.crowd.Would != signal.Limit {
		class := e.class(now, s, g, r)
		who := r.Standing.Keys[attacker.Client]
		ask := load.Ask{
			Class: class, Risk: r.Standing.Risk, Endpoint: r.Endpoint.ID, Varied: r.Standing.Varied, Salt: who ^ uint64(now.UnixNano()>>28),
			Key: digest.Mix(digest.Mix(who, r.Endpoint.ID), digest.String(e.seed, r.Head.Target)),
		}
		if d := g.Admit(now, ask); !d.Allowed {
			v.crowd = policy.Decision{Would: signal.Limit, Reason: policy.Saturated, Retry: d.Retry, Entry: class.String()}
		}
	}
	if v.crowd.Would != signal.Limit || s.policy.Exempt(r) {
		return false
	}
	if s.policy.Waved(now, r) {
		v.crowd = policy.Decision{}
		return false
	}
	d := s.policy.Carry(v.crowd, r, v.Mode, e.passing(now))
	if d.Action == signal.Pass {
		return false
	}
	v.Decision, v.Inspect = d, s.inspect // a flood must still be seen by the botnet search
	return true
}

// Full returns the verdict on a request for which the gateway itself has no room,
// whatever v says. It holds in observe mode and for exempt clients too: it protects
// what everybody's requests need.
func (e *Engine) Full(v Verdict) Verdict {
	v.Decision = policy.Decision{Would: signal.Limit, Action: signal.Limit, Reason: policy.Saturated,
		Retry: time.Second, Entry: "gateway"}
	v.Inspect = 0
	return v
}

// class says when r's turn to be shed comes.
func (e *Engine) class(now time.Time, s *compiled, g *load.Gate, r *request.Request) load.Class {
	st := &r.Standing
	switch {
	case s.policy.Exempt(r):
		return load.Exempt
	case st.Known || r.Pass.Answers():
		return load.KnownGood
	case st.Stage >= signal.Watch || r.Match.Signature != "":
		return load.Suspect
	case st.Established:
		if over := g.Overload(now); over == 0 || st.Age > over+stranger {
			return load.KnownGood
		}
	}
	return load.Unknown
}

// overRate asks all rates that hold for r. Only if all have room it counts.
func (e *Engine) overRate(now time.Time, s *compiled, r *request.Request) (d policy.Decision) {
	for i := range s.rates {
		l := &s.rates[i]
		if !l.Applies(r) {
			continue
		}
		if got := e.rates.Load().Take(now, l.key(r), l.load, 0); !got.Allowed && got.Retry > d.Retry {
			d = policy.Decision{Would: signal.Limit, Reason: policy.RateLimited, Retry: got.Retry, Entry: l.path}
		}
	}
	for i := range s.rates {
		if l := &s.rates[i]; d.Would == signal.Unset && l.Cost == 0 && l.Applies(r) {
			e.rates.Load().Take(now, l.key(r), l.load, 1)
		}
	}
	d.Retry = (d.Retry + time.Second - 1).Truncate(time.Second) // who waits as told must be let in
	return d
}

// key returns what r's use is added up under.
func (l *rate) key(r *request.Request) uint64 {
	who := uint64(0)
	switch st := &r.Standing; l.Per {
	case policy.PerClient:
		who = st.Keys[attacker.Address]
		if st.Accepted && !st.Common { // else one of its users could use up all the others' rate
			who = st.Keys[attacker.Credential]
		}
	case policy.PerEndpoint:
		who = r.Endpoint.ID
	}
	return digest.Mix(l.id, who)
}

// Depart asks whether r may go upstream at now; whole says that its body has come. One
// that is on its way is the client's to send: how long that takes says nothing of
// the upstream, so such requests have places of their own. v is the verdict so far;
// it comes back refused if these are full.
func (e *Engine) Depart(now time.Time, r *request.Request, v Verdict, whole bool) (out Verdict) {
	s := e.current.Load()
	g := s.gates[r.Site]
	if g == nil {
		return v
	}
	if whole {
		r.Load = request.Load{Whole: true}
		return v
	}
	class := e.class(now, s, g, r)
	if v.Reason == policy.Allowed || v.Mode == policy.Observe {
		class = load.Exempt
	}
	d := g.Send(now, class)
	if d.Allowed {
		r.Load = request.Load{Sending: true, Since: now}
		return v
	}
	v.Decision = s.policy.Carry(policy.Decision{Would: signal.Limit, Reason: policy.Saturated, Retry: d.Retry, Entry: class.String()}, r, v.Mode, e.passing(now))
	return v
}

// Assign notes that r, which Depart was called for, is given to an upstream of its
// site at now; one that had it before could not be reached.
func (e *Engine) Assign(now time.Time, r *request.Request, upstream uint64) {
	g := e.current.Load().gates[r.Site]
	if g == nil || !r.Load.Whole {
		return
	}
	if r.Load.Held {
		g.Exit(now, r.Load.Upstream, r.Endpoint.ID, 0, load.Dropped)
	}
	g.Enter(now, upstream, r.Endpoint.ID)
	r.Load.Held, r.Load.Upstream, r.Load.Since = true, upstream, now
}

// Room returns how many requests an upstream of a site may have at once at now, for
// whoever chooses among several; the same for all where load is not adaptive.
func (e *Engine) Room(now time.Time, site string, upstream uint64) int64 {
	if g := e.current.Load().gates[site]; g != nil {
		return g.Room(now, upstream)
	}
	return 1
}

// Arrive notes what came of r, which Depart was called for: the head of an answer
// with status at now, or 0 if the upstream failed it. What streams afterwards is
// no work that is waited for.
func (e *Engine) Arrive(now time.Time, r *request.Request, status int) {
	if !r.Load.Held && !r.Load.Sending {
		return
	}
	took, how := now.Sub(r.Load.Since), load.Answered
	switch {
	case status == 0:
		how = load.Dropped
	case status >= 400 || status == 101:
		how = load.Left // errors are often quicker than the work would be
	}
	if status != 0 && r.Load.Held {
		r.Load.Cost = took
	}
	e.release(now, r, took, how)
}

func (e *Engine) release(now time.Time, r *request.Request, took time.Duration, how load.Result) {
	held, sending := r.Load.Held, r.Load.Sending
	r.Load.Held, r.Load.Sending = false, false
	switch g := e.current.Load().gates[r.Site]; {
	case g == nil:
	case held:
		g.Exit(now, r.Load.Upstream, r.Endpoint.ID, took, how)
	case sending:
		g.Sent()
	}
}

// settle gives back what r holds and charges what it cost. A replay knows only
// how long all took.
func (e *Engine) settle(now time.Time, s *compiled, r *request.Request, o request.Outcome) {
	switch {
	case r.Load.Held && o.Aborted && !o.Answered:
		e.release(now, r, now.Sub(r.Load.Since), load.Gone)
	case r.Load.Held, r.Load.Sending:
		e.release(now, r, 0, load.Left)
	}
	if len(s.rates) == 0 || !o.Answered {
		return
	}
	cost := r.Load.Cost
	if cost == 0 {
		cost = o.Duration
	}
	for i := range s.rates {
		if l := &s.rates[i]; l.Cost > 0 && l.Applies(r) {
			e.rates.Load().Charge(now, l.key(r), l.load, int64(cost))
		}
	}
}

// Overload is the state of a site's upstreams, for an event.
type Overload struct {
	State    string            `json:"state"` // "began" or "over"
	Limit    int64             `json:"limit"` // requests at once
	InFlight int64             `json:"in_flight"`
	Shed     map[string]uint64 `json:"shed"` // since the start, by class
}

// overloads returns an event for each site whose overload began or is over.
func (e *Engine) overloads(now time.Time) (events []Event) {
	s := e.current.Load()
	for _, name := range slices.Sorted(maps.Keys(s.gates)) {
		st := s.gates[name].Stats(now)
		if over := st.Overload > 0; over != e.crowds[name] {
			if e.crowds == nil {
				e.crowds = map[string]bool{}
			}
			state := "over"
			if e.crowds[name] = over; over {
				state = "began"
			}
			l := &Overload{State: state, Limit: st.Limit, InFlight: st.InFlight, Shed: map[string]uint64{}}
			for c, n := range st.Shed {
				l.Shed[load.Class(c).String()] = n
			}
			events = append(events, Event{Time: now.UTC(), Type: "overload", Node: e.node, Policy: s.version, Site: name, Load: l})
		}
	}
	return events
}

// SiteLoad are the numbers of one site's gate.
type SiteLoad struct {
	Site string
	load.Stats
}

// Loads returns the numbers of all sites whose load is watched, by name.
func (e *Engine) Loads(now time.Time) (out []SiteLoad) {
	gates := e.current.Load().gates
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		out = append(out, SiteLoad{name, gates[name].Stats(now)})
	}
	return out
}
