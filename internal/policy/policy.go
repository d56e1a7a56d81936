// Package policy is the operator's intent, compiled: which sites there are and
// how strictly each is kept, who is always let in or kept out, what evidence is
// not to count, and what follows from a client's standing.
//
// A Policy is immutable and safe for concurrent use; a reload compiles a new one
// and swaps a pointer. The package reads no files: lists come in as values.
package policy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Mode says whether verdicts are carried out. The zero value observes.
type Mode uint8

// The modes.
const (
	Observe Mode = iota // judge everything, touch nothing
	Enforce
)

// ParseMode reads "observe" or "enforce".
func ParseMode(s string) (Mode, error) {
	switch s {
	case "observe":
		return Observe, nil
	case "enforce":
		return Enforce, nil
	}
	return Observe, fmt.Errorf("reading mode %q: want observe or enforce", s)
}

// String returns "observe" or "enforce".
func (m Mode) String() string { return [...]string{"observe", "enforce"}[min(m, Enforce)] }

// Options are the settings that Compile turns into a Policy.
type Options struct {
	Sites          []Site
	TrustedProxies []string
	ProtectPrivate bool
	// FingerprintHeader names the field in which a trusted proxy hands on JA4.
	FingerprintHeader string
	// Forwarding changes which fields end here unless a trusted proxy sent them.
	Forwarding  Forwarding
	Thresholds  Thresholds
	Block       Durations
	Allow, Deny []Entry
	Exceptions  []Exception
	Rules       []Rule
	Patches     []Patch
	Decoys      Decoys
	// InspectAnswers has the text of errors searched for signs that an attack got through.
	InspectAnswers bool
	Interrogation  Interrogation
	Rates          []Rate
	Load           Load
	// BotKeys are the keys by which bots sign their requests, by their ids.
	BotKeys map[string]BotKey
	// Reputations are lists of addresses that something is known against.
	Reputations []Reputation
	// BodyInspect is how many decoded bytes of a body are judged.
	BodyInspect int
	// BodyFollow is how many bytes behind these are judged as they pass on.
	BodyFollow int64
}

// BotKey is a bot's public key.
type BotKey struct {
	Name string
	Key  ed25519.PublicKey
}

// Reputation is a list of addresses, and how strong being on it is as evidence.
type Reputation struct {
	Name     string
	Band     signal.Band
	Prefixes *addr.Set
}

// Thresholds are the risks, 0 to 100, from which each stage holds.
type Thresholds struct{ Watch, Interrogate, Tarpit, Block float64 }

// Durations are those of repeated blocks.
type Durations struct {
	First time.Duration
	Grow  float64
	Max   time.Duration
}

// Interrogation says what suspects are asked. Its zero value asks nothing: who
// would be asked is told to wait.
type Interrogation struct {
	Enabled bool
	// Pass is how long a pass is good at most, Answer how long a challenge may be
	// answered, Wait how long who runs no script waits.
	Pass, Answer, Wait time.Duration
	// Difficulty is in leading zero bits, at the interrogate threshold.
	Difficulty int
	// Page has browser windows shown a page; Cookies has watched clients handed one.
	Page, Cookies bool
	// Epoch revokes all passes when it changes.
	Epoch uint16
}

// Site is one protected API.
type Site struct {
	Hosts []string // "api.example.com", "*.example.com", "*"
	Mode  Mode
	// Validate says what a departure from the site's OpenAPI document does:
	// Observe makes it evidence, Enforce refuses the request.
	Validate Mode
	// Learned says the same of a departure from what was learned of the API, once
	// the model is certain of the endpoint.
	Learned Mode
	// Oversize refuses bodies that are longer than what is inspected.
	Oversize bool
	// Unread refuses bodies whose coding or charset is not read.
	Unread bool
	// Shadow is how long a new botnet signature only counts before it acts.
	Shadow time.Duration
	// Script offers the script that answers what pages' own fetches are asked.
	Script bool
	// Title is what the page calls the site; "": its host. Contact is whom it names, an
	// address of mail or a URL; "": nobody.
	Title, Contact string
	Routes         []Route
}

// Name returns the site's first host.
func (s *Site) Name() string {
	if len(s.Hosts) == 0 {
		return ""
	}
	return s.Hosts[0]
}

// Route is a hint about some endpoints. The first match wins.
type Route struct {
	Match      string // "POST /api/login", "/api/**", "* /users/{id}"
	Tags       []string
	Mode       *Mode // nil: the site's
	Validate   *Mode // nil: the site's
	Learned    *Mode // nil: the site's
	Oversize   *bool // nil: the site's
	Unread     *bool // nil: the site's
	FailClosed bool  // refuse on an engine fault
	Failed     *Failed

	pattern pattern
	tags    request.Tags
}

// Entry is one line of an allow or deny list; one of Prefix, Credential, Bot and
// Prefixes is set.
type Entry struct {
	Prefix     string
	Credential string // as sent, or "sha256:" and the hex digest of it
	Bot        string // name of a verified bot
	File       string // where Prefixes come from, for messages
	Prefixes   []netip.Prefix
	Until      time.Time // zero: for ever
	Note       string
}

// Exception says what evidence does not count. Empty fields match everything;
// at least one of Endpoint, Field and Kind must be set.
type Exception struct {
	Who      string // prefix or credential; empty: everybody
	Endpoint string // as Route.Match
	Field    string // where the evidence stands: "body:comment", "query:q"
	Kind     string // name of a signal kind
	Until    time.Time
	Reason   string

	pattern pattern
	kind    signal.Kind
	prefix  netip.Prefix
	digest  [sha256.Size]byte
}

