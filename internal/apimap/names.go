package apimap

import (
	"math/bits"
	"strings"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// maxNames bounds the names (fields of GraphQL, SOAP actions, XML roots) that a
// profile keeps: 24 bytes each. Once there are more, none is unknown any more.
const maxNames = 1024

// names is which operations an endpoint that takes many is asked for, and how
// costly its queries are.
type names struct {
	seen    map[uint64]*name
	n       float64 // requests that named something
	novel   float64 // names that came up after the first hundred
	omitted bool
	// depth, aliases and batch count queries by their size; sizes above are the last's.
	cost [3][maxCost]float32
}

type name struct{ clients uint64 }

const maxCost = 32

// The dimensions of a query's cost, and from where on each may be odd.
var costs = [3]struct {
	name  string
	floor int
}{{"depth", 5}, {"aliases", 10}, {"batch", 4}}

func cost(g *request.Graph) [3]int {
	return [3]int{min(g.Depth, maxCost-1), min(g.Aliases, maxCost-1), min(g.Operations, maxCost-1)}
}

// note adds a name to r, with its text only where the profile does not know it.
func (p *profile) note(r *request.Request, key uint64, kind, parent, text string) {
	if r.Graph.Named == len(r.Graph.Names) {
		return
	}
	for _, n := range r.Graph.Names[:r.Graph.Named] {
		if n.Key == key {
			return
		}
	}
	n := request.Name{Key: key}
	if !p.knows(key) {
		if parent != "" {
			parent += "."
		}
		n.Text = kind + strings.Clone(parent+text)
	}
	r.Graph.Names[r.Graph.Named] = n
	r.Graph.Named++
}

func (p *profile) knows(key uint64) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names != nil && p.names.seen[key] != nil
}

// learnNames adds what a good exchange named; p.mu is held.
func (p *profile) learnNames(client uint64, g *request.Graph) {
	if g.Named == 0 {
		return
	}
	if p.names == nil {
		p.names = &names{seen: map[uint64]*name{}}
	}
	s := p.names
	s.n++
	for _, n := range g.Names[:g.Named] {
		q := s.seen[n.Key]
		if q == nil {
			if len(s.seen) >= maxNames {
				s.omitted = true
				continue
			}
			q = new(name)
			s.seen[n.Key] = q
			if s.n > 100 {
				s.novel++
			}
		}
		q.clients |= 1 << (digest.Mix(client, 4) & 63)
	}
	if g.Operations > 0 {
		for i, v := range cost(g) {
			s.cost[i][v]++
		}
	}
}

// stored returns s for a snapshot, nil if there is nothing.
func (s *names) stored() *storedNames {
	if s == nil {
		return nil
	}
	out := &storedNames{make(map[uint64]uint64, len(s.seen)), s.n, s.novel, s.omitted, s.cost}
	for k, q := range s.seen {
		out.Seen[k] = q.clients
	}
	return out
}

// restored takes s over from a snapshot; what is too much is dropped whole.
func (s *storedNames) restored() *names {
	if s == nil || len(s.Seen) > maxNames {
		return nil
	}
	out := &names{make(map[uint64]*name, len(s.Seen)), s.N, s.Novel, s.Omitted, s.Cost}
	for k, clients := range s.Seen {
		out.seen[k] = &name{clients}
	}
	return out
}

// judgeNames appends what r names that this endpoint is not asked for, and queries
// that cost more than hardly any did; p.mu is held and p is certain.
func (p *profile) judgeNames(r *request.Request, settled bool) {
	s, g := p.names, &r.Graph
	if s == nil || g.Named == 0 || s.n < typed {
		return
	}
	rate := (s.novel + 0.5) / (s.n + 1)
	for _, n := range g.Names[:g.Named] {
		if q := s.seen[n.Key]; s.omitted || rate >= oddRate || q != nil && bits.OnesCount64(q.clients) >= teachers {
			continue
		}
		band := signal.Hint
		if rate < strangeRate {
			band = signal.Likely
		}
		where := n.Text
		if where == "" {
			where = "body" // somebody has named it before
		}
		add(r, signal.UnknownParameter, band, where, "never asked for here", n.Key)
		settle(r, settled)
	}
	if g.Operations == 0 {
		return
	}
	for i, v := range cost(g) {
		above := float32(0)
		for _, n := range s.cost[i][v:] {
			above += n
		}
		if v >= costs[i].floor && float64(above)+0.5 < strangeRate*(s.n+1) {
			add(r, signal.GraphQLAbuse, signal.Hint, "graphql:"+costs[i].name, "more than hardly any query here", 0)
		}
	}
}

// maxXMLHead is within how many bytes an XML document must say what it is.
const maxXMLHead = 4 << 10

// Body notes what the body's own words say of the operation: a SOAP action, the
// root of an XML document. body is decoded.
func (m *Model) Body(r *request.Request, body []byte) {
	t := mediaType(r.Header("Content-Type"))
	if !strings.HasSuffix(t, "xml") {
		return
	}
	p := m.profileOf(r.Endpoint.ID)
	if action := strings.Trim(r.Header("SOAPAction"), `"`); action != "" {
		p.note(r, digest.Mix(1, digest.String(m.options.Seed, action))|1, "soap:", "", request.Excerpt(action, 64))
	}
	if root := xmlOperation(string(body[:min(len(body), maxXMLHead)])); root != "" {
		p.note(r, digest.Mix(2, digest.String(m.options.Seed, root))|1, "xml:", "", request.Excerpt(root, 64))
	}
}

// xmlOperation returns the local name of a document's root, or of what a SOAP
// envelope's body holds.
func xmlOperation(s string) string {
	root, rest := element(s)
	if root != "Envelope" {
		return root
	}
	for range 64 {
		var name string
		if name, rest = element(rest); name == "" {
			return root
		}
		if name == "Body" {
			name, _ = element(rest)
			return name
		}
	}
	return root
}

// element returns the local name of the first start tag in s and what follows its name.
func element(s string) (name, rest string) {
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 || i+1 >= len(s) {
			return "", ""
		}
		if s = s[i+1:]; !letter(s[0]) {
			if strings.HasPrefix(s, "!--") {
				_, s, _ = strings.Cut(s, "-->")
			}
			continue
		}
		n := strings.IndexAny(s, " \t\r\n/>")
		if n < 0 {
			return "", ""
		}
		name, rest = s[:n], s[n:]
		if i := strings.IndexByte(name, ':'); i >= 0 {
			name = name[i+1:]
		}
		return name, rest
	}
}
