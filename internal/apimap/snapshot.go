package apimap

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"bartizan/internal/digest"
	"bartizan/internal/fingerprint"
	"bartizan/internal/frame"
	"bartizan/internal/request"
)

// The snapshot is one block of JSON for each known endpoint and an empty one at
// the end, after a head with version and digest of the seed. What is on
// probation is not kept: it comes again.
const snapshotVersion = 1

// maxStored bounds one endpoint's block.
const maxStored = 1 << 20

type storedHead struct {
	Version int
	Seed    uint64
	Learned uint64
	Found   uint64
	Sites   map[string]storedSite
	Lifted  []uint64 // what is no law any more
}

type storedProfile struct {
	Site, Method, Template   string
	First, Last              int64
	N, Novel, Auth, Machines float64
	Clients                  [4]uint64
	Omitted                  bool
	By                       sources // who has taught it
	Approved                 int64   // ms
	Types                    []string
	Sizes, Latency           [maxBucket]float64
	Pauses                   [maxPause]float32
	Answers                  [maxBucket]float32
	Browsers, Cookied        float32
	Asked, Shown             float32            // objects
	To                       map[uint64]float64 // steps
	Steps, Cost              float64
	Courses                  [20]float32
	From                     map[uint64]float64 // flow
	FirstOfVisit, Other      float64
	Params                   map[uint64]storedParam
	Schemas                  uint64
	Software                 [fingerprint.Families]uint8
	Names                    *storedNames `json:",omitempty"`
}

// storedNames is what GraphQL and SOAP name; a name is kept as its digest.
type storedNames struct {
	Seen     map[uint64]uint64 // clients of a name
	N, Novel float64
	Omitted  bool
	Cost     [3][maxCost]float32
}

type storedParam struct {
	Name    string
	In      uint8
	N       float64
	First   int64
	Clients uint64
	Kinds   [kinds]float32
	Longest int
	By      sources
	From    [kinds]uint8
	Literal bool
}

// Options returns the bounds that the model was made with.
func (m *Model) Options() Options { return m.options }

// Snapshot writes all known endpoints. Requests go on meanwhile.
func (m *Model) Snapshot(w io.Writer) error {
	m.mu.RLock()
	all := make([]*profile, 0, len(m.profiles))
	for _, p := range m.profiles {
		all = append(all, p)
	}
	head := storedHead{snapshotVersion, digest.Mix(m.options.Seed, snapshotVersion), m.learned, m.found,
		map[string]storedSite{}, nil}
	for name, t := range m.sites {
		head.Sites[name] = storedSite{t.dress.browsers, t.dress.bare, t.first, t.approved, t.by}
	}
	for k, l := range m.lifts.entries {
		if l.lifted {
			head.Lifted = append(head.Lifted, k)
		}
	}
	m.mu.RUnlock()
	slices.Sort(head.Lifted)
	if err := put(w, head); err != nil {
		return err
	}
	for _, p := range all {
		if err := put(w, p.stored(m)); err != nil {
			return err
		}
	}
	return frame.Write(w, nil)
}

func put(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing API model: %w", err)
	}
	return frame.Write(w, b)
}

func (p *profile) stored(m *Model) storedProfile {
	m.mu.RLock()
	schemas := uint64(0)
	if t := m.sites[p.site]; t != nil {
		if n := t.walk(split(p.template), nil); n != nil {
			schemas = n.schemas
		}
	}
	m.mu.RUnlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := storedProfile{
		Site: p.site, Method: p.method, Template: p.template, First: p.first, Last: p.last, N: p.n, Novel: p.novel, Auth: p.auth, Machines: p.machines,
		Clients: p.clients, Omitted: p.omitted, Types: p.types, Sizes: p.sizes, Latency: p.latency, Pauses: p.pauses, Answers: p.answers, Browsers: p.browsers, Cookied: p.cookied, Asked: p.objects.asked, Shown: p.objects.shown, Params: make(map[uint64]storedParam, len(p.params)), Schemas: schemas,
	}
	s.By, s.Approved, s.Software = p.by, p.approved, p.software
	s.From, s.FirstOfVisit, s.Other = map[uint64]float64{}, p.flow.first, p.flow.other
	for _, f := range p.flow.from {
		if f.n > 0 {
			s.From[f.id] = f.n
		}
	}
	p.follow.stored(&s)
	s.Names = p.names.stored()
	for k, q := range p.params {
		s.Params[k] = storedParam{q.name, uint8(q.in), q.n, q.first, q.clients, q.kinds, q.longest, q.by, q.from, q.literal}
	}
	return s
}

