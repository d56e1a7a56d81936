package engine

import (
	"slices"
	"strconv"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/attacker"
	"bartizan/internal/digest"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/swarm"
)

// repeatEvery is how often a client that keeps doing the same is reported.
const repeatEvery = 10 * time.Second

// End learns from the outcome of r at now (arrival plus duration) and returns
// what is to be reported. v is the last verdict. Our own answers teach nothing.
// It must be called once for every request that began, refused ones too.
func (e *Engine) End(now time.Time, r *request.Request, v Verdict, o request.Outcome) (events []Event) {
	defer func() {
		var fault Verdict
		if e.guard(r, &fault); fault.Cause != "" {
			events = append(events, e.event(now, r, fault, o, "fault"))
		}
	}()
	s := e.current.Load()
	o.Status = o.Meant()
	r.Login.Result = o.Login
	e.breaker.count(r, v)
	e.settle(now, s, r, o)
	e.probed(now, s, r, v, o)
	if o.Answered && !v.Refused() && v.Reason != policy.Allowed {
		e.learn(now, s, r, o)
	}
	if r.Endpoint.Departs {
		e.model.Depart(r, o.Answered && o.Status/100 == 2)
	}
	if (v.Inspect > 0 || r.Match.Signature != "" || r.Standing.Stage == signal.Block) && !e.reserved(s, r) {
		e.swarm.Learn(now, r, swarm.Exchange{Status: loginStatus(r, searched(r, o)), Refused: v.Refused(), Login: e.login(r),
			Exploit: v.Reason == policy.Exploit})
	}
	events = append(events, e.lifted(now, r, v, o)...)
	if v.Cause != "" {
		events = append(events, e.event(now, r, v, o, "fault"))
	}
	e.asked(now, s, r, v, o)
	e.attackers.Weigh(now, r)
	if !o.Test {
		e.foresee(now, s, r, v)
	}
	imposed := e.afterwards(now, s, r, v, o)
	if !notable(r, v) {
		return events
	}
	e.recent.add(e.explanation(now, r, v, o, s.version))
	return append(append(events, imposed...), e.report(now, r, v, o)...)
}

// afterwards asks the operator's rules over the outcome of r, which was sent
// upstream: our own answers are no outcome. It reports what is new to the client.
func (e *Engine) afterwards(now time.Time, s *compiled, r *request.Request, v Verdict, o request.Outcome) []Event {
	if !s.policy.AsksAfterwards() || v.Refused() || v.Reason == policy.Allowed || e.reserved(s, r) {
		return nil
	}
	if r.Outcome = (request.Outcome{Duration: o.Duration}); o.Answered {
		r.Outcome = o
		r.Outcome.Prefix = nil
	}
	x, ok := s.policy.Afterwards(now, r)
	if !ok {
		return nil
	}
	r.Imposed = x.Entry
	sentence := e.attackers.Rule(now, r, x.ID, x.Until)
	if x.Again {
		return nil
	}
	if v.Decision = s.policy.Carry(x.Decision, r, v.Mode, e.passing(now)); x.Dry {
		v.Action = signal.Pass
	}
	ev := e.event(now, r, v, o, "rule")
	if ev.Until = &x.Until; !x.Dry {
		ev.Sentence = &sentence
	}
	return []Event{ev}
}

// answered is the status that the upstream gave; 0 if it gave none.
func answered(o request.Outcome) int {
	if !o.Answered {
		return 0
	}
	return o.Status
}

// searched is the status that the botnet search sees: a caller that left while the upstream
// worked for it is one that came, for callers of a flood leave before they are answered.
func searched(r *request.Request, o request.Outcome) int {
	if o.Aborted && !o.Answered && r.Load.Whole && o.Duration >= abandonedAfter {
		return swarm.Abandoned
	}
	return answered(o)
}

// abandonedAfter is how long a caller has waited that did not close a page at once.
const abandonedAfter = 250 * time.Millisecond

// handed appends the keys of the credentials that an answer hands out, as they are and
// as a bearer's (RFC 6750).
func (e *Engine) handed(secrets []string, keys []uint64) []uint64 {
	for _, s := range secrets[:min(len(secrets), request.MaxHanded)] {
		keys = append(keys, attacker.Key(e.seed, attacker.Credential, digest.String(e.seed, s)),
			attacker.Key(e.seed, attacker.Credential, digest.String(e.seed, "Bearer "+s)))
	}
	return keys
}