// Problem is one fault in Options.
type Problem struct {
	Path string // "sites[0].routes[2].match"
	Err  error
}

func (p Problem) Error() string { return p.Path + ": " + p.Err.Error() }
func (p Problem) Unwrap() error { return p.Err }

// Policy is compiled intent.
type Policy struct {
	options    Options
	hosts      hosts
	resolver   addr.Resolver
	trusted    *addr.Set
	allow      list
	deny       list
	exceptions []Exception
	rules      []Rule // over requests
	after      []Rule // over outcomes
	patches    []Patch
	ends       []End
	decoys     decoys
	forwarding forwarding
	rates      []Rate
}

// Compile checks o and returns the policy, or all faults found.
func Compile(o Options) (*Policy, []Problem) {
	var c compiler
	p := &Policy{options: o}
	c.thresholds(o.Thresholds)
	c.durations(o.Block)
	c.interrogation(o.Interrogation)
	if o.BodyInspect < 0 {
		c.fail("limits.body_inspect", errors.New("must not be negative"))
	}
	var trusted []netip.Prefix
	for i, s := range o.TrustedProxies {
		trusted = c.prefix(fmt.Sprintf("trusted_proxies[%d]", i), s, trusted)
	}
	p.trusted = addr.NewSet(trusted)
	p.resolver = addr.NewResolver(p.trusted)
	p.hosts = c.sites(p.options.Sites)
	p.allow, p.deny = c.list("allow", o.Allow), c.list("deny", o.Deny)
	p.exceptions = c.exceptions(o.Exceptions)
	p.rules, p.after = c.rules(o.Rules)
	p.patches, p.decoys, p.ends = c.patches(o.Patches), c.decoys(o.Decoys), endsOf(o.Rules, o.Patches)
	var bad []Problem
	p.forwarding, bad = compileForwarding(o.Forwarding, o.FingerprintHeader)
	c.problems = append(c.problems, bad...)
	p.rates = c.rates(p, o.Rates)
	c.load(o.Load)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

// Resolver returns how client addresses are found.
func (p *Policy) Resolver() addr.Resolver { return p.resolver }

// Trusted reports whether a is a trusted proxy.
func (p *Policy) Trusted(a netip.Addr) bool { return p.trusted.Contains(a) }

// Options returns what the policy was compiled from. It must not be changed.
func (p *Policy) Options() *Options { return &p.options }

// Rates returns the compiled rates. They must not be changed.
func (p *Policy) Rates() []Rate { return p.rates }

// Site returns the site for a Host value, or nil if there is none and no default.
func (p *Policy) Site(host string) *Site { return p.hosts.find(host) }

// SiteIndex returns which of Options.Sites serves host, or -1.
func (p *Policy) SiteIndex(host string) int { return p.hosts.index(host) }

// Route returns the first route of s that matches method and path, or nil.
func (s *Site) Route(method string, segments []request.Param) *Route {
	for i := range s.Routes {
		if s.Routes[i].pattern.match(method, segments) {
			return &s.Routes[i]
		}
	}
	return nil
}

// TagSet returns the route's tags; none for a nil route.
func (r *Route) TagSet() request.Tags {
	if r == nil {
		return 0
	}
	return r.tags
}

// ModeOf returns the mode that holds for a route of s, which may be nil.
func (s *Site) ModeOf(r *Route) Mode {
	if r != nil && r.Mode != nil {
		return *r.Mode
	}
	return s.Mode
}

// Enforces reports whether anything of s is enforced.
func (s *Site) Enforces() bool {
	return s.Mode == Enforce || slices.ContainsFunc(s.Routes, func(r Route) bool { return r.Mode != nil && *r.Mode == Enforce })
}

// ValidateOf returns what departures from the document do on a route of s, which
// may be nil.
func (s *Site) ValidateOf(r *Route) Mode {
	if r != nil && r.Validate != nil {
		return *r.Validate
	}
	return s.Validate
}

// LearnedOf returns what departures from the learned model do on a route of s,
// which may be nil.
func (s *Site) LearnedOf(r *Route) Mode {
	if r != nil && r.Learned != nil {
		return *r.Learned
	}
	return s.Learned
}

// OversizeOf reports whether a route of s, which may be nil, refuses bodies that
// are longer than what is inspected.
func (s *Site) OversizeOf(r *Route) bool {
	if r != nil && r.Oversize != nil {
		return *r.Oversize
	}
	return s.Oversize
}

// UnreadOf reports whether a route of s, which may be nil, refuses bodies whose
// coding or charset is not read.
func (s *Site) UnreadOf(r *Route) bool {
	if r != nil && r.Unread != nil {
		return *r.Unread
	}
	return s.Unread
}

// hosts finds a site by name: exact, then the longest wildcard, then "*".
type hosts struct {
	sites []Site
	exact map[string]int
	wild  map[string]int // ".example.com"
	rest  int            // the default site, or -1
}

func (h *hosts) find(host string) *Site {
	if i := h.index(host); i >= 0 {
		return &h.sites[i]
	}
	return nil
}

func (h *hosts) index(host string) int {
	if len(h.exact) == 0 && len(h.wild) == 0 {
		return h.rest
	}
	name := hostname(host)
	if i, ok := h.exact[name]; ok {
		return i
	}
	for rest := name; len(h.wild) > 0; {
		dot := strings.IndexByte(rest, '.')
		if dot < 0 {
			break
		}
		if i, ok := h.wild[rest[dot:]]; ok {
			return i
		}
		rest = rest[dot+1:]
	}
	return h.rest
}

// hostname lower-cases a Host value and cuts port and final dot.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
