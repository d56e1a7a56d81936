package engine

import (
	"cmp"
	"strings"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/challenge"
	"bartizan/internal/fingerprint"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Step is what a request is answered whose verdict is to challenge.
type Step uint8

// The steps.
const (
	Refuse     Step = iota // nobody is asked anything
	Enough                 // a browser window that was shown its pages
	ShowForm               // a form came from a browser window: it is asked to come back
	Redirect               // a browser window: follow, and bring the cookie
	ShowPage               // a browser window: a page that works
	PoseAnswer             // anybody else: a challenge in the answer's header and body
)

// askRules are the policy's say in what suspects are asked.
func askRules(o *policy.Options) challenge.Rules {
	i := o.Interrogation
	return challenge.Rules{
		Pass: i.Pass, Answer: i.Answer, Wait: i.Wait, Difficulty: i.Difficulty, Epoch: i.Epoch,
		From: o.Thresholds.Interrogate, To: o.Thresholds.Tarpit,
	}
}

// asking reports whether anybody is asked anything.
func (e *Engine) asking(s *compiled) bool {
	return e.keeper != nil && s.policy.Options().Interrogation.Enabled
}

// passes reads what r shows of answered questions. A replay knows it already: the
// tokens are masked in recordings, and what became of them is not.
func (e *Engine) passes(now time.Time, s *compiled, r *request.Request) {
	if r.Pass.Result == request.PassNone && e.asking(s) {
		e.keeper.Read(now, s.ask, r)
	}
}

// answers appends what passes and answers are evidence of, and how the client
// heeds what it was told.
func (e *Engine) answers(now time.Time, r *request.Request) {
	p, st := &r.Pass, &r.Standing
	sig := signal.Signal{Band: signal.Likely, Where: "header:" + challenge.PassHeader, Digest: p.ID}
	switch p.Result {
	case request.PassForged:
		sig.Kind = signal.PassForged
	case request.PassReplayed:
		sig.Kind, sig.Where = signal.AnswerReplayed, "header:"+challenge.AnswerHeader
	case request.PassStolen:
		sig.Kind = signal.PassStolen
	case request.PassFarmed:
		sig.Kind = signal.PassShared
	case request.PassWrong:
		if p.Probe.Automated() {
			sig.Kind, sig.Where = signal.AutomatedBrowser, "header:"+challenge.ProbeHeader
		}
	}
	if sig.Kind != signal.None {
		r.Signals = append(r.Signals, sig)
	}
	if st.Told || st.Marked || st.Asked > 0 {
		r.Signals = append(r.Signals, e.attackers.Heed(now, r, claimsBrowser(r), brings(r))...)
	}
}

// claimsBrowser reports whether r claims a browser.
func claimsBrowser(r *request.Request) bool {
	return r.Software.Claimed >= fingerprint.Chrome && r.Software.Claimed <= fingerprint.WebKit && r.Software.Claimed != fingerprint.WebView
}

// brings reports whether a browser would bring its cookies along: on a page load
// and on what a page loads from its own origin.
func brings(r *request.Request) bool {
	return r.Navigation() || r.Header("Sec-Fetch-Site") == "same-origin"
}

// Step returns how a request is answered whose verdict is to challenge.
func (e *Engine) Step(r *request.Request) Step {
	s := e.current.Load()
	p, page := &r.Pass, s.policy.Options().Interrogation.Page
	switch {
	case !e.asking(s):
		return Refuse
	case page && r.Form():
		return ShowForm
	case !page || !r.Navigation():
		return PoseAnswer
	case p.Result != request.PassValid || p.How < request.PassFollowed:
		return Redirect
	case p.How == request.PassFollowed && p.Bits >= challenge.MostPages:
		return Enough
	}
	return ShowPage
}

// Question returns what to ask the sender of r. page says that a browser window
// shows it.
func (e *Engine) Question(now time.Time, r *request.Request, page bool) challenge.Question {
	return e.keeper.Ask(now, e.current.Load().ask, r, page)
}

// Shown returns the cookie that counts the pages that a browser window is shown,
// and for how long.
func (e *Engine) Shown(now time.Time, r *request.Request) (cookie string, lasting time.Duration) {
	return e.keeper.Shown(now, e.current.Load().ask, r)
}

// Grant returns the pass that r has just earned and until when it is good; ok is
// false if it has earned none.
func (e *Engine) Grant(r *request.Request) (pass string, until time.Time, ok bool) {
	s := e.current.Load()
	if !r.Pass.Fresh || r.Pass.Result != request.PassValid || !e.asking(s) {
		return "", until, false
	}
	pass, until = e.keeper.Grant(s.ask, r)
	return pass, until, true
}

// Cookie returns the cookie that the answer to r hands out to see whether it
// comes back, and for how long; ok is false for everybody who is not suspected by
// v. It reads nothing that Body writes.
func (e *Engine) Cookie(now time.Time, r *request.Request, v Verdict) (pass string, lasting time.Duration, ok bool) {
	if !v.Suspected && v.Would == signal.Pass || v.Reason == policy.Allowed || v.Reason == policy.Preflight {
		return "", 0, false
	}
	s := e.current.Load()
	known := r.Pass.Result == request.PassValid
	wanted := s.policy.Options().Interrogation.Cookies || v.Action == signal.ChallengeAction // a redirect needs one
	if known || !wanted || v.Mode != policy.Enforce || r.Client.Untold || e.passing(now) || !e.asking(s) || s.policy.Exempt(r) {
		return "", 0, false
	}
	r.Pass.Handed = true
	return e.keeper.Cookie(now, s.ask, r), s.ask.Pass, true
}

// RedirectToken returns a one-time token for following a redirect to the target to.
func (e *Engine) RedirectToken(now time.Time, r *request.Request, to string) string {
	return e.keeper.Redirect(now, e.current.Load().ask, r, to)
}

// Followed says whether a redirect to the target to is ours, and whether the
// cookie came with it. Then r has earned a pass.
func (e *Engine) Followed(now time.Time, r *request.Request, token, to string) (ours, kept bool) {
	return e.keeper.Followed(now, e.current.Load().ask, r, token, to)
}

// Waited reports whether r's client has waited for as long as its page with this
// nonce asked. Then r has earned a pass.
func (e *Engine) Waited(now time.Time, r *request.Request, nonce string) bool {
	return e.keeper.Waited(now, e.current.Load().ask, r, nonce)
}

// Interrogates reports whether r is for one of the reserved paths of
// interrogation. Where nothing is enforced they are the upstream's.
func (e *Engine) Interrogates(r *request.Request) bool {
	s := e.current.Load()
	site := s.policy.Site(r.Head.Host)
	script := r.Path == challenge.Reserved+challenge.Script
	return site != nil && e.reserved(s, r) && (site.Enforces() || site.Script && script)
}

// Scripted reports whether the pages of r's site may load the script that answers what
// they fetch is asked.
func (e *Engine) Scripted(r *request.Request) bool {
	site := e.current.Load().policy.Site(r.Head.Host)
	return site != nil && site.Script
}

// Named returns what the page calls r's site, its host where nothing is configured, and
// whom its visitors may ask, "" for nobody.
func (e *Engine) Named(r *request.Request) (name, contact string) {
	name = request.Excerpt(r.Head.Host, 100)
	if site := e.current.Load().policy.Site(r.Head.Host); site != nil {
		name, contact = cmp.Or(site.Title, name), site.Contact
	}
	return name, contact
}

// reserved reports whether r is for a path that is no part of any API.
func (e *Engine) reserved(s *compiled, r *request.Request) bool {
	return strings.HasPrefix(r.Path, challenge.Reserved) && e.asking(s)
}

// asked notes what the answer to r asked or told its client. It is the one answer
// of ours that counts, and only as soft evidence: silence, haste, a lost cookie.
func (e *Engine) asked(now time.Time, s *compiled, r *request.Request, v Verdict, o request.Outcome) {
	if v.Reason == policy.RateLimited || v.Reason == policy.Saturated || o.Held {
		return // says something of us, nothing of the client; or has not been said yet
	}
	a := attacker.Ask{Marked: r.Pass.Handed}
	switch v.Action {
	case signal.ChallengeAction:
		step := e.Step(r)
		asks := !e.reserved(s, r) || strings.HasSuffix(r.Path, "/page") || strings.HasSuffix(r.Path, "/wait")
		a.Question, a.Page = asks && step == PoseAnswer, asks && step == ShowPage
		fallthrough
	case signal.Limit, signal.TarpitAction:
		if v.Retry > 0 {
			a.Until = r.Time.Add(v.Retry)
		}
	}
	if a == (attacker.Ask{}) {
		return
	}
	found := e.attackers.Asked(r.Time, r, a) // not the end, which a replay of what was refused does not know
	if v.Reason != policy.StageReason {
		return // a signature's match adds no risk beyond its own action
	}
	from := len(r.Signals)
	r.Signals = append(r.Signals, found...)
	s.policy.Excuse(now, r, from)
	e.attackers.Observe(now, s.rules, r, r.Signals[from:])
}
