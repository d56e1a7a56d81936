package engine

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/swarm"
)

// Explanation says what was decided of one request and why.
type Explanation struct {
	Event
	Mode     string `json:"mode"`
	Endpoint string `json:"endpoint"`
	Software string `json:"software"` // family that the User-Agent claims
	JA4      string `json:"ja4,omitempty"`
	H2       string `json:"h2,omitempty"`
	// Records are what is known by now of the client, its address and its
	// credential, as far as there is anything.
	Records []Record `json:"records,omitempty"`
	// Undo says what would undo it, one command or setting a line.
	Undo []string `json:"undo,omitempty"`

	keys [2 * attacker.Scopes]uint64
}

// Record is one attacker record for people.
type Record struct {
	Name    string     `json:"name"`
	Scope   string     `json:"scope"`
	Address string     `json:"address"`
	Stage   string     `json:"stage"`
	Intent  string     `json:"intent"` // OWASP Automated Threat class and name
	Phase   string     `json:"phase"`
	Because string     `json:"because"` // the evidence for intent and phase
	Risk    float64    `json:"risk"`
	Score   float64    `json:"score"` // log odds
	Until   *time.Time `json:"until,omitempty"`
	Blocks  int        `json:"blocks,omitempty"`
	// Rule is the rule over an outcome that acts on it until Ruled; "(dry)" behind it
	// says that it only would.
	Rule  string     `json:"rule,omitempty"`
	Ruled *time.Time `json:"ruled,omitempty"`

	First    time.Time `json:"first"`
	Seen     time.Time `json:"seen"`
	Parts    []Share   `json:"parts,omitempty"`
	Vantages []Share   `json:"vantages,omitempty"`
	Hard     float64   `json:"hard,omitempty"`
	Requests float64   `json:"requests"` // answered, decayed over ten minutes
	Errors   float64   `json:"errors"`
	Failed   float64   `json:"failed_logins,omitempty"`
	Users    float64   `json:"users_tried,omitempty"`
	Missing  float64   `json:"missing_paths,omitempty"`
	Others   float64   `json:"others,omitempty"`
	// Links are what the client has in common with others, itself among them.
	Links []Link `json:"links,omitempty"`
}

// Link is one thing that clients have in common, and why it says that one attacker
// is behind them.
type Link struct {
	What    string    `json:"what"` // "credential", "pass", "signature", "account", "software"
	Weight  float64   `json:"weight"`
	Why     string    `json:"why"`
	Clients []Member  `json:"clients"` // in the order in which they joined
	Count   int       `json:"count"`   // of clients in all
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"`
}

// Member is one client of a link.
type Member struct {
	Name    string    `json:"name"`
	Address string    `json:"address,omitempty"`
	Joined  time.Time `json:"joined"`
}

// Share is one kind's or vantage's part of a risk, in nats.
type Share struct {
	Name string  `json:"name"`
	Band string  `json:"band,omitempty"`
	Mass float64 `json:"mass,omitempty"` // decayed number of events
	Nats float64 `json:"nats"`
	// Requests are the latest that showed it, newest first, as far as the ring
	// of notable requests reaches.
	Requests []string `json:"requests,omitempty"`
}

// Explain returns why the request with this reference id was judged as it was.
// It knows the last few thousand requests that were in any way notable.
func (e *Engine) Explain(now time.Time, id string) (Explanation, bool) {
	x, ok := e.recent.find(id)
	if !ok {
		return x, false
	}
	rules := e.current.Load().rules
	var views []attacker.View
	for _, key := range x.keys {
		if v, ok := e.attackers.Lookup(now, rules, key); ok {
			views = append(views, v)
		}
	}
	x.Records = e.records(now, views)
	if g, ok := e.swarm.Signature(x.Signature); ok {
		x.Botnet = &swarm.Event{Kind: "match", Campaign: swarm.Campaign{Name: x.Campaign}, Signature: &g}
	}
	x.Undo = undo(x)
	return x, true
}

// ExplainAddress returns all records of an address, riskiest first.
func (e *Engine) ExplainAddress(now time.Time, a netip.Addr) []Record {
	return e.records(now, e.attackers.ByAddress(now, e.current.Load().rules, a, 100))
}

// Attackers returns the riskiest records at stage or above, at most limit; after
// them, where there is room, the networks from which newcomers are asked.
func (e *Engine) Attackers(now time.Time, stage signal.Stage, limit int) []Record {
	out := e.records(now, e.attackers.Riskiest(now, e.current.Load().rules, stage, limit))
	if stage > signal.Interrogate {
		return out
	}
	for _, n := range e.attackers.Networks(now) {
		if len(out) == limit {
			break
		}
		out = append(out, Record{
			Name: n.Prefix.String(), Scope: "network", Address: n.Prefix.String(), Stage: signal.Interrogate.String(), Until: &n.Until, First: n.Since, Seen: n.Seen,
			Because: fmt.Sprintf("%.0f of about %.0f active there are suspects: newcomers are asked first", n.Bad, max(n.Active, n.Bad)),
		})
	}
	return out
}

func (e *Engine) records(now time.Time, views []attacker.View) []Record {
	out := make([]Record, len(views))
	for i, v := range views {
		out[i] = e.recordOf(now, v)
	}
	return e.linked(now, out, views)
}

