package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// entry is one request as the WAF Comparison Project writes it
// (github.com/openappsec/waf-comparison-project). Its files say neither what an
// entry is nor its class: the folder does the one, the name of the file the other.
type entry struct {
	Method    string  `json:"method"`
	URL       string  `json:"url"`
	Headers   fields  `json:"headers"`
	Data      *string `json:"data"`
	Body      *string `json:"body"`
	Label     string  `json:"label"`
	Malicious *bool   `json:"malicious"`
}

// readList reads a JSON list of entries, one at a time.
func readList(name string, in io.Reader, take func(item) error) error {
	limited := &io.LimitedReader{R: in, N: maxRow}
	d := json.NewDecoder(limited)
	if _, err := d.Token(); err != nil { // [
		return fmt.Errorf("reading %s: %w", name, err)
	}
	n := 0
	for ; d.More(); n++ {
		limited.N = maxRow
		var e entry
		if err := d.Decode(&e); err != nil {
			if limited.N == 0 {
				err = fmt.Errorf("longer than %d bytes", maxRow)
			}
			return fmt.Errorf("%s: entry %d: %w", name, n, err)
		}
		r, err := e.row(name, n)
		if err != nil {
			return fmt.Errorf("%s: entry %d: %w", name, n, err)
		}
		it, err := r.item()
		if err != nil {
			return fmt.Errorf("%s: entry %d: %w", name, n, err)
		}
		if err := take(it); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // ]
		return fmt.Errorf("%s: entry %d: %w", name, n, err)
	}
	return nil
}

// row makes an entry a row of the project's own format.
func (e *entry) row(name string, n int) (row, error) {
	stem := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), ".gz"), ".json")
	r := row{ID: fmt.Sprintf("%s#%d", stem, n), Class: "benign", Method: e.Method, Headers: e.Headers}
	if e.URL == "" {
		return r, errors.New("no url")
	}
	if r.Method == "" {
		r.Method = "GET"
	}
	var host string
	if r.Target, host = target(e.URL); host != "" {
		r.Headers = append(r.Headers, [2]string{"Host", host})
	}
	if r.Label = e.label(name); r.Label == "" {
		return r, errors.New("neither a label of the entry nor a folder says whether it is legitimate or malicious")
	}
	if r.Label == "attack" {
		r.Class = stem
	}
	for _, text := range []*string{e.Body, e.Data} {
		if text != nil {
			r.Body = *text
		}
	}
	return r, nil
}

// label says what an entry is: by its own word, or by the nearest folder.
func (e *entry) label(name string) string {
	if e.Malicious != nil {
		return map[bool]string{true: "attack", false: "benign"}[*e.Malicious]
	}
	words := strings.Split(filepath.ToSlash(name), "/")
	words = append(words[:len(words)-1], e.Label)
	for i := len(words) - 1; i >= 0; i-- {
		switch w := strings.ToLower(words[i]); {
		case strings.HasPrefix(w, "malicious"), strings.HasPrefix(w, "attack"):
			return "attack"
		case strings.HasPrefix(w, "legitimate"), strings.HasPrefix(w, "benign"):
			return "benign"
		}
	}
	return ""
}

// target makes an URL what a client sends: scheme, host and fragment stay out,
// bytes that no target may hold are percent-encoded, as the project's own sender
// does it.
func target(url string) (path, host string) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(url, scheme); ok {
			i := strings.IndexAny(rest, "/?#")
			if i < 0 {
				i = len(rest)
			}
			host, url = rest[:i], rest[i:]
		}
	}
	url, _, _ = strings.Cut(url, "#")
	if !strings.HasPrefix(url, "/") {
		url = "/" + url
	}
	var b strings.Builder
	for i := range len(url) {
		if c := url[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String(), host
}

// fields are header fields in the order in which the object names them.
type fields [][2]string

// UnmarshalJSON reads an object of texts and numbers, or null. Names that begin
// with a colon are HTTP/2's and left out. Line breaks in values, which no client
// can send, become spaces.
func (f *fields) UnmarshalJSON(b []byte) error {
	if string(bytes.TrimSpace(b)) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("headers are no object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("reading headers: %w", err)
		}
		value, err := d.Token()
		if err != nil {
			return fmt.Errorf("reading headers: %w", err)
		}
		if _, nested := value.(json.Delim); nested {
			return fmt.Errorf("header %q is neither a text nor a number", name)
		}
		if text := fmt.Sprint(name); value != nil && text != "" && text[0] != ':' {
			*f = append(*f, [2]string{text, oneLine.Replace(fmt.Sprint(value))})
		}
	}
	return nil
}

var oneLine = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\x00", " ")
