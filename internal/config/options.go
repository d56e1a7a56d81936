package config

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"bartizan/internal/addr"
	"bartizan/internal/apimap"
	"bartizan/internal/policy"
	"bartizan/internal/signal"

	"github.com/goccy/go-yaml"
)

// check returns all faults that the file's own types do not rule out.
func (f *File) check() []Fault {
	var c checker
	c.listeners(f.Listen)
	for i, s := range f.Sites {
		path := fmt.Sprintf("sites[%d]", i)
		c.mode(path+".mode", s.Mode)
		c.bait(path+".bait", s.Bait)
		if len(s.Upstreams) == 0 {
			c.fail(path+".upstreams", errors.New("want at least one, such as http://127.0.0.1:9000"))
		}
		c.health(path+".health", s.Health)
		c.behind(path+".tls", s)
		if s.Timeouts.Response < 0 {
			c.fail(path+".timeouts.response", errors.New("want a time, such as 5m"))
		}
		c.validate(path+".validate", s.Validate)
		if s.Validate != "" && s.OpenAPI == "" {
			c.fail(path+".validate", errors.New("has no meaning without openapi"))
		}
		c.strict(path, s.Learned, s.Oversize, s.Unread)
		c.named(path, s)
		for j, r := range s.Routes {
			at := fmt.Sprintf("%s.routes[%d]", path, j)
			c.mode(at+".mode", r.Mode)
			c.validate(at+".validate", r.Validate)
			c.strict(at, r.Learned, r.Oversize, r.Unread)
			if r.Fail != "" && r.Fail != "open" && r.Fail != "closed" {
				c.fail(at+".fail", fmt.Errorf("is %q: want open or closed", r.Fail))
			}
		}
	}
	c.signatures(f)
	c.address("admin.address", f.Admin.Address)
	c.limits(f)
	if f.Data == "" {
		c.fail("data", errors.New("want a folder for state"))
	}
	return c.faults
}

type checker struct{ faults []Fault }

func (c *checker) fail(path string, err error) {
	c.faults = append(c.faults, Fault{Path: path, Err: err})
}

// baitNames is what may stand in an attribute of HTML as it is.
var baitNames = regexp.MustCompile(`^[A-Za-z0-9/_.-]*$`)

func (c *checker) bait(path string, b Bait) {
	switch {
	case b == Bait{}:
	case b.Link == "" || b.Field == "":
		c.fail(path, errors.New("want both link and field"))
	case !strings.HasPrefix(b.Link, "/") || !baitNames.MatchString(b.Link):
		c.fail(path+".link", fmt.Errorf("is %q: want a path of letters, digits and _ . - only", b.Link))
	case !baitNames.MatchString(b.Field) || strings.Contains(b.Field, "/"):
		c.fail(path+".field", fmt.Errorf("is %q: want a name of letters, digits and _ . - only", b.Field))
	}
}

func (c *checker) mode(path, mode string) {
	if mode == "" {
		return
	}
	if _, err := policy.ParseMode(mode); err != nil {
		c.fail(path, err)
	}
}

func (c *checker) health(path string, h Health) {
	if h.Path != "" && !strings.HasPrefix(h.Path, "/") {
		c.fail(path+".path", fmt.Errorf("is %q: want a path such as /healthz", h.Path))
	}
	if h.Every != 0 && (h.Path == "" || time.Duration(h.Every) < time.Second) {
		c.fail(path+".every", errors.New("want at least 1s, and a path"))
	}
}

func (c *checker) behind(path string, s Site) {
	if s.TLS != (Behind{}) && !slices.ContainsFunc(s.Upstreams,
		func(u string) bool { return strings.HasPrefix(u, "https://") }) {
		c.fail(path, errors.New("has no meaning without an https:// upstream"))
	}
	if _, err := s.TLS.Roots(); err != nil {
		c.fail(path+".ca", err)
	}
}

// Roots reads the certificates that an upstream's must be signed by; nil: the
// system's.
func (b Behind) Roots() (*x509.CertPool, error) {
	if b.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(b.CA)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading certificates: %q holds none in PEM form", b.CA)
	}
	return pool, nil
}

