package swarm

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"bartizan/internal/signal"
)

// state is where a signature stands in its life.
type state uint8

const (
	active  state = iota
	held          // by the operator: matches are counted, nothing is done
	dormant       // the attack is over; wakes when it returns
	retired       // by the operator, or because it hit good clients
)

func (s state) String() string {
	return [...]string{"active", "held", "dormant", "retired"}[s]
}

// watched reports whether matches are looked for at all.
func (s state) watched() bool { return s <= held }

// signature is a conjunction and what came of it.
type signature struct {
	Serial   uint32        `json:"serial"`
	Name     string        `json:"name"` // "s-12"
	Literals []Literal     `json:"literals"`
	Core     int           `json:"core"` // literals before this are the core, the others guards
	Action   signal.Action `json:"action"`
	State    state         `json:"state"`
	Operator bool          `json:"operator,omitempty"` // written by an operator: never retired by itself
	Pinned   bool          `json:"pinned,omitempty"`   // an operator wants it to stay
	Approved bool          `json:"approved,omitempty"` // an operator wants it to act now
	Parent   string        `json:"parent,omitempty"`   // the signature that it replaces after a mutation
	Campaign string        `json:"campaign,omitempty"`
	Note     string        `json:"note,omitempty"`

	Support  int       `json:"support"`  // requests it was found in
	Coverage float64   `json:"coverage"` // share of the excess that it explains
	Excess   float64   `json:"excess"`
	Scope    string    `json:"scope"` // where the change was
	Proof    Proof     `json:"proof"`
	Samples  []string  `json:"samples,omitempty"` // ids of requests it was found in
	Volume   bool      `json:"volume,omitempty"`  // volume is all there is against it
	Starved  bool      `json:"starved,omitempty"` // a challenge for want of good traffic to prove more with
	Roomy    bool      `json:"roomy,omitempty"`   // its limit is what the endpoint bears
	Kind     scopeKind `json:"kind"`              // of the scope where the change was
	Target   uint32    `json:"target,omitempty"`  // its template
	Logins   [2]int    `json:"logins"`            // attempts that passed it, and those in vain
	guests   *guests   // nil: none yet
	Success  float64   `json:"success"`        // share of them that the upstream answered well
	Rate     float64   `json:"rate,omitempty"` // limit: requests a second that pass

	Born    int64 `json:"born"`  // ms
	Since   int64 `json:"since"` // ms: when the state began
	Until   int64 `json:"until,omitempty"`
	*tally  `json:"-"`
	Counted counts `json:"counts"`           // of tally, in snapshots only
	Guests  []byte `json:"guests,omitempty"` // of guests, in snapshots only
}

// tally counts what a signature matched. The request path writes it.
type tally struct {
	hits, spared, canaries atomic.Uint64
	stopped, good          atomic.Uint64 // Tick's
	last                   atomic.Int64  // ms
	stuffs                 atomic.Bool   // the logins that it matches fail: they pass no more
	next                   atomic.Int64  // ns: theoretical arrival time of the limit
}

// counts are a tally's numbers.
type counts struct {
	Hits     uint64 `json:"hits"`     // requests that matched
	Stopped  uint64 `json:"stopped"`  // of them, not let through
	Spared   uint64 `json:"spared"`   // of them, from known-good clients
	Canaries uint64 `json:"canaries"` // of them, let through to measure
	Good     uint64 `json:"good"`     // canaries that the upstream answered well
	Last     int64  `json:"last"`     // ms
}

func (t *tally) counts() counts {
	return counts{t.hits.Load(), t.stopped.Load(), t.spared.Load(), t.canaries.Load(), t.good.Load(), t.last.Load()}
}

func (t *tally) set(c counts) {
	t.hits.Store(c.Hits)
	t.stopped.Store(c.Stopped)
	t.spared.Store(c.Spared)
	t.canaries.Store(c.Canaries)
	t.good.Store(c.Good)
	t.last.Store(c.Last)
}

const limitBurst = 5

// admit is a token bucket of rate a second and limitBurst at once, by the
// generic cell rate algorithm (ITU-T I.371, annex A). It returns how long to
// wait where there is no token.
func (t *tally) admit(now time.Time, rate float64) (wait time.Duration, ok bool) {
	ns, step := now.UnixNano(), int64(float64(time.Second)/rate)
	for {
		old := t.next.Load()
		at := max(old, ns)
		if at-ns > (limitBurst-1)*step {
			return time.Duration(at - ns - (limitBurst-1)*step), false
		}
		if t.next.CompareAndSwap(old, at+step) {
			return 0, true
		}
	}
}

// sentence says in words what a conjunction of literals means.
func (s *Swarm) sentence(list []Literal) string {
	parts := make([]string, 0, len(list))
	method, endpoint := "", ""
	for _, l := range list {
		value := s.words.find(l.Attribute, l.Value)
		switch {
		case l.Attribute == Method:
			method = value
		case l.Attribute == Template:
			endpoint = value
		default:
			parts = append(parts, phrase(l, value))
		}
	}
	switch head := strings.TrimSpace(method + " " + endpoint); {
	case head != "" && endpoint == "":
		parts = append([]string{"method " + method}, parts...)
	case head != "":
		parts = append([]string{head}, parts...)
	}
	return strings.Join(parts, ", ")
}

// phrase says one literal.
func phrase(l Literal, value string) string {
	if l.Value == 0 {
		return "no " + attributes[l.Attribute].name
	}
	return fmt.Sprintf(attributes[l.Attribute].words, value)
}

// describeLiteral returns a literal as "attribute=value", as operators write it.
func (s *Swarm) describeLiteral(l Literal) string {
	return l.Attribute.String() + "=" + s.words.find(l.Attribute, l.Value)
}

// why explains a signature in one sentence.
func (s *Swarm) why(g *signature) string {
	if g.Operator {
		return s.sentence(g.Literals) + "; written by an operator"
	}
	p := &g.Proof
	text := fmt.Sprintf("%s; %.0f %% of the attack, %d of %d good requests (at most %s)", s.sentence(g.Literals), 100*min(g.Coverage, 1), p.Hits, p.Good, percent(p.Bound))
	if p.ScopeGood > 0 {
		text += fmt.Sprintf("; %d of %d good requests to the endpoint (at most %s)", p.ScopeHits, p.ScopeGood, percent(p.ScopeBound))
	}
	if p.Unverified {
		text += "; no known-good client among the good requests that match"
	}
	return text
}

func percent(x float64) string {
	switch {
	case x >= 0.01:
		return fmt.Sprintf("%.1f %%", 100*x)
	case x >= 0.0001:
		return fmt.Sprintf("%.3f %%", 100*x)
	}
	return fmt.Sprintf("%.4f %%", 100*x)
}
