// Package signal is the vocabulary of judgement: what kinds of evidence there
// are, from which vantage point each is seen and how much it weighs; the stages
// a client can reach and the actions that can be taken.
//
// It decides nothing and holds no state. Everything in it is a value and safe
// for concurrent use.
package signal

// Vantage is an independent place to look from. Evidence within one vantage is
// correlated and capped together; evidence from several adds up.
type Vantage uint8

// The vantage points.
const (
	Reputation  Vantage = iota // what is known of the address before it speaks
	Fingerprint                // what the client's software says of itself
	Payload                    // what it sends
	Behaviour                  // what it does over time
	Auth                       // how it tries to become somebody
	Volume                     // how much it asks for
	API                        // how it departs from what the API knows
	Challenge                  // how it answers questions
	Vantages    = iota
)

var vantageNames = [Vantages]string{"reputation", "fingerprint", "payload", "behaviour", "auth", "volume", "api", "challenge"}

// String returns the vantage's name, as events print it.
func (v Vantage) String() string {
	if int(v) < len(vantageNames) {
		return vantageNames[v]
	}
	return "unknown"
}

// Band says how far one hit may be trusted by itself.
type Band uint8

const (
	// Hint is evidence that honest clients show too, now and then.
	Hint Band = iota
	// Likely is strong evidence: an honest client shows it in less than one
	// request in a thousand.
	Likely
	// Certain refuses the one request that shows it. Only classes with a
	// published near-zero count of benign hits have it.
	Certain
)

// String returns "hint", "likely" or "certain".
func (b Band) String() string { return [...]string{"hint", "likely", "certain"}[min(b, Certain)] }

// Signal is one piece of evidence found in one request. The zero value is no
// evidence.
type Signal struct {
	Kind Kind
	Band Band
	// Where names the place that showed it: "query:id", "header:User-Agent",
	// "body:user.name", "status". At most 96 bytes, secrets never in it.
	Where string
	// Note is a short masked excerpt or reason for people, at most 96 bytes.
	Note string
	// Digest identifies the value that showed it, so that the same value sent
	// twice is not two proofs; 0 if there is no value.
	Digest uint64
	// Unlowered is the band that the value would have in another field than that of a
	// password, which may be anything; 0 if Band is that. Writer: detect.
	Unlowered Band
	// Spoken says that the value is a field's and holds words of people beside what
	// was found, as a question about an attack does.
	Spoken bool
	// Settled says that what a departure departs from may be the law. Writer: apimap.
	Settled bool
	// Text says that a value is a text, in a place that never had one. Writer: apimap.
	Text bool
}

// Weight returns the signal's full log-likelihood ratio, in nats.
func (s Signal) Weight() float64 { return s.Kind.Info().Weight(s.Band) }

// Stage is how far a client has come. Stages rise with risk and fall as it
// decays; a block also lasts for a time of its own.
type Stage uint8

// The stages, rising.
const (
	Clear Stage = iota
	Watch
	Interrogate
	Tarpit
	Block
	Stages = iota
)

var stageNames = [Stages]string{"clear", "watch", "interrogate", "tarpit", "block"}

// String returns the stage's name, as events and replay print it.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return "unknown"
}

// Action is what is done with one request. The zero value is Unset, which
// front ends treat as a fault, never as a pass.
type Action uint8

// The actions, rising.
const (
	Unset Action = iota
	Pass
	Limit
	ChallengeAction
	TarpitAction
	BlockAction
	Actions = iota
)

var actionNames = [Actions]string{"unset", "pass", "limit", "challenge", "tarpit", "block"}

// String returns the action's name, as replay prints it.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown"
}
