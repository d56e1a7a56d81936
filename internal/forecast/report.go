package forecast

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What must have been observed before enforcing is called safe. A day, since nights,
// mornings and jobs differ; enough requests and clients that one in a thousand shows.
const (
	leastTime     = 24 * time.Hour
	leastRequests = 1000
	leastClients  = 20
	// mostGood is the share of clients known to be good that may be refused, mostSoft
	// that of all clients which may be refused without proof, mostExempt that of
	// requests from private addresses, of which a forecast says nothing.
	mostGood   = 0.001
	mostSoft   = 0.05
	mostExempt = 0.9
)

// Report is what enforcing would have done.
type Report struct {
	Since time.Time `json:"since"`
	// Changed is when the configuration last changed; zero if it did not.
	Changed time.Time `json:"changed,omitzero"`
	Sites   []Site    `json:"sites"`
}

// Site is the report of one site.
type Site struct {
	Name     string `json:"name"`
	Requests uint64 `json:"requests"`
	Clients  int    `json:"clients"` // about
	// Good are clients known to be good, Established those that were answered well
	// before and had shown nothing; about.
	Good        int `json:"good_clients"`
	Established int `json:"established_clients"`

	Refused        uint64 `json:"would_refuse"`         // requests
	RefusedClients int    `json:"would_refuse_clients"` // about; as the next, since the last change
	RefusedGood    int    `json:"would_refuse_good_clients"`
	SoftClients    int    `json:"would_refuse_without_proof_clients"`

	Exempt        uint64 `json:"exempt_requests"` // from private addresses
	ExemptRefused uint64 `json:"exempt_would_refuse"`
	Untold        uint64 `json:"untold_proxy_requests"`
	Rest          uint64 `json:"rest_requests,omitempty"` // in groups that had to give way

	Safe   bool     `json:"safe"`
	NotYet []string `json:"not_yet,omitempty"` // why it is not
	Advice []string `json:"advice,omitempty"`

	Refusals []Group `json:"refusals,omitempty"`
	Evidence []Group `json:"evidence,omitempty"` // strong evidence that led there
}

