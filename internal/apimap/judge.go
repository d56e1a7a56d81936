package apimap

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// The grades of certainty. A departure that the model itself expects in one
// request of a hundred is no evidence, in one of a thousand it is strong.
const (
	oddRate     = 1e-2
	strangeRate = 1e-3
	siteRipe    = 2000 // good answers before an unknown path says anything
	ripeTimes   = 4    // times what makes it evidence, and the model may be the law
	typed       = 200  // values before a parameter's type is believed
	manySigns   = 2    // sorts of signs of code that make a value odd
	longTimes   = 4    // a value this many times the longest is odd
	longBytes   = 256  // and at least this long
	largeTimes  = 3    // powers of two above the largest body
	manyAnswers = 500  // answers before one is called large
	// manyBrowsers is how many requests of browsers say whether they bring cookies,
	// and cookieRate how many of them do where one without is odd.
	manyBrowsers, cookieRate = 500, 0.98
	manyPauses               = 500  // steps before one is called fast
	bareRate                 = 0.99 // share of requests with a credential that makes one odd without
)

// JudgeHead appends what is odd about path, method, credential and query.
func (m *Model) JudgeHead(now time.Time, r *request.Request) {
	switch p := m.profileOf(r.Endpoint.ID); {
	case p != nil:
		if n, odd := m.judgeKnown(now, p, r); n > 0 && r.Standing.Previous != 0 {
			m.judgeStep(r, n, odd)
		}
		r.Endpoint.Dressed = r.Software.Claimed.Browser() && m.dressed(r.Site)
	case r.Endpoint.PathKnown:
		m.judgeMethod(now, r)
	default:
		m.mu.RLock()
		defer m.mu.RUnlock()
		// Good-Turing (1953): the chance that the next good answer comes from a new
		// endpoint is about the share of those that did.
		n, t := float64(m.learned), m.sites[r.Site]
		if n >= siteRipe && float64(m.found)/n < oddRate && t != nil && !t.wanted(r.Endpoint.Template) {
			add(r, signal.UnknownEndpoint, signal.Hint, "path", "the API has never answered this path well", 0)
			r.Endpoint.Foreign = n >= ripeTimes*siteRipe && float64(m.found)/n < strangeRate &&
				!t.wordAmongNumbers(r.Steps()) && !usualAnywhere(r.Endpoint.Template)
			settle(r, m.settled(now.UnixMilli(), t.first, t.approved, t.by))
		}
	}
}

// usualAnywhere reports whether a path is asked for at any site, by load balancers,
// monitors, browsers and crawlers, though perhaps never through the gateway while it learned.
func usualAnywhere(path string) bool {
	switch path {
	case "/", "/health", "/healthz", "/health/live", "/health/ready", "/livez", "/readyz", "/ping", "/status", "/up",
		"/favicon.ico", "/robots.txt", "/sitemap.xml":
		return true
	}
	return strings.HasPrefix(path, "/.well-known/")
}

// judgeKnown appends what is odd at a known endpoint. It returns how often that was
// called well, 0 if nothing is certain, and from which mean a course is odd there.
func (m *Model) judgeKnown(now time.Time, p *profile, r *request.Request) (n float64, odd float32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.certain(m, now) {
		return 0, 0
	}
	if r.Standing.Keys[2] == 0 && p.auth >= bareRate*p.n && p.n >= 2*float64(m.options.MinimumRequests) {
		add(r, signal.MissingCredential, signal.Hint, "header", "nearly every request here carries a credential", 0)
	}
	r.Endpoint.Ripe = p.n >= ripeTimes*float64(m.options.MinimumRequests)
	m.judgeFlow(p, r)
	r.Endpoint.Hasty, r.Endpoint.Usual, r.Endpoint.Cookies = p.hasty(r), p.usual(), p.browsers >= manyBrowsers && p.cookied >= cookieRate*p.browsers
	r.Endpoint.Issues = p.objects.issues()
	m.judgeShape(now, p, r, 0)
	p.judgeNames(r, m.settled(now.UnixMilli(), p.first, p.approved, p.by))
	return p.n, p.follow.courses.odd()
}

