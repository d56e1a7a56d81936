package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"bartizan/internal/answer"
	"bartizan/internal/challenge"
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// interview answers a request that is asked something first.
func (x *exchange) interview() {
	e, r := x.proxy.options.Engine, &x.req
	switch e.Step(r) {
	case engine.Redirect:
		to := answer.Local(r.Head.Target)
		x.handCookie(x.verdict)
		x.write(answer.Onward(http.StatusFound, challenge.Reserved+"follow?t="+e.RedirectToken(x.start, r, to)+"&to="+url.QueryEscape(to), r.ID))
	case engine.ShowPage, engine.Enough:
		x.showPage(answer.Local(r.Head.Target))
	case engine.ShowForm:
		x.write(answer.Form(r.ID))
	case engine.PoseAnswer:
		x.write(answer.Challenge(e.Question(x.start, r, false), x.verdict.Retry, r.ID))
	default:
		x.write(answer.Refusal(x.verdict, r.ID, r.Navigation()))
	}
}

// showPage shows the page, unless the window was shown enough of them.
func (x *exchange) showPage(to string) {
	e, r := x.proxy.options.Engine, &x.req
	if e.Step(r) == engine.Enough {
		x.write(answer.Unanswered(r.ID))
		return
	}
	cookie, lasting := e.Shown(x.start, r)
	x.cookie = answer.SetCookie(cookie, lasting, r.Head.Scheme == "https")
	site, contact := e.Named(r)
	x.write(answer.Page(e.Question(x.start, r, true), to, r.ID, r.Header("Accept-Encoding"), r.Header("Accept-Language"), site, contact))
}

// reserved reports whether the request is for a path of interrogation. Blocked
// clients have none.
func (x *exchange) reserved() bool {
	a := x.verdict.Action
	return !x.test && (a == signal.Pass || a == signal.ChallengeAction) && x.proxy.options.Engine.Interrogates(&x.req)
}

// interrogate answers on the reserved paths.
func (x *exchange) interrogate() {
	e, r := x.proxy.options.Engine, &x.req
	read := r.Head.Method == http.MethodGet || r.Head.Method == http.MethodHead
	switch name := r.Path[len(challenge.Reserved):]; {
	case name == "answer" && r.Head.Method == http.MethodPost:
		if !x.earned(answer.Answered(r.ID)) {
			x.write(answer.WrongAnswer(r.ID))
		}
	case name == "probe" && read:
		x.write(answer.Probe(r.Header("If-None-Match") == answer.ProbeTag))
	case name == challenge.Script && read && e.Scripted(r):
		x.write(answer.Script(r.Header("Accept-Encoding"), r.Header("If-None-Match")))
	case name == "page" && read:
		if x.verdict.Action == signal.ChallengeAction {
			x.showPage(challenge.Reserved + "page")
			return
		}
		x.write(answer.Checked(r.ID))
	case name == "follow" && read:
		x.followed()
	case name == "wait" && read:
		to := answer.Local(parameter(r, "to"))
		e.Waited(x.start, r, parameter(r, "t"))
		if !x.earned(answer.Onward(http.StatusSeeOther, to, r.ID)) {
			x.showPage(to) // too early, or with an old page
		}
	default:
		x.write(answer.NoSuchPage(r.ID))
	}
}

// followed answers who follows a redirect of ours.
func (x *exchange) followed() {
	e, r := x.proxy.options.Engine, &x.req
	to := answer.Local(parameter(r, "to"))
	switch ours, kept := e.Followed(x.start, r, parameter(r, "t"), to); {
	case !ours:
		x.write(answer.Stale(to, r.ID))
	case !kept:
		x.write(answer.Cookieless(to, r.ID))
	case !x.earned(answer.Onward(http.StatusSeeOther, to, r.ID)): // has a better one
		x.write(answer.Onward(http.StatusSeeOther, to, r.ID))
	}
}

// earned writes a with the cookie of the pass that the request has earned; it
// returns false, and writes nothing, if it has earned none.
func (x *exchange) earned(a answer.Response) bool {
	pass, until, ok := x.proxy.options.Engine.Grant(&x.req)
	if !ok {
		return false
	}
	x.cookie = answer.SetCookie(pass, until.Sub(x.start), x.req.Head.Scheme == "https")
	x.write(a)
	return true
}

// handCookie has the answer that is written next hand out a cookie, if v says so.
func (x *exchange) handCookie(v engine.Verdict) {
	if pass, lasting, ok := x.proxy.options.Engine.Cookie(x.start, &x.req, v); ok {
		x.cookie = answer.SetCookie(pass, lasting, x.req.Head.Scheme == "https")
	}
}

// hand adds to an upstream's answer the pass that the request has earned, or a
// cookie if its client is watched. Nobody else's answer is touched, and none that
// caches share.
func (x *exchange) hand(h http.Header) {
	e, r := x.proxy.options.Engine, &x.req
	if x.sending.Mode != policy.Enforce {
		return
	}
	if pass, until, ok := e.Grant(r); ok {
		h["Bartizan-Pass"] = []string{pass}
		h["Bartizan-Pass-Expires"] = []string{until.UTC().Format(time.RFC3339)}
		if r.Software.Claimed.Browser() && !shared(h) { // a page's script: the page's next windows bring it along
			x.setCookie(h, answer.SetCookie(pass, until.Sub(x.start), r.Head.Scheme == "https"))
		}
		return
	}
	if !x.sending.Suspected || shared(h) {
		return
	}
	if x.handCookie(x.sending); x.cookie != "" {
		x.setCookie(h, x.cookie)
	}
}

// setCookie adds a cookie to the upstream's.
func (x *exchange) setCookie(h http.Header, cookie string) {
	h["Set-Cookie"] = append(h["Set-Cookie"][:len(h["Set-Cookie"]):len(h["Set-Cookie"])], cookie)
}

// shared reports whether caches may give an answer to others (RFC 9111, section
// 3): what says how long it is good, and not that it is private.
func shared(h http.Header) bool {
	control := strings.ToLower(strings.Join(h["Cache-Control"], ","))
	for _, own := range [...]string{"private", "no-store", "no-cache"} {
		if strings.Contains(control, own) {
			return false
		}
	}
	for _, all := range [...]string{"public", "s-maxage", "max-age"} {
		if strings.Contains(control, all) {
			return true
		}
	}
	return len(h["Expires"]) > 0
}

// parameter returns the first query parameter of a name, decoded.
func parameter(r *request.Request, name string) string {
	for _, p := range r.Query {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}