// learn hands the outcome to the attacker table.
func (e *Engine) learn(now time.Time, s *compiled, r *request.Request, o request.Outcome) {
	if e.entrance(r, o.Status) {
		e.attackers.Entrance(r.Endpoint.ID)
	}
	var handed [2 * request.MaxHanded]uint64
	x := attacker.Exchange{
		Handed:   e.handed(o.Handed, handed[:0]),
		Status:   loginStatus(r, o.Status),
		Endpoint: r.Endpoint.ID,
		Login:    e.login(r),
		User:     r.Login.User,
		Suspect:  strong(r.Signals),
		Departs:  departs(r.Signals),
		Odd:      odd(r.Signals),
		Tags:     r.Endpoint.Tags,
		Object:   object(r),
		Writes:   r.Head.Method != "GET" && r.Head.Method != "HEAD" && r.Head.Method != "OPTIONS",
		Hasty:    r.Endpoint.Hasty,
		Browser:  r.Software.Claimed.Browser(),
		Cookies:  len(r.Cookies) > 0,
		Excess:   excess(r, o),
		Post:     r.Post.Like,
		Text:     r.Post.Text,
		Second:   uint32(r.Time.Unix()),
		Card:     r.Card,
	}
	x.Forgets = x.Writes && x.User != 0 && !r.Login.Password && (x.Tags.Has(request.TagReset) || r.ForgetPath())
	e.objects(r, o, &x)
	x.Page, x.Asset = x.Browser && isPage(r, o), isAsset(r, o)
	x.Bare = x.Browser && !x.Cookies && r.Endpoint.Cookies
	if r.Login.Guess != 0 {
		x.Guess = digest.Mix(r.Login.Guess, r.Login.User) | 1
	}
	x.What = digest.Mix(digest.Mix(digest.String(e.seed, r.Path), r.Standing.Keys[attacker.Credential]), x.Guess)
	if o.Status == 404 {
		x.Missing = e.missing(r)
	}
	e.leak(now, s, r, o)
	e.attackers.Learn(now, s.rules, r, &x, func(from int) { s.policy.Excuse(now, r, from) })
	if teaches(r) {
		e.model.Learn(now, r, o)
	}
}

// missing digests what is not there: an object of an endpoint that is, or a path but
// for its numbers and ids. A program that asks a removed endpoint for the pictures of
// a thousand users asks for one thing.
func (e *Engine) missing(r *request.Request) uint64 {
	if r.Endpoint.PathKnown {
		return digest.String(e.seed, r.Path)
	}
	var buf [128]byte
	shape := buf[:0]
	for i := range len(r.Endpoint.Template) {
		c := r.Endpoint.Template[i]
		if c-'0' < 10 {
			c = '#'
		}
		if n := len(shape); c != '#' || n == 0 || shape[n-1] != '#' {
			shape = append(shape, c)
		}
	}
	return digest.String(e.seed, string(shape))
}

// least is from how many bytes on an answer may be unusually large.
const least = 16 << 10

// leastOdd is the same where the request holds a text in a place that never had one.
const leastOdd = 1 << 10

// excess returns how many powers of two beyond the next the answer is larger than
// nearly all of the endpoint's; 0 if it is not, or if nobody knows.
func excess(r *request.Request, o request.Outcome) float32 {
	usual := int(r.Endpoint.Usual)
	if usual == 0 || o.Status/100 != 2 || o.ResponseSize < leastOdd || o.ResponseSize < least && !odd(r.Signals) {
		return 0
	}
	return float32(max(apimap.Magnitude(o.ResponseSize)-usual-1, 0))
}

// leak looks into the text of an error for signs that the payload which r showed
// got somewhere. Without a payload an error is an error.
func (e *Engine) leak(now time.Time, s *compiled, r *request.Request, o request.Outcome) {
	if len(o.Prefix) == 0 || !s.leaks(r) {
		return
	}
	a := e.detector.Load().Answer(o.Status, o.ResponseType)
	a.Write(o.Prefix)
	sig, ok := a.Signal()
	if !ok {
		return
	}
	from := len(r.Signals)
	r.Signals = append(r.Signals, sig)
	s.policy.Excuse(now, r, from)
	e.attackers.Observe(now, s.rules, r, r.Signals[from:])
}

// Leaks reports whether an error's text, should r be answered by one, is looked into.
func (e *Engine) Leaks(r *request.Request) bool { return e.current.Load().leaks(r) }

func (s *compiled) leaks(r *request.Request) bool {
	return s.policy.Options().InspectAnswers && payload(r.Signals)
}

// departs reports whether any signal says that r asks for what the API never had, or never so.
func departs(found []signal.Signal) bool {
	for _, s := range found {
		switch s.Kind {
		case signal.UnknownEndpoint, signal.UnknownMethod, signal.UnknownParameter, signal.ParameterType, signal.MissingStep:
			return true
		}
	}
	return false
}

