// Package engine judges: it puts the packages of the core in order for each
// request and holds the state that they share. It is the only package that
// front ends ask.
//
// For each request a front end calls Begin with the head, Body with what it
// holds of the body (up to twice), and End with the outcome; Tick every 250 ms.
// Time comes in with each call, so a replay runs the very code of live traffic.
//
// All methods are safe for concurrent use, but calls for one request must not
// overlap and Tick must not be called concurrently with itself. A panic inside
// is caught and becomes a verdict: pass with an alarm, or refuse where the route
// is fail: closed.
package engine

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/attacker"
	"bartizan/internal/challenge"
	"bartizan/internal/detect"
	"bartizan/internal/digest"
	"bartizan/internal/fingerprint"
	"bartizan/internal/forecast"
	"bartizan/internal/load"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/swarm"
)

// Options make an Engine.
type Options struct {
	Policy *policy.Policy
	// Specs are the APIs' own documents, by site name; there may be none.
	Specs map[string]apimap.Validator
	// Detector looks for payloads; without it nothing does.
	Detector *detect.Detector
	// Codings decode bodies for inspection, by name: "gzip", "br".
	Codings map[string]request.Coding
	// Clients is the ceiling of tracked keys.
	Clients int
	// Model bounds the API model; its seed is the engine's.
	Model apimap.Options
	// Swarm bounds the botnet search; its seed is the engine's.
	Swarm swarm.Options
	// Seed keys every table and id. Live it is random and kept with the state;
	// on replay it is fixed.
	Seed uint64
	// Start tells apart the ids of two runs under one seed.
	Start time.Time
	// Key signs challenges and passes; without it nobody is asked anything.
	Key []byte
	// Recent is how many notable verdicts Explain knows; 0 means 4,096.
	Recent int
	// Node names this process in events.
	Node string
}

// Engine judges requests. Make one with New.
type Engine struct {
	seed        uint64
	clients     int
	ids         uint64
	count       atomic.Uint64
	current     atomic.Pointer[compiled]
	detector    atomic.Pointer[detect.Detector]
	software    *fingerprint.Classifier
	codings     map[string]request.Coding
	attackers   *attacker.Table
	model       *apimap.Model
	swarm       *swarm.Swarm
	breaker     breaker
	guesses     guesses
	answersLike answersLike
	doors       doors
	forecast    *forecast.Ledger
	recent      *ring
	keeper      *challenge.Keeper          // nil without a key
	rates       atomic.Pointer[load.Table] // nil until there is a rate
	crowds      map[string]bool            // sites whose overload was reported; Tick's own
	endings     endings                    // Tick's own
	passAll     atomic.Int64               // ns since the epoch: until when everything passes
	faults      atomic.Uint64
	node        string
}

// compiled is a policy with what the engine derives from it.
type compiled struct {
	policy  *policy.Policy
	rules   attacker.Rules
	specs   map[string]apimap.Validator // by site
	ask     challenge.Rules
	gates   map[string]*load.Gate // by site; nil where load is not adaptive
	rates   []rate
	inspect int
	follow  int64
	version uint64
}

// New returns an engine. It panics if a policy or a ceiling is missing.
func New(o Options) *Engine {
	if o.Policy == nil {
		panic("engine: New needs a policy")
	}
	if o.Recent == 0 {
		o.Recent = 4096
	}
	o.Model.Seed, o.Swarm.Seed = o.Seed, o.Seed
	e := &Engine{
		model: apimap.New(o.Model), swarm: swarm.New(o.Swarm), clients: o.Clients,
		seed: o.Seed, ids: digest.Mix(o.Seed, uint64(o.Start.UnixNano())), software: fingerprint.NewClassifier(o.Seed), codings: o.Codings,
		attackers: attacker.New(o.Clients, o.Seed), recent: newRing(o.Recent), node: o.Node,
		forecast: forecast.New(o.Start),
	}
	e.answersLike.seed = o.Seed
	e.Arm(o.Detector)
	if o.Key != nil {
		e.keeper = challenge.New(o.Key, e.ids)
	}
	e.Swap(o.Policy, o.Specs)
	return e
}

// Arm makes d the payload detector, nil for none, for all that is looked at from now on. A
// request under way may have its head judged by one and its body by the other.
func (e *Engine) Arm(d *detect.Detector) { e.detector.Store(d) }

