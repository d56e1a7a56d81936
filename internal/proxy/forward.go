package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"bartizan/internal/answer"
)

// forward sends the request to an upstream and the answer to the client.
func (x *exchange) forward() {
	s := (*x.proxy.sites.Load())[x.req.Site]
	if s == nil { // the site went between two reloads
		x.write(answer.Unavailable(http.StatusServiceUnavailable, x.req.ID, x.req.Navigation()))
		return
	}
	x.duplex()
	x.verdict = x.proxy.options.Engine.Depart(x.proxy.options.Now(), &x.req, x.verdict, x.body.none() || x.body.complete)
	if x.verdict.Refused() {
		x.refuse() // no room for its body
		return
	}
	x.sending, x.whole = x.verdict, x.body.none() || x.body.complete
	out := x.outgoing()
	resp, err := x.count(s, out)
	x.interimMu.Lock()
	x.interimOK = false
	x.interimMu.Unlock()
	if err != nil {
		x.failed(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode < 100 || resp.StatusCode > 999 { // no status: net/http cannot write it
		x.failed(fmt.Errorf("upstream answered with status %d", resp.StatusCode))
		return
	}
	x.outcome.Answered, x.outcome.Status = true, resp.StatusCode
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.tunnel(out, resp)
		return
	}
	x.body.pace.relax()
	x.respond(resp)
}

// count sends the request and tells the engine how long the upstream had it.
func (x *exchange) count(s *site, out *http.Request) (*http.Response, error) {
	o := &x.proxy.options
	resp, err := x.send(s, out)
	switch {
	case err == nil:
		o.Engine.Arrive(o.Now(), &x.req, resp.StatusCode)
	case x.hr.Context().Err() == nil:
		o.Engine.Arrive(o.Now(), &x.req, 0)
	}
	return resp, err
}

// send tries upstreams until one takes the request. It is sent again only where
// no upstream can have seen it, or where net/http's transport knows that a kept
// connection was dead before it took a byte.
func (x *exchange) send(s *site, out *http.Request) (*http.Response, error) {
	var room [4]*upstream
	tried := room[:0]
	x.interimOK = x.req.Head.Proto != "HTTP/1.0"
	for {
		u := s.pick(x.start, tried, x.room)
		tried = append(tried, u)
		x.address(out, u)
		asked := x.asked
		x.take(u)
		x.proxy.options.Engine.Assign(x.proxy.options.Now(), &x.req, u.id)
		resp, err := u.client.RoundTrip(out)
		if err == nil {
			u.down.Store(0)
			x.answered = true
			return resp, nil
		}
		// Looked for a connection and got none: the upstream is at fault, not the
		// request, unless the client went away meanwhile.
		if x.asked == asked || x.got > 0 || x.hr.Context().Err() != nil {
			return nil, err
		}
		u.failed(x.proxy.options.Now())
		if len(tried) == len(s.upstreams) {
			return nil, &unreachedError{err}
		}
	}
}

// room returns how many requests u may have at once.
func (x *exchange) room(u *upstream) int64 {
	return x.proxy.options.Engine.Room(x.start, x.req.Site, u.id)
}

// take gives the request to u, and back what had it before; nil ends that.
func (x *exchange) take(u *upstream) {
	if x.at != nil {
		x.at.busy.Add(-1)
	}
	if x.at = u; u != nil {
		u.busy.Add(1)
	}
}

// unreachedError says that no upstream saw the request.
type unreachedError struct{ error }

func (e *unreachedError) Unwrap() error { return e.error }

// interim passes a 1xx answer on (103 Early Hints). 100 is none of these: net/http
// sends it when the body is first asked for. It runs on the transport's goroutine.
func (x *exchange) interim(code int, header textproto.MIMEHeader) error {
	x.interimMu.Lock()
	defer x.interimMu.Unlock()
	if !x.interimOK || code == http.StatusContinue {
		return nil
	}
	h := x.w.Header()
	ends := h["Connection"] // said of the answer, not of this one
	clear(h)
	copyHeader(h, http.Header(header))
	x.w.WriteHeader(code)
	clear(h)
	if ends != nil {
		h["Connection"] = ends
	}
	return nil
}

// address points out to u and gives it the body from its beginning.
func (x *exchange) address(out *http.Request, u *upstream) {
	out.URL = targetURL(x.req.Head.Target, x.req.Head.Host, u)
	x.upgrade(out, u)
	b := &x.body
	switch {
	case b.none():
	case b.complete && b.given == 0: // net/http sends head and body at once then, and may do so again
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.prefix)), nil }
		out.Body, _ = out.GetBody()
	default:
		out.Body = b.lend()
	}
}

// targetURL returns the URL by which net/http writes target exactly so, with two
// exceptions. "//a|b", which net/url would escape, is written in absolute form. A
// target in absolute form loses its authority, which Host repeats, before an
// upstream that may speak HTTP/2: it has no such form.
func targetURL(target, host string, u *upstream) *url.URL {
	to := &url.URL{Scheme: u.url.Scheme, Host: u.url.Host, Opaque: target}
	if strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//") {
		return to
	}
	if u.http2() && !strings.HasPrefix(target, "/") {
		if _, rest, ok := strings.Cut(target, "://"); ok {
			i := strings.IndexAny(rest, "/?")
			if i < 0 {
				i, rest = 0, "/"
			}
			if target = rest[i:]; target[0] == '?' {
				target = "/" + target
			}
			to.Opaque = target
		}
	}
	if strings.HasPrefix(target, "//") {
		path, query, asked := strings.Cut(target, "?")
		if plain, err := url.PathUnescape(path); err == nil {
			to.Opaque, to.Path, to.RawPath, to.RawQuery, to.ForceQuery = "", plain, path, query, asked
			if to.EscapedPath() == path {
				return to
			}
		}
		*to = url.URL{Scheme: to.Scheme, Host: to.Host, Opaque: to.Scheme + "://" + host + target}
	}
	return to
}

// failed answers for an upstream that did not.
func (x *exchange) failed(err error) {
	x.body.reclaim()
	switch {
	case x.body.cut != nil:
		x.stopped()
	case x.hr.Context().Err() != nil:
		x.abort()
	default:
		x.proxy.stats.upstreamErrors.Add(1)
		x.proxy.options.Log.Warn("upstream failed", "reference", x.req.ID, "site", x.req.Site, "error", err)
		x.write(answer.Unavailable(statusOf(err), x.req.ID, x.req.Navigation()))
	}
}
