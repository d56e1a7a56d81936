package engine

import (
	"math"
	"slices"
	"strings"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/swarm"
)

// Event is one security event, as it is logged and stored. Secrets are masked.
type Event struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"` // "stage", "rule", "refused", "would-refuse", "noted", "evidence", "lifted" (what was learned is no law there any more), "campaign", "alarm", "overload", "expiry" (a rule or patch ends, or has ended), "fault"
	Request string    `json:"reference"`
	Node    string    `json:"node,omitempty"`
	Policy  uint64    `json:"policy"` // version in force

	Client   string     `json:"client"`
	Country  string     `json:"country,omitempty"` // ISO 3166-1, of intel.country
	ASN      uint32     `json:"asn,omitempty"`     // of intel.asn
	Bot      string     `json:"bot,omitempty"`     // the crawler that the client has been verified to be
	Attacker string     `json:"attacker,omitempty"`
	Scope    string     `json:"scope,omitempty"`   // whose stage: "client", "address", "credential", "network", "elsewhere"
	Network  string     `json:"network,omitempty"` // mostly of suspects, that the client is a newcomer from
	Linked   bool       `json:"linked,omitempty"`  // links to a suspect raised the stage
	From     string     `json:"from,omitempty"`    // stage before, for "stage"
	Stage    string     `json:"stage"`
	Risk     float64    `json:"risk"`
	Until    *time.Time `json:"until,omitempty"`  // end of a block, or of what a rule does
	Intent   string     `json:"intent,omitempty"` // OWASP Automated Threat class
	Phase    string     `json:"phase,omitempty"`

	Site    string   `json:"site,omitempty"`
	Method  string   `json:"method"`
	Host    string   `json:"host,omitempty"`
	Path    string   `json:"path"` // without query
	Status  int      `json:"status,omitempty"`
	Action  string   `json:"action"`
	Would   string   `json:"would"`
	Reason  string   `json:"reason"`
	Waiver  string   `json:"waiver,omitempty"`
	Entry   string   `json:"entry,omitempty"`
	Pass    string   `json:"pass,omitempty"` // what became of the pass or answer that it carried
	Signals []Signal `json:"signals,omitempty"`
	Noted   []string `json:"noted,omitempty"`   // rules and patches that match and only watch
	Imposed string   `json:"imposed,omitempty"` // rule over the outcome that acts on the client from now on, or would if it is dry
	Repeats int      `json:"repeats,omitempty"` // like events not reported since the last
	Cause   string   `json:"cause,omitempty"`   // of an engine fault or an alarm

	Signature string       `json:"signature,omitempty"` // that the request matches, or that the event is about
	Campaign  string       `json:"campaign,omitempty"`
	Botnet    *swarm.Event `json:"botnet,omitempty"` // for "campaign"

	Load *Overload `json:"load,omitempty"` // for "overload"

	// Sentence is the block that the journal must keep; nil if there is none.
	Sentence *attacker.Sentence `json:"-"`
	// Deaf says that the address need not be heard until the sentence is over: it
	// is the peer's own, no good client is behind it, and the block is carried out.
	Deaf bool `json:"-"`
}

// Signal is one piece of evidence, for people and for replay.
type Signal struct {
	Kind   string  `json:"kind"`
	Band   string  `json:"band"`
	Weight float64 `json:"weight"` // nats
	Where  string  `json:"where,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// Signals renders found for people. It copies: r's strings die with the request.
func Signals(found []signal.Signal) []Signal {
	if len(found) == 0 {
		return nil
	}
	out := make([]Signal, len(found))
	for i, s := range found {
		out[i] = Signal{s.Kind.String(), s.Band.String(), round(s.Weight()), clip(s.Where), clip(s.Note)}
	}
	return out
}

func (e *Engine) event(now time.Time, r *request.Request, v Verdict, o request.Outcome, kind string) Event {
	ev := Event{
		Time: now.UTC(), Type: kind, Request: r.ID, Node: e.node, Policy: e.current.Load().version,
		Client: r.Client.Addr.String(), Country: strings.Clone(r.Network.Country), ASN: r.Network.ASN, Bot: r.Network.Bot,
		Attacker: e.attackerName(r), Scope: r.Standing.Acting, Stage: r.Standing.Stage.String(), Risk: round(r.Standing.Risk),
		Intent: r.Standing.Intent, Phase: r.Standing.Phase, Site: r.Site, Method: clip(r.Head.Method), Host: clip(r.Head.Host), Path: clip(r.Path), Status: o.Status,
		Action: v.Action.String(), Would: v.Would.String(), Reason: v.reason(), Waiver: v.Waiver.String(), Entry: v.Entry, Pass: r.Pass.String(),
		Signals: Signals(r.Signals), Cause: v.Cause, Noted: slices.Clone(r.Noted), Imposed: r.Imposed, Signature: r.Match.Signature, Campaign: r.Match.Campaign, Linked: r.Standing.Linked,
	}
	if n := r.Standing.Network; n.IsValid() {
		ev.Network = n.String()
	}
	return ev
}

// reason names what decided: the fault of a malformed message, else the reason.
func (v Verdict) reason() string {
	if v.Fault != request.Fine {
		return v.Fault.String()
	}
	return v.Reason.String()
}

// attackerName is the name of the record whose stage holds, or of the client.
func (e *Engine) attackerName(r *request.Request) string {
	if r.Standing.Attacker != "" {
		return r.Standing.Attacker
	}
	return attacker.Name(r.Standing.Keys[attacker.Client])
}

const maxText = 128 // bytes of a text in an event

// clip returns a short, safe copy: what it came from dies with the request.
func clip(s string) string { return strings.Clone(request.Excerpt(s, maxText)) }

// round keeps one digit after the point: more would be false precision.
func round(x float64) float64 { return math.Round(x*10) / 10 }