// Swap makes p the policy, and specs the APIs' documents by site, for all requests
// that begin from now on. State stays.
func (e *Engine) Swap(p *policy.Policy, specs map[string]apimap.Validator) {
	o := p.Options()
	next := &compiled{policy: p, specs: specs, inspect: o.BodyInspect, follow: o.BodyFollow, version: 1}
	next.rules = attacker.Rules{
		Watch: o.Thresholds.Watch, Interrogate: o.Thresholds.Interrogate, Tarpit: o.Thresholds.Tarpit, Block: o.Thresholds.Block,
		First: o.Block.First, Grow: o.Block.Grow, Max: o.Block.Max,
	}
	next.ask = askRules(o)
	old := e.current.Load()
	if old != nil {
		next.version = old.version + 1
	}
	e.forecast.Under(leniency(o))
	e.bound(next, old)
	e.current.Store(next)
}

// Policy returns the policy in force.
func (e *Engine) Policy() *policy.Policy { return e.current.Load().policy }

// Verdict is what to do with a request. The zero value is no verdict: its Unset
// action must be treated as a fault, never as a pass.
type Verdict struct {
	policy.Decision
	Mode policy.Mode
	// Fault is why a malformed message is refused.
	Fault request.Fault
	// Schema are departures from the API's document that are not let through.
	Schema *apimap.Finding
	// Inspect is how many bytes of the body the engine wants to see.
	Inspect int
	// Follow is how many bytes behind these it wants to see as they pass, see Rest.
	Follow int64
	// Suspected says that the client is watched, or worse.
	Suspected bool
	// Cause is set for an engine fault: what to log.
	Cause string

	crowd policy.Decision // what room there is, where nothing else is decided
}

// Refused reports whether the request must not go upstream.
func (v Verdict) Refused() bool { return v.Action != signal.Pass }

// Begin judges the head of r, which the front end has filled, at now.
func (e *Engine) Begin(now time.Time, r *request.Request) (v Verdict) {
	defer e.guard(r, &v)
	s := e.current.Load()
	r.Time = now
	if r.ID == "" {
		r.ID = e.nextID()
	}
	r.Parse()
	site, route := e.place(s, r)
	e.headLogin(r)
	e.identify(r)
	e.signed(now, s, r)
	e.passes(now, s, r)
	e.attackers.Stand(now, s.rules, r)
	if r.Head.Fault != request.Fine {
		return e.malformed(now, s, r, r.Head.Fault)
	}
	if site == nil {
		return Verdict{Decision: policy.Decision{Would: signal.BlockAction, Action: signal.BlockAction, Reason: policy.UnknownHost}}
	}
	v.Mode = site.ModeOf(route)
	if d, ok := s.policy.Listed(now, r); ok {
		v.Decision = s.policy.Carry(d, r, v.Mode, e.passing(now))
		return v
	}
	e.swarm.Inspect(now, r)
	e.attackers.Link(now, s.rules, r)
	if m := &r.Match; m.Age < site.Shadow && !m.Approved {
		m.Action = signal.Pass // the operator wants to look at it first
	}
	s.policy.PatchHead(now, r)
	if e.crowded(now, s, r, &v) {
		return v
	}
	if r.Standing.Stage != signal.Block {
		e.detector.Load().Head(r)
		e.contradictions(s, r)
		s.policy.Decoy(r)
		e.answers(now, r)
		if !e.reserved(s, r) {
			e.departures(now, r)
			v.Schema = e.document(s, r, site, route)
		}
		s.policy.Excuse(now, r, 0)
		if !e.reserved(s, r) && v.Schema == nil {
			if v.Schema = oversize(r, site, route, r.Head.ContentLength > int64(s.inspect)); v.Schema == nil {
				v.Schema = e.learned(r, site, route)
			}
		}
		e.attackers.Observe(now, s.rules, r, beforehand(r.Signals))
		v.Inspect, v.Follow = s.inspect, s.follow
	}
	return e.judge(now, s, r, v)
}

