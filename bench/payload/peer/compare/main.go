// Command compare judges labelled requests with Coraza and the OWASP Core Rule Set
// at paranoia level 1, as they are shipped, and prints the totals as
// `bartizan eval --totals` does. It reads lines as `bartizan eval --lines` writes
// them from its standard input; rows marked weak are not counted.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"syscall"
	"time"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
)

const (
	maxRow   = 128 << 20 // bytes of one line
	maxBatch = 4 << 20   // bytes of rows that are judged in one go
	maxItems = 256       // rows that are
)

type row struct {
	Label   string      `json:"label"`
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body_b64"`
	Weak    bool        `json:"weak"`
}

type totals struct {
	rows  int
	n     [2]int // attacks, benign
	hits  [2]int
	spent time.Duration
}

func main() {
	log.SetFlags(0)
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(
		"Include @coraza.conf-recommended\nSecRuleEngine On\nSecRequestBodyAccess On\nSecAuditEngine Off\n" +
			"Include @crs-setup.conf.example\nInclude @owasp_crs/*.conf"))
	if err != nil {
		log.Fatal(err)
	}
	var t totals
	if err := t.read(waf, os.Stdin); err != nil {
		log.Fatal(err)
	}
	micros := float64(t.spent.Microseconds()) / float64(max(t.rows, 1))
	fmt.Printf("coraza with CRS, level 1\t%d\t%d\t%d\t%d\t%.1f\n", t.n[0], t.hits[0], t.n[1], t.hits[1], micros)
}

// read judges the rows of in, a batch at a time.
func (t *totals) read(waf coraza.WAF, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxRow)
	var batch []row
	size := 0
	for n := 1; lines.Scan(); n++ {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		batch = append(batch, r)
		if size += len(lines.Bytes()); size >= maxBatch || len(batch) >= maxItems {
			if err := t.judge(waf, batch); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			batch, size = batch[:0], 0
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	return t.judge(waf, batch)
}

func (t *totals) judge(waf coraza.WAF, batch []row) error {
	began := cpuTime()
	for i := range batch {
		r := &batch[i]
		hit, err := denied(waf, r)
		if err != nil {
			return err
		}
		t.rows++
		if r.Weak {
			continue
		}
		k := 0
		if r.Label == "benign" {
			k = 1
		}
		t.n[k]++
		if hit {
			t.hits[k]++
		}
	}
	t.spent += cpuTime() - began
	return nil
}

// denied runs the request phases over one row.
func denied(waf coraza.WAF, r *row) (bool, error) {
	tx := waf.NewTransaction()
	defer tx.Close()
	tx.ProcessConnection("203.0.113.9", 40000, "127.0.0.1", 80)
	tx.ProcessURI(r.Target, r.Method, "HTTP/1.1")
	host, length := false, false
	for _, h := range r.Headers {
		host = host || strings.EqualFold(h[0], "Host")
		length = length || strings.EqualFold(h[0], "Content-Length")
		if strings.EqualFold(h[0], "Content-Length") || strings.EqualFold(h[0], "Transfer-Encoding") {
			continue
		}
		tx.AddRequestHeader(h[0], h[1])
	}
	if !host {
		tx.AddRequestHeader("Host", "eval.invalid")
	}
	if len(r.Body) > 0 || length {
		tx.AddRequestHeader("Content-Length", fmt.Sprint(len(r.Body)))
	}
	if tx.ProcessRequestHeaders() != nil {
		return true, nil
	}
	if len(r.Body) > 0 {
		if it, _, err := tx.WriteRequestBody(r.Body); err != nil {
			return false, fmt.Errorf("writing body: %w", err)
		} else if it != nil {
			return true, nil
		}
	}
	it, err := tx.ProcessRequestBody()
	if err != nil {
		return false, fmt.Errorf("inspecting body: %w", err)
	}
	return it != nil, nil
}

// cpuTime tells how much CPU this process has used.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
