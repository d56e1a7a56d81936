package request

import (
	"cmp"
	"strings"
)

// Initiator returns the host of the site that began r, if a browser says that it was
// another one than r's: by Sec-Fetch-Site (W3C Fetch Metadata), or without that field by
// an Origin or Referer of another host. The host is empty where only that is said.
// claimed says that the fields say so, foreign that a page could also have made a browser send r: a
// program may claim as much.
func (r *Request) Initiator() (host string, claimed, foreign bool) {
	origin, referer, said, other := "", "", false, false
	for i := range r.Head.Fields { // once: every request comes here
		f := &r.Head.Fields[i]
		switch {
		case len(f.Name) == len("origin") && origin == "" && fold(f.Name, "origin"):
			origin = f.Value
		case len(f.Name) == len("referer") && referer == "" && fold(f.Name, "referer"):
			referer = f.Value
		case len(f.Name) == len("sec-fetch-site") && fold(f.Name, "sec-fetch-site"):
			other = other || strings.EqualFold(f.Value, "cross-site") || strings.EqualFold(f.Value, "same-site")
			said = said || strings.EqualFold(f.Value, "same-origin") || strings.EqualFold(f.Value, "none")
		}
	}
	from := cmp.Or(origin, referer)
	if !other && (said || from == "" || SameHost(from, r.Head.Host)) {
		return "", false, false
	}
	return hostOf(from), true, r.byPage(origin)
}

// Elsewhere returns what r's initiator and the sort of thing that it asks for are told
// apart by: what a page has images loaded from is no reason to keep its visitors from
// following a link.
func (r *Request) Elsewhere() (host, destination string, ok bool) {
	host, _, ok = r.Initiator()
	if destination = r.Header("Sec-Fetch-Dest"); destination == "" {
		destination, _, _ = strings.Cut(r.Header("Accept"), ",")
	}
	return host, destination, ok
}

// byPage reports whether a page on another site can make a browser send r, as far as
// its fields tell (WHATWG Fetch: no-cors requests are simple, the others bear an Origin).
func (r *Request) byPage(origin string) bool {
	mode := r.Header("Sec-Fetch-Mode")
	window := mode == "navigate"
	switch {
	case !r.Software.Claimed.Browser():
		return false
	case r.Header("Sec-Fetch-User") != "" && mode != "" && !window:
		return false
	case window:
		return r.simple() && r.Head.Method != "HEAD"
	case mode == "no-cors":
		return r.simple()
	}
	return origin != "" || r.simple()
}

// simple reports whether a page may send r to another site without asking that first.
func (r *Request) simple() bool {
	switch r.Head.Method {
	case "GET", "HEAD", "POST":
	default:
		return false
	}
	media, _, _ := strings.Cut(r.Header("Content-Type"), ";")
	switch media = strings.TrimSpace(media); {
	case media == "", strings.EqualFold(media, "application/x-www-form-urlencoded"), strings.EqualFold(media, "multipart/form-data"),
		strings.EqualFold(media, "text/plain"):
	case r.Head.Method == "POST" && (strings.EqualFold(media, "application/csp-report") || strings.EqualFold(media, "application/reports+json")):
	default:
		return false
	}
	scheme, _, _ := strings.Cut(r.Header("Authorization"), " ")
	return !strings.EqualFold(scheme, "bearer") && r.Header("X-Api-Key") == "" && r.Header("X-Requested-With") == ""
}

// SameHost reports whether url, absolute, is of this host, whatever the ports.
func SameHost(url, host string) bool {
	h := hostOf(url)
	return h != "" && strings.EqualFold(h, withoutPort(host))
}

// PathOf returns what an absolute URL has behind its host; empty if that is all.
func PathOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		return rest[i:]
	}
	return ""
}

// hostOf returns the host of an absolute URL, without port and credentials; empty if there is none.
func hostOf(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return withoutPort(rest)
}

func withoutPort(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.IndexByte(host[i:], ']') >= 0 {
		return host
	}
	if host[0] != '[' && strings.IndexByte(host, ':') != i {
		return host // an address without brackets
	}
	return host[:i]
}
