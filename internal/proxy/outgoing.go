package proxy

import (
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"

	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// outgoing builds the upstream request from the raw head.
func (x *exchange) outgoing() *http.Request {
	r := &x.req
	out := x.blank.WithContext(httptrace.WithClientTrace(x.hr.Context(), &x.trace))
	out.Method, out.Host, out.ContentLength = r.Head.Method, r.Head.Host, x.body.length
	out.Header = make(http.Header, len(r.Head.Fields)+2) // two or more end here, up to four are ours
	ends := x.ending()
	values := make([]string, 0, len(r.Head.Fields)+3) // one array for all single values
	for _, f := range r.Head.Fields {
		if ends.field(f.Name) {
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
	ends := x.ending()
	announce := func(name string) {
		if ends.trailer(name) {
			out.Trailer[http.CanonicalHeaderKey(name)] = nil
		}
	}
	for v := range x.req.Headers("Trailer") {
		for name := range strings.SplitSeq(v, ",") {
			announce(strings.TrimSpace(name))
		}
	}
	for name := range x.hr.Trailer { // net/http keeps the declaration for itself on HTTP/2
		announce(name)
	}
	x.body.atEnd = func() {
		for _, f := range x.req.Trailers {
			name := http.CanonicalHeaderKey(f.Name)
			out.Trailer[name] = append(out.Trailer[name], f.Value)
		}
	}
	if x.body.complete {
		x.body.atEnd()
	}
}

// trail takes the trailers of a body that was read to its end, and judges them. It
// returns an error if the request is refused for them.
func (x *exchange) trail() error {
	if x.body.length >= 0 || len(x.hr.Trailer) == 0 {
		return nil
	}
	ends, size := x.ending(), 0
	for name, values := range x.hr.Trailer {
		if !ends.trailer(name) {
			continue
		}
		for _, v := range values {
			size += len(name) + len(v)
			x.req.Trailers = append(x.req.Trailers, request.Field{Name: name, Value: v})
		}
	}
	if size > request.MaxTrailers {
		x.req.Trailers = nil
		return x.body.stop(malformed(request.FaultHeadTooLarge))
	}
	slices.SortStableFunc(x.req.Trailers, func(a, b request.Field) int { return strings.Compare(a.Name, b.Name) })
	if x.verdict.Inspect == 0 || x.verdict.Refused() {
		return nil
	}
	if x.verdict = x.proxy.options.Engine.Trailers(x.start, &x.req, x.verdict); x.verdict.Refused() {
		return x.body.stop(errRefused)
	}
	return nil
}

// ending says which of the client's fields end here. Its answers do not depend on the
// site's mode: what goes upstream is protocol, not verdict.
type ending struct {
	policy  *policy.Policy
	named   []string // by Connection
	trusted bool     // the peer is a trusted proxy
	old     bool     // HTTP/1.0
}

func (x *exchange) ending() ending {
	p := x.proxy.options.Engine.Policy()
	return ending{p, connectionNames(&x.req), p.Trusted(x.req.Conn.Peer.Addr), x.req.Head.Proto == "HTTP/1.0"}
}

// field reports whether a field of the head ends here: hop-by-hop fields (RFC 9110,
// section 7.6.1), Host, what net/http writes itself, what we write anew, and what
// only a trusted proxy may say.
func (e *ending) field(name string) bool {
	var buf [request.FoldMax]byte
	n, plain := request.FoldName(&buf, name)
	if _, own := ours[string(n)]; own {
		return true
	}
	if (!e.trusted || !plain) && e.policy.Forwarding(n) {
		return true
	}
	if e.old && string(n) == "expect" {
		return true // HTTP/1.0 knows no 100 Continue (RFC 9110, section 10.1.1)
	}
	for _, other := range e.named {
		if strings.EqualFold(name, other) {
			return true
		}
	}
	return false
}

// trailer reports whether a trailer of this name goes upstream.
func (e *ending) trailer(name string) bool {
	var buf [request.FoldMax]byte
	n, _ := request.FoldName(&buf, name)
	return request.IsToken(name) && request.TrailerPasses(name) && !e.policy.Forwarding(n) && !e.field(name)
}

// ours are folded names.
var ours = map[string]struct{}{
	"connection": {}, "proxy-connection": {}, "keep-alive": {}, "proxy-authenticate": {}, "proxy-authorization": {},
	"te": {}, "trailer": {},
	"transfer-encoding": {}, "upgrade": {}, "host": {}, "content-length": {}, "http2-settings": {},
	"x-forwarded-for": {}, "x-forwarded-host": {},
	"x-forwarded-proto": {}, "forwarded": {},
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
