package engine

import (
	"fmt"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/digest"
	"bartizan/internal/forecast"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// foresee counts what enforcing would do, or does, to r, which has ended. What an
// operator has said by lists, rules, patches and rates is no question, nor what is
// refused in observe mode too. A credential that is nobody's own makes nobody known.
func (e *Engine) foresee(now time.Time, s *compiled, r *request.Request, v Verdict) {
	if r.Site == "" || r.Head.Fault != request.Fine || e.reserved(s, r) {
		return
	}
	st := &r.Standing
	f := forecast.Request{
		Site: r.Site, ID: r.ID, Client: st.Keys[attacker.Client],
		Good: st.Known || st.Accepted && !st.Common || r.Pass.Answers(), Established: st.Established,
		Exempt: s.policy.Exempt(r), Untold: r.Client.Untold, Would: v.Would,
	}
	would := v.Would != signal.Pass || v.Waiver == policy.PrivateClient
	endpoint, n := "", 0
	for i := range r.Signals {
		x := &r.Signals[i]
		if x.Band < signal.Likely || n == len(f.Evidence) {
			continue
		}
		if endpoint == "" {
			endpoint = clip(r.Head.Method + " " + r.Endpoint.Template)
		}
		f.Evidence[n] = forecast.Evidence{Kind: x.Kind.String(), Band: x.Band.String(), Endpoint: endpoint,
			Field: clip(x.Where)}
		n++
	}
	if would {
		f.Refusal, f.Proven = refusalOf(r, v, f.Evidence[0]), true
		switch v.Reason {
		case policy.StageReason:
			f.Proven = st.Proven
		case policy.Exploit, policy.Signature, policy.Schema:
		default:
			f.Refusal = forecast.Refusal{}
		}
	}
	e.forecast.Count(now, &f)
}

// refusalOf says why r would be refused: the evidence in it, or what its client has
// done before.
func refusalOf(r *request.Request, v Verdict, found forecast.Evidence) forecast.Refusal {
	out := forecast.Refusal{Reason: v.Reason.String()}
	switch {
	case v.Reason == policy.StageReason:
		out.What = r.Standing.Intent
	case v.Reason == policy.Signature:
		out.What = r.Match.Signature
	case v.Reason == policy.Schema:
		out.What, out.Endpoint = "departs from the API", clip(r.Head.Method+" "+r.Endpoint.Template)
	default:
		out.What, out.Endpoint, out.Field = found.Kind, found.Endpoint, found.Field
	}
	return out
}

// Forecast returns what enforcing would have done since the start, or since ResetForecast.
func (e *Engine) Forecast(now time.Time) forecast.Report { return e.forecast.Report(now) }

// ResetForecast has the counts of Forecast begin anew.
func (e *Engine) ResetForecast(now time.Time) { e.forecast.Reset(now) }

// leniency digests what of a policy decides who is refused, as far as an operator
// changes it because somebody was.
func leniency(o *policy.Options) uint64 {
	text := fmt.Sprint(o.ProtectPrivate, o.Thresholds, o.TrustedProxies)
	for _, x := range o.Exceptions {
		text += fmt.Sprint("|", x.Who, x.Endpoint, x.Field, x.Kind)
	}
	for _, a := range o.Allow {
		text += fmt.Sprint("|", a.Prefix, a.Credential, a.Bot, a.File, len(a.Prefixes))
	}
	return digest.String(0, text)
}
