package engine

import (
	"strings"

	"bartizan/internal/attacker"
	"bartizan/internal/digest"
	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// Many applications refuse a login with a status that says nothing: 200 and the form
// again, a redirect back, `errors` of GraphQL. What such an answer means is told by what
// it shows (a token, the form, an error) and by what this endpoint answers else: who gets
// in is given a new cookie and sent another way. An operator's hint decides before all.

// LoginAnswer is what a front end tells of the answer to a request that may be a login.
type LoginAnswer struct {
	Location string   // as sent; empty if there is none
	Cookies  []string // its Set-Cookie fields; at most 16 are read
	Type     string   // media type
	Body     []byte   // its beginning, decoded, request.MaxLoginAnswer bytes at most
}

// MayLogin reports whether the answer to r is to be read for what became of a login. The
// body of r must have been judged.
func (e *Engine) MayLogin(r *request.Request) bool {
	return e.hinted(r) != nil || r.Login.Password && (r.Login.User != 0 || r.Graph.Logins > 0) && !r.ChoosesPassword()
}

// hinted returns the operator's hint of how a login is refused where r goes; nil if there
// is none, or if r sends nothing.
func (e *Engine) hinted(r *request.Request) *policy.Failed {
	if !r.Login.Password && r.Head.Method != "POST" && r.Head.Method != "PUT" {
		return nil
	}
	site := e.current.Load().policy.Site(r.Head.Host)
	if site == nil {
		return nil
	}
	return site.Route(r.Head.Method, r.Steps()).FailedHint()
}

// Login completes o, the outcome of r, by what a says of an attempt to log in.
func (e *Engine) Login(r *request.Request, o *request.Outcome, a LoginAnswer, scratch *Scratch) {
	defer func() {
		if recover() != nil {
			e.faults.Add(1)
			o.Login = request.LoginUnknown
		}
	}()
	if !o.Answered {
		return
	}
	if o.Status < 400 {
		body := a.Body[:min(len(a.Body), request.HandedPrefix)]
		o.Handed = request.AppendHanded(nil, a.Cookies, a.Type, body, &scratch.walk)
	}
	if f := e.hinted(r); f != nil {
		o.Login = request.LoginEntered
		if o.Status/100 == 4 || f.Matches(o.Status, a.Location, a.Body) {
			o.Login = request.LoginRefused
		}
		return
	}
	x := loginAnswer{r: r, seed: e.seed, status: o.Status, location: a.Location, kind: a.Type, size: o.ResponseSize}
	x.sets, x.fresh = e.cookies(r, a.Cookies)
	switch {
	case o.Status/100 != 2:
	case request.JSON(a.Type):
		x.token, x.failed = request.JSONLogin(a.Type, a.Body, &scratch.walk)
		x.failed = x.failed && (!x.token || r.Graph.Logins > 1)
	case a.Type == "text/html":
		x.failed = request.FormAgain(a.Body, r.Path)
	}
	e.doors.mu.Lock()
	defer e.doors.mu.Unlock()
	o.Login = x.judge(e.doors.of(r.Endpoint.ID))
}

// cookies returns which cookies an answer sets, and which of them its client did not
// bring, as bits of their names.
func (e *Engine) cookies(r *request.Request, lines []string) (sets, fresh names) {
	for _, line := range lines[:min(len(lines), 16)] {
		name, _, ok := request.CookieSet(line)
		if !ok || strings.Contains(strings.ToLower(name), "csrf") || strings.Contains(strings.ToLower(name), "xsrf") {
			continue
		}
		bit := nameBit(e.seed, name)
		sets |= bit
		brought := false
		for i := range r.Cookies {
			brought = brought || r.Cookies[i].Name == name
		}
		if !brought {
			fresh |= bit
		}
	}
	return sets, fresh
}

// names is a set of cookies' names, a bit for each.
type names uint64

func nameBit(seed uint64, name string) names { return 1 << (digest.String(seed, name) >> 58) }

func brought(seed uint64, r *request.Request) (all names) {
	for i := range r.Cookies {
		all |= nameBit(seed, r.Cookies[i].Name)
	}
	return all
}

// loginAnswer is one answer while it is judged.
type loginAnswer struct {
	r           *request.Request
	seed        uint64
	status      int
	location    string
	kind        string
	size        int64
	sets, fresh names
	// token says that the answer hands out a token, failed that it says that the login failed:
	// in JSON, or by the form again.
	token, failed bool
}

func (x *loginAnswer) judge(d *door) request.LoginResult {
	result := request.LoginUnknown // the status says it
	switch {
	case x.status/100 == 3 && x.status != 304:
		result = x.sentOn(d)
	case x.status/100 == 2:
		result = x.page(d)
	}
	if result == request.LoginUnknown && x.status < 400 && (d.given() != 0 || d.tokens) {
		return request.LoginUnclear
	}
	switch result {
	case request.LoginRefused:
		d.refused |= x.sets
		d.refuses = true
	case request.LoginEntered:
		d.entered |= x.fresh &^ d.refused
		d.way = x.way()
		d.enters, d.tokens = true, d.tokens || x.token
	}
	return result
}

// sentOn judges a redirect: back to the form, or to another place.
func (x *loginAnswer) sentOn(d *door) request.LoginResult {
	if request.SaysError(x.location) {
		return request.LoginRefused
	}
	path := request.LinkPath(x.location)
	back := path == "" || path == x.r.Path || path == request.LinkPath(x.r.Header("Referer")) && loginPath(path)
	fresh := x.fresh &^ d.refused
	switch {
	case back && d.elsewhere:
		return request.LoginRefused
	case back:
		d.back = true
		if fresh != 0 {
			return request.LoginEntered
		}
		return request.LoginUnknown
	case x.foreign(d):
		return request.LoginRefused
	case fresh != 0, d.given()&x.sets != 0, (d.back || d.refuses) && d.given() == 0:
		d.elsewhere = true
		return request.LoginEntered
	}
	return request.LoginUnknown
}

// page judges a good answer.
func (x *loginAnswer) page(d *door) request.LoginResult {
	switch {
	case x.failed:
		return request.LoginRefused
	case x.token, x.fresh&^d.refused != 0:
		return request.LoginEntered
	case x.foreign(d):
		return request.LoginRefused
	}
	return request.LoginUnknown
}

// foreign reports whether an answer differs in both from those of who got in here: none of
// the cookies that they were given, neither now nor before, and another way.
func (x *loginAnswer) foreign(d *door) bool {
	return d.given() != 0 && d.given()&(x.sets|brought(x.seed, x.r)) == 0 && d.way != x.way()
}

// way digests where an answer leads: status and path of a redirect, or its type and length
// to an octave.
func (x *loginAnswer) way() uint64 {
	if x.status/100 == 3 {
		return digest.Mix(3, digest.String(x.seed, request.LinkPath(x.location)))
	}
	octave := uint64(0)
	for n := x.size; n > 0; n >>= 1 {
		octave++
	}
	return digest.Mix(digest.String(x.seed, x.kind), octave)
}

// loginPath reports whether a path speaks of a login.
func loginPath(path string) bool {
	r := request.Request{Head: request.Head{Target: path}}
	r.Parse()
	return r.LoginPath()
}

// refusedLogin reports whether r's attempt to log in was refused, by the answer's status
// or by what else it said.
func refusedLogin(r *request.Request, status int) bool {
	return r.Login.Result == request.LoginRefused || status == 401
}

// entrance reports whether r shows that its endpoint takes logins: it has refused a user and
// a password, and not merely a credential that went with them.
func (e *Engine) entrance(r *request.Request, status int) bool {
	if !refusedLogin(r, status) || !r.Login.Password || r.Login.User == 0 {
		return false
	}
	return r.Standing.Keys[attacker.Credential] == 0 || r.LoginPath() || r.Head.Method == "POST" && status < 400
}

// loginStatus is the status of an exchange for who counts logins: a refused login is
// refused, however it is said.
func loginStatus(r *request.Request, status int) int {
	if refusedLogin(r, status) && status/100 < 4 {
		return 401
	}
	return status
}
