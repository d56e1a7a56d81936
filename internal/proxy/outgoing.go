package proxy

import (
	"net/http"
	"net/http/httptrace"
	"strings"

	"bartizan/internal/request"
)

// outgoing builds the upstream request from the raw head.
func (x *exchange) outgoing() *http.Request {
	r := &x.req
	out := x.blank.WithContext(httptrace.WithClientTrace(x.hr.Context(), &x.trace))
	out.Method, out.Host, out.ContentLength = r.Head.Method, r.Head.Host, x.body.length
	out.Header = make(http.Header, len(r.Head.Fields)+2) // two or more end here, up to four are ours
	named := connectionNames(r)
	values := make([]string, 0, len(r.Head.Fields)+3) // one array for all single values
	for _, f := range r.Head.Fields {
		if dropped(f.Name, named) {
			continue
		}
		name := known(f.Name)
		if old, ok := out.Header[name]; ok {
			out.Header[name] = append(old, f.Value)
			continue
		}
		values = append(values, f.Value)
		out.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	x.forwarded(out.Header, values)
	if te := r.Header("TE"); te != "" && hasToken(te, "trailers") {
		out.Header["Te"] = []string{"trailers"}
	}
	silence(out.Header)
	x.trailers(out)
	return out
}

// known returns the fields that net/http looks for under the name that it looks
// for, others as they are.
func known(name string) string {
	switch {
	case len(name) == len("Expect") && strings.EqualFold(name, "Expect"):
		return "Expect"
	case len(name) == len("User-Agent") && strings.EqualFold(name, "User-Agent"):
		return "User-Agent"
	}
	return name
}

// silence keeps net/http from adding a User-Agent of its own, and from dropping
// an empty or a second one: it writes those under a name that it does not know.
func silence(h http.Header) {
	v := h["User-Agent"]
	if len(v) == 1 && v[0] != "" {
		return
	}
	if len(v) > 0 {
		h["user-agent"] = v
	}
	h["User-Agent"] = []string{""}
}

// trailers hands the client's trailers on: they are known when the body has
// ended. Only a body of unknown length has any on HTTP/1.
func (x *exchange) trailers(out *http.Request) {
	if x.body.none() || x.body.length >= 0 {
		return
	}
	out.Trailer = make(http.Header)
	for v := range x.req.Headers("Trailer") {
		for name := range strings.SplitSeq(v, ",") {
			addTrailer(out.Trailer, strings.TrimSpace(name), nil)
		}
	}
	for name := range x.hr.Trailer { // net/http keeps the declaration for itself on HTTP/2
		addTrailer(out.Trailer, name, nil)
	}
	x.body.atEnd = func() {
		for name, v := range x.hr.Trailer {
			addTrailer(out.Trailer, name, v)
		}
	}
	if x.body.complete {
		x.body.atEnd()
	}
}

func addTrailer(h http.Header, name string, v []string) {
	name = http.CanonicalHeaderKey(name)
	if name != "" && name != "Transfer-Encoding" && name != "Content-Length" && name != "Trailer" {
		h[name] = v
	}
}

// upgrade asks u for another protocol if the client does. Never for cleartext
// HTTP/2, by which a client would tunnel requests past us, nor where net/http
// would use HTTP/2, which knows no upgrade: any server may decline one.
func (x *exchange) upgrade(out *http.Request, u *upstream) {
	r := &x.req
	delete(out.Header, "Connection")
	delete(out.Header, "Upgrade")
	to := r.Header("Upgrade")
	if !r.Head.Upgrade || to == "" || strings.Contains(strings.ToLower(to), "h2c") || u.http2() && (u.cleartext() || !strings.EqualFold(to, "websocket")) {
		return
	}
	out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{to}
}

// dropped reports whether a field ends here: hop-by-hop fields (RFC 9110,
// section 7.6.1), Host, what net/http writes itself, and what we write anew.
func dropped(name string, named []string) bool {
	switch len(name) {
	case 2, 4, 6, 7, 9, 10, 14, 15, 16, 17, 18, 19:
		for _, h := range ours {
			if strings.EqualFold(name, h) {
				return true
			}
		}
	}
	for _, n := range named {
		if strings.EqualFold(name, n) {
			return true
		}
	}
	return false
}

var ours = [...]string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
	"Host", "Content-Length", "HTTP2-Settings", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded",
}

// connectionNames lists the fields that Connection names: they are hop-by-hop
// too. A client must not be able to take away what upstream decides by.
func connectionNames(r *request.Request) []string {
	var names []string
	for v := range r.Headers("Connection") {
		for n := range strings.SplitSeq(v, ",") {
			switch n = strings.TrimSpace(n); {
			case n == "", len(names) >= 32, strings.EqualFold(n, "close"), strings.EqualFold(n, "keep-alive"),
				strings.EqualFold(n, "Authorization"), strings.EqualFold(n, "Cookie"):
			default:
				names = append(names, n)
			}
		}
	}
	return names
}

func hasToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}
