package challenge

import (
	"strconv"
	"time"

	"bartizan/internal/request"
)

// The names by which passes and answers travel.
const (
	PassHeader   = "Bartizan-Pass"
	AnswerHeader = "Bartizan-Answer"
	ProbeHeader  = "Bartizan-Probe"
	// SecureCookie is the cookie's name over TLS. Browsers let no other host set it
	// (RFC 6265bis, section 4.1.3.2).
	SecureCookie = "__Host-bartizan-pass"
	// PassCookie is its name on plaintext, where a host of the same domain can
	// plant one: what is wrong with it is nobody's proof.
	PassCookie = "bartizan-pass"
)

// CookieName returns the cookie's name; secure says that the client came over TLS.
func CookieName(secure bool) string {
	if secure {
		return SecureCookie
	}
	return PassCookie
}

// Reserved is where the paths begin that answers from browser windows go to.
const Reserved = "/.well-known/bartizan/"

// Script is the path below Reserved of the script that pages of a site may load.
const Script = "fetch.js"

// maxCookies bounds the passes that are looked at in one request.
const maxCookies = 4

// Read says what r shows of answered questions, in r.Pass. It costs nothing but
// a look at names where there is nothing.
func (k *Keeper) Read(now time.Time, rules Rules, r *request.Request) {
	pass, answer, probe := "", "", ""
	for i := range r.Head.Fields {
		switch f := &r.Head.Fields[i]; {
		case len(f.Name) == len(PassHeader) && request.SameName(f.Name, PassHeader):
			pass = f.Value
		case len(f.Name) == len(AnswerHeader) && request.SameName(f.Name, AnswerHeader):
			answer = f.Value
		case len(f.Name) == len(ProbeHeader) && request.SameName(f.Name, ProbeHeader):
			probe = f.Value
		}
	}
	k.take(now, rules, r, pass)
	looked, name := 0, CookieName(r.Head.Scheme == "https")
	for i := range r.Cookies {
		if c := &r.Cookies[i]; len(c.Name) == len(name) && c.Name == name && r.Pass.Result != request.PassValid && looked < maxCookies {
			looked++
			k.take(now, rules, r, c.Value)
		}
	}
	if r.Pass.Result == request.PassForged && looked > 0 && pass == "" && name == PassCookie {
		r.Pass.Result = request.PassWrong
	}
	if answer != "" && !r.Pass.Answers() {
		if p := k.answer(now, rules, r, answer, probe); p.Result != request.PassNone {
			r.Pass = p
		}
	}
	if r.Pass.Result != request.PassNone {
		k.counts.results[r.Pass.Result].Add(1)
	}
}

// take makes r.Pass what s is, if it is a pass at all.
func (k *Keeper) take(now time.Time, rules Rules, r *request.Request, s string) {
	if s == "" {
		return
	}
	if p := k.read(now, rules, r, s); p.Result != request.PassNone {
		r.Pass = p
	}
}

// read judges one pass.
func (k *Keeper) read(now time.Time, rules Rules, r *request.Request, s string) (p request.Pass) {
	t, result := k.check(now, rules, r, s)
	if result == request.PassNone {
		return p
	}
	p = request.Pass{Result: result, How: request.PassHow(t.how), Bits: t.bits, ID: t.id, Issued: t.issued,
		Until: t.expires}
	switch result {
	case request.PassValid, request.PassElsewhere, request.PassStolen:
	default:
		return p
	}
	if t.kind != kindPass || p.How > request.PassSolved {
		p.Result = request.PassWrong
		return p
	}
	if result == request.PassStolen && p.How < request.PassWaited {
		p.Result = request.PassElsewhere // servers that call themselves hand on a cookie that was only handed out
		return p
	}
	if p.How >= request.PassWaited && !k.uses.add(uint32(now.Unix()), t.expires, t.id, k.user(r)) {
		p.Result = request.PassFarmed
	}
	return p
}