func (e *Engine) recordOf(now time.Time, v attacker.View) Record {
	r := Record{
		Name: v.Name, Scope: v.Scope.String(), Address: v.Address, Stage: v.Stage.String(), Risk: round(v.Sum.Risk), Score: round(v.Sum.Score),
		Blocks: v.Blocks, First: v.First, Seen: v.Seen, Hard: round(v.Sum.Hard), Requests: round(v.Requests), Errors: round(v.Errors),
		Failed: round(v.Failed), Users: round(v.Users), Missing: round(v.Missing), Others: round(v.Others),
	}
	if v.Stage >= signal.Watch {
		r.Intent, r.Phase, r.Because = strings.TrimSpace(v.Intent.Class+" "+v.Intent.Name), v.Intent.Phase, v.Intent.Because
	}
	if !v.Until.IsZero() {
		r.Until = &v.Until
	}
	if name, dry := e.current.Load().policy.ActingRule(now, v.Rule); name != "" {
		if r.Rule, r.Ruled = name, &v.Ruled; dry {
			r.Rule += " (dry)"
		}
	}
	traces := e.recent.trace(v.Key)
	for _, p := range v.Sum.Parts {
		name := p.Kind.String()
		r.Parts = append(r.Parts, Share{name, p.Band.String(), round(p.Mass), round(p.Share), traces[name]})
	}
	for i, nats := range v.Sum.Vantages {
		if nats > 0.05 {
			r.Vantages = append(r.Vantages, Share{Name: signal.Vantage(i).String(), Nats: round(nats)})
		}
	}
	return r
}

func (e *Engine) explanation(now time.Time, r *request.Request, v Verdict, o request.Outcome, version uint64) Explanation {
	x := Explanation{
		Event: e.event(now, r, v, o, "verdict"), Mode: v.Mode.String(), Endpoint: clip(r.Head.Method + " " + r.Endpoint.Template),
		Software: r.Software.Claimed.String(), JA4: strings.Clone(r.Software.JA4), H2: strings.Clone(r.Software.H2),
		keys: e.attackers.Keys(r),
	}
	x.Policy = version
	return x
}

// undo lists what an operator could do, narrowest first.
func undo(x Explanation) []string {
	var out []string
	if x.Reason == policy.Exploit.String() || x.Reason == policy.StageReason.String() {
		for _, s := range x.Signals {
			if s.Kind != "" && s.Where != "" {
				out = append(out, fmt.Sprintf("exceptions: - {endpoint: %q, field: %q, kind: %s, reason: ...}", x.Endpoint, s.Where, s.Kind))
			}
		}
	}
	switch {
	case x.Reason == policy.StageReason.String():
		out = append(x.unblock(out), fmt.Sprintf("allow: - {prefix: %s, note: ...}", x.Client))
	case x.Imposed != "", x.Reason == policy.Ruled.String():
		out = append(x.unblock(out), fmt.Sprintf("rules: - {name: %q, dry_run: true, ...}", cmp.Or(x.Imposed, x.Entry)))
	case x.Reason == policy.Signature.String():
		out = append(out, "bartizan signatures hold "+x.Signature, "bartizan signatures retire "+x.Signature, fmt.Sprintf("allow: - {prefix: %s, note: ...}", x.Client))
	case x.Reason == policy.DenyListed.String():
		out = append(out, "remove "+x.Entry+" from the configuration")
	}
	return out
}

// unblock appends what clears the attacker: its address too, unless it is a
// credential that is known from another one.
func (x Explanation) unblock(out []string) []string {
	out = append(out, "bartizan unblock "+x.Attacker)
	client, err := netip.ParseAddr(x.Client)
	for _, r := range x.Records {
		if at, bad := netip.ParsePrefix(r.Address); r.Name == x.Attacker && err == nil && bad == nil && !at.Contains(client) {
			return out
		}
	}
	return append(out, "bartizan unblock "+x.Client)
}

// ring keeps the last explanations, by id.
type ring struct {
	mu   sync.Mutex
	at   map[string]int
	list []Explanation
	next int
}

func newRing(n int) *ring { return &ring{at: make(map[string]int, n), list: make([]Explanation, n)} }

func (g *ring) add(x Explanation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if old := g.list[g.next].Request; old != "" && g.at[old] == g.next {
		delete(g.at, old)
	}
	g.list[g.next] = x
	g.at[x.Request] = g.next
	g.next = (g.next + 1) % len(g.list)
}

func (g *ring) find(id string) (Explanation, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i, ok := g.at[id]
	if !ok {
		return Explanation{}, false
	}
	return g.list[i], true
}

// maxTrace bounds the requests that are named for one kind of evidence.
const maxTrace = 5

// trace returns, by kind of evidence, the latest requests that put it on the
// record of key. It walks the ring: for people.
func (g *ring) trace(key uint64) map[string][]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string][]string{}
	for i := range g.list {
		x := &g.list[(g.next-1-i+2*len(g.list))%len(g.list)]
		if x.Request == "" || !slices.Contains(x.keys[:], key) {
			continue
		}
		for _, s := range x.Signals {
			if ids := out[s.Kind]; len(ids) < maxTrace && !slices.Contains(ids, x.Request) {
				out[s.Kind] = append(ids, x.Request)
			}
		}
	}
	return out
}