// Body judges the first bytes of r's body at now; complete says that there are
// no more. It may be called again with a longer prefix. v is the verdict so far.
func (e *Engine) Body(now time.Time, r *request.Request, v Verdict, body []byte, complete bool, scratch *Scratch) (out Verdict) {
	out = v
	defer e.guard(r, &out)
	s := e.current.Load()
	found := len(r.Signals)
	f, in := e.inspect(now, s, r, body, complete, scratch)
	if f != nil {
		v.Schema = f
	}
	s.policy.Excuse(now, r, found)
	if v.Schema == nil && !e.reserved(s, r) {
		v.Schema = e.lawOfBody(s, r, in)
	}
	if len(r.Signals) > found {
		e.attackers.Observe(now, s.rules, r, r.Signals[found:])
	}
	return e.judge(now, s, r, v)
}

// Rest judges a window of r's body behind what Body was given, see request.Rest; last
// says that the body ends with it. Only payloads are looked for, and what patches do not
// allow: what an API's bodies look like is learned from their beginning. v is the verdict so far.
func (e *Engine) Rest(now time.Time, r *request.Request, v Verdict, window []byte, last bool, scratch *Scratch) (
	out Verdict) {
	out = v
	defer e.guard(r, &out)
	s, d := e.current.Load(), e.detector.Load()
	found := len(r.Signals)
	scratch.bands = scratch.bands[:0]
	for i := range r.Signals {
		scratch.bands = append(scratch.bands, r.Signals[i].Band)
	}
	w := &scratch.walk
	w.Seed, w.Walked, w.Most = e.seed, 0, walks*len(window)
	scratch.fields = s.policy.Fields(now, r, scratch.fields)
	patched, resumed := r.Patched, true
	request.WalkBody(r.Header("Content-Type"), window, last, w, func(v *request.Value) bool {
		d.Body(r, v)
		if !v.In.Name() && resumed {
			resumed = false
			scratch.fields.Resumed(r, v, w)
			return true
		}
		scratch.fields.Patch(r, v, w)
		return true
	})
	s.policy.Excuse(now, r, found)
	changed := len(r.Signals) > found || r.Patched != patched
	for i, band := range scratch.bands { // the same kind at the same place, and clearer now
		if r.Signals[i].Band > band {
			e.attackers.Observe(now, s.rules, r, r.Signals[i:i+1])
			changed = true
		}
	}
	if !changed {
		return v
	}
	e.attackers.Observe(now, s.rules, r, r.Signals[found:])
	return e.judge(now, s, r, v)
}

// Trailers judges r.Trailers at now, once r's body has ended and before they go
// upstream. v is the verdict so far.
func (e *Engine) Trailers(now time.Time, r *request.Request, v Verdict) (out Verdict) {
	out = v
	defer e.guard(r, &out)
	s := e.current.Load()
	found := len(r.Signals)
	e.detector.Load().Trailers(r)
	s.policy.Excuse(now, r, found)
	if len(r.Signals) == found {
		return v
	}
	e.attackers.Observe(now, s.rules, r, r.Signals[found:])
	return e.judge(now, s, r, v)
}

// judge turns standing and signals into a verdict.
func (e *Engine) judge(now time.Time, s *compiled, r *request.Request, v Verdict) Verdict {
	v.Suspected = r.Standing.Stage != signal.Clear
	found := len(r.Signals)
	d := e.breaker.soften(now, r, s.policy.Judge(now, r))
	if len(r.Signals) > found { // rules may be evidence
		if s.policy.Excuse(now, r, found); len(r.Signals) > found {
			e.attackers.Observe(now, s.rules, r, r.Signals[found:])
		}
	}
	if d.Would == signal.Pass && d.Reason != policy.Ruled && v.crowd.Would == signal.Limit {
		d = v.crowd
	}
	switch {
	case d.Would != signal.Pass && d.Reason != policy.Ruled && d.Reason != policy.PatchReason && s.policy.Exempt(r):
		v.Decision = policy.Decision{Would: signal.Pass, Action: signal.Pass, Reason: d.Reason, Waiver: policy.PrivateClient}
		return v
	case d.Would == signal.Pass && d.Reason != policy.Preflight && d.Reason != policy.Ruled && v.Schema != nil:
		d = policy.Decision{Would: signal.BlockAction, Reason: policy.Schema} // what makes no sense is refused, whoever sends it
	}
	v.Decision = s.policy.Carry(d, r, v.Mode, e.passing(now))
	return v
}

