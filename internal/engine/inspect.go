package engine

import (
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/attacker"
	"bartizan/internal/detect"
	"bartizan/internal/digest"
	"bartizan/internal/fingerprint"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Scratch is the memory of one body's inspection. It belongs to one goroutine
// at a time; pool it.
type Scratch struct {
	walk   request.Scratch
	plain  []byte // decoded content
	text   []byte // in UTF-8
	other  []byte // of another reading
	like   request.Likeness
	fields policy.Fields
	look   look
	bands  []signal.Band // of the signals before a window was looked at
}

// look is what is done with each value of one body.
type look struct {
	engine   *Engine
	request  *request.Request
	scratch  *Scratch
	detector *detect.Detector

	watched, patched, paying, posting bool

	guess uint64                    // digest of the passwords so far
	visit func(*request.Value) bool // value, bound once
}

// value looks at one value of the body. It goes on to the last.
func (l *look) value(v *request.Value) bool {
	l.detector.Body(l.request, v)
	if v.In.Name() || v.In == request.InFileValue {
		if v.In.Name() && l.patched {
			l.scratch.fields.Patch(l.request, v, &l.scratch.walk)
		}
		return true
	}
	traits := l.scratch.walk.Traits()
	l.engine.model.See(l.request, v, traits)
	l.engine.posted(l.request, v, traits)
	if traits.Password() {
		l.guess = digest.Mix(l.guess, digest.String(l.engine.seed, v.Text)) | 1
	}
	if l.watched {
		l.scratch.fields.Hold(l.request, v, &l.scratch.walk)
	}
	if l.paying {
		l.engine.card(l.request, v)
	}
	if l.posting {
		l.scratch.like.Add(l.engine.seed, v.Text)
	}
	return true
}

// Shape digests an answer of the upstream, as request.AnswerShape says.
func (s *Scratch) Shape(contentType string, prefix []byte) (schema, body uint64) {
	return request.AnswerShape(contentType, prefix, &s.walk)
}

// identify finds the software and the keys that evidence goes to.
func (e *Engine) identify(r *request.Request) {
	r.Software = e.software.Classify(fingerprint.Facts{
		JA4: r.Conn.TLS.JA4, H2: r.Conn.H2, Proto: r.Head.Proto, Secure: r.Conn.Secure, Fields: r.Head.Fields, Ordered: r.Head.Ordered,
	})
	keys := &r.Standing.Keys
	r.Standing.Parent, r.Standing.People, r.Standing.Named, r.Standing.Turn = 0, 0, false, request.TurnUnknown
	keys[attacker.Client] = attacker.ClientKey(e.seed, r.Client.Key, r.Software.Key)
	keys[attacker.Address] = attacker.AddressKey(e.seed, r.Client.Key)
	keys[attacker.Credential] = 0
	if c := r.Credential(); c != "" {
		keys[attacker.Credential] = attacker.Key(e.seed, attacker.Credential, digest.String(e.seed, c))
	}
	r.Standing.Elsewhere = 0
	if r.Head.Fault != request.Fine {
		return // no page makes a browser send such a message
	}
	if host, destination, ok := r.Elsewhere(); ok {
		r.Standing.Elsewhere = digest.Mix(digest.Folded(e.seed, host), digest.String(e.seed, destination)) | 1
	}
}

// contradictions turns contradictions, and what is known against the address, into signals.
func (e *Engine) contradictions(s *compiled, r *request.Request) {
	c := r.Software.Contradicts
	if c.Agent() {
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.UserAgentMismatch, Band: agentBand(c), Where: "header:User-Agent", Note: c.String()})
	}
	if c.Order() {
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.HeaderOrderMismatch, Where: "header-order", Note: c.String()})
	}
	if r.Network.Impostor != "" {
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.BotImpostor, Band: signal.Likely, Where: "header:User-Agent", Note: "not " + r.Network.Impostor})
	}
	for i := range s.policy.Options().Reputations {
		if l := &s.policy.Options().Reputations[i]; l.Prefixes.Contains(r.Client.Addr) {
			r.Signals = append(r.Signals, signal.Signal{Kind: signal.ListedAddress, Band: l.Band, Where: "address", Note: l.Name})
		}
	}
	if r.Header("User-Agent") == "" {
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.MissingUserAgent, Where: "header:User-Agent"})
	}
}

