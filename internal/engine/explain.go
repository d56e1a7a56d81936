package engine

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"bartizan/internal/apimap"
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
	// Departs says how the request departs from the API's document, or from what was
	// learned of it, where that refuses it: the status of the answer, where and what.
	Departs []string `json:"departs,omitempty"`
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
	Intent  string     `json:"intent"` // OWASP Automated Threat class, as rules and events have it
	Named   string     `json:"intent_name,omitempty"`
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
	// Notable is how many of its requests the ring of notable requests holds; Target is what
	// most of them asked for, Software what most of them claimed.
	Notable  int    `json:"notable,omitempty"`
	Target   string `json:"target,omitempty"`
	Software string `json:"software,omitempty"`
	// Also are the other records of the same attacker, by scope and name, where records are
	// listed by attacker.
	Also []string `json:"also,omitempty"`
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

// Attackers returns the riskiest attackers at stage or above, at most limit, one record
// each; after them, where there is room, the networks from which newcomers are asked.
func (e *Engine) Attackers(now time.Time, stage signal.Stage, limit int) []Record {
	out := oneEach(e.records(now, e.attackers.Riskiest(now, e.current.Load().rules, stage, limit)))
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

// oneEach leaves one record of each attacker: that of an address goes into that of its only
// client, and those of several clients go into that of their address, if that has come as
// far. Several clients that have come further than their address stay.
func oneEach(records []Record) []Record {
	clients := map[string][]int{}
	for i := range records {
		if records[i].Scope == attacker.Client.String() {
			clients[records[i].Address] = append(clients[records[i].Address], i)
		}
	}
	gone := make([]bool, len(records))
	join := func(to, from int) {
		a, b := &records[to], &records[from]
		gone[from] = true
		a.Also = append(a.Also, b.Scope+" "+b.Name)
		a.First, a.Blocks = earlier(a.First, b.First), max(a.Blocks, b.Blocks)
		if b.Seen.After(a.Seen) {
			a.Seen = b.Seen
		}
		a.Notable, a.Target, a.Software = max(a.Notable, b.Notable), cmp.Or(a.Target, b.Target), cmp.Or(a.Software, b.Software)
	}
	for i := range records {
		a := &records[i]
		own := clients[a.Address]
		switch {
		case a.Scope != attacker.Address.String():
		case len(own) == 1 && records[own[0]].Risk >= a.Risk:
			join(own[0], i)
		default:
			for _, c := range own {
				if records[c].Risk <= a.Risk {
					join(i, c)
				}
			}
		}
	}
	out := records[:0]
	for i := range records {
		if !gone[i] {
			out = append(out, records[i])
		}
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
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
		r.Intent, r.Named, r.Phase, r.Because = v.Intent.Class, v.Intent.Name, v.Intent.Phase, v.Intent.Because
	}
	if !v.Until.IsZero() {
		r.Until = &v.Until
	}
	if name, dry := e.current.Load().policy.ActingRule(now, v.Rule); name != "" {
		if r.Rule, r.Ruled = name, &v.Ruled; dry {
			r.Rule += " (dry)"
		}
	}
	t := e.recent.trace(v.Key)
	r.Notable, r.Target, r.Software = t.notable, t.target, t.software
	for _, p := range v.Sum.Parts {
		name := p.Kind.String()
		requests := t.requests[name]
		if p.Kind == signal.ExploitRepeated {
			requests = t.payloads // it is no signal of a request's own
		}
		r.Parts = append(r.Parts, Share{name, p.Band.String(), round(p.Mass), round(p.Share), requests})
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
	if v.Reason == policy.Schema {
		x.Departs = departures(v.Schema)
	}
	return x
}

// departures renders f for people, at most eight departures.
func departures(f *apimap.Finding) []string {
	switch {
	case f == nil:
		return nil
	case f.TooLarge:
		return []string{"413: the body is longer than what is inspected"}
	case f.Unread:
		return []string{"415: the body cannot be read"}
	case !f.PathDocumented:
		return []string{"404: no such path"}
	case !f.Documented:
		return []string{"405: not this method, but " + strings.Join(f.Allow, ", ")}
	}
	var out []string
	for _, p := range f.Problems {
		out = append(out, "400: "+clip(p.Where)+": "+clip(p.What))
	}
	return out
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
		if x.Imposed != "" || slices.ContainsFunc(x.Records, func(r Record) bool { return r.Ruled != nil }) {
			out = x.unblock(out) // the rule acts on the client, not on what it asks for
		}
		out = append(out, fmt.Sprintf("rules: - {name: %q, dry_run: true, ...}", cmp.Or(x.Imposed, x.Entry)))
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

// maxTrace bounds the requests that are named for one kind of evidence, maxTargets the
// targets and programs that are told apart.
const maxTrace, maxTargets = 5, 64

// trace is what the ring knows of one record's requests.
type trace struct {
	requests         map[string][]string // the latest, by the kind of evidence that they showed
	payloads         []string            // the latest with a payload that is likely, or more
	notable          int
	target, software string // of most of them
}

// trace walks the ring: for people.
func (g *ring) trace(key uint64) trace {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := trace{requests: map[string][]string{}}
	targets, programs := map[string]int{}, map[string]int{}
	for i := range g.list {
		x := &g.list[(g.next-1-i+2*len(g.list))%len(g.list)]
		if x.Request == "" || !slices.Contains(x.keys[:], key) {
			continue
		}
		t.notable++
		t.target, t.software = most(targets, x.Endpoint, t.target), most(programs, x.Software, t.software)
		for _, s := range x.Signals {
			if ids := t.requests[s.Kind]; len(ids) < maxTrace && !slices.Contains(ids, x.Request) {
				t.requests[s.Kind] = append(ids, x.Request)
			}
			if k, _ := signal.KindNamed(s.Kind); k.Info().Vantage == signal.Payload && s.Band != signal.Hint.String() &&
				len(t.payloads) < maxTrace && !slices.Contains(t.payloads, x.Request) {
				t.payloads = append(t.payloads, x.Request)
			}
		}
	}
	return t
}

// most counts what and returns what has been counted most, before which that was best.
func most(counts map[string]int, what, best string) string {
	if _, ok := counts[what]; !ok && len(counts) == maxTargets {
		return best
	}
	if counts[what]++; counts[what] > counts[best] {
		return what
	}
	return best
}
