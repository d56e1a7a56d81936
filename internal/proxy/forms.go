package proxy

import (
	"bytes"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/html"

	"bartizan/internal/request"
)

// Bounds of what is kept of a site's forms.
const (
	maxForms   = 1024    // path templates in each of two generations
	maxFormTag = 2 << 10 // bytes of a tag; a form whose tag is longer is not kept
)

// forms are the paths that a site's forms send their bodies to, of those forms that
// were laid with bait. They are kept as path templates, so that a form in each of
// ten thousand pages takes one place. When they are too many, the older half goes.
// It is safe for concurrent use.
type forms struct {
	mu         sync.Mutex
	young, old map[string]struct{}
}

// add keeps the path that r's body would go to.
func (f *forms) add(r *request.Request) {
	template := r.PathTemplate()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.young[template]; ok {
		return
	}
	if f.young == nil || len(f.young) == maxForms {
		f.young, f.old = make(map[string]struct{}), f.young
	}
	f.young[strings.Clone(template)] = struct{}{}
}

// has reports whether a form that was laid with bait sends its body where r goes.
func (f *forms) has(r *request.Request) bool {
	template := r.PathTemplate()
	f.mu.Lock()
	defer f.mu.Unlock()
	_, young := f.young[template]
	_, old := f.old[template]
	return young || old
}

// laid reports whether the request's body may be that of a form with bait in it.
func (x *exchange) laid() bool {
	s := (*x.proxy.sites.Load())[x.req.Site]
	return s != nil && s.Bait.Field != "" && x.req.Head.Method == "POST" && s.forms.has(&x.req)
}

// page is where forms stand: their actions are relative to it.
type page struct {
	forms *forms
	host  string
	url   *url.URL
}

// pageOf returns the page that r asks for.
func pageOf(f *forms, r *request.Request) *page {
	u, err := url.Parse(r.Path)
	if err != nil {
		u = &url.URL{Path: r.Decoded()}
	}
	return &page{forms: f, host: r.Head.Host, url: u}
}

// form keeps where the form of a whole tag sends its body. A form without action
// sends it to its page; one of another host is none of this site's.
func (p *page) form(tag []byte) {
	action := ""
	for _, a := range attributes(tag) {
		if a.Key == "action" {
			action = strings.Trim(a.Val, " \t\r\n\f")
			break
		}
	}
	to, err := p.url.Parse(action)
	if err != nil || to.Host != "" && !request.SameHost("http://"+to.Host, p.host) {
		return
	}
	var r request.Request
	r.Head.Method, r.Head.Target = "POST", to.EscapedPath()
	r.Parse()
	p.forms.add(&r)
}

func attributes(tag []byte) []html.Attribute {
	z := html.NewTokenizer(bytes.NewReader(tag))
	z.Next()
	return z.Token().Attr
}

// formTag returns the length of the tag that b begins with, if that is a form's: 0 if
// it is another one, or too long, -1 if more of it is needed.
func formTag(b []byte, last bool) int {
	const name = "<form"
	if n := min(len(b), len(name)); !bytes.EqualFold(b[:n], []byte(name)[:n]) {
		return 0
	} else if len(b) > n && strings.IndexByte(" \t\r\n\f/>", b[n]) < 0 {
		return 0
	}
	quote := byte(0)
	for i, c := range b[:min(len(b), maxFormTag)] {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '>':
			return i + 1
		case (c == '"' || c == '\'') && opensValue(b[:i]):
			quote = c
		}
	}
	if last || len(b) >= maxFormTag {
		return 0
	}
	return -1
}

// opensValue reports whether a quote behind b opens an attribute's value: one
// elsewhere is a part of a name or of a value without quotes (WHATWG HTML, 13.2.5).
func opensValue(b []byte) bool {
	b = bytes.TrimRight(b, " \t\r\n\f")
	return len(b) > 0 && b[len(b)-1] == '='
}