func (c *checker) validate(path, s string) {
	if s != "" && s != "evidence" && s != "enforce" {
		c.fail(path, fmt.Errorf("is %q: want evidence or enforce", s))
	}
}

func (c *checker) strict(path, learned, oversize, unread string) {
	c.validate(path+".learned", learned)
	if oversize != "" && oversize != "pass" && oversize != "refuse" {
		c.fail(path+".oversize", fmt.Errorf("is %q: want pass or refuse", oversize))
	}
	if unread != "" && unread != "pass" && unread != "refuse" {
		c.fail(path+".unread", fmt.Errorf("is %q: want pass or refuse", unread))
	}
}

// named checks what visitors are told of a site: its name, and whom to ask.
func (c *checker) named(path string, s Site) {
	if len(s.Name) > longestName || strings.ContainsFunc(s.Name, unicode.IsControl) {
		c.fail(path+".name", fmt.Errorf("want one line of at most %d bytes", longestName))
	}
	if s.Contact == "" {
		return
	}
	u, err := url.Parse(s.Contact)
	web := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	a, err := mail.ParseAddress(s.Contact)
	if !web && (err != nil || a.Address != s.Contact) || len(s.Contact) > longestContact {
		c.fail(path+".contact", fmt.Errorf("is %q: want an address of mail, such as help@example.com, or a URL", s.Contact))
	}
}

// Bytes of what stands on a page for visitors.
const longestName, longestContact = 100, 200

func (c *checker) address(path, address string) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		c.fail(path, fmt.Errorf("is %q: want host:port, such as 127.0.0.1:8080 or :8080", address))
	}
}

func (c *checker) listeners(list []Listen) {
	if len(list) == 0 {
		c.fail("listen", errors.New("want at least one listener"))
	}
	for i, l := range list {
		path := fmt.Sprintf("listen[%d]", i)
		c.address(path+".address", l.Address)
		switch t := l.TLS; {
		case t == nil:
		case t.ACME != nil:
			c.fail(path+".tls.acme", errors.New("ACME is not built yet: use cert and key, or self_signed"))
		case t.SelfSigned == (t.Cert != "" || t.Key != ""):
			c.fail(path+".tls", errors.New("want either cert and key, or self_signed: true"))
		case !t.SelfSigned && (t.Cert == "" || t.Key == ""):
			c.fail(path+".tls", errors.New("want both cert and key"))
		}
	}
}

// maxHead bounds what a head may be allowed to be. All of it is judged.
const maxHead = 256 << 10

func (c *checker) limits(f *File) {
	for _, l := range []struct {
		path string
		v    int64
		low  int64
	}{
		{"limits.memory", int64(f.Limits.Memory), 16 << 20}, {"limits.connections", int64(f.Limits.Connections), 1},
		{"limits.connections_per_client", int64(f.Limits.ConnectionsPerClient), 1}, {"learning.minimum_requests", int64(f.Learning.MinimumRequests), 0},
		{"learning.enforce_after", int64(f.Learning.EnforceAfter), 1},
		{"learning.enforce_networks", int64(f.Learning.EnforceNetworks), 1},
		{"timeouts.handshake", int64(f.Timeouts.Handshake), 1}, {"timeouts.header", int64(f.Timeouts.Header), 1}, {"timeouts.idle", int64(f.Timeouts.Idle), 1},
		{"timeouts.connect", int64(f.Timeouts.Connect), 1}, {"timeouts.response", int64(f.Timeouts.Response), 1}, {"timeouts.drain", int64(f.Timeouts.Drain), 0},
		{"tarpit.connections", int64(f.Tarpit.Connections), 0}, {"tarpit.time", int64(f.Tarpit.Time), int64(10 * time.Second)},
		{"limits.requests", int64(f.Limits.Requests), 0}, {"limits.head", int64(f.Limits.Head), 1 << 10},
		{"limits.fields", int64(f.Limits.Fields), 16},
		{"limits.target", int64(f.Limits.Target), 256}, {"timeouts.linger", int64(f.Timeouts.Linger), 0},
		{"timeouts.upstream_idle", int64(f.Timeouts.UpstreamIdle), 1},
		{"events.rate", int64(f.Events.Rate), 0}, {"access.rate", int64(f.Access.Rate), 0},
		{"timeouts.body", int64(f.Timeouts.Body), 1}, {"timeouts.body_rate", int64(f.Timeouts.BodyRate), 1},
	} {
		if l.v < l.low {
			c.fail(l.path, fmt.Errorf("is too small: want at least %d", l.low))
		}
	}
	if n := f.Limits.Head; n > maxHead {
		c.fail("limits.head", fmt.Errorf("is %s: want at most %s", n, Size(maxHead)))
	}
	if f.Limits.Target > f.Limits.Head {
		c.fail("limits.target",
			fmt.Errorf("is %s: more than limits.head (%s), which holds the target too", f.Limits.Target, f.Limits.Head))
	}
	if n := f.Learning.EnforceNetworks; n > apimap.MostSources {
		c.fail("learning.enforce_networks", fmt.Errorf("is %d: at most %d are told apart", n, apimap.MostSources))
	}
	if n := f.Limits.BodyInspect; n > 64<<10 {
		c.fail("limits.body_inspect", fmt.Errorf("is %s: at most 64KiB are inspected", n))
	}
}