// judgeFlow judges what was called before; p.mu is held.
func (m *Model) judgeFlow(p *profile, r *request.Request) {
	if p.n < 4*float64(m.options.MinimumRequests) || r.Standing.Shared && (r.Standing.Previous == 0 || !r.Standing.Same) {
		return // or the call before was another one's, or made under another name
	}
	note := "first call of a visit"
	if r.Standing.Previous != 0 {
		note = "after a call that it does not follow"
	}
	switch odd := p.flow.odd(r.Standing.Previous, p.n); {
	case odd < strangeRate:
		add(r, signal.MissingStep, signal.Likely, "flow", note, 0)
	case odd < oddRate/4:
		add(r, signal.MissingStep, signal.Hint, "flow", note, 0)
	}
}

// hasty reports whether r follows its client's last call, which usually comes
// before, faster than hardly any has; p.mu is held. What a page loads at once
// follows at once, and is learned so.
func (p *profile) hasty(r *request.Request) bool {
	st := &r.Standing
	if st.Previous == 0 || st.Gap <= 0 || st.Shared || !st.Same || p.flow.odd(st.Previous, p.n) < 1 {
		return false
	}
	all, faster := float32(0), float32(0)
	own := pause(st.Gap)
	for i, n := range p.pauses {
		if all += n; i <= own {
			faster = all
		}
	}
	return all >= manyPauses && faster < 2*strangeRate*all
}

// usual is the power of two of bytes that 99 of 100 answers do not exceed; 0
// before there are enough of them. p.mu is held.
func (p *profile) usual() uint8 {
	all, n := float32(0), float32(0)
	for _, v := range p.answers {
		all += v
	}
	if all < manyAnswers {
		return 0
	}
	for i, v := range p.answers {
		if n += v; n >= (1-oddRate)*all {
			return uint8(i)
		}
	}
	return 0
}

// judgeMethod judges a method that a known path has never been asked with.
func (m *Model) judgeMethod(now time.Time, r *request.Request) {
	if r.Head.Method == "OPTIONS" || r.Head.Method == "HEAD" {
		return
	}
	known, settled := 0.0, false
	for _, method := range [...]string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if p := m.profileOf(endpointID(m.options.Seed, r.Site, method, r.Endpoint.Template)); p != nil {
			p.mu.Lock()
			if p.certain(m, now) {
				known += p.n
				settled = settled || m.settled(now.UnixMilli(), p.first, p.approved, p.by)
			}
			p.mu.Unlock()
		}
	}
	switch {
	case known >= 4*float64(m.options.MinimumRequests):
		add(r, signal.UnknownMethod, signal.Likely, "method", r.Head.Method, 0)
		settle(r, settled)
	case known > 0:
		add(r, signal.UnknownMethod, signal.Hint, "method", r.Head.Method, 0)
	}
}

// JudgeBody appends what is odd about the body, whose parameters stand in
// r.Shape from index from on. size is its length as far as it is known.
func (m *Model) JudgeBody(now time.Time, r *request.Request, from int, size int64) {
	p := m.profileOf(r.Endpoint.ID)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.certain(m, now) {
		return
	}
	if b := bucket(size); b > largest(&p.sizes)+largeTimes && size > 4096 {
		add(r, signal.BodySize, signal.Hint, "body", strconv.FormatInt(size, 10)+" bytes", 0)
	}
	m.judgeShape(now, p, r, from)
	p.judgeNames(r, m.settled(now.UnixMilli(), p.first, p.approved, p.by))
}

// judgeShape judges parameters from index from on; p.mu is held.
func (m *Model) judgeShape(now time.Time, p *profile, r *request.Request, from int) {
	if from == len(r.Shape) {
		return
	}
	ms := now.UnixMilli()
	settled := m.settled(ms, p.first, p.approved, p.by)
	for i := from; i < len(r.Shape); i++ {
		s := &r.Shape[i]
		q := p.params[s.Key]
		switch {
		case q == nil:
			p.judgeUnknown(r, s, s.Name, settled)
		case !q.believed():
			p.judgeUnknown(r, s, q.name, settled)
		default:
			if q.judge(r, s, settled && m.settled(ms, q.first, p.approved, q.by)) {
				p.judgeSoftware(r)
			}
		}
	}
}

// judgeSoftware judges the program that sends a text where no text was taken before: alone
// it says nothing, since anybody may try a new one.
func (p *profile) judgeSoftware(r *request.Request) {
	if p.n < ripeTimes*typed || bits.OnesCount8(p.software[r.Software.Claimed]) >= kindTeachers ||
		slices.ContainsFunc(r.Signals, func(s signal.Signal) bool { return s.Kind == signal.OddSoftware }) {
		return
	}
	add(r, signal.OddSoftware, signal.Hint, "header:User-Agent", r.Software.Claimed.String()+" is not what asks here", 0)
}

