// Package page renders the page that a suspect's browser window is shown: one
// document without anything from elsewhere, under a policy that lets only its own
// script and style in. It works without scripts, without a mouse and without eyes.
//
// It decides nothing and keeps nothing. Safe for concurrent use.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"html"
	"strconv"
	"strings"
	"sync"
)

//go:embed page.html
var document string

//go:embed style.css
var style string

//go:embed script.js
var script string

//go:embed work.js
var work string

//go:embed fetch.js
var fetch string

// Data is what one page holds.
type Data struct {
	Nonce string
	Bits  int
	Tries int
	// To is where the browser goes on to, Link the way without scripts.
	To, Link string
	// Wait is after how many seconds that works.
	Wait      int
	Reference string
	// Languages is the request's Accept-Language: the page speaks the one of its own that
	// is wanted most, or English.
	Languages string
	// Site is the site's name, Contact whom to ask: an address of mail, or a URL; "" for
	// nobody.
	Site, Contact string
}

// parts are the page's own script and style, without comments and indentation,
// and the policy that names them by their digests.
type parts struct{ style, script, policy string }

var made = sync.OnceValue(func() parts {
	p := parts{style: strings.TrimSpace(style), script: wrapped(script)}
	p.policy = "default-src 'none'; script-src '" + hash(p.script) + "'; style-src '" + hash(p.style) +
		"'; worker-src blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	return p
})

// wrapped returns a script of ours with what its worker runs, in a scope of its own.
func wrapped(script string) string {
	return "\"use strict\";\n(function () {\n" + squeeze(work) + squeeze(script) + "})();\n"
}

// Fetch returns the script that pages of a site load to have what they fetch asked and
// answered by itself, and its validator.
func Fetch() (script []byte, tag string) { return fetched() }

var fetched = sync.OnceValues(func() ([]byte, string) {
	s := []byte(wrapped(fetch))
	sum := sha256.Sum256(s)
	return s, `"` + base64.RawURLEncoding.EncodeToString(sum[:9]) + `"`
})

// FetchPacked returns the same script in gzip.
func FetchPacked() []byte { return packed() }

var packed = sync.OnceValue(func() []byte {
	s, _ := fetched()
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // a level that there is
	w.Write(s)                                              // a buffer takes everything
	w.Close()
	return out.Bytes()
})

// Policy returns the Content-Security-Policy of the page.
func Policy() string { return made().policy }

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// squeeze drops indentation and lines that are comments: the script is written
// for people and sent to machines.
func squeeze(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Render returns the page. What comes from the client is escaped.
func Render(d Data) []byte {
	p, e, l := made(), html.EscapeString, &languages[choose(d.Languages)]
	wait := strconv.Itoa(d.Wait)
	fill := strings.NewReplacer("{site}", d.Site, "{wait}", wait).Replace
	var says strings.Builder
	for _, t := range [...]struct{ name, text string }{
		{"checking", l.checking}, {"sending", l.sending}, {"done", l.done}, {"failed", l.failed}, {"press", l.press},
		{"slow", l.slow}, {"cannot", l.cannot}, {"later", l.later},
	} {
		says.WriteString(" data-" + t.name + `="` + e(fill(t.text)) + `"`)
	}
	return []byte(strings.NewReplacer(
		"{{style}}", p.style, "{{script}}", p.script, "{{nonce}}", e(d.Nonce), "{{bits}}", strconv.Itoa(d.Bits), "{{tries}}", strconv.Itoa(d.Tries),
		"{{to}}", e(d.To), "{{link}}", e(d.Link), "{{wait}}", wait, "{{reference}}", e(d.Reference), "{{site}}", e(d.Site),
		"{{lang}}", l.tag, "{{title}}", e(l.title), "{{intro}}", e(fill(l.intro)), "{{bar}}", e(l.bar), "{{button}}", e(l.button),
		"{{noscript}}", e(fill(l.noScript)), "{{onward}}", e(l.link), "{{note}}", e(fill(l.linkNote)), "{{named}}", e(l.reference),
		"{{contact}}", contact(l.contact, d.Contact), "{{says}}", says.String(),
	).Replace(document))
}

// contact is the paragraph that says whom to ask; "" where there is nobody.
func contact(text, whom string) string {
	if whom == "" {
		return ""
	}
	before, after, _ := strings.Cut(text, "{contact}")
	to := whom
	if !strings.Contains(whom, "://") {
		to = "mailto:" + whom
	}
	e := html.EscapeString
	return "<p>" + e(before) + `<a href="` + e(to) + `">` + e(whom) + "</a>" + e(after) + "</p>\n"
}

var writers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return w
}}

// Compress returns b in gzip.
func Compress(b []byte) []byte {
	var out bytes.Buffer
	w := writers.Get().(*gzip.Writer)
	w.Reset(&out)
	w.Write(b) // a buffer takes everything
	w.Close()
	writers.Put(w)
	return out.Bytes()
}