// departures appends where the head departs from what the API knows.
func (e *Engine) departures(now time.Time, r *request.Request) {
	for i := range r.Query {
		e.model.See(r, &request.Value{In: request.InQuery, Key: r.Query[i].Name, Text: r.Query[i].Value}, nil)
	}
	e.model.JudgeHead(now, r)
}

// agentBand: what the transport contradicts is strong, what only a header
// contradicts is not, since extensions and proxies change headers.
func agentBand(c fingerprint.Contradiction) signal.Band {
	if c&(fingerprint.TLSLibrary|fingerprint.TLSOther|fingerprint.H2Order|fingerprint.H2Opening) != 0 {
		return signal.Likely
	}
	return signal.Hint
}

// faultSignal says what a malformed message is evidence of. Most come from
// broken programs; two readings of one length do not.
func faultSignal(f request.Fault) (signal.Signal, bool) {
	s := signal.Signal{Kind: signal.ProtocolOddity, Band: signal.Hint, Where: "head", Note: f.String(), Digest: uint64(f)}
	switch f {
	case request.FaultLengthAndCoding, request.FaultLengthDuplicate, request.FaultCodingInvalid, request.FaultCodingUnknown, request.FaultChunk, request.FaultBareCR, request.FaultFolding:
		s.Kind, s.Band = signal.Smuggling, signal.Likely
	case request.FaultHostDuplicate, request.FaultFieldName, request.FaultBareLF, request.FaultLengthInvalid:
		s.Kind = signal.Smuggling
	case request.FaultSlow:
		s.Kind = signal.SlowRequest
	case request.FaultStreams:
		s.Kind, s.Band = signal.StreamAbuse, signal.Likely
	case request.FaultVersion, request.FaultRequestLine:
		s.Band = signal.Likely
	case request.Fine:
		return s, false
	}
	return s, true
}

// inspect decodes the prefix of a body, walks its values and appends signals. It
// returns the departures from the API's document that refuse the request, and
// how the body was read.
func (e *Engine) inspect(now time.Time, s *compiled, r *request.Request, body []byte, complete bool, scratch *Scratch) (*apimap.Finding, reading) {
	if len(body) == 0 {
		if complete && !r.Head.Bodiless() { // else Begin has looked
			return e.documentBody(s, r, nil, true), reading{}
		}
		return nil, reading{}
	}
	most := budget(r, s.inspect, len(body), complete)
	if most == 0 {
		return nil, reading{}
	}
	scratch.walk.Seed, scratch.walk.Walked, scratch.walk.Most = e.seed, r.Walked, most
	scratch.fields = s.policy.Fields(now, r, scratch.fields)
	in := e.read(s, r, body, complete, scratch)
	e.walk(now, s, r, &in, scratch)
	if in.unread != "" || in.opaque || in.left {
		scratch.fields.Unread(r)
	}
	e.passwords(now, r)
	r.Walked, r.Looked = scratch.walk.Walked, len(body)
	in.note(r)
	return e.documentBody(s, r, in.body, in.complete), in
}

