package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Per says whose requests a Rate adds up.
type Per uint8

// What a Rate adds up.
const (
	PerClient   Per = iota // those of an accepted credential, else of an address (/32 or /64)
	PerEndpoint            // those for one endpoint, whoever sends them
	PerSite                // all of a site
)

// ParsePer reads "client", "endpoint" or "site"; empty means client.
func ParsePer(s string) (Per, error) {
	for p, name := range [...]string{"client", "endpoint", "site"} {
		if s == name || s == "" && p == 0 {
			return Per(p), nil
		}
	}
	return PerClient, fmt.Errorf("is %q: want client, endpoint or site", s)
}

// Rate is a limit on how much may be asked for. Match, Tag and Site narrow it;
// empty ones hold for everything.
type Rate struct {
	Match string // as Route.Match
	Tag   string
	Site  string // one of its hosts
	Per   Per
	// Requests in each Every, at most Burst at once (0: Requests); or Cost, time
	// that the upstream takes to answer, in each Every.
	Requests, Burst int64
	Cost            time.Duration
	Every           time.Duration

	pattern pattern
	tag     request.Tags
	site    string // name
}

// Applies reports whether the rate holds for r, whose site and endpoint are known.
func (l *Rate) Applies(r *request.Request) bool {
	return (l.site == "" || l.site == r.Site) && r.Endpoint.Tags.Has(l.tag) && (l.Match == "" || l.pattern.any(r))
}

// String identifies the rate: state is kept under it over reloads.
func (l *Rate) String() string {
	return fmt.Sprint(l.Match, "|", l.Tag, "|", l.site, "|", l.Per, "|", l.Requests, "|", l.Burst, "|", l.Cost, "|", l.Every)
}

// maxRates bounds the limits: each request asks all of them.
const maxRates = 256

// Load says how much may be with a site's upstreams at once. The zero value
// counts and turns nobody away.
type Load struct {
	Adaptive         bool
	Minimum, Maximum int           // concurrency that the limit moves between
	Tolerance        float64       // how many times its usual time an endpoint may take
	Slow             time.Duration // that is never too long
}

func (c *compiler) load(l Load) {
	if !l.Adaptive {
		return
	}
	if l.Minimum < 1 || l.Maximum < l.Minimum || l.Maximum > 1<<20 {
		c.fail("load.maximum", fmt.Errorf("load.minimum is %d and load.maximum %d: want 1 to %d, rising", l.Minimum, l.Maximum, 1<<20))
	}
	if l.Slow < 0 || l.Slow > time.Minute {
		c.fail("load.slow", fmt.Errorf("is %v: want at most 1m", l.Slow))
	}
	if l.Tolerance < 1.2 || l.Tolerance > 100 {
		c.fail("load.tolerance", fmt.Errorf("is %g: want 1.2 to 100", l.Tolerance))
	}
}

func (c *compiler) rates(p *Policy, rates []Rate) []Rate {
	out := append([]Rate(nil), rates...)
	if len(out) > maxRates {
		c.fail("limits.rates", fmt.Errorf("holds %d rates: want at most %d", len(out), maxRates))
	}
	for i := range out {
		c.rate(p, fmt.Sprintf("limits.rates[%d]", i), &out[i])
	}
	return out
}

func (c *compiler) rate(p *Policy, path string, l *Rate) {
	var err error
	if l.Match != "" {
		if l.pattern, err = parsePattern(l.Match); err != nil {
			c.fail(path+".match", err)
		}
	}
	if l.Tag != "" {
		var ok bool
		if l.tag, ok = request.TagNamed(l.Tag); !ok {
			c.fail(path+".tag", fmt.Errorf("unknown tag %q; known are %s", l.Tag, strings.Join(request.TagNames(), ", ")))
		}
	}
	if l.Site != "" {
		if i := p.SiteIndex(l.Site); i < 0 {
			c.fail(path+".site", fmt.Errorf("no site serves %q", l.Site))
		} else {
			l.site = p.options.Sites[i].Name()
		}
	}
	if l.Burst == 0 {
		l.Burst = l.Requests
	}
	if l.Every <= 0 || l.Requests < 0 || l.Burst < 0 || l.Cost < 0 || (l.Requests > 0) == (l.Cost > 0) {
		c.fail(path, errors.New("want either rate, such as 10/s, or cost, such as 2s/1m"))
	}
}

// Waved reports whether a rule of the operator's lets r through whatever else is said.
func (p *Policy) Waved(now time.Time, r *request.Request) bool {
	d := p.ruled(now, r, Decision{Would: signal.Limit})
	return d.Would == signal.Pass && d.Reason == Ruled
}
