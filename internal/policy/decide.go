package policy

import (
	"math"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Reason says what decided.
type Reason uint8

// The reasons.
const (
	Clean       Reason = iota // nothing against it
	Allowed                   // on the allow list
	Preflight                 // a CORS preflight, which never carries credentials
	DenyListed                // on the deny list
	Malformed                 // a message that nobody may forward
	Exploit                   // a certain payload in this very request
	StageReason               // the client's stage
	Signature                 // a botnet's signature
	UnknownHost               // no site serves the host
	Schema                    // departs from the API's document, which is enforced
	EngineFault               // the engine failed and the route is fail: closed
	Passed                    // would be asked, and has answered
	KnownGood                 // would be asked, and carries a credential that is known and clear
	Ruled                     // an operator's rule
	PatchReason               // a virtual patch does not allow a value
	RateLimited               // asks for more than a rate allows
	Saturated                 // the upstream has no room, and others come first
	Guessing                  // a login, of who has tried one password after the other
	Counted                   // once more what it does far more often than others, in vain or in a row
)

var reasonNames = [...]string{"clean", "allowed", "preflight", "denied", "malformed", "exploit", "stage", "signature", "unknown-host", "schema", "engine-fault", "passed", "known-good", "rule", "patch", "rate", "saturated", "guessing", "count"}

// String returns the reason's name, as events print it.
func (r Reason) String() string { return reasonNames[min(int(r), len(reasonNames)-1)] }

// Waiver says why a verdict is not carried out.
type Waiver uint8

// The waivers.
const (
	NoWaiver      Waiver = iota
	ObserveMode          // the site or route observes
	PassAll              // break-glass
	UntoldProxy          // an unnamed proxy stands before us, so clients cannot be told apart
	PrivateClient        // private and loopback clients are exempt
)

var waiverNames = [...]string{"", "observe", "pass-all", "untold-proxy", "private-client"}

// String returns the waiver's name, empty for none.
func (w Waiver) String() string { return waiverNames[min(int(w), len(waiverNames)-1)] }

// Decision is what follows for one request. The zero value is no decision:
// front ends must treat its Unset action as a fault.
type Decision struct {
	// Would is the verdict; Action is what is to be done, Pass if it is waived.
	Would, Action signal.Action
	Reason        Reason
	Waiver        Waiver
	// Entry is the list entry that decided, if one did.
	Entry string
	// Retry is how long the client should wait; 0 where waiting does not help.
	Retry time.Duration
}

// Listed decides by allow and deny lists alone; ok is false if neither matches.
// Allow wins: an operator's "never touch" must hold whatever else is said.
func (p *Policy) Listed(now time.Time, r *request.Request) (Decision, bool) {
	if label, ok := p.allow.find(now, r); ok {
		return Decision{Would: signal.Pass, Reason: Allowed, Entry: label}, true
	}
	if label, ok := p.deny.find(now, r); ok {
		return Decision{Would: signal.BlockAction, Reason: DenyListed, Entry: label}, true
	}
	return Decision{}, false
}

// Judge decides by what r shows, by its client's standing, and by the operator's
// rules and patches.
func (p *Policy) Judge(now time.Time, r *request.Request) Decision {
	d := p.judge(now, r)
	if r.Patched != "" && d.Would != signal.BlockAction {
		d = Decision{Would: signal.BlockAction, Reason: PatchReason, Entry: r.Patched}
	}
	d = p.serving(now, r, d)
	if len(p.rules) > 0 {
		d = p.ruled(now, r, d)
	}
	return d
}

func (p *Policy) judge(now time.Time, r *request.Request) Decision {
	switch {
	case certain(r.Signals): // also in what looks like a preflight: browsers put no exploits there
		return Decision{Would: signal.BlockAction, Reason: Exploit}
	case preflight(r):
		return Decision{Would: signal.Pass, Reason: Preflight}
	}
	d := Decision{Would: signal.Pass, Reason: Clean}
	if r.Standing.Vouched {
		d.Reason = Passed
	}
	switch st := r.Standing; st.Stage {
	case signal.Interrogate:
		switch {
		case r.Pass.Answers():
			d.Reason = Passed
		case st.Known:
			d.Reason = KnownGood
		default:
			d = Decision{Would: signal.ChallengeAction, Reason: StageReason, Retry: p.cooling(st.Risk)}
		}
	case signal.Tarpit:
		d = Decision{Would: signal.TarpitAction, Reason: StageReason, Retry: p.cooling(st.Risk)}
	case signal.Block:
		d = Decision{Would: signal.BlockAction, Reason: StageReason, Retry: st.Until.Sub(now)}
	}
	st := &r.Standing
	if d.Would == signal.Pass && st.Guesses && r.Login.Password && r.Endpoint.Enters && !st.Known && !r.Pass.Answers() {
		d = Decision{Would: signal.ChallengeAction, Reason: Guessing, Retry: guessPause}
	}
	if d.Would == signal.Pass && st.Counts != 0 {
		d = counted(r, d)
	}
	if m := r.Match; m.Action > d.Would {
		if m.Action == signal.ChallengeAction && r.Pass.Answers() {
			d.Reason = Passed
			return d
		}
		d = Decision{Would: m.Action, Reason: Signature, Retry: m.Retry, Entry: m.Signature}
	}
	return d
}

// countPause is what Retry-After tells who does something far too often; countGap, a little
// less, is after which time of its own clock the gateway lets it through.
const countPause, countGap = 10 * time.Second, 8 * time.Second

// counted slows what the client does far more often than others do, and nothing else. Who
// has answered a question may go on, but not try cards and codes.
func counted(r *request.Request, d Decision) Decision {
	c := r.Counted()
	if c == 0 || r.Standing.Gap >= countGap {
		return d
	}
	if !r.Pass.Answers() {
		return Decision{Would: signal.ChallengeAction, Reason: Counted, Retry: countPause}
	}
	if c&(request.PaymentsInVain|request.CodesInVain) != 0 {
		return Decision{Would: signal.Limit, Reason: Counted, Retry: countPause}
	}
	d.Reason = Passed
	return d
}

// guessPause is how long somebody should wait who has tried too many passwords.
const guessPause = time.Minute

// cooling estimates how long risk takes to fall below the interrogate stage if
// nothing more is seen: the evidence of most kinds fades within the hour. It is
// what Retry-After tells, 30 s at least and an hour at most.
func (p *Policy) cooling(risk float64) time.Duration {
	odds := func(x float64) float64 { x = min(max(x, 0.1), 99.9); return math.Log(x / (100 - x)) }
	over := odds(risk) - odds(p.options.Thresholds.Interrogate)
	hours := math.Log1p(max(over, 0) / 4)
	return min(max(time.Duration(hours*float64(time.Hour)), 30*time.Second), time.Hour).Round(time.Second)
}

// Carry turns a verdict into an action: carried out, or waived.
func (p *Policy) Carry(d Decision, r *request.Request, mode Mode, passAll bool) Decision {
	d.Action = d.Would
	if d.Would == signal.Pass || d.Reason == Malformed || d.Reason == UnknownHost {
		return d // a message that nobody may forward has no other way out
	}
	switch {
	case passAll:
		d.Waiver = PassAll
	case r.Client.Untold && d.Reason != DenyListed: // the list names the proxy itself then
		d.Waiver = UntoldProxy
	case mode == Observe:
		d.Waiver = ObserveMode
	default:
		return d
	}
	d.Action = signal.Pass
	return d
}

// Exempt reports whether no verdict may touch the client: private and loopback
// clients, unless the operator protects against them too. Deny lists still hold.
func (p *Policy) Exempt(r *request.Request) bool {
	return !p.options.ProtectPrivate && r.Client.Private()
}

func certain(found []signal.Signal) bool {
	for _, s := range found {
		if s.Band == signal.Certain && s.Kind.Info().Vantage == signal.Payload {
			return true
		}
	}
	return false
}

func preflight(r *request.Request) bool {
	return r.Head.Method == "OPTIONS" && r.Header("Origin") != "" && r.Header("Access-Control-Request-Method") != ""
}
