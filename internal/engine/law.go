package engine

import (
	"slices"
	"strings"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
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
	if !slices.ContainsFunc(r.Signals, func(s signal.Signal) bool { return e.model.InForce(r, s) }) {
		return nil
	}
	f := &apimap.Finding{Documented: r.Endpoint.Known, PathDocumented: r.Endpoint.PathKnown, Learned: true, Template: r.Endpoint.Template}
	if !f.Documented {
		f.Allow = e.model.Methods(r)
		return f
	}
	for _, s := range r.Signals {
		if e.model.InForce(r, s) && len(f.Problems) < apimap.MaxProblems {
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

// Approve makes what was learned of a site the law at once, wherever the configuration
// says so, and returns the number of its endpoints.
func (e *Engine) Approve(now time.Time, site string) int { return e.model.Approve(now, site) }

// lifted notes that the law has refused r, which v says, and reports where that ends: a
// law that known clients break is none.
func (e *Engine) lifted(now time.Time, r *request.Request, v Verdict, o request.Outcome) []Event {
	if v.Reason != policy.Schema || !v.Refused() || v.Schema == nil || !v.Schema.Learned {
		return nil
	}
	places := e.model.Refuse(r)
	if len(places) == 0 {
		return nil
	}
	ev := e.event(now, r, v, o, "lifted")
	ev.Cause = "many known clients were refused by what was learned of " + clip(r.Head.Method+" "+r.Endpoint.Template) + ": no longer law at " + strings.Join(places, ", ")
	return []Event{ev}
}
