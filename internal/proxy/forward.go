package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"bartizan/internal/answer"
	"bartizan/internal/request"
)

// forward sends the request to an upstream and the answer to the client.
func (x *exchange) forward() {
	s := (*x.proxy.sites.Load())[x.req.Site]
	if s == nil { // the site went between two reloads
		x.write(answer.Unavailable(http.StatusServiceUnavailable, x.req.ID, x.navigation()))
		return
	}
	out := x.outgoing()
	resp, err := x.send(s, out)
	if err != nil {
		x.failed(err)
		return
	}
	defer resp.Body.Close()
	x.outcome.Answered, x.outcome.Status = true, resp.StatusCode
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.tunnel(out, resp)
		return
	}
	x.respond(resp)
}

// send tries upstreams until one is reached. A request is sent again only where
// no upstream can have seen it, or where net/http's transport knows that a kept
// connection was dead before it took a byte.
func (x *exchange) send(s *site, out *http.Request) (*http.Response, error) {
	var room [4]*upstream
	tried := room[:0]
	var last error
	for {
		u := s.pick(x.start, tried)
		if u == nil {
			return nil, last
		}
		tried = append(tried, u)
		x.address(out, u)
		resp, err := u.client.RoundTrip(out)
		if err == nil {
			u.down.Store(0)
			return resp, nil
		}
		last = err
		if unreached(err) && x.hr.Context().Err() == nil {
			u.failed(x.proxy.options.Now())
		}
		if !unreached(err) || x.body.started.Load() && !x.body.whole() {
			return nil, err
		}
	}
}

// address points out to u and gives it a fresh body.
func (x *exchange) address(out *http.Request, u *upstream) {
	target := x.req.Head.Target
	out.URL = &url.URL{Scheme: u.url.Scheme, Host: u.url.Host, Opaque: target}
	if strings.HasPrefix(target, "//") || !strings.HasPrefix(target, "/") && target != "*" {
		// net/url would read "//a/b" as an authority: the absolute form says the
		// same and reaches the upstream byte for byte behind it. A target in
		// absolute form goes on as it is.
		if strings.HasPrefix(target, "//") {
			out.URL.Opaque = u.url.Scheme + "://" + x.req.Head.Host + target
		}
	}
	if x.body.none() {
		return
	}
	out.Body = x.body.lend()
	if x.body.whole() {
		out.GetBody = func() (io.ReadCloser, error) { return x.body.lend(), nil }
	}
}

// outgoing builds the upstream request from the raw head.
func (x *exchange) outgoing() *http.Request {
	r := &x.req
	out := &http.Request{
		Method: r.Head.Method, Host: r.Head.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(r.Head.Fields)+4), ContentLength: x.body.length,
	}
	named := connectionNames(r)
	values := make([]string, 0, len(r.Head.Fields)) // one array for all single values
	for _, f := range r.Head.Fields {
		if x.dropped(f.Name, named) {
			continue
		}
		if old, ok := out.Header[f.Name]; ok {
			out.Header[f.Name] = append(old, f.Value)
			continue
		}
		values = append(values, f.Value)
		out.Header[f.Name] = values[len(values)-1 : len(values) : len(values)]
	}
	x.forwarded(out)
	if r.Head.Upgrade && r.Head.Method != http.MethodConnect {
		out.Header["Connection"] = []string{"Upgrade"}
		out.Header["Upgrade"] = []string{r.Header("Upgrade")}
	}
	if te := r.Header("TE"); te != "" && hasToken(te, "trailers") {
		out.Header["Te"] = []string{"trailers"}
	}
	silence(out.Header, r)
	x.trailers(out)
	return out.WithContext(x.hr.Context())
}

// silence keeps net/http from adding a User-Agent of its own.
func silence(h http.Header, r *request.Request) {
	for i := range r.Head.Fields {
		if strings.EqualFold(r.Head.Fields[i].Name, "User-Agent") {
			if name := r.Head.Fields[i].Name; name != "User-Agent" {
				h["User-Agent"] = h[name] // net/http looks under the canonical name only
				delete(h, name)
			}
			return
		}
	}
	h["User-Agent"] = []string{""}
}