// check opens a token and judges whose it is.
func (k *Keeper) check(now time.Time, rules Rules, r *request.Request, s string) (token, request.PassResult) {
	t, seal := k.open(s)
	switch seal {
	case garbled:
		return t, request.PassNone
	case foreign:
		return t, request.PassExpired
	case forged:
		return t, request.PassForged
	}
	sec, skew := now.Unix(), int64(Skew/time.Second)
	if t.epoch != rules.Epoch || int64(t.issued) > sec+skew || int64(t.expires)+skew < sec {
		return t, request.PassExpired
	}
	b := k.bound(r)
	switch same := (t.tls == 0) == (b.tls == 0); { // on plaintext there is no TLS to compare
	case same && (t.family != b.family || t.tls != b.tls):
		return t, request.PassStolen
	case !same, t.site != b.site, t.network != b.network:
		return t, request.PassElsewhere
	}
	return t, request.PassValid
}

// answer judges an answer to a challenge.
func (k *Keeper) answer(now time.Time, rules Rules, r *request.Request, s, probe string) (p request.Pass) {
	nonce, ok := split(s)
	if !ok {
		return p
	}
	t, result := k.check(now, rules, r, nonce)
	p = request.Pass{Result: result, How: request.PassSolved, Bits: t.bits, ID: t.id, Issued: t.issued}
	if result != request.PassValid {
		return p
	}
	p.Result = request.PassWrong
	work := int(t.bits)
	switch t.kind {
	case kindQuestion:
		if t.class != k.class(r) {
			return p
		}
	case kindPage:
		work = int(t.how)
		if p.Probe, ok = probed(probe); !ok || t.class != k.user(r) || p.Probe.Automated() || p.Probe.Doubtful() {
			return p
		}
	default:
		return p
	}
	if Zeros(s) < work {
		return p
	}
	return k.earn(now, rules, r, t, p)
}

// earn makes p the pass that the answer to t earns, unless it was given before.
func (k *Keeper) earn(now time.Time, rules Rules, r *request.Request, t token, p request.Pass) request.Pass {
	if !k.spent.take(now, t.id) {
		p.Result = request.PassReplayed
		return p
	}
	p.Result, p.Fresh = request.PassValid, true
	p.Until = t.issued + uint32(rules.lasting(p.How, int(p.Bits))/time.Second)
	k.uses.add(uint32(now.Unix()), p.Until, p.ID, k.user(r)) // its first user
	return p
}

// probed reads what a page found odd: a number.
func probed(s string) (request.Probe, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	return request.Probe(n), err == nil
}

// Waited makes r.Pass the pass of somebody who has waited for as long as the page
// with this nonce asked, and reports whether that is so.
func (k *Keeper) Waited(now time.Time, rules Rules, r *request.Request, nonce string) bool {
	t, result := k.check(now, rules, r, nonce)
	early := now.Unix() < int64(t.issued)+int64(rules.wait(int(t.bits))/time.Second)
	if result != request.PassValid || t.kind != kindPage || t.class != k.user(r) || early {
		return false
	}
	p := k.earn(now, rules, r, t, request.Pass{How: request.PassWaited, Bits: t.bits, ID: t.id, Issued: t.issued})
	if p.Result != request.PassValid && r.Pass.Answers() {
		return false
	}
	r.Pass = p
	return p.Result == request.PassValid
}

// redirectTime is how long a redirect may be followed.
const redirectTime = time.Minute

// Redirect returns a one-time token for following a redirect to the target to.
func (k *Keeper) Redirect(now time.Time, rules Rules, r *request.Request, to string) string {
	k.counts.redirects.Add(1)
	t := k.token(now, rules, r, kindRedirect)
	t.class, t.expires = k.digest('r', to, 0), uint32(now.Add(redirectTime).Unix())
	return k.seal(t)
}

// Followed says what became of a redirect to the target to: whether it is ours
// and in time, and whether the cookie came with it, which then makes r.Pass the
// pass of who follows.
func (k *Keeper) Followed(now time.Time, rules Rules, r *request.Request, nonce, to string) (ours, kept bool) {
	t, result := k.check(now, rules, r, nonce)
	if result != request.PassValid || t.kind != kindRedirect || t.class != k.digest('r', to, 0) || !k.spent.take(now, t.id) {
		return false, false
	}
	if r.Pass.Result != request.PassValid {
		return true, false
	}
	if r.Pass.How < request.PassFollowed {
		r.Pass = request.Pass{Result: request.PassValid, How: request.PassFollowed, Fresh: true, ID: t.id, Until: t.issued + uint32(rules.lasting(request.PassFollowed, 0)/time.Second)}
	}
	return true, true
}
