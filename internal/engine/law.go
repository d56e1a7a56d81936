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
	f := apimap.Finding{Documented: true, PathDocumented: true, Learned: true, Template: r.Endpoint.Template}
	enforce, departs := site.LearnedOf(route) == policy.Enforce, false
	for _, s := range r.Signals {
		if !apimap.Lawful(r, s) {
			continue
		}
		departs = true
		if !enforce {
			break
		}
		if !r.Endpoint.Known {
			f.Documented, f.PathDocumented = false, r.Endpoint.PathKnown
			f.Allow = e.model.Methods(r)
			continue
		}
		if len(f.Problems) < apimap.MaxProblems {
			f.Problems = append(f.Problems, apimap.Problem{Where: s.Where, What: s.Note})
		}
	}
	r.Endpoint.Departs = departs
	if !departs || !enforce {
		return nil
	}
	return &f
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
func (e *Engine) lawOfBody(s *compiled, r *request.Request, longer bool) *apimap.Finding {
	site := s.policy.Site(r.Head.Host)
	if site == nil {
		return nil
	}
	route := site.Route(r.Head.Method, r.Segments)
	if f := oversize(r, site, route, longer); f != nil {
		return f
	}
	return e.learned(r, site, route)
}

// Departures lists what the learned model as the law would have refused.
func (e *Engine) Departures(now time.Time) []apimap.Departure { return e.model.Departures(now) }
