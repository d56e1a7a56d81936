package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Bait is what a site's HTML answers are laid with: a link that nobody sees and a
// form field that no browser sends. Both use attributes alone (hidden, disabled),
// so that no content security policy shows them. The zero value lays nothing.
type Bait struct {
	Link  string // path; robots.txt answers forbid it to robots that obey
	Field string // name of a form field
}

// lay has an answer carry the site's bait. It leaves alone what is encoded, in
// parts, or no HTML.
func (x *exchange) lay(h http.Header, resp *http.Response) {
	s := (*x.proxy.sites.Load())[x.req.Site]
	if s == nil || s.Bait == (Bait{}) {
		return
	}
	b := s.Bait
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" || x.hr.Method != http.MethodGet && x.hr.Method != http.MethodHead {
		return
	}
	var laid *baited
	switch {
	case x.outcome.ResponseType == "text/html" && plainCharset(resp.Header.Get("Content-Type")):
		laid = &baited{from: resp.Body, places: b.places()}
		if b.Field != "" {
			laid.page = pageOf(s.forms, &x.req)
		}
	case x.outcome.ResponseType == "text/plain" && x.req.Path == "/robots.txt":
		laid = &baited{from: resp.Body, end: []byte("\nUser-agent: *\nDisallow: " + b.Link + "\n")}
	default:
		return
	}
	// What describes the bytes describes other ones.
	for _, name := range [...]string{"Content-Length", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"} {
		h.Del(name)
	}
	h["Content-Length"] = nil
	if x.hr.Method == http.MethodGet {
		resp.ContentLength = -1
		resp.Body = struct {
			io.Reader
			io.Closer
		}{laid, resp.Body}
	}
}

// plainCharset reports whether ASCII is written as ASCII.
func plainCharset(contentType string) bool {
	return !strings.Contains(strings.ToLower(contentType), "utf-16") && !strings.Contains(strings.ToLower(contentType), "utf-32")
}

// place is a tag, in lower case, and what is put before it.
type place struct{ tag, put []byte }

func (b Bait) places() []place {
	return []place{
		{[]byte("</form>"), []byte(`<input hidden disabled name="` + b.Field + `" value="" autocomplete="off" tabindex="-1" aria-hidden="true">`)},
		{[]byte("</body>"), []byte(`<a hidden href="` + b.Link + `" rel="nofollow" tabindex="-1" aria-hidden="true"></a>`)},
	}
}

// longestTag is the length of the longest tag that is looked for.
const longestTag = len("</form>")

// baited reads an answer and puts the bait before the tags that are looked for,
// as they pass. It holds back no more than a tag's beginning, and of a form the tag.
type baited struct {
	from   io.Reader
	places []place
	page   *page  // keeps the forms that are laid; nil: they are not kept
	end    []byte // put at the end
	held   []byte // read and not looked at: the beginning of a tag
	out    []byte // looked at and not handed on
	err    error
}

func (b *baited) Read(p []byte) (int, error) {
	for len(b.out) == 0 && b.err == nil {
		var n int
		n, b.err = b.from.Read(p)
		b.held = append(b.held, p[:n]...)
		b.look(b.err != nil)
	}
	if len(b.out) == 0 {
		return 0, b.err
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

// look moves from held to out what cannot be the beginning of a tag any more.
func (b *baited) look(last bool) {
	for len(b.held) > 0 {
		i := bytes.IndexByte(b.held, '<')
		if i < 0 || len(b.places) == 0 {
			i = len(b.held)
		}
		b.out = append(b.out, b.held[:i]...)
		b.held = b.held[i:]
		if len(b.held) == 0 || len(b.held) < longestTag && !last {
			break
		}
		if b.page != nil {
			n := formTag(b.held, last)
			if n < 0 {
				break
			} else if n > 0 {
				b.page.form(b.held[:n])
			}
		}
		for _, x := range b.places {
			if len(b.held) >= len(x.tag) && bytes.EqualFold(b.held[:len(x.tag)], x.tag) {
				b.out = append(b.out, x.put...)
			}
		}
		b.out = append(b.out, '<')
		b.held = b.held[1:]
	}
	if last && errors.Is(b.err, io.EOF) {
		b.out = append(b.out, b.end...)
	}
}