// Policy compiles the operator's intent. Files of lists are read here. With faults there
// is no policy.
func (f *File) Policy() (*policy.Policy, []Fault) {
	o := policy.Options{
		TrustedProxies: f.TrustedProxies, ProtectPrivate: f.ProtectPrivate, FingerprintHeader: f.FingerprintHeader,
		Forwarding: policy.Forwarding(f.ForwardingHeaders), InspectAnswers: f.InspectAnswers,
		Thresholds: policy.Thresholds(f.Thresholds),
		Block:      policy.Durations{First: time.Duration(f.Block.First), Grow: f.Block.Grow, Max: time.Duration(f.Block.Max)},
		Interrogation: policy.Interrogation{
			Enabled: f.Interrogation.Enabled, Pass: time.Duration(f.Interrogation.Pass), Answer: time.Duration(f.Interrogation.Answer),
			Wait: time.Duration(f.Interrogation.Wait), Difficulty: f.Interrogation.Difficulty, Page: f.Interrogation.Page,
			Cookies: f.Interrogation.Cookies, Epoch: f.Interrogation.Epoch,
		},
		BodyInspect: int(f.Limits.BodyInspect), BodyFollow: int64(f.Limits.BodyFollow), Load: f.Load.policy(),
	}
	var faults []Fault
	o.Rates, faults = rates(f.Limits.Rates, faults)
	for _, s := range f.Sites {
		o.Sites = append(o.Sites, siteOf(s))
	}
	listed, bad := f.reputations()
	o.Reputations, faults = listed, append(faults, bad...)
	o.BotKeys, faults = f.botKeys(faults)
	o.Allow, faults = entries("allow", f.Allow, faults)
	o.Deny, faults = entries("deny", f.Deny, faults)
	for _, e := range f.Exceptions {
		o.Exceptions = append(o.Exceptions, policy.Exception{Who: e.Who, Endpoint: e.Endpoint, Field: e.Field, Kind: e.Kind, Until: deref(e.Until), Reason: e.Reason})
	}
	for _, r := range f.Rules {
		o.Rules = append(o.Rules, policy.Rule{Name: r.Name, When: r.When, Action: r.Action, DryRun: r.DryRun, Evidence: r.Evidence, For: time.Duration(r.For), Until: deref(r.Until), Author: r.Author, Reason: r.Reason})
	}
	for _, x := range f.Patches {
		o.Patches = append(o.Patches, policy.Patch{Name: x.Name, Endpoint: x.Endpoint, Field: x.Field, Allow: policy.Allowance(x.Allow), Until: deref(x.Until), DryRun: x.DryRun, Reason: x.Reason})
	}
	o.Decoys = policy.Decoys{Paths: f.Decoys.Paths, Credentials: f.Decoys.Credentials}
	for _, s := range f.Sites {
		if s.Bait.Link != "" {
			o.Decoys.Paths = append(o.Decoys.Paths, s.Bait.Link)
		}
		if s.Bait.Field != "" {
			o.Decoys.Fields = append(o.Decoys.Fields, s.Bait.Field)
		}
	}
	p, problems := policy.Compile(o)
	for _, problem := range problems {
		faults = append(faults, Fault{Path: problem.Path, Err: problem.Err})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

// Load reads the file name (none: the defaults) and compiles its policy. All faults that
// there are come at once, each with its line. Paths in the file are relative to its
// folder. flags, if not nil, may override the file before anything is checked; further
// looks at what Load does not read: the files that it only names.
func Load(name string, flags func(*File), further ...func(File) []Fault) (File, *policy.Policy, error) {
	f, src := Default(), source{file: "flags"}
	var faults []Fault
	if name != "" {
		raw, err := os.ReadFile(name)
		if err != nil {
			return f, nil, fmt.Errorf("reading configuration: %w", err)
		}
		if f, src, faults, err = parse(name, raw); err != nil {
			return f, nil, err
		}
		f.resolve(filepath.Dir(name))
	}
	if flags != nil {
		flags(&f)
	}
	faults = append(faults, f.check()...)
	p, more := f.Policy()
	faults = append(faults, more...)
	faults = distinct(faults)
	for _, look := range further { // a file may have many faults of its own
		faults = append(faults, others(look(f), faults)...)
	}
	if len(faults) > 0 {
		return f, nil, src.located(faults)
	}
	return f, p, nil
}

// distinct keeps the first of the faults at each place: a value that is wrong by itself
// is wrong again where it is used.
func distinct(faults []Fault) []Fault {
	seen := make(map[string]bool, len(faults))
	return slices.DeleteFunc(faults, func(f Fault) bool {
		again := f.Path != "" && seen[f.Path]
		seen[f.Path] = true
		return again
	})
}

// others returns those of faults that are at other places than known ones.
func others(faults, known []Fault) []Fault {
	return slices.DeleteFunc(faults, func(f Fault) bool {
		return slices.ContainsFunc(known, func(k Fault) bool { return k.Path == f.Path })
	})
}

func siteOf(s Site) policy.Site {
	out := policy.Site{Hosts: s.Hosts, Shadow: time.Duration(s.Shadow), Script: s.Script, Title: s.Name, Contact: s.Contact}
	out.Mode, _ = policy.ParseMode(cmp.Or(s.Mode, "observe")) // check has refused others
	out.Validate, out.Learned, out.Oversize = validating(s.Validate), validating(s.Learned), s.Oversize == "refuse"
	out.Unread = s.Unread == "refuse"
	for _, r := range s.Routes {
		route := policy.Route{Match: r.Match, Tags: r.Tags, FailClosed: r.Fail == "closed"}
		if f := r.Failed; f != nil {
			route.Failed = &policy.Failed{Status: f.Status, Location: f.Location, Body: f.Body}
		}
		if r.Mode != "" {
			m, _ := policy.ParseMode(r.Mode) // check has refused others
			route.Mode = &m
		}
		if r.Validate != "" {
			v := validating(r.Validate)
			route.Validate = &v
		}
		if r.Learned != "" {
			v := validating(r.Learned)
			route.Learned = &v
		}
		if r.Oversize != "" {
			refuse := r.Oversize == "refuse"
			route.Oversize = &refuse
		}
		if r.Unread != "" {
			refuse := r.Unread == "refuse"
			route.Unread = &refuse
		}
		out.Routes = append(out.Routes, route)
	}
	return out
}

func (c Concurrency) policy() policy.Load {
	return policy.Load{Adaptive: c.Adaptive, Minimum: c.Minimum, Maximum: c.Maximum, Tolerance: c.Tolerance, Slow: time.Duration(c.Slow)}
}

func rates(list []Rate, faults []Fault) ([]policy.Rate, []Fault) {
	var out []policy.Rate
	for i, l := range list {
		path := fmt.Sprintf("limits.rates[%d]", i)
		r := policy.Rate{Match: l.Match, Tag: l.Tag, Site: l.Site, Burst: l.Burst}
		var err error
		var often, dear time.Duration
		if r.Per, err = policy.ParsePer(l.Per); err != nil {
			faults = append(faults, Fault{Path: path + ".per", Err: err})
		}
		if r.Requests, often, err = l.Rate.count(); err != nil {
			faults = append(faults, Fault{Path: path + ".rate", Err: err})
		}
		if r.Cost, dear, err = l.Cost.duration(); err != nil {
			faults = append(faults, Fault{Path: path + ".cost", Err: err})
		}
		r.Every = max(often, dear)
		out = append(out, r)
	}
	return out, faults
}

func validating(s string) policy.Mode {
	if s == "enforce" {
		return policy.Enforce
	}
	return policy.Observe
}

func entries(name string, list []Entry, faults []Fault) ([]policy.Entry, []Fault) {
	var out []policy.Entry
	for i, e := range list {
		p := policy.Entry{Prefix: e.Prefix, Credential: e.Credential, Bot: e.Bot, File: e.File, Until: deref(e.Until), Note: e.Note}
		if e.File != "" {
			var err error
			if p.Prefixes, err = readPrefixes(e.File); err != nil {
				faults = append(faults, Fault{Path: fmt.Sprintf("%s[%d].file", name, i), Err: err})
			}
		}
		out = append(out, p)
	}
	return out, faults
}

// reputations reads the list files with a reputation.
func (f *File) reputations() (out []policy.Reputation, faults []Fault) {
	for i, l := range f.Intel.Lists {
		at := fmt.Sprintf("intel.lists[%d]", i)
		band := signal.Hint
		switch l.Weight {
		case "", "hint":
		case "likely":
			band = signal.Likely
		default:
			faults = append(faults, Fault{Path: at + ".weight", Err: fmt.Errorf("is %q: want hint or likely", l.Weight)})
		}
		if l.Name == "" {
			faults = append(faults, Fault{Path: at + ".name", Err: errors.New("want a name, which stands in events")})
		}
		prefixes, err := readPrefixes(l.File)
		if err != nil {
			faults = append(faults, Fault{Path: at + ".file", Err: err})
		}
		out = append(out, policy.Reputation{Name: l.Name, Band: band, Prefixes: addr.NewSet(prefixes)})
	}
	return out, faults
}

// BotRanges reads the list file of each bot.
func (f *File) BotRanges() ([][]netip.Prefix, error) {
	out := make([][]netip.Prefix, len(f.Intel.Bots))
	for i, b := range f.Intel.Bots {
		if b.Ranges == "" {
			continue
		}
		var err error
		if out[i], err = readPrefixes(b.Ranges); err != nil {
			return nil, fmt.Errorf("intel.bots[%d].ranges: %w", i, err)
		}
	}
	return out, nil
}

// maxPrefixes bounds a list file.
const maxPrefixes = 1_000_000

// readPrefixes reads one prefix a line; "#" begins a comment.
func readPrefixes(name string) ([]netip.Prefix, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading list: %w", err)
	}
	defer f.Close()
	var out []netip.Prefix
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		p, err := addr.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if out = append(out, p); len(out) > maxPrefixes {
			return nil, fmt.Errorf("%s: holds more than %d prefixes", name, maxPrefixes)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading list %q: %w", name, err)
	}
	return out, nil
}

// Effective renders the configuration in force as YAML, with credentials as
// digests.
func (f File) Effective() ([]byte, error) {
	for _, list := range []*[]Entry{&f.Allow, &f.Deny} {
		copied := append([]Entry(nil), *list...)
		for i := range copied {
			copied[i].Credential = digestOf(copied[i].Credential)
		}
		*list = copied
	}
	f.Exceptions = append([]Exception(nil), f.Exceptions...)
	for i, e := range f.Exceptions {
		if _, err := addr.ParsePrefix(e.Who); err != nil {
			f.Exceptions[i].Who = digestOf(e.Who)
		}
	}
	return yaml.Marshal(f)
}

func digestOf(credential string) string {
	if credential == "" || strings.HasPrefix(credential, "sha256:") {
		return credential
	}
	sum := sha256.Sum256([]byte(credential))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func deref(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
