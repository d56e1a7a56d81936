package swarm

import (
	"net/netip"
	"slices"
	"time"

	"bartizan/internal/signal"
)

// Signature is a signature for people.
type Signature struct {
	Name           string    `json:"name"`
	Campaign       string    `json:"campaign,omitempty"`
	Parent         string    `json:"parent,omitempty"` // what it replaces after a mutation
	State          string    `json:"state"`
	Action         string    `json:"action"`
	Operator       bool      `json:"operator,omitempty"`
	Pinned         bool      `json:"pinned,omitempty"`
	Why            string    `json:"why"`
	Core           []string  `json:"core"`             // "attribute=value"
	Guards         []string  `json:"guards,omitempty"` // shared by all of the attack, spares good traffic
	Scope          string    `json:"scope,omitempty"`
	Support        int       `json:"support"`
	Coverage       float64   `json:"coverage"`
	Proof          Proof     `json:"proof"`
	Rate           float64   `json:"rate,omitempty"`
	Matches        uint64    `json:"matches"`
	Stopped        uint64    `json:"stopped"`
	Spared         uint64    `json:"spared"`
	Canaries       uint64    `json:"canaries"`
	CanariesServed uint64    `json:"canaries_answered_well"`
	Born           time.Time `json:"born"`
	Last           time.Time `json:"last"`
	Samples        []string  `json:"samples,omitempty"`
	Note           string    `json:"note,omitempty"`
}

func (s *Swarm) view(g *signature) Signature {
	c := g.counts()
	v := Signature{
		Name: g.Name, Campaign: g.Campaign, Parent: g.Parent, State: g.State.String(), Action: g.Action.String(), Operator: g.Operator, Pinned: g.Pinned,
		Why: s.why(g), Scope: g.Scope, Support: g.Support, Coverage: g.Coverage, Proof: g.Proof, Rate: g.Rate,
		Matches: c.Hits, Stopped: c.Stopped, Spared: c.Spared, Canaries: c.Canaries, CanariesServed: c.Good,
		Born: time.UnixMilli(g.Born).UTC(), Last: time.UnixMilli(c.Last).UTC(), Samples: slices.Clone(g.Samples), Note: g.Note,
	}
	for i, l := range g.Literals {
		if i < g.Core {
			v.Core = append(v.Core, s.describeLiteral(l))
		} else {
			v.Guards = append(v.Guards, s.describeLiteral(l))
		}
	}
	return v
}

