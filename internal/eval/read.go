package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

const (
	maxRow   = 64 << 20 // bytes of one row
	maxBatch = 4 << 20  // bytes of heads and bodies that are judged in one go
	maxItems = 256      // rows that are
)

// item is one row, ready to be judged.
type item struct {
	row
	head string
	raw  []byte // body
}

// readRows hands each row of a file to take. A file that begins with `[` is a
// list of requests as the WAF Comparison Project writes them, any other one holds
// lines of the project's own format. One row is in memory at a time, of at most
// maxRow bytes. Errors name the file and the line or entry.
func readRows(name string, in io.Reader, take func(item) error) error {
	b := bufio.NewReaderSize(in, 64<<10)
	for {
		c, err := b.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		if err := b.UnreadByte(); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if c == '[' {
			return readList(name, b, take)
		}
		return readLines(name, b, take)
	}
}

// readLines reads the project's own format, one JSON object a line.
func readLines(name string, in io.Reader, take func(item) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxRow)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		r, err := parseRow(lines.Bytes())
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		it, err := r.item()
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if err := take(it); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

func (r *row) item() (item, error) {
	raw, err := r.body()
	if err != nil {
		return item{}, err
	}
	return item{row: *r, head: r.head(len(raw)), raw: raw}, nil
}

// Lines writes the rows of a file, of whichever format, as lines of the project's
// own format, bodies in base64.
func Lines(w io.Writer, name string, in io.Reader) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return readRows(name, in, func(it item) error {
		line := map[string]any{
			"id": it.ID, "label": it.Label, "class": it.Class, "method": it.Method, "target": it.Target,
			"headers": it.Headers, "body_b64": it.raw, "weak": it.Weak, "hard": it.Hard,
		}
		if err := out.Encode(line); err != nil {
			return fmt.Errorf("writing line: %w", err)
		}
		return nil
	})
}
