package apimap

import (
	"slices"
	"strings"
	"time"

	"bartizan/internal/request"
)

// Learn adds one exchange that the upstream answered well. The caller must not
// hand in requests that showed evidence or whose client is under suspicion:
// whoever attacks must not teach what is normal.
func (m *Model) Learn(now time.Time, r *request.Request, o request.Outcome) {
	if o.Status == 404 && !r.Endpoint.PathKnown {
		m.mu.Lock()
		if t := m.sites[r.Site]; t != nil {
			t.miss(r.Endpoint.Template, r.Standing.Keys[1])
		}
		m.mu.Unlock()
	}
	if o.Status/100 != 2 || r.Site == "" {
		return
	}
	template := m.path(now.UnixMilli(), r, o)
	if template == "" {
		return
	}
	id := endpointID(m.options.Seed, r.Site, r.Head.Method, template)
	p := m.profileFor(id, r, template)
	if p == nil {
		return
	}
	p.mu.Lock()
	p.learn(now, r, o)
	n := p.n
	p.mu.Unlock()
	if r.Standing.Previous != 0 {
		m.learnStep(r, id, n)
	}
}

// path teaches the path and returns the template it has by now, "" if none.
func (m *Model) path(now int64, r *request.Request, o request.Outcome) string {
	if r.Endpoint.PathKnown {
		m.mu.Lock()
		m.learned++
		if t := m.sites[r.Site]; t != nil {
			t.good++
			t.taught(now, r)
			t.dress.learn(r.Pages)
		}
		m.mu.Unlock()
		return r.Endpoint.Template
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learned++
	t := m.sites[r.Site]
	if t == nil {
		t = newTrie()
		m.sites[strings.Clone(r.Site)] = t
	}
	t.taught(now, r)
	t.dress.learn(r.Pages)
	if !t.labels(r.Steps()) {
		return ""
	}
	n := t.teach(r.Standing.Keys[1], o.Schema, o.Body, m.room)
	if n == nil {
		return ""
	}
	t.good++
	return n.template
}

// room reports whether another node may be made, and counts it.
func (m *Model) room() bool {
	if m.nodes >= m.options.Nodes {
		m.refused++
		return false
	}
	m.nodes++
	return true
}

// profileFor returns the profile of an endpoint, made if need be; nil beyond the bound.
func (m *Model) profileFor(id uint64, r *request.Request, template string) *profile {
	if p := m.profileOf(id); p != nil {
		return p
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.profiles[id]; p != nil {
		return p
	}
	if len(m.profiles) >= m.options.Endpoints || len(r.Head.Method) > 32 {
		m.refused++
		return nil
	}
	p := &profile{site: strings.Clone(r.Site), method: strings.Clone(r.Head.Method), template: template}
	m.profiles[id] = p
	m.found++
	return p
}

// Endpoint describes one learned endpoint for people and for export.
type Endpoint struct {
	Site, Method, Template string
	Requests               int
	Clients                float64
	First, Last            time.Time
	Certain                bool
	Credentials            float64 // share of requests with a credential, 0 to 1
	Machines               float64 // share of requests of software that claims no browser
	ContentTypes           []string
	Parameters             []Parameter
}

// Parameter describes one learned parameter.
type Parameter struct {
	Name     string
	In       request.Location
	Type     string  // the commonest kind
	Required float64 // share of requests that have it
	Longest  int     // bytes
	Literal  bool    // it has come as a number or a truth of JSON, not as a text
}

// Endpoints returns what has been learned, by site, template and method.
func (m *Model) Endpoints(now time.Time) []Endpoint {
	m.mu.RLock()
	all := make([]*profile, 0, len(m.profiles))
	for _, p := range m.profiles {
		all = append(all, p)
	}
	m.mu.RUnlock()
	out := make([]Endpoint, 0, len(all))
	for _, p := range all {
		out = append(out, p.describe(m, now))
	}
	slices.SortFunc(out, func(a, b Endpoint) int {
		return strings.Compare(a.Site+"\x00"+a.Template+"\x00"+a.Method, b.Site+"\x00"+b.Template+"\x00"+b.Method)
	})
	return out
}

func (p *profile) describe(m *Model, now time.Time) Endpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := Endpoint{
		Site: p.site, Method: p.method, Template: p.template, Requests: int(p.n), Clients: count(p.clients[:]), Certain: p.certain(m, now),
		First: time.UnixMilli(p.first).UTC(), Last: time.UnixMilli(p.last).UTC(), ContentTypes: slices.Clone(p.types),
	}
	if p.n > 0 {
		e.Credentials, e.Machines = p.auth/p.n, p.machines/p.n
	}
	for _, q := range p.params {
		if q.believed() {
			e.Parameters = append(e.Parameters, Parameter{q.name, q.in, q.commonest().String(), min(q.n/p.n, 1), q.longest, q.literal})
		}
	}
	slices.SortFunc(e.Parameters, func(a, b Parameter) int {
		if a.In != b.In {
			return int(a.In) - int(b.In)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return e
}

func (p *param) commonest() kind {
	best := empty
	for k := range kinds {
		if p.kinds[k] > p.kinds[best] {
			best = kind(k)
		}
	}
	return best
}
