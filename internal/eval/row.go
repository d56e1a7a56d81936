// Package eval measures the payload detector on labelled requests, one JSON
// object a line: each row alone, from its raw head, without attacker state.
//
// It is an edge: it decides nothing and tunes nothing. An Evaluation belongs to
// one goroutine.
package eval

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// row is one line of a corpus.
type row struct {
	ID      string      `json:"id"`
	Label   string      `json:"label"` // attack or benign
	Class   string      `json:"class"`
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	BodyB64 string      `json:"body_b64"`
	Weak    mark        `json:"weak"`
	Hard    mark        `json:"hard"`
	PL      level       `json:"pl"`
	Sub     string      `json:"sub"`  // kind of a CVE
	Rule    any         `json:"rule"` // rule that the row tests
}

// mark is a flag that corpora write as true, or as the reason for it.
type mark bool

// UnmarshalJSON reads any value: false, null, 0 and "" are unset.
func (m *mark) UnmarshalJSON(b []byte) error {
	switch string(bytes.TrimSpace(b)) {
	case "false", "null", "0", `""`:
		*m = false
	default:
		*m = true
	}
	return nil
}

// level is a paranoia level: a number, or the same in quotes.
type level int

// UnmarshalJSON reads 1, "1" and null.
func (l *level) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(bytes.TrimSpace(b)), `"`)
	if s == "null" || s == "" {
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("reading pl %q: %w", s, err)
	}
	*l = level(n)
	return nil
}

// parseRow reads one line.
func parseRow(line []byte) (row, error) {
	var r row
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("reading row: %w", err)
	}
	if r.Label != "attack" && r.Label != "benign" {
		return r, fmt.Errorf("reading row %q: label %q: want attack or benign", r.ID, r.Label)
	}
	return r, nil
}

// body returns the row's body.
func (r *row) body() ([]byte, error) {
	if r.BodyB64 == "" {
		return []byte(r.Body), nil
	}
	b, err := base64.StdEncoding.DecodeString(r.BodyB64)
	if err != nil {
		return nil, fmt.Errorf("reading row %q: body_b64: %w", r.ID, err)
	}
	return b, nil
}

// head builds the raw head as a client would send it. Corpora leave the framing
// out, so the length is added where there is a body.
func (r *row) head(body int) string {
	var b strings.Builder
	b.WriteString(r.Method + " " + r.Target + " HTTP/1.1\r\n")
	host := false
	for _, h := range r.Headers {
		host = host || strings.EqualFold(h[0], "Host")
		if strings.EqualFold(h[0], "Content-Length") || strings.EqualFold(h[0], "Transfer-Encoding") {
			continue
		}
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if !host {
		b.WriteString("Host: eval.invalid\r\n")
	}
	if body > 0 {
		b.WriteString("Content-Length: " + strconv.Itoa(body) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}
