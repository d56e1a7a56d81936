package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// browser sends what Firefox sends for what a person does: its fields in its order,
// cookies, the files that pages name. It runs no script.
type browser struct {
	host, base string
	conn       net.Conn
	in         *bufio.Reader
	cookies    map[string]string
	order      []string // of cookies
	seen       map[string]bool
	at         string // URL of the page that is open
}

// got is an answer that was read to its end.
type got struct {
	status         int
	body, location string
}

func newBrowser(f *flow) *browser {
	return &browser{host: f.host, base: f.base, cookies: map[string]string{}, seen: map[string]bool{}}
}

// page opens a page, follows redirects and loads the files that it names. It
// returns the last status.
func (b *browser) page(path string) (string, error) {
	a, err := b.open("GET", path, "", "")
	return fmt.Sprint(a.status), err
}

// form sends a form as a page does it.
func (b *browser) form(path string, values url.Values) (got, error) {
	return b.open("POST", path, "application/x-www-form-urlencoded", values.Encode())
}

// open navigates.
func (b *browser) open(method, path, contentType, body string) (got, error) {
	for range 10 {
		a, err := b.send(method, path, contentType, body, navigation...)
		if err != nil {
			return a, err
		}
		b.at = b.base + path
		if a.status < 300 || a.status >= 400 || a.location == "" {
			return a, b.files(a.body)
		}
		to, err := resolve(b.base+path, a.location)
		if err != nil {
			return a, err
		}
		method, path, contentType, body = "GET", to.RequestURI(), "", ""
	}
	return got{}, errors.New("ten redirects")
}

var navigation = []string{
	"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Upgrade-Insecure-Requests", "1",
	"Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-User",
	"?1", "Priority", "u=0, i",
}

// fetch sends what a page's script sends; more are further fields.
func (b *browser) fetch(method, path, contentType, body string, more ...string) (got, error) {
	fields := append([]string{"Accept", "*/*"}, more...)
	return b.send(method, path, contentType, body, append(fields, "Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode",
		"cors", "Sec-Fetch-Site", "same-origin")...)
}

var file = regexp.MustCompile(`(?:src|href)=["']([^"'#]+\.(?:css|js|png|svg|gif|ico)[^"'#]*)["']`)

// files loads what a page names, each once, twenty at most.
func (b *browser) files(page string) error {
	n := 0
	for _, m := range file.FindAllStringSubmatch(page, -1) {
		to, err := resolve(b.at, strings.ReplaceAll(m[1], "&amp;", "&"))
		if err != nil || to.Host != b.host || b.seen[to.String()] || n == 20 {
			continue
		}
		n++
		b.seen[to.String()] = true
		if _, err := b.send("GET", to.RequestURI(), "", "", "Accept", "*/*", "Sec-Fetch-Dest", "script",
			"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Site", "same-origin"); err != nil {
			return err
		}
	}
	return nil
}

func resolve(base, to string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err == nil {
		u, err = u.Parse(to)
	}
	if err != nil {
		return nil, fmt.Errorf("reading an address: %w", err)
	}
	return u, nil
}

// send sends one request and reads its answer; fields are names and values by turns.
func (b *browser) send(method, path, contentType, body string, fields ...string) (got, error) {
	var r strings.Builder
	put := func(name, value string) { r.WriteString(name + ": " + value + "\r\n") }
	r.WriteString(method + " " + path + " HTTP/1.1\r\n")
	put("Host", b.host)
	put("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0")
	for i := 0; i < len(fields); i += 2 {
		if i == 2 {
			b.common(put, method, contentType, len(body))
		}
		put(fields[i], fields[i+1])
	}
	r.WriteString("\r\n" + body)
	a, err := b.exchange(method, r.String())
	if err != nil { // a kept connection may have been closed meanwhile
		b.drop()
		a, err = b.exchange(method, r.String())
	}
	if err != nil {
		b.drop()
		return got{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return a, nil
}

// common puts the fields that stand behind Accept.
func (b *browser) common(put func(name, value string), method, contentType string, length int) {
	put("Accept-Language", "en-US,en;q=0.5")
	put("Accept-Encoding", "gzip, deflate")
	if b.at != "" {
		put("Referer", b.at)
	}
	if method != "GET" {
		if contentType != "" {
			put("Content-Type", contentType)
		}
		put("Content-Length", fmt.Sprint(length))
		put("Origin", b.base)
	}
	put("Connection", "keep-alive")
	if len(b.order) > 0 {
		var pairs []string
		for _, name := range b.order {
			pairs = append(pairs, name+"="+b.cookies[name])
		}
		put("Cookie", strings.Join(pairs, "; "))
	}
}

func (b *browser) exchange(method, request string) (got, error) {
	if b.conn == nil {
		c, err := net.DialTimeout("tcp", b.host, 5*time.Second)
		if err != nil {
			return got{}, fmt.Errorf("connecting: %w", err)
		}
		b.conn, b.in = c, bufio.NewReader(c)
	}
	b.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(b.conn, request); err != nil {
		return got{}, fmt.Errorf("writing: %w", err)
	}
	resp, err := http.ReadResponse(b.in, &http.Request{Method: method})
	if err != nil {
		return got{}, fmt.Errorf("reading: %w", err)
	}
	defer resp.Body.Close()
	var in io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if in, err = gzip.NewReader(resp.Body); err != nil {
			return got{}, fmt.Errorf("unpacking: %w", err)
		}
	}
	text, err := io.ReadAll(io.LimitReader(in, 16<<20))
	if err != nil {
		return got{}, fmt.Errorf("reading: %w", err)
	}
	b.keep(resp.Cookies())
	if resp.Close {
		b.drop()
	}
	return got{resp.StatusCode, string(text), resp.Header.Get("Location")}, nil
}

func (b *browser) keep(cookies []*http.Cookie) {
	for _, c := range cookies {
		if _, ok := b.cookies[c.Name]; !ok {
			b.order = append(b.order, c.Name)
		}
		b.cookies[c.Name] = c.Value
	}
}

func (b *browser) drop() {
	if b.conn != nil {
		b.conn.Close()
		b.conn = nil
	}
}

// find returns what the group of a pattern matches in a page.
func find(page, pattern string) (string, error) {
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		return "", fmt.Errorf("the page has no %s", pattern)
	}
	return m[1], nil
}
