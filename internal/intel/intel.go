// Package intel tells what is known of the network behind an address: its AS and
// country from local databases, and whether it is the good bot that it says it
// is. It is an edge: it reads files and asks the name service, never on a
// request's path, and decides nothing.
//
// A Locator is safe for concurrent use. Run must be running for bots to be
// verified by name service.
package intel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Bot is a good bot and how it proves itself: by an address in its published
// ranges, or by a name in its domains that points back to the address
// (forward-confirmed reverse DNS).
type Bot struct {
	Name    string
	Agent   string // part of its User-Agent, any letter case
	Domains []string
	Ranges  []netip.Prefix
}

// Resolver is what is needed of the name service; *net.Resolver has it.
type Resolver interface {
	LookupAddr(ctx context.Context, address string) ([]string, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options make a Locator. Databases are MaxMind-format files; both are optional.
type Options struct {
	ASN, Country string
	Bots         []Bot
	Resolver     Resolver // nil: the system's
	Now          func() time.Time
	Log          *slog.Logger
}

// Locator answers for addresses.
type Locator struct {
	options      Options
	asn, country atomic.Pointer[maxminddb.Reader] // nil for none
	bots         []bot
	first        [256]bool  // bytes that a bot's name may begin with
	mu           sync.Mutex // guards cache
	cache        map[claim]verdict
	queue        chan claim
}

type bot struct {
	Bot
	ranges *addr.Set
}

// claim is an address that says it is a bot (by its place in bots).
type claim struct {
	address netip.Addr
	bot     int
}

// verdict is what the name service said of a claim.
type verdict struct {
	state state
	until time.Time
}

type state uint8

const (
	pending state = iota
	verified
	impostor
	unknown // the name service did not answer
)

const (
	maxCache = 100_000
	maxQueue = 256
	trust    = 24 * time.Hour   // how long a verified bot stays so
	distrust = time.Hour        // and an impostor: addresses change hands
	retry    = 10 * time.Minute // after no answer
	patience = 5 * time.Second  // with the name service
)

// New opens the databases.
func New(o Options) (*Locator, error) {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	l := &Locator{options: o, cache: map[claim]verdict{}, queue: make(chan claim, maxQueue)}
	if err := l.Open(o.ASN, o.Country); err != nil {
		return nil, err
	}
	for _, b := range o.Bots {
		if b.Name == "" || b.Agent == "" || len(b.Domains) == 0 && len(b.Ranges) == 0 {
			return nil, fmt.Errorf("reading bot %q: want a name, part of its User-Agent, and domains or ranges", b.Name)
		}
		b.Agent = strings.ToLower(b.Agent)
		l.bots = append(l.bots, bot{b, addr.NewSet(b.Ranges)})
		l.first[b.Agent[0]], l.first[strings.ToUpper(b.Agent)[0]] = true, true
	}
	return l, nil
}

// Open reads the databases, "" for none, and puts them in force together; on an error
// those before stay. They are held in memory, so a file may be replaced, or written over,
// while it is in use.
func (l *Locator) Open(asn, country string) error {
	var readers [2]*maxminddb.Reader
	for i, name := range [2]string{asn, country} {
		if name == "" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("opening address database: %w (want a MaxMind-format .mmdb file)", err)
		}
		if readers[i], err = maxminddb.OpenBytes(b); err != nil {
			return fmt.Errorf("opening address database %q: %w (want a MaxMind-format .mmdb file)", name, err)
		}
	}
	l.asn.Store(readers[0])
	l.country.Store(readers[1])
	return nil
}

// Locate returns what is known of the client at a that calls itself agent. It
// does not wait: a bot that must be looked up is nobody in particular until then.
func (l *Locator) Locate(a netip.Addr, agent string) request.Network {
	n := request.Network{}
	if db := l.asn.Load(); db != nil {
		var rec struct {
			ASN uint32 `maxminddb:"autonomous_system_number"`
		}
		if err := db.Lookup(a).Decode(&rec); err == nil {
			n.ASN = rec.ASN
		}
	}
	if db := l.country.Load(); db != nil {
		var rec struct {
			Country struct {
				Code string `maxminddb:"iso_code"`
			} `maxminddb:"country"`
		}
		if err := db.Lookup(a).Decode(&rec); err == nil {
			n.Country = rec.Country.Code
		}
	}
	l.identify(a, agent, &n)
	return n
}

// claimed returns the place of the bot that agent names, or -1.
func (l *Locator) claimed(agent string) int {
	for i := range len(agent) {
		if !l.first[agent[i]] {
			continue
		}
		for j := range l.bots {
			if name := l.bots[j].Agent; len(agent)-i >= len(name) && strings.EqualFold(agent[i:i+len(name)], name) {
				return j
			}
		}
	}
	return -1
}

// identify finds out whether the client is the bot that agent names.
func (l *Locator) identify(a netip.Addr, agent string, n *request.Network) {
	i := l.claimed(agent)
	if i < 0 {
		return
	}
	b := &l.bots[i]
	switch {
	case b.ranges.Contains(a):
		n.Bot = b.Name
	case len(b.Domains) == 0:
		n.Impostor = b.Name // its ranges are all there is to it
	default:
		switch l.look(claim{a, i}) {
		case verified:
			n.Bot = b.Name
		case impostor:
			n.Impostor = b.Name
		}
	}
}

// look returns what is known of a claim and has it looked up if that is nothing.
func (l *Locator) look(c claim) state {
	now := l.options.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.cache[c]
	if ok && now.Before(v.until) {
		return v.state
	}
	if len(l.cache) >= maxCache { // a flood of claims: begin anew
		clear(l.cache)
	}
	select {
	case l.queue <- c:
		// Until the answer is there what was known holds.
		l.cache[c] = verdict{v.state, now.Add(retry)}
	default: // the queue is full: some later request asks again
	}
	return v.state
}

// Run looks claims up until ctx is done.
func (l *Locator) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-l.queue:
			v := l.verify(ctx, c)
			l.mu.Lock()
			l.cache[c] = v
			l.mu.Unlock()
		}
	}
}

// verify asks for the address's names, and for one in the bot's domains whether
// it points back (Google's and others' published method).
func (l *Locator) verify(ctx context.Context, c claim) verdict {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now := l.options.Now()
	names, err := l.options.Resolver.LookupAddr(ctx, c.address.String())
	if err != nil {
		if notFound(err) {
			return verdict{impostor, now.Add(distrust)}
		}
		return verdict{unknown, now.Add(retry)}
	}
	for _, name := range names {
		if !within(name, l.bots[c.bot].Domains) {
			continue
		}
		back, err := l.options.Resolver.LookupNetIP(ctx, "ip", name)
		if err != nil && !notFound(err) {
			return verdict{unknown, now.Add(retry)}
		}
		for _, a := range back {
			if a.Unmap() == c.address {
				return verdict{verified, now.Add(trust)}
			}
		}
	}
	l.options.Log.Info("a client calls itself a bot that it is not", "client", c.address, "bot", l.bots[c.bot].Name, "names", names)
	return verdict{impostor, now.Add(distrust)}
}

func notFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// within reports whether a name is one of the domains or below one.
func within(name string, domains []string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, d := range domains {
		if name == d || strings.HasSuffix(name, "."+d) {
			return true
		}
	}
	return false
}