// judgeUnknown judges a parameter that too few clients have sent. Once there were
// too many parameters to keep, none is unknown any more.
func (p *profile) judgeUnknown(r *request.Request, s *request.Seen, name string, settled bool) {
	if p.omitted || name == "" {
		return
	}
	switch rate := (p.novel + 0.5) / (p.n + 1); {
	case rate < strangeRate:
		add(r, signal.UnknownParameter, signal.Likely, place(s.In, name), "never taken here", s.Key)
		settle(r, settled)
	case rate < oddRate:
		add(r, signal.UnknownParameter, signal.Hint, place(s.In, name), "hardly ever taken here", s.Key)
	}
}

// judge compares a value with what its parameter has had. It reports whether it is a text
// where no text was taken before.
func (q *param) judge(r *request.Request, s *request.Seen, settled bool) (text bool) {
	if q.n < typed {
		return false
	}
	text = q.judgeKind(r, s, settled)
	if s.Length > longBytes && s.Length > longTimes*q.longest {
		add(r, signal.ParameterLength, signal.Hint, place(s.In, q.name), strconv.Itoa(s.Length)+" bytes; the longest so far has "+strconv.Itoa(q.longest), 0)
	}
	return text
}

func (q *param) judgeKind(r *request.Request, s *request.Seen, settled bool) (text bool) {
	k, all := kind(min(s.Type, kinds-1)), float32(q.n)-q.kinds[empty]
	if all < typed || k < word || q.taught(k) {
		return false
	}
	strict := float32(0)
	for k := range kinds {
		if kind(k).strict() {
			strict += q.kinds[k]
		}
	}
	text = k > word
	many, format := all >= 4*typed, strict >= 0.999*all
	if !format && !(text && many && q.plain()) {
		return false
	}
	band := signal.Hint
	if format && text && many {
		band = signal.Likely
	}
	value := digest.Mix(s.Key, uint64(s.Length))
	add(r, signal.ParameterType, band, place(s.In, q.name), k.String()+" instead of "+q.commonest().String(), value)
	if n := len(r.Signals); n > 0 {
		r.Signals[n-1].Settled, r.Signals[n-1].Text = settled && format, text
	}
	if format && text && many && s.Signs >= manySigns {
		if s.Signs == manySigns {
			band = signal.Hint
		}
		add(r, signal.OddValue, band, place(s.In, q.name), "signs of code instead of "+q.commonest().String(), value)
	}
	return text
}

// plain reports whether the parameter takes single words, or values with a format, alone.
func (q *param) plain() bool { return !q.taught(phrase) && !q.taught(text) }

// FreeText reports whether people write text into the parameter of this name:
// there, what looks like code seldom is an attack.
func (m *Model) FreeText(r *request.Request, key string) bool {
	p := m.profileOf(r.Endpoint.ID)
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var buf [96]byte
	name := digest.String(m.options.Seed, normal(&buf, key))
	for _, in := range [...]request.Location{request.InJSON, request.InForm, request.InPart, request.InQuery, request.InText} {
		if q := p.params[digest.Mix(name, uint64(in))|1]; q.free() {
			return true
		}
	}
	return false
}

// free reports whether the parameter's values are texts, as a rule.
func (q *param) free() bool {
	return q != nil && q.believed() && q.n >= 50 && float64(q.kinds[phrase]+q.kinds[text]) >= 0.5*q.n && q.kinds[text] > 0
}

func place(in request.Location, name string) string {
	if in == request.InQuery {
		return "query:" + name
	}
	return "body:" + name
}

// settle notes of the signal that was just added whether it may be the law's.
func settle(r *request.Request, settled bool) {
	if n := len(r.Signals); n > 0 {
		r.Signals[n-1].Settled = settled
	}
}

// maxSignals bounds what one request can add.
const maxSignals = 24

func add(r *request.Request, k signal.Kind, b signal.Band, where, note string, digest uint64) {
	if len(r.Signals) >= maxSignals {
		return
	}
	r.Signals = append(r.Signals, signal.Signal{Kind: k, Band: b, Where: request.Excerpt(where, 96), Note: request.Excerpt(note, 96), Digest: digest})
}
