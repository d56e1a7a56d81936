package engine

import (
	"cmp"

	"bartizan/internal/apimap"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// document compares the head of r with the site's own document, if it has one.
// It appends signals, and returns the finding if it is to refuse the request.
func (e *Engine) document(s *compiled, r *request.Request, site *policy.Site, route *policy.Route) *apimap.Finding {
	spec := s.specs[r.Site]
	if spec == nil || r.Head.Method == "OPTIONS" {
		return nil
	}
	f := spec.Head(r)
	r.Unvalidated = f.Skipped
	switch {
	case !f.PathDocumented:
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.UnknownEndpoint, Where: "path", Note: "not in the API's document"})
	case !f.Documented && r.Head.Method != "HEAD":
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.UnknownMethod, Where: "method", Note: "not in the API's document"})
	}
	violations(r, f)
	switch {
	case !f.Documented:
	case !r.Head.Bodiless():
		r.Unvalidated = cmp.Or(f.Skipped, "body not read") // until it is
	case r.Head.Method != "GET":
		body := spec.Body(r, nil, true) // one may be required
		violations(r, body)
		f.Problems = append(f.Problems, body.Problems...)
	}
	return refusing(f, site.ValidateOf(route))
}

// documentBody does the same for a decoded body.
func (e *Engine) documentBody(s *compiled, r *request.Request, body []byte, complete bool) *apimap.Finding {
	spec, site := s.specs[r.Site], s.policy.Site(r.Head.Host)
	if spec == nil || site == nil {
		return nil
	}
	f := spec.Body(r, body, complete)
	r.Unvalidated = f.Skipped
	violations(r, f)
	f.Documented, f.PathDocumented = true, true // the head's business
	return refusing(f, site.ValidateOf(site.Route(r.Head.Method, r.Steps())))
}

// violations appends a signal for each problem. What programs get wrong by
// accident is a hint; a field that no document has is what attackers try.
func violations(r *request.Request, f apimap.Finding) {
	for _, p := range f.Problems {
		k := signal.SchemaViolation
		if p.Kind == apimap.ProblemUnknown || p.Kind == apimap.ProblemReadOnly {
			k = signal.UnknownParameter
		}
		r.Signals = append(r.Signals, signal.Signal{Kind: k, Where: p.Where, Note: p.What})
	}
}

// refusing returns f if mode enforces and f holds a departure.
func refusing(f apimap.Finding, mode policy.Mode) *apimap.Finding {
	if mode != policy.Enforce || f.Documented && len(f.Problems) == 0 {
		return nil
	}
	return &f
}