// Campaign is a botnet for people.
type Campaign struct {
	Name      string    `json:"name"`
	Open      bool      `json:"open"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Tool      string    `json:"tool"`   // what its requests have in common
	Intent    string    `json:"intent"` // OWASP Automated Threat class, as rules and events have it
	Named     string    `json:"intent_name,omitempty"`
	Phase     string    `json:"phase"`
	Targets   []Target  `json:"targets"`
	Requests  uint64    `json:"requests"`
	Stopped   uint64    `json:"stopped"`
	Spared    uint64    `json:"spared"` // of known-good clients, asked or let through
	Answered  uint64    `json:"answered"`
	Successes uint64    `json:"successes"` // answered well
	Addresses int       `json:"addresses"` // burnt: each has shown itself
	Prefixes  int       `json:"prefixes"`
	Networks  []Network `json:"networks,omitempty"`
	// AddressesPerSuccess is what a success costs the attacker; 0 while there is none.
	AddressesPerSuccess float64 `json:"addresses_per_success"`
	Pace                float64 `json:"pace"` // requests a second now
	Peak                float64 `json:"peak"`
	// Collateral bounds the share of good traffic that its signatures hit.
	Collateral float64     `json:"collateral"`
	Signatures []Signature `json:"signatures,omitempty"`
}

// Target is an endpoint and how often it was asked for.
type Target struct {
	Endpoint string `json:"endpoint"`
	Requests int    `json:"requests"`
}

// Network is an autonomous system and how many requests came from it.
type Network struct {
	ASN      uint32 `json:"asn"`
	Requests int    `json:"requests"`
}

func (s *Swarm) show(c *campaign) Campaign {
	v := Campaign{
		Name: c.name, Open: c.closed == 0, First: time.UnixMilli(c.first).UTC(), Last: time.UnixMilli(c.last).UTC(), Requests: c.requests, Stopped: c.stopped,
		Spared: c.spared, Answered: c.answered, Successes: c.successes, Addresses: max(len(c.members), c.addresses.count()), Prefixes: c.prefixes.count(), Pace: c.pace, Peak: c.peak,
	}
	if len(c.members) < membersMax {
		v.Addresses = len(c.members)
	}
	unknown := s.text(Template, unknownTemplate)
	v.Intent, v.Phase = c.intent(unknown)
	v.Named = signal.Intents[v.Intent]
	for _, t := range top(c.targets, 8) {
		v.Targets = append(v.Targets, Target{s.words.find(Template, t), c.targets[t]})
	}
	for _, n := range top(c.networks, 8) {
		if n != 0 {
			v.Networks = append(v.Networks, Network{n, c.networks[n]})
		}
	}
	if c.successes > 0 {
		v.AddressesPerSuccess = float64(v.Addresses) / float64(c.successes)
	}
	for _, g := range c.signatures {
		v.Signatures = append(v.Signatures, s.view(g))
		v.Collateral = min(v.Collateral+g.Proof.Bound, 1)
		v.Tool = s.toolOf(g)
	}
	return v
}

// toolOf describes the attacker's program: what a signature says of the client.
func (s *Swarm) toolOf(g *signature) string {
	var list []Literal
	for _, l := range g.Literals {
		if attributes[l.Attribute].class == software {
			list = append(list, l)
		}
	}
	return s.sentence(list)
}

func (s *Swarm) scopeName(c *scope) string {
	switch c.kind {
	case ofTemplate:
		return "requests to " + s.words.find(Template, c.template)
	case ofTemplateFailures:
		return "refusals at " + s.words.find(Template, c.template)
	case ofFailures:
		return "refusals everywhere"
	case ofOdd:
		return "requests of software hardly seen before"
	case ofOddFailures:
		return "refusals of software hardly seen before"
	case ofSeeds:
		return "requests of clients condemned by themselves"
	}
	return "all requests"
}

// Event is something that happened to a campaign.
type Event struct {
	Time      time.Time  `json:"time"`
	Kind      string     `json:"kind"` // "opened", "signature", "mutation", "returned", "retired", "closed"
	Campaign  Campaign   `json:"campaign"`
	Signature *Signature `json:"signature,omitempty"` // the one it is about
}

func (s *Swarm) report(now int64, kind string, c *campaign, g *signature) {
	if c == nil {
		return
	}
	e := Event{Time: time.UnixMilli(now).UTC(), Kind: kind, Campaign: s.show(c)}
	e.Campaign.Signatures = nil
	if g != nil {
		v := s.view(g)
		e.Signature = &v
	}
	s.events = append(s.events, e)
}

// Campaigns returns the latest campaigns, newest first, at most limit.
func (s *Swarm) Campaigns(limit int) []Campaign {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Campaign
	for i := len(s.campaigns) - 1; i >= 0 && len(out) < limit; i-- {
		out = append(out, s.show(s.campaigns[i]))
	}
	return out
}

// Members returns the addresses of a campaign that are listed, in order.
func (s *Swarm) Members(name string) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.campaignNamed(name)
	if c == nil {
		return nil
	}
	out := make([]netip.Addr, 0, len(c.members))
	for a := range c.members {
		out = append(out, a)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// Signatures returns all signatures, newest first.
func (s *Swarm) Signatures() []Signature {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Signature, 0, len(s.list))
	for i := len(s.list) - 1; i >= 0; i-- {
		out = append(out, s.view(s.list[i]))
	}
	return out
}

// Signature returns the signature with this name.
func (s *Swarm) Signature(name string) (Signature, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.named(name); g != nil {
		return s.view(g), true
	}
	return Signature{}, false
}

func (s *Swarm) named(name string) *signature {
	for _, g := range s.list {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Certainty says how much is known of good traffic.
type Certainty struct {
	Rows    int     `json:"rows"`     // in the sample
	HeldOut int     `json:"held_out"` // of them, what proofs are made on
	Bound   float64 `json:"bound"`    // the least share of good traffic that a proof can promise not to exceed
	Enough  bool    `json:"enough"`   // to block by a signature anywhere
	Young   bool    `json:"young"`    // less than a day
	Waiting int     `json:"waiting"`
}

// Certainty returns how far proofs can reach by now.
func (s *Swarm) Certainty() Certainty {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(split(s.base.uniform.rows, false))
	bound := UpperBound(0, n, errorBudget/2)
	return Certainty{len(s.base.uniform.rows), n, bound, bound <= alphaGlobal, s.base.young(s.ticked), s.base.waiting.n}
}

// Stats returns counters.
func (s *Swarm) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Signatures, out.Campaigns, out.GoodRows, out.Waiting, out.Members = len(s.list), len(s.campaigns), len(s.base.uniform.rows), s.base.waiting.n, s.members
	for _, g := range s.list {
		if g.State.watched() {
			out.Active++
		}
	}
	for _, c := range s.campaigns {
		if c.closed == 0 {
			out.Open++
		}
	}
	return out
}