// Group are requests that were judged alike.
type Group struct {
	Reason   string    `json:"reason,omitempty"`
	What     string    `json:"what"`
	Band     string    `json:"band,omitempty"`
	Endpoint string    `json:"endpoint,omitempty"`
	Field    string    `json:"field,omitempty"`
	Would    string    `json:"would,omitempty"`
	Requests uint64    `json:"requests"`
	Refused  uint64    `json:"refused,omitempty"` // of evidence
	Clients  int       `json:"clients"`           // about, as the next
	Good     int       `json:"good_clients"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	// Settled says that it was not seen again since the configuration changed.
	Settled  bool     `json:"settled,omitempty"`
	Examples []string `json:"examples,omitempty"` // references, for explain
	// Exception is the line that would have it not count; empty where none would help.
	Exception string `json:"exception,omitempty"`
}

// Report returns the forecast at now, sites by name.
func (l *Ledger) Report(now time.Time) Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Report{Since: l.since, Changed: l.changed}
	for _, name := range slices.Sorted(maps.Keys(l.sites)) {
		s := l.sites[name]
		r := Site{
			Name: name, Requests: s.requests, Clients: s.clients.count(), Good: s.good.count(),
			Established: s.established.count(),
			Refused:     s.refused, Exempt: s.exempt, ExemptRefused: s.exemptRefused, Untold: s.untold,
			Rest: s.restRequests,
		}
		l.groups(now, s, &r)
		r.judge(now.Sub(l.since))
		out.Sites = append(out.Sites, r)
	}
	return out
}

// groups adds the groups of s to r, and what they come to since the last change.
func (l *Ledger) groups(now time.Time, s *site, r *Site) {
	var clients, good, soft sketch
	for _, k := range ordered(s.refusals, compareRefusals) {
		g := s.refusals[k]
		if now.Sub(g.last) > remembered {
			continue
		}
		x := g.told(l.changed)
		x.Reason, x.What, x.Endpoint, x.Field, x.Would = k.Reason, k.What, k.Endpoint, k.Field, g.would.String()
		if !x.Settled {
			clients.merge(&g.clients)
			good.merge(&g.good)
			if !g.proven {
				soft.merge(&g.clients)
			}
		}
		r.Refusals = append(r.Refusals, x)
	}
	r.RefusedClients, r.RefusedGood, r.SoftClients = clients.count(), good.count(), soft.count()
	for _, k := range ordered(s.evidence, compareEvidence) {
		g := s.evidence[k]
		if now.Sub(g.last) > remembered {
			continue
		}
		x := g.told(l.changed)
		x.What, x.Band, x.Endpoint, x.Field, x.Refused = k.Kind, k.Band, k.Endpoint, k.Field, g.refused
		x.Exception = exception(k)
		r.Evidence = append(r.Evidence, x)
	}
}

func (g *group) told(changed time.Time) Group {
	return Group{
		Requests: g.requests, Clients: g.clients.count(), Good: g.good.count(), First: g.first, Last: g.last,
		Settled: g.last.Before(changed), Examples: slices.Clone(g.examples),
	}
}

// exception is the narrowest exception for evidence.
func exception(e Evidence) string {
	return fmt.Sprintf("- {endpoint: %q, field: %q, kind: %s, reason: ...}", e.Endpoint, e.Field, e.Kind)
}

func compareRefusals(a, b Refusal) int {
	return strings.Compare(a.Reason+"\x00"+a.What+"\x00"+a.Endpoint+"\x00"+a.Field,
		b.Reason+"\x00"+b.What+"\x00"+b.Endpoint+"\x00"+b.Field)
}

func compareEvidence(a, b Evidence) int {
	return strings.Compare(a.Kind+"\x00"+a.Endpoint+"\x00"+a.Field+a.Band,
		b.Kind+"\x00"+b.Endpoint+"\x00"+b.Field+b.Band)
}

// judge says whether it is safe to enforce, and if not, why.
func (r *Site) judge(observed time.Duration) {
	no := func(format string, args ...any) { r.NotYet = append(r.NotYet, fmt.Sprintf(format, args...)) }
	if observed < leastTime {
		no("only %s were observed; a whole day is needed, for nights, mornings and jobs differ", Span(observed))
	}
	if r.Requests < leastRequests || r.Clients < leastClients {
		no("only %d requests of about %d clients were seen; %d requests of %d clients are needed for one in a "+
			"thousand to show", r.Requests, r.Clients, leastRequests, leastClients)
	}
	if r.Untold > 0 {
		no("%d requests came through a proxy that trusted_proxies does not name: clients cannot be told apart",
			r.Untold)
	}
	if share(r.Exempt, r.Requests) > mostExempt {
		no("%.0f %% of the requests came from private addresses, which are exempt: if they are a load balancer's, "+
			"name it in trusted_proxies; if they are clients, set protect_private: true",
			100*share(r.Exempt, r.Requests))
	}
	if bad := share(uint64(r.RefusedGood), uint64(r.Good)); r.RefusedGood > 0 && bad > mostGood {
		no("%d of about %d clients known to be good would have been refused: see below, with exceptions to paste",
			r.RefusedGood, r.Good)
	} else if r.RefusedGood > 0 {
		r.Advice = append(r.Advice,
			fmt.Sprintf("%d of about %d clients known to be good would have been refused: worth a look", r.RefusedGood,
				r.Good))
	}
	if soft := share(uint64(r.SoftClients), uint64(r.Clients)); r.SoftClients >= leastClients && soft > mostSoft {
		no("%.0f %% of the clients would have been refused without proof of an attack: either an attack is under "+
			"way, or a usual client looks like one", 100*soft)
	}
	if r.Good == 0 {
		r.Advice = append(r.Advice,
			"no client is known to be good by a credential or an answered challenge, so that nothing warns of good "+
				"clients that are hit: look at each group below")
	}
	r.Safe = len(r.NotYet) == 0
}

// Span writes how long something was observed, in minutes once it is a minute.
func Span(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
