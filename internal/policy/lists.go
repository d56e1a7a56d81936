package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"
)

// list is a compiled allow or deny list.
type list struct {
	entries     []entry
	credentials map[[sha256.Size]byte]int // index of the entry
	bots        map[string]int
}

type entry struct {
	set   *addr.Set
	until time.Time
	label string
}

func (e *entry) holds(now time.Time) bool { return e.until.IsZero() || now.Before(e.until) }

// find returns the label of the first entry that matches at now.
func (l *list) find(now time.Time, r *request.Request) (string, bool) {
	for i := range l.entries {
		if e := &l.entries[i]; e.set != nil && e.holds(now) && e.set.Contains(r.Client.Addr) {
			return e.label, true
		}
	}
	if len(l.credentials) > 0 {
		if c := r.Credential(); c != "" {
			if i, ok := l.credentials[sha256.Sum256([]byte(c))]; ok && l.entries[i].holds(now) {
				return l.entries[i].label, true
			}
		}
	}
	if i, ok := l.bots[r.Network.Bot]; ok && r.Network.Bot != "" && l.entries[i].holds(now) {
		return l.entries[i].label, true
	}
	return "", false
}

// credentialDigest reads a credential as sent or as "sha256:HEX".
func credentialDigest(s string) ([sha256.Size]byte, error) {
	digest, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return sha256.Sum256([]byte(s)), nil
	}
	var out [sha256.Size]byte
	if b, err := hex.DecodeString(digest); err != nil || copy(out[:], b) != len(out) || len(b) != len(out) {
		return out, errors.New("reading credential: want sha256: and 64 hex digits")
	}
	return out, nil
}

// compiler collects problems.
type compiler struct{ problems []Problem }

func (c *compiler) fail(path string, err error) {
	c.problems = append(c.problems, Problem{path, err})
}

func (c *compiler) prefix(path, s string, to []netip.Prefix) []netip.Prefix {
	p, err := addr.ParsePrefix(s)
	if err != nil {
		c.fail(path, err)
		return to
	}
	return append(to, p)
}

func (c *compiler) list(name string, entries []Entry) list {
	l := list{credentials: map[[sha256.Size]byte]int{}, bots: map[string]int{}}
	for i, e := range entries {
		path := fmt.Sprintf("%s[%d]", name, i)
		out := entry{until: e.Until, label: path}
		if e.Note != "" {
			out.label += " (" + e.Note + ")"
		}
		set := 0
		for _, given := range []bool{e.Prefix != "", e.Credential != "", e.Bot != "", e.File != ""} {
			if given {
				set++
			}
		}
		switch {
		case set != 1:
			c.fail(path, errors.New("want exactly one of prefix, credential, bot and file"))
		case e.Prefix != "":
			out.set = addr.NewSet(c.prefix(path+".prefix", e.Prefix, nil))
		case e.File != "":
			out.set = addr.NewSet(e.Prefixes)
		case e.Bot != "":
			l.bots[e.Bot] = i
		default:
			digest, err := credentialDigest(e.Credential)
			if err != nil {
				c.fail(path+".credential", err)
			}
			l.credentials[digest] = i
		}
		l.entries = append(l.entries, out)
	}
	return l
}

func (c *compiler) sites(sites []Site) hosts {
	h := hosts{sites: sites, exact: map[string]int{}, wild: map[string]int{}, rest: -1}
	if len(sites) == 0 {
		c.fail("sites", errors.New("want at least one site; give --upstream URL or a sites list"))
	}
	for i := range sites {
		path := fmt.Sprintf("sites[%d]", i)
		if len(sites[i].Hosts) == 0 {
			c.fail(path+".hosts", errors.New(`want at least one host ("*" is the default site)`))
		}
		for j, host := range sites[i].Hosts {
			if err := h.add(host, i); err != nil {
				c.fail(fmt.Sprintf("%s.hosts[%d]", path, j), err)
			}
		}
		c.routes(path, sites[i].Routes)
	}
	return h
}

func (h *hosts) add(host string, site int) error {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	taken := fmt.Errorf("host %q stands in two sites", host)
	switch {
	case name == "*":
		if h.rest >= 0 && h.rest != site {
			return taken
		}
		h.rest = site
	case strings.HasPrefix(name, "*."):
		if old, ok := h.wild[name[1:]]; ok && old != site {
			return taken
		}
		h.wild[name[1:]] = site
	case name == "" || strings.ContainsAny(name, "*/ ") || strings.Contains(name, "://"):
		return fmt.Errorf("host %q: want a name such as api.example.com, *.example.com, or *", host)
	default:
		name = hostname(name)
		if old, ok := h.exact[name]; ok && old != site {
			return taken
		}
		h.exact[name] = site
	}
	return nil
}

func (c *compiler) routes(site string, routes []Route) {
	for i := range routes {
		r, path := &routes[i], fmt.Sprintf("%s.routes[%d]", site, i)
		var err error
		if r.pattern, err = parsePattern(r.Match); err != nil {
			c.fail(path+".match", err)
		}
		r.tags = 0
		for j, name := range r.Tags {
			tag, ok := request.TagNamed(name)
			if !ok {
				c.fail(fmt.Sprintf("%s.tags[%d]", path, j), fmt.Errorf("unknown tag %q; known are %s", name, strings.Join(request.TagNames(), ", ")))
			}
			r.tags |= tag
		}
		c.failed(path+".failed", r)
	}
}

func (c *compiler) thresholds(t Thresholds) {
	last := 0.0
	for _, v := range []struct {
		name string
		risk float64
	}{{"watch", t.Watch}, {"interrogate", t.Interrogate}, {"tarpit", t.Tarpit}, {"block", t.Block}} {
		if v.risk <= last || v.risk >= 100 {
			c.fail("thresholds."+v.name, fmt.Errorf("is %g: want more than the stage before it (%g) and less than 100", v.risk, last))
		}
		last = max(last, v.risk)
	}
}

func (c *compiler) durations(d Durations) {
	if d.First <= 0 {
		c.fail("block.first", fmt.Errorf("is %v: want a duration such as 5m", d.First))
	}
	if d.Grow < 1 {
		c.fail("block.grow", fmt.Errorf("is %g: want a factor of at least 1", d.Grow))
	}
	if d.Max < d.First {
		c.fail("block.max", fmt.Errorf("is %v: want at least block.first (%v)", d.Max, d.First))
	}
}

// The bounds of what suspects may be asked.
const (
	mostBits   = 28
	mostAnswer = 9 * time.Minute
	mostWait   = time.Minute
)

func (c *compiler) interrogation(i Interrogation) {
	if !i.Enabled {
		return
	}
	if i.Difficulty < 1 || i.Difficulty > mostBits {
		c.fail("interrogation.difficulty", fmt.Errorf("is %d: want 1 to %d leading zero bits", i.Difficulty, mostBits))
	}
	for _, d := range []struct {
		name      string
		v         time.Duration
		low, high time.Duration
	}{{"pass", i.Pass, time.Minute, 30 * 24 * time.Hour}, {"answer", i.Answer, 10 * time.Second, mostAnswer}, {"wait", i.Wait, time.Second, mostWait}} {
		if d.v < d.low || d.v > d.high {
			c.fail("interrogation."+d.name, fmt.Errorf("is %v: want %v to %v", d.v, d.low, d.high))
		}
	}
	if i.Wait*4 > i.Answer {
		c.fail("interrogation.wait", fmt.Errorf("is %v: want at most a quarter of interrogation.answer (%v), since it grows with risk", i.Wait, i.Answer))
	}
}
