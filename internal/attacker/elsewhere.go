package attacker

import (
	"slices"
	"strings"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// What a browser says that another site began is no doing of the person before it:
// any page can have its visitors' browsers ask for any address. Whatever such
// requests show is held, in full and by the same rules, against records of their own:
// one of client, initiating site and sort of thing asked for, and one of the address.
// These act on further such requests and on nothing else, so that who claims it to be
// spared is stopped as fast as without. What no page could do is held against the client.

// Elsewhere is whose stage it is that is held against requests which other sites begin.
const Elsewhere = "elsewhere"

// against returns the keys of the records that r's evidence belongs to.
func (t *Table) against(r *request.Request) Keys {
	st := &r.Standing
	if st.Elsewhere == 0 {
		return st.Keys
	}
	return Keys{Client: Key(t.seed, Client, st.Keys[Client], st.Elsewhere),
		Address: Key(t.seed, Address, st.Keys[Address], 0)}
}

// unlikePages reports whether s was found where no page can put anything.
func unlikePages(s signal.Signal) bool {
	name, ok := strings.CutPrefix(s.Where, "header:")
	if !ok || s.Kind.Info().Vantage != signal.Payload {
		return s.Kind == signal.Smuggling || s.Kind == signal.ScannerAgent
	}
	return !slices.ContainsFunc([]string{"Referer", "Origin", "Accept", "Accept-Language", "Content-Language",
		"Content-Type", "Authorization", "Range"},
		func(free string) bool { return request.SameName(free, name) })
}

// elsewhere raises the standing of r, which another site began, by what is held
// against such requests. A person who follows a link is asked at most, and not at all
// where the client is known as a good one.
func (t *Table) elsewhere(now int64, rules Rules, r *request.Request, asked *asked, rule *ruling) {
	var held request.Standing
	var own signal.Stage
	st, keys := &r.Standing, t.against(r)
	good, link := st.Established, r.Navigation() && !slices.ContainsFunc(r.Signals, shown)
	t.with(now, Client, keys[Client], nil, func(c *record) {
		c.parole(now, rules)
		c.stand(&held, rules)
		own = c.stage
		*asked = c.asked
		rule.of(c, now)
	})
	t.with(now, Address, st.Keys[Address], nil, func(a *record) { good = good || a.others.count(now) > 0 })
	t.with(now, Address, keys[Address], nil, func(a *record) {
		a.parole(now, rules)
		if !good && a.users.count(now) >= rotates {
			a.stand(&held, rules)
		}
	})
	if !link {
		t.abroad.neighbours(now, r, own)
	}
	if held.Stage >= signal.Interrogate && link {
		if st.Established || st.Known {
			return
		}
		held.Stage, held.Until = signal.Interrogate, time.Time{}
	}
	if held.Stage < st.Stage || held.Stage == st.Stage && held.Risk <= st.Risk {
		return
	}
	st.Stage, st.Risk, st.Until, st.Attacker, st.Actor, st.Acting = held.Stage, held.Risk, held.Until, held.Attacker,
		held.Actor, Elsewhere
	st.Intent, st.Phase, st.Proven = held.Intent, held.Phase, held.Proven
}

// shown reports whether s is of what a request asks for, not of who sends it.
func shown(s signal.Signal) bool {
	v := s.Kind.Info().Vantage
	return v != signal.Fingerprint && v != signal.Reputation && v != signal.Challenge
}

// welcome notes what another site began and the API answered well: a front end of
// the application's own on another host calls it so.
func (r *record) welcome(now int64, q *request.Request, x *Exchange) {
	if x.Status >= 400 || x.Suspect {
		return
	}
	r.rates.requests++
	r.rates.fine++
	if q.Header("Sec-Fetch-Mode") == "no-cors" {
		return // what a page loads is no step of its visitor's
	}
	if r.called != 0 && r.before != x.Endpoint {
		r.varied = uint32(now / 1000)
	}
	r.before, r.called, r.seen.last = x.Endpoint, now, bearer(q)
}

// learnElsewhere adds to what is known of requests that another site began, and
// returns what it is evidence of. Browsers may leave cookies out there.
func (t *Table) learnElsewhere(now int64, rules Rules, r *request.Request, x *Exchange) (found []signal.Signal) {
	y := *x
	y.Bare, y.Page, y.Asset = false, false, false
	t.with(now, Client, t.against(r)[Client], r, func(c *record) {
		c.parole(now, rules)
		again := c.again(&y)
		c.count(now, &y, again)
		c.step(r)
		found = c.conclude(now, r, &y, again)
	})
	return found
}
