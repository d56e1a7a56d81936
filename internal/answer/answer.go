// Package answer turns verdicts into HTTP answers: status, header and an
// application/problem+json body (RFC 9457), or a small HTML page where a person
// looks at a browser window. It is what every front end sends, so that a client
// learns the same whichever one stands before the API.
//
// It decides nothing, and it tells an attacker nothing: why a request was
// refused is for the operator, under the reference id.
package answer

import (
	"encoding/json"
	"html"
	"strconv"
	"strings"
	"time"

	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Response is an answer of ours.
type Response struct {
	Status int
	Header [][2]string
	Body   []byte
	// Close says that the connection must not be used again.
	Close bool
	// GRPC is the status that GRPC has given the answer; 0 before.
	GRPC int

	detail string // in words, for gRPC
}

// problem is an RFC 9457 problem with members of ours.
type problem struct {
	Type       string  `json:"type"`
	Title      string  `json:"title"`
	Status     int     `json:"status"`
	Detail     string  `json:"detail"`
	Reference  string  `json:"reference"`
	RetryAfter int     `json:"retry_after,omitempty"` // seconds
	Errors     []fault `json:"errors,omitempty"`
	Challenge  *asked  `json:"challenge,omitempty"`

	link, label string // for pages only
}

// fault is one departure from the API's document.
type fault struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

// Refusal returns the answer to a refused request with reference id. page asks
// for HTML: true only for top-level navigations.
func Refusal(v engine.Verdict, id string, page bool) Response {
	p := problem{Type: "about:blank", Reference: id}
	switch {
	case v.Reason == policy.Malformed && v.Fault == request.FaultConnect:
		p.Status, p.Title, p.Detail = v.Fault.Status(), "Not implemented", "CONNECT is not served here."
	case v.Reason == policy.Malformed:
		p.Status, p.Title, p.Detail = v.Fault.Status(), "Malformed request", "The request could not be read safely ("+v.Fault.String()+")."
		if p.Status == 0 {
			p.Status = 400
		}
	case v.Reason == policy.UnknownHost:
		p.Status, p.Title, p.Detail = 404, "Unknown host", "No service with this host name is served here."
	case v.Reason == policy.Schema && v.Schema != nil:
		return schema(v, p, page)
	case v.Action == signal.Unset, v.Reason == policy.EngineFault:
		p.Status, p.Title, p.Detail = 503, "Service unavailable", "The request could not be checked."
	case v.Reason == policy.Saturated:
		p.Status, p.Title, p.Detail = 503, "Service busy", "The service is busy at the moment. Please wait before you try again."
		p.RetryAfter = waiting(v.Retry)
	case v.Action == signal.BlockAction:
		p.Status, p.Title, p.Detail = 403, "Request refused", "This request was refused. If you think that this is wrong, tell the operator the reference."
	default:
		p.Status, p.Title, p.Detail = 429, "Too many requests", "Please wait before you try again. If this does not help, tell the operator the reference."
		p.RetryAfter = waiting(v.Retry)
	}
	r := render(p, page)
	r.Close = v.Reason == policy.Malformed
	return r
}

// waiting returns the seconds of a Retry-After.
func waiting(d time.Duration) int {
	return int(max(d, time.Second).Round(time.Second) / time.Second)
}

// schema answers a request that departs from the API's own document.
func schema(v engine.Verdict, p problem, page bool) Response {
	f := v.Schema
	switch {
	case f.TooLarge:
		p.Status, p.Title, p.Detail = 413, "Content too large", "The body is longer than what can be checked here."
	case f.Unread:
		p.Status, p.Title, p.Detail = 415, "Unsupported media type", "The body's coding or charset cannot be read here."
	case !f.PathDocumented:
		p.Status, p.Title, p.Detail = 404, "Not found", "The API has no such path."
	case !f.Documented:
		p.Status, p.Title, p.Detail = 405, "Method not allowed", "The path does not take this method."
	case f.Learned:
		p.Status, p.Title, p.Detail = 400, "Invalid request", "The request is not what the API takes."
	default:
		p.Status, p.Title, p.Detail = 400, "Invalid request", "The request is not what the API's document asks for."
	}
	for _, e := range f.Problems {
		p.Errors = append(p.Errors, fault{e.Where, e.What})
	}
	r := render(p, page)
	if p.Status == 405 {
		r.Header = append(r.Header, [2]string{"Allow", strings.Join(f.Allow, ", ")})
	}
	return r
}

// Unavailable returns the answer where the upstream failed: status is 502, 503
// or 504.
func Unavailable(status int, id string, page bool) Response {
	p := problem{Type: "about:blank", Status: status, Reference: id}
	switch status {
	case 503:
		p.Title, p.Detail, p.RetryAfter = "Service unavailable", "The service cannot be reached at the moment.", 5
	case 504:
		p.Title, p.Detail = "Gateway timeout", "The service did not answer in time."
	default:
		p.Title, p.Detail = "Bad gateway", "The service could not be reached or gave an invalid answer."
	}
	return render(p, page)
}

func render(p problem, page bool) Response {
	r := Response{Status: p.Status,
		Header: [][2]string{{"Cache-Control", "no-store"}, {"Bartizan-Reference", p.Reference}}, detail: p.Detail}
	if p.RetryAfter > 0 {
		r.Header = append(r.Header, [2]string{"Retry-After", strconv.Itoa(p.RetryAfter)})
	}
	if page {
		r.Header = append(r.Header, [2]string{"Content-Type", "text/html; charset=utf-8"}, [2]string{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"})
		r.Body = []byte(pageOf(p))
		return r
	}
	r.Header = append(r.Header, [2]string{"Content-Type", "application/problem+json"})
	body, err := json.Marshal(p)
	if err != nil { // strings and integers always marshal
		panic("answer: " + err.Error())
	}
	r.Body = append(body, '\n')
	return r
}

// pageOf is readable without CSS, by screen readers, and says what to do next.
func pageOf(p problem) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>`)
	b.WriteString(html.EscapeString(p.Title))
	b.WriteString(`</title><style>body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1rem}code{font-size:1.1em}</style></head><body><main><h1>`)
	b.WriteString(html.EscapeString(p.Title))
	b.WriteString(`</h1><p>`)
	b.WriteString(html.EscapeString(p.Detail))
	if p.link != "" {
		b.WriteString(`</p><p><a href="`)
		b.WriteString(html.EscapeString(p.link))
		b.WriteString(`">`)
		b.WriteString(html.EscapeString(p.label))
		b.WriteString(`</a>`)
	}
	b.WriteString(`</p><p>Reference: <code>`)
	b.WriteString(html.EscapeString(p.Reference))
	b.WriteString("</code></p></main></body></html>\n")
	return b.String()
}