// trailers hands the client's trailers on: they are known when the body has ended.
func (x *exchange) trailers(out *http.Request) {
	if x.body.none() || x.body.length >= 0 {
		return
	}
	declared := x.req.Header("Trailer")
	if declared == "" {
		return
	}
	out.Trailer = make(http.Header)
	for name := range strings.SplitSeq(declared, ",") {
		if name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)); name != "" && !forbiddenTrailer(name) {
			out.Trailer[name] = nil
		}
	}
	x.body.atEnd = func() {
		for name := range out.Trailer {
			if v, ok := x.hr.Trailer[name]; ok {
				out.Trailer[name] = v
			}
		}
	}
}

func forbiddenTrailer(name string) bool {
	return name == "Transfer-Encoding" || name == "Content-Length" || name == "Trailer"
}

// dropped reports whether a field ends here: hop-by-hop fields (RFC 9110,
// section 7.6.1), Host, what net/http writes itself, and what we write anew.
func (x *exchange) dropped(name string, named []string) bool {
	switch len(name) {
	case 2, 4, 6, 7, 9, 10, 14, 15, 16, 17, 18, 19:
		for _, h := range hopByHop {
			if strings.EqualFold(name, h) {
				return true
			}
		}
	}
	if name[0]|0x20 == 'x' && isForwarded(name) || len(name) == len("Forwarded") && strings.EqualFold(name, "Forwarded") {
		return true
	}
	for _, n := range named {
		if strings.EqualFold(name, n) {
			return true
		}
	}
	return false
}

var hopByHop = [...]string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length", "HTTP2-Settings"}

func isForwarded(name string) bool {
	return strings.EqualFold(name, "X-Forwarded-For") || strings.EqualFold(name, "X-Forwarded-Host") || strings.EqualFold(name, "X-Forwarded-Proto")
}

// connectionNames lists the fields that Connection names: they are hop-by-hop too.
func connectionNames(r *request.Request) []string {
	var names []string
	for v := range r.Headers("Connection") {
		for n := range strings.SplitSeq(v, ",") {
			n = strings.TrimSpace(n)
			// A client must not be able to take what upstream decides by away.
			if n == "" || len(names) >= 32 || strings.EqualFold(n, "close") || strings.EqualFold(n, "keep-alive") || strings.EqualFold(n, "Authorization") || strings.EqualFold(n, "Cookie") {
				continue
			}
			names = append(names, n)
		}
	}
	return names
}

// forwarded writes X-Forwarded-* and hands Forwarded on. What a peer that nobody
// trusts has said of itself is not passed off as ours.
func (x *exchange) forwarded(out *http.Request) {
	r := &x.req
	peer := r.Conn.Peer.Addr
	trusted := x.proxy.options.Engine.Policy().Trusted(peer)
	chain := peer.String()
	if trusted {
		for v := range r.Headers("X-Forwarded-For") {
			out.Header["X-Forwarded-For"] = append(out.Header["X-Forwarded-For"], v)
		}
		if old := out.Header["X-Forwarded-For"]; len(old) > 0 {
			chain = strings.Join(old, ", ") + ", " + chain
		}
		for v := range r.Headers("Forwarded") {
			out.Header["Forwarded"] = append(out.Header["Forwarded"], v)
		}
	}
	out.Header["X-Forwarded-For"] = []string{chain}
	out.Header["X-Forwarded-Proto"] = []string{trustedOr(r, trusted, "X-Forwarded-Proto", r.Head.Scheme)}
	out.Header["X-Forwarded-Host"] = []string{trustedOr(r, trusted, "X-Forwarded-Host", r.Head.Host)}
}

func trustedOr(r *request.Request, trusted bool, name, otherwise string) string {
	if v := r.Header(name); trusted && v != "" {
		return v
	}
	return otherwise
}

func hasToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}

// failed answers for an upstream that did not.
func (x *exchange) failed(err error) {
	var bad *faultError
	switch {
	case errors.Is(err, errCut):
		x.refuse()
	case errors.As(err, &bad):
		x.malformed(bad.fault)
	case x.hr.Context().Err() != nil:
		x.outcome.Aborted = true
		panic(http.ErrAbortHandler)
	default:
		if x.body.err != nil && x.body.err != io.EOF { // the client's body broke off
			x.outcome.Aborted = true
			panic(http.ErrAbortHandler)
		}
		x.proxy.stats.upstreamErrors.Add(1)
		x.proxy.options.Log.Warn("upstream failed", "request", x.req.ID, "site", x.req.Site, "error", err)
		x.write(answer.Unavailable(statusOf(err), x.req.ID, x.navigation()))
	}
}
