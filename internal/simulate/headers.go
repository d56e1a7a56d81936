package simulate

import "strings"

// request is what one call is about, before software puts it into headers.
type request struct {
	method, target string
	body, media    string
	navigate       bool // a browser's window goes there
	referer        bool // it comes from a page of the site
	language       string
	cookies        []string // "name=value"
	bearer, key    string
	agent          string
	version        string
	device         string // the app's own header
	extra          string // an extension's or proxy's header
}

type headers [][2]string

func (h *headers) add(name, value string) {
	if value != "" {
		*h = append(*h, [2]string{name, value})
	}
}

// headersOf writes the header fields as the program of this engine does.
func headersOf(p *program, q *request) headers {
	var h headers
	switch {
	case p.h2 == h2Chrome:
		chromeHeaders(&h, q)
	case p.h2 == h2Firefox:
		firefoxHeaders(&h, q)
	case p.h2 == h2Safari:
		safariHeaders(&h, q)
	case p.kind == "app":
		appHeaders(&h, p, q)
	default:
		toolHeaders(&h, p, q)
	}
	h.add("x-forwarded-proto-hint", q.extra)
	return h
}

func (q *request) length() string {
	if q.body == "" {
		return ""
	}
	n, digits := len(q.body), ""
	for ; n > 0; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return digits
}

func (q *request) origin() string {
	if q.method == "GET" {
		return ""
	}
	return "https://" + api
}

func (q *request) from() string {
	if !q.referer {
		return ""
	}
	return "https://" + api + "/"
}

func (q *request) fetch(h *headers) {
	site := "none"
	if q.referer {
		site = "same-origin"
	}
	mode, dest := "cors", "empty"
	if q.navigate {
		mode, dest = "navigate", "document"
	}
	h.add("sec-fetch-site", site)
	h.add("sec-fetch-mode", mode)
	h.add("sec-fetch-dest", dest)
}

func (q *request) accept() string {
	if q.navigate {
		return "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	}
	return "*/*"
}

func chromeHeaders(h *headers, q *request) {
	h.add("content-length", q.length())
	h.add("sec-ch-ua-platform", `"`+platformOf(q.agent)+`"`)
	h.add("user-agent", q.agent)
	h.add("sec-ch-ua", `"Chromium";v="`+q.version+`", "Not)A;Brand";v="24", "Google Chrome";v="`+q.version+`"`)
	h.add("content-type", q.media)
	mobile := "?0"
	if strings.Contains(q.agent, "Mobile") {
		mobile = "?1"
	}
	h.add("sec-ch-ua-mobile", mobile)
	if q.navigate {
		h.add("upgrade-insecure-requests", "1")
	}
	h.add("accept", q.accept())
	h.add("origin", q.origin())
	q.fetch(h)
	h.add("referer", q.from())
	h.add("accept-encoding", "gzip, deflate, br, zstd")
	h.add("accept-language", q.language)
	h.add("cookie", strings.Join(q.cookies, "; "))
}

func platformOf(agent string) string {
	for _, p := range [...][2]string{{"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Android", "Android"}} {
		if strings.Contains(agent, p[0]) {
			return p[1]
		}
	}
	return "Linux"
}

func firefoxHeaders(h *headers, q *request) {
	h.add("user-agent", q.agent)
	h.add("accept", q.accept())
	h.add("accept-language", q.language)
	h.add("accept-encoding", "gzip, deflate, br, zstd")
	h.add("referer", q.from())
	h.add("content-type", q.media)
	h.add("content-length", q.length())
	h.add("origin", q.origin())
	h.add("cookie", strings.Join(q.cookies, "; "))
	q.fetch(h)
	h.add("te", "trailers")
}

func safariHeaders(h *headers, q *request) {
	h.add("content-type", q.media)
	h.add("accept", q.accept())
	q.fetch(h)
	h.add("accept-language", q.language)
	h.add("origin", q.origin())
	h.add("user-agent", q.agent)
	h.add("referer", q.from())
	h.add("content-length", q.length())
	h.add("accept-encoding", "gzip, deflate, br")
	h.add("cookie", strings.Join(q.cookies, "; "))
}

func appHeaders(h *headers, p *program, q *request) {
	if p.h2 == h2OkHttp {
		h.add("authorization", q.bearer)
		h.add("x-device-id", q.device)
		h.add("x-app-version", q.version)
		h.add("accept", "application/json")
		h.add("accept-language", q.language)
		h.add("content-type", q.media)
		h.add("content-length", q.length())
		h.add("accept-encoding", "gzip")
		h.add("user-agent", q.agent)
		return
	}
	h.add("content-type", q.media)
	h.add("accept", "*/*")
	h.add("authorization", q.bearer)
	h.add("x-app-version", q.version)
	h.add("x-device-id", q.device)
	h.add("accept-language", q.language)
	h.add("content-length", q.length())
	h.add("user-agent", q.agent)
	h.add("accept-encoding", "gzip, deflate, br")
}

// toolHeaders are those of programs: few, and title case on HTTP/1.
func toolHeaders(h *headers, p *program, q *request) {
	name := func(n string) string { return n }
	if p.proto == h1 {
		name = func(n string) string {
			parts := strings.Split(n, "-")
			for i, x := range parts {
				parts[i] = strings.ToUpper(x[:1]) + x[1:]
			}
			return strings.Join(parts, "-")
		}
		h.add("Host", api)
	}
	add := func(n, v string) { h.add(name(n), v) }
	switch p.name {
	case "go":
		add("authorization", q.bearer)
		add("x-api-key", q.key)
		add("content-type", q.media)
		add("content-length", q.length())
		add("accept-encoding", "gzip")
		add("user-agent", q.agent)
	case "node":
		add("accept", "application/json, text/plain, */*")
		add("content-type", q.media)
		add("x-api-key", q.key)
		add("user-agent", q.agent)
		add("content-length", q.length())
		add("accept-encoding", "gzip, compress, deflate, br")
		add("connection", "keep-alive")
	case "java":
		add("content-length", q.length())
		add("user-agent", q.agent)
		add("accept", "application/json")
		add("x-api-key", q.key)
		add("content-type", q.media)
	case "python":
		add("user-agent", q.agent)
		add("accept-encoding", "gzip, deflate")
		add("accept", "*/*")
		add("connection", "keep-alive")
		add("x-api-key", q.key)
		add("authorization", q.bearer)
		add("content-length", q.length())
		add("content-type", q.media)
	default:
		add("user-agent", q.agent)
		add("accept", "*/*")
		if p.kind == "odd" {
			add("accept-language", q.language)
			add("accept-encoding", "gzip, deflate")
			add("content-type", q.media)
			add("content-length", q.length())
			add("cookie", strings.Join(q.cookies, "; "))
		}
	}
}