// split returns a template's segments.
func split(template string) []string {
	if template == "/" {
		return nil
	}
	return strings.Split(strings.TrimPrefix(template, "/"), "/")
}

// Restore reads a snapshot into an empty model. Its errors wrap frame.ErrDamaged;
// on one the model must not be used.
func (m *Model) Restore(r io.Reader) error {
	b, err := frame.Read(r, maxStored)
	if err != nil {
		return err
	}
	var head storedHead
	if err := json.Unmarshal(b, &head); err != nil || head.Version != snapshotVersion || head.Seed != digest.Mix(m.options.Seed, snapshotVersion) {
		return fmt.Errorf("reading API model: %w: another version or seed", frame.ErrDamaged)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learned, m.found = head.Learned, head.Found
	for _, k := range head.Lifted[:min(len(head.Lifted), MostLifts)] {
		m.lifts.entries[k] = &lift{lifted: true}
	}
	for name, s := range head.Sites {
		t := newTrie()
		t.dress, t.first, t.approved, t.by = dress{s.Browsers, s.Bare}, s.First, s.Approved, s.By
		m.sites[name] = t
	}
	for {
		b, err := frame.Read(r, maxStored)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return nil
		}
		var s storedProfile
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("reading API model: %w: %v", frame.ErrDamaged, err)
		}
		m.adopt(s)
	}
}

// adopt takes one endpoint over; m.mu is held.
func (m *Model) adopt(s storedProfile) {
	if len(m.profiles) >= m.options.Endpoints || len(s.Params) > maxParams {
		return
	}
	t := m.sites[s.Site]
	if t == nil {
		t = newTrie()
		m.sites[s.Site] = t
	}
	n := t.insert(split(s.Template), m.room)
	if n == nil {
		return
	}
	n.schemas |= s.Schemas
	t.good += s.N
	p := &profile{
		site: s.Site, method: s.Method, template: s.Template, first: s.First, last: s.Last, n: s.N, novel: s.Novel, auth: s.Auth, machines: s.Machines,
		clients: s.Clients, omitted: s.Omitted, types: s.Types, sizes: s.Sizes, latency: s.Latency, pauses: s.Pauses, answers: s.Answers, browsers: s.Browsers, cookied: s.Cookied, objects: objects{asked: s.Asked, shown: s.Shown}, params: make(map[uint64]*param, len(s.Params)),
	}
	for k, q := range s.Params {
		p.params[k] = &param{q.Name, min(request.Location(q.In), request.Locations-1), q.Literal, q.N, q.First, q.Clients, q.Kinds,
			q.Longest, q.By, q.From}
	}
	p.by, p.approved, p.software = s.By, s.Approved, s.Software
	p.flow.first, p.flow.other = s.FirstOfVisit, s.Other
	for i, id := range slices.Sorted(maps.Keys(s.From)) {
		if i < maxFrom {
			p.flow.from[i] = step{id, s.From[id]}
		}
	}
	p.names = s.Names.restored()
	p.follow.n, p.follow.mean, p.follow.courses.means = s.Steps, s.Cost, s.Courses
	for i, id := range slices.Sorted(maps.Keys(s.To)) {
		if i < maxFrom {
			p.follow.to[i] = step{id, s.To[id]}
		}
	}
	m.profiles[endpointID(m.options.Seed, s.Site, s.Method, s.Template)] = p
}

// insert makes the nodes of a template, parameters included.
func (t *trie) insert(template []string, more func() bool) *node {
	n := &t.root
	for _, l := range template {
		next := n.kids[l]
		if l == "{name}" {
			next = n.param
		}
		if next == nil {
			if !more() {
				return nil
			}
			next = new(node)
			if l == "{name}" {
				n.param = next
			} else {
				if n.kids == nil {
					n.kids = map[string]*node{}
				}
				n.kids[l] = next
			}
		}
		n = next
	}
	n.template = "/" + strings.Join(template, "/")
	return n
}