// malformed judges a message that nobody may forward. That it was sent is
// evidence; that it is refused is not in question.
func (e *Engine) malformed(now time.Time, s *compiled, r *request.Request, f request.Fault) Verdict {
	found := len(r.Signals)
	if sig, ok := faultSignal(f); ok {
		if f == request.FaultSlow {
			sig.Band = e.attackers.Slow(now, r)
		}
		r.Signals = append(r.Signals, sig)
	}
	s.policy.Excuse(now, r, found)
	if len(r.Signals) > found {
		e.attackers.Observe(now, s.rules, r, r.Signals[found:])
	}
	return Verdict{Decision: policy.Decision{Would: signal.BlockAction, Action: signal.BlockAction, Reason: policy.Malformed}, Fault: f}
}

// Malformed judges r, which turned out malformed after its head.
func (e *Engine) Malformed(now time.Time, r *request.Request, f request.Fault) (v Verdict) {
	defer e.guard(r, &v)
	return e.malformed(now, e.current.Load(), r, f)
}

// place finds site, endpoint and route of r.
func (e *Engine) place(s *compiled, r *request.Request) (*policy.Site, *policy.Route) {
	site := s.policy.Site(r.Head.Host)
	if site == nil {
		r.Endpoint.Template = r.PathTemplate()
		return nil, nil
	}
	r.Site = site.Name()
	e.model.Locate(r)
	r.Endpoint.Enters, r.Endpoint.Ours = e.attackers.Enters(r.Endpoint.ID), e.reserved(s, r)
	if r.Endpoint.Known {
		r.Endpoint.FreeText = func(key string) bool { return e.model.FreeText(r, key) }
	}
	route := site.Route(r.Head.Method, r.Steps())
	r.Endpoint.Tags = route.TagSet()
	return site, route
}

// PassAll lets everything pass until then, while judging goes on: break-glass.
// A time that is over ends it.
func (e *Engine) PassAll(until time.Time) { e.passAll.Store(until.UnixNano()) }

// PassingUntil returns until when everything passes; zero if nothing does.
func (e *Engine) PassingUntil(now time.Time) time.Time {
	if !e.passing(now) {
		return time.Time{}
	}
	return time.Unix(0, e.passAll.Load()).UTC()
}

func (e *Engine) passing(now time.Time) bool { return now.UnixNano() < e.passAll.Load() }

// guard turns a panic into a verdict.
func (e *Engine) guard(r *request.Request, v *Verdict) {
	cause := recover()
	if cause == nil {
		return
	}
	e.faults.Add(1)
	*v = Verdict{Decision: policy.Decision{Would: signal.Pass, Action: signal.Pass, Reason: policy.EngineFault}, Cause: fmt.Sprintf("%v\n%s", cause, debug.Stack())}
	if site := e.current.Load().policy.Site(r.Head.Host); site != nil {
		if route := site.Route(r.Head.Method, r.Steps()); route != nil && route.FailClosed {
			v.Would, v.Action = signal.BlockAction, signal.BlockAction
		}
	}
}

// nextID returns a reference id that no other run under this seed has given:
// 13 base-32 digits that tell nothing of how many requests there are.
func (e *Engine) nextID() string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford
	x := digest.Scramble(e.ids + e.count.Add(1))      // a bijection: no two counts give one id
	var out [13]byte
	for i := range out {
		out[i] = digits[x&31]
		x >>= 5
	}
	return string(out[:])
}

// Tick does what time brings: it looks for botnets, and whether too many are refused. It is called every 250 ms
// and returns what is to be reported.
func (e *Engine) Tick(now time.Time) (events []Event) {
	defer func() {
		if cause := recover(); cause != nil {
			e.faults.Add(1)
			events = append(events, Event{Time: now.UTC(), Type: "fault", Node: e.node, Cause: fmt.Sprintf("%v\n%s", cause, debug.Stack())})
		}
	}()
	if alarm := e.breaker.tick(now); alarm != "" {
		events = append(events, Event{Time: now.UTC(), Type: "alarm", Node: e.node, Policy: e.current.Load().version, Cause: alarm})
	}
	for _, c := range e.swarm.Tick(now) {
		ev := Event{Time: now.UTC(), Type: "campaign", Node: e.node, Policy: e.current.Load().version, Campaign: c.Campaign.Name, Botnet: &c}
		if c.Signature != nil {
			ev.Signature = c.Signature.Name
		}
		events = append(events, ev)
	}
	events = append(events, e.ending(now)...)
	return append(events, e.overloads(now)...)
}