// odd reports whether any signal says that r holds a text where none was taken before.
func odd(found []signal.Signal) bool {
	return slices.ContainsFunc(found, func(s signal.Signal) bool {
		return s.Kind == signal.ParameterType && s.Text || s.Kind == signal.OddValue
	})
}

// payload reports whether any signal is of a payload.
func payload(found []signal.Signal) bool {
	for _, s := range found {
		if s.Kind.Info().Vantage == signal.Payload {
			return true
		}
	}
	return false
}

// object returns the number of the object that a path asks for: its last numeric
// segment, 0 if there is none.
func object(r *request.Request) int64 {
	for i := len(r.Steps()) - 1; i >= 0; i-- {
		s := r.Steps()[i].Value
		if s == "" || s[0]-'0' > 9 || len(s) > 18 {
			continue
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// teaches reports whether the request may teach the API model: its client is
// clear and it showed nothing but, at most, that it departs from the model.
// Otherwise a new release could never be learned; how many clients it takes is
// the model's business.
func teaches(r *request.Request) bool {
	if r.Standing.Stage > signal.Watch || r.Standing.Vouched {
		return false
	}
	for _, s := range r.Signals {
		if v := s.Kind.Info().Vantage; v != signal.API && v != signal.Fingerprint {
			return false
		}
	}
	return true
}

// strong reports whether any signal is more than a hint.
func strong(found []signal.Signal) bool {
	for _, s := range found {
		if s.Band >= signal.Likely {
			return true
		}
	}
	return false
}

// notable: worth an explanation. Plain passes are not kept.
// Nor are those that found no room: a flood would push out all else, and the
// answer itself says why.
func notable(r *request.Request, v Verdict) bool {
	if v.Reason == policy.Saturated {
		return len(r.Changes) > 0
	}
	return v.Would != signal.Pass || r.Match.Signature != "" || len(r.Noted) > 0 || r.Imposed != "" || v.Reason == policy.Ruled || len(r.Signals) > 0 || len(r.Changes) > 0 || r.Standing.Stage > signal.Clear
}

// report returns the events of one request: each step of a stage, and the
// request itself where it was (or would have been) refused or shows strong
// evidence; repeats of one client only every ten seconds, with their number.
func (e *Engine) report(now time.Time, r *request.Request, v Verdict, o request.Outcome) (events []Event) {
	for _, c := range r.Changes {
		ev := e.event(now, r, v, o, "stage")
		ev.From, ev.Stage, ev.Risk, ev.Attacker = c.From.String(), c.To.String(), round(c.Risk), attacker.Name(c.Key)
		if ev.Scope = attacker.Scope(c.Scope).String(); r.Standing.Elsewhere != 0 &&
			!slices.Contains(r.Standing.Keys[:], c.Key) {
			ev.Scope = attacker.Elsewhere
		}
		if c.To == signal.Block {
			ev.Until = &c.Until
			ev.Deaf = v.Action == signal.BlockAction && r.Client.Addr == r.Conn.Peer.Addr && !r.Standing.Shared &&
				r.Standing.Parent == 0 && r.Standing.Elsewhere == 0 && e.attackers.Alone(now, r.Standing.Keys[attacker.Address])
			ev.Sentence = &attacker.Sentence{Key: c.Key, Scope: attacker.Scope(c.Scope), Prefix: c.Address, Until: c.Until, Blocks: c.Blocks, At: now}
		}
		events = append(events, ev)
	}
	kind := "evidence"
	switch {
	case v.Refused():
		kind = "refused"
	case v.Would != signal.Pass:
		kind = "would-refuse"
	case len(r.Noted) > 0:
		kind = "noted"
	case !strong(r.Signals):
		return events
	}
	report, swallowed := true, 0
	if v.Reason == policy.StageReason || v.Reason == policy.Guessing || v.Reason == policy.Counted || v.Reason == policy.RateLimited ||
		kind == "evidence" || kind == "noted" {
		report, swallowed = e.attackers.Quiet(now, repeatEvery, speaks(r, v)...)
	}
	if report {
		ev := e.event(now, r, v, o, kind)
		ev.Repeats = swallowed
		events = append(events, ev)
	}
	return events
}

// speaks returns the keys that the like of r's event is counted for, the first that has
// a record: of what acted on r, of its client, of its address. Who is refused for his
// address or credential, each time as a new client, would have each request reported.
func speaks(r *request.Request, v Verdict) []uint64 {
	st := &r.Standing
	switch v.Reason {
	case policy.StageReason, policy.Guessing, policy.Counted:
		return []uint64{st.Actor, st.Keys[attacker.Client], st.Keys[attacker.Address]}
	case policy.RateLimited:
		return st.Keys[:attacker.Credential]
	}
	return st.Keys[:attacker.Address]
}
