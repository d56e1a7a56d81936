package engine

import (
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// learned returns how r departs from what was learned of the API, if that is the
// law on its route. Whether it is or not, r.Endpoint.Departs says whether it does.
// Signals that an exception has removed do not count.
func (e *Engine) learned(r *request.Request, site *policy.Site, route *policy.Route) *apimap.Finding {
	r.Endpoint.Departs = false
	for _, s := range r.Signals {
		r.Endpoint.Departs = r.Endpoint.Departs || apimap.Lawful(r, s)
	}
	if !r.Endpoint.Departs || site.LearnedOf(route) != policy.Enforce {
		return nil
	}
	f := &apimap.Finding{Documented: r.Endpoint.Known, PathDocumented: r.Endpoint.PathKnown, Learned: true, Template: r.Endpoint.Template}
	if !f.Documented {
		f.Allow = e.model.Methods(r)
		return f
	}
	for _, s := range r.Signals {
		if apimap.Lawful(r, s) && len(f.Problems) < apimap.MaxProblems {
			f.Problems = append(f.Problems, apimap.Problem{Where: s.Where, What: s.Note})
		}
	}
	return f
}

// oversize returns a finding if the body of r is known to be longer than what is
// inspected and its route refuses that.
func oversize(r *request.Request, site *policy.Site, route *policy.Route, longer bool) *apimap.Finding {
	if !longer || !site.OversizeOf(route) {
		return nil
	}
	return &apimap.Finding{Documented: true, PathDocumented: true, TooLarge: true, Template: r.Endpoint.Template}
}

// lawOfBody judges the body of r by its route, after exceptions.
func (e *Engine) lawOfBody(s *compiled, r *request.Request, in reading) *apimap.Finding {
	site := s.policy.Site(r.Head.Host)
	if site == nil {
		return nil
	}
	route := site.Route(r.Head.Method, r.Steps())
	if f := oversize(r, site, route, in.longer); f != nil {
		return f
	}
	if in.unread != "" && site.UnreadOf(route) {
		return &apimap.Finding{Documented: true, PathDocumented: true, Unread: true, Template: r.Endpoint.Template}
	}
	return e.learned(r, site, route)
}

// Departures lists what the learned model as the law would have refused.
func (e *Engine) Departures(now time.Time) []apimap.Departure { return e.model.Departures(now) }