// walk walks the body as in says that it is read first, and with another type if it
// declares one.
func (e *Engine) walk(now time.Time, s *compiled, r *request.Request, in *reading, scratch *Scratch) {
	contentType := r.Header("Content-Type")
	apimap.Forget(r) // of a shorter prefix
	from := len(r.Shape)
	r.Card, r.Posted = request.Card{}, r.Posted[:0]
	paying, posting := r.Endpoint.Tags.Has(request.TagPayment), r.Endpoint.Tags.Has(request.TagContent)
	if posting {
		scratch.like = request.Likeness{}
	}
	l := &scratch.look
	l.engine, l.request, l.scratch, l.detector = e, r, scratch, e.detector.Load()
	l.watched, l.patched, l.paying, l.posting = !scratch.fields.None(), scratch.fields.Patched(), paying, posting
	if l.visit == nil {
		l.visit = l.value
	}
	info := request.WalkBody(contentType, in.body, in.complete, &scratch.walk, l.visit)
	guess := l.guess
	*l = look{visit: l.visit} // it keeps nothing alive
	e.model.Body(r, in.body)
	if posting {
		r.Post = scratch.like.Post()
	}
	e.model.JudgeBody(now, r, from, max(r.Head.ContentLength, int64(info.Bytes)))
	r.Inspected, r.Truncated = info.Bytes, info.Truncated
	if info.Password {
		r.Login.Password, r.Login.Guess = true, guess
	}
	if info.User != "" {
		r.Login.User = digest.Folded(e.seed, info.User) | 1
	}
	if g := &r.Graph; g.Logins > 0 {
		r.Login.Password, r.Login.Guess = true, g.Tried[0]
		if info.User == "" {
			r.Login.User = g.Users[0]
		}
		apimap.Logins(r)
	}
	if info.DuplicateKeys {
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.ProtocolOddity, Where: "body", Note: "an object names one key twice"})
	}
	in.ambiguous, in.left = info.Ambiguous, info.Unread
	if another := last(r, "Content-Type"); another != contentType { // servers differ in which of two they believe
		in.ambiguous = in.ambiguous || !request.SameType(another, contentType)
		in.left = !e.detectOnly(r, another, in.body, in.complete, scratch) || in.left
	}
}

// card notes what a value of a payment says of a card.
func (e *Engine) card(r *request.Request, v *request.Value) {
	switch request.CardFieldOf(v.Key, v.Text) {
	case request.CardNumberField:
		var digits [24]byte
		n := 0
		for i := 0; i < len(v.Text) && n < len(digits); i++ {
			if c := v.Text[i]; c != ' ' && c != '-' {
				digits[n] = c
				n++
			}
		}
		r.Card.Number = digest.String(e.seed, string(digits[:n])) | 1
	case request.CardDetailField:
		r.Card.Details ^= digest.Mix(digest.String(e.seed, v.Key), digest.String(e.seed, v.Text)) // in any order
	}
}

// joined returns all values of a list-valued header as one.
func joined(r *request.Request, name string) string {
	out := ""
	for v := range r.Headers(name) {
		if out != "" {
			v = out + "," + v
		}
		out = v
	}
	return out
}

// last returns the last value of a header.
func last(r *request.Request, name string) string {
	out := ""
	for v := range r.Headers(name) {
		out = v
	}
	return out
}

// loginAttempt reports whether r tries to log in: on a route tagged so, where a
// password is sent to a path that says so, or with a user to an endpoint that has
// answered 401 to such a request.
func (e *Engine) loginAttempt(r *request.Request) bool {
	if r.Endpoint.Tags.Has(request.TagLogin) {
		return r.Head.Method == "POST" || r.Head.Method == "PUT" || r.Login.Password
	}
	return r.Login.Password && (r.LoginPath() || r.Login.User != 0 && e.attackers.Enters(r.Endpoint.ID))
}

// login reports whether r was an attempt to log in, as far as its answer tells.
func (e *Engine) login(r *request.Request) bool {
	return r.Login.Result != request.LoginUnclear && e.loginAttempt(r)
}

// headLogin notes what the head holds of a login attempt: Basic credentials, or a
// password in the query. A body that names a user overrules it.
func (e *Engine) headLogin(r *request.Request) {
	if len(r.Query) == 0 && r.Header("Authorization") == "" || !r.Endpoint.Tags.Has(request.TagLogin) &&
		!r.LoginPath() {
		return
	}
	user, password := r.HeadLogin()
	if r.Login.Password = password; password {
		r.Login.Guess = digest.Mix(r.Standing.Keys[attacker.Credential], digest.String(e.seed, r.Head.Target)) | 1
	}
	if user != "" {
		r.Login.User = digest.Folded(e.seed, user) | 1
	}
}
