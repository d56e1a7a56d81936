package answer

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"bartizan/internal/answer/page"
	"bartizan/internal/challenge"
)

// asked is the challenge as a member of a problem.
type asked struct {
	Algorithm  string    `json:"algorithm"`
	Difficulty int       `json:"difficulty"` // leading zero bits
	Nonce      string    `json:"nonce"`
	Expires    time.Time `json:"expires"`
	Answer     string    `json:"answer"` // the header that takes it
}

// Challenge returns the answer that asks q of a program. Whoever does not
// understand it may wait instead.
func Challenge(q challenge.Question, retry time.Duration, id string) Response {
	p := problem{
		Type: "urn:bartizan:challenge", Title: "Proof of work needed", Status: 429, Reference: id,
		Detail:    "Send the request again with the answer to the challenge, or wait. If this does not help, tell the operator the reference.",
		Challenge: &asked{"sha-256", q.Bits, q.Nonce, q.Expires.UTC().Truncate(time.Second), challenge.AnswerHeader},
	}
	p.RetryAfter = int(max(retry, time.Second).Round(time.Second) / time.Second)
	r := render(p, false)
	r.Header = append(r.Header, [2]string{"Bartizan-Challenge", fmt.Sprintf("sha-256;difficulty=%d;expires=%d;nonce=%q", q.Bits, q.Expires.Unix(), q.Nonce)})
	return r
}

// Script returns the script by which a site's pages answer what they fetch is asked.
// accepts and validator are the request's Accept-Encoding and If-None-Match.
func Script(accepts, validator string) Response {
	body, tag := page.Fetch()
	r := Response{Status: 200, Header: [][2]string{
		{"Content-Type", "text/javascript; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}, {"ETag", tag},
		{"Vary", "Accept-Encoding"}, {"Cache-Control", "max-age=3600"},
	}}
	switch {
	case validator == tag:
		r.Status = 304
	case gzips(accepts):
		r.Header = append(r.Header, [2]string{"Content-Encoding", "gzip"})
		r.Body = page.FetchPacked()
	default:
		r.Body = body
	}
	return r
}

// Page returns the page that asks q of a browser window, which then goes on to
// the target to. It comes in gzip if the client says that it takes that: who
// claims it and cannot read it gets no further. It speaks a language of the browser's, and
// names the site and whom to ask; contact may be empty.
func Page(q challenge.Question, to, id, accepts, languages, site, contact string) Response {
	wait := int(q.Wait / time.Second)
	link := challenge.Reserved + "wait?t=" + q.Nonce + "&to=" + url.QueryEscape(to)
	r := Response{Status: 429, Header: [][2]string{
		{"Cache-Control", "no-store"}, {"Bartizan-Reference", id}, {"Content-Type", "text/html; charset=utf-8"}, {"Content-Security-Policy", page.Policy()},
		{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"}, {"Vary", "Accept-Encoding, Accept-Language"}, {"Retry-After", strconv.Itoa(wait)},
	}}
	r.Body = page.Render(page.Data{
		Nonce: q.Nonce, Bits: q.Bits, Tries: challenge.PageTries << q.Bits, To: to, Link: link, Wait: wait, Reference: id,
		Languages: languages, Site: site, Contact: contact,
	})
	if gzips(accepts) {
		r.Header = append(r.Header, [2]string{"Content-Encoding", "gzip"})
		r.Body = page.Compress(r.Body)
	}
	return r
}

// gzips reports whether an Accept-Encoding names gzip and does not refuse it.
func gzips(accepts string) bool {
	for coding := range strings.SplitSeq(accepts, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return !strings.HasPrefix(strings.ReplaceAll(weight, " ", ""), "q=0") || strings.Trim(weight, "q=0. ") != ""
		}
	}
	return false
}

// Unanswered refuses a browser window that was shown its pages and answered none.
func Unanswered(id string) Response {
	return render(problem{
		Title: "Request refused", Status: 403, Reference: id,
		Detail: "This browser was checked several times and the check did not succeed. Please wait ten minutes. If this does not help, tell the operator the reference.",
	}, true)
}

// Form refuses a form that was sent from a browser window: its body is not kept,
// so it must be sent again. The link leads to the check.
func Form(id string) Response {
	return linked(problem{
		Title: "Not sent yet", Status: 429, Reference: id,
		Detail: "What you sent was not taken: this site has to check your browser first. Open the check, then come back here, go back one page and send it again.",
	}, challenge.Reserved+"page", "Open the check")
}

// Cookieless tells a person that the cookie did not come back.
func Cookieless(to, id string) Response {
	return linked(problem{
		Title: "Cookies are needed", Status: 403, Reference: id,
		Detail: "This site has to check your browser and needs one cookie of its own for that. Please allow cookies for this site and try again.",
	}, to, "Try again")
}

// Stale tells a person that a link of ours is no longer good.
func Stale(to, id string) Response {
	return linked(problem{Title: "This link is no longer good", Status: 403, Reference: id, Detail: "It could be used once, for a short time."}, to, "Go on")
}

// Checked tells a person that nothing more is asked.
func Checked(id string) Response {
	return render(problem{Title: "All is well", Status: 200, Reference: id, Detail: "Your browser was checked. You can close this page, go back to the other one and send your form again."}, true)
}

// WrongAnswer refuses what a page has sent.
func WrongAnswer(id string) Response {
	return render(problem{Type: "about:blank", Title: "Wrong answer", Status: 403, Reference: id, Detail: "This answer is not good: wrong, too late, or from a program."}, false)
}

// NoSuchPage answers for the rest of the reserved paths.
func NoSuchPage(id string) Response {
	return render(problem{Type: "about:blank", Title: "Not found", Status: 404, Reference: id, Detail: "There is nothing here."}, false)
}

// Onward sends a browser window to another place of the same site.
func Onward(status int, to, id string) Response {
	return Response{Status: status, Header: [][2]string{{"Location", to}, {"Cache-Control", "no-store"}, {"Bartizan-Reference", id}}}
}

// Answered says that an answer was good.
func Answered(id string) Response {
	return Response{Status: 204, Header: [][2]string{{"Cache-Control", "no-store"}, {"Bartizan-Reference", id}}}
}

// Probe is what the page loads twice: a browser asks the second time whether it
// is still good, which seen tells.
func Probe(seen bool) Response {
	r := Response{Status: 200, Header: [][2]string{{"ETag", ProbeTag}, {"Cache-Control", "private, no-cache"}, {"Content-Type", "text/plain"}}, Body: []byte("1")}
	if seen {
		r.Status, r.Body, r.Header = 304, nil, append(r.Header, [2]string{"Bartizan-Seen", "1"})
	}
	return r
}

// ProbeTag is the validator of Probe.
const ProbeTag = `"bartizan-1"`

// SetCookie returns the field that hands out a pass for so long. secure says that
// the client came over TLS.
func SetCookie(pass string, lasting time.Duration, secure bool) string {
	s := challenge.CookieName(secure) + "=" + pass + "; Path=/; Max-Age=" + strconv.Itoa(int(lasting/time.Second)) + "; HttpOnly; SameSite=Lax"
	if secure {
		s += "; Secure"
	}
	return s
}

// Local returns to if it is a target of the same site that may stand in a field
// and behind which no other host can hide, else "/".
func Local(to string) string {
	if len(to) > 2048 || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
		return "/"
	}
	for i := range len(to) {
		if to[i] <= ' ' || to[i] > '~' {
			return "/"
		}
	}
	return to
}

func linked(p problem, link, label string) Response {
	p.link, p.label = link, label
	return render(p, true)
}
