package eval

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Options make an Evaluation.
type Options struct {
	Detector *detect.Detector
	// Codings decode bodies, by name, as the gateway does.
	Codings map[string]request.Coding
	// Misses and False are how many missed attacks and falsely hit benign rows
	// of each file are kept for reading.
	Misses, False int
	// CPU tells the CPU time that the process has used; nil where nobody asks.
	CPU func() time.Duration
}

// Group counts the rows of one kind, each once, under its highest band.
type Group struct {
	File     string `json:"file"`
	Label    string `json:"label"`
	Class    string `json:"class"`
	Weak     bool   `json:"weak"`
	Hard     bool   `json:"hard"`
	PL       int    `json:"pl"`
	Rows     int    `json:"rows"`
	Unparsed int    `json:"unparsed"`
	Certain  int    `json:"certain"`
	Likely   int    `json:"likely"`
	Hint     int    `json:"hint"`
}

// Example is a row that was judged wrongly.
type Example struct {
	File, ID, Class string
	Found           bool // something was found, if only a hint
	Band            signal.Band
	Request         string // one line, escaped
	Signals         []signal.Signal
}

// Evaluation gathers counts over files.
type Evaluation struct {
	Options
	groups  []Group
	index   map[Group]int // by the key fields alone
	goals   []goalCount
	hits    map[string]map[signal.Kind][3]int // benign rows by file, kind and band
	misses  []Example
	falses  []Example
	request request.Request
	scratch request.Scratch
	rest    request.Rest
	room    []byte        // of rest
	spent   time.Duration // CPU of judging
	plain   []byte
	text    []byte
}

// New returns an empty evaluation.
func New(o Options) *Evaluation {
	return &Evaluation{Options: o, index: map[Group]int{}, goals: make([]goalCount, len(goals)), hits: map[string]map[signal.Kind][3]int{}}
}

const inspect = request.MaxBody

// limits are generous: what a corpus holds was sent to some server.
var limits = request.HeadLimits{Bytes: 1 << 20, Fields: 1000, Target: 1 << 20}

// File judges all rows of one file: lines of the project's own format, or a list
// as the WAF Comparison Project writes it (readRows). Few rows are in memory at a
// time, so that CPU is measured over several of them.
func (e *Evaluation) File(name string, in io.Reader) error {
	base := filepath.Base(name)
	misses, falses := e.Misses, e.False
	var batch []item
	size := 0
	flush := func() {
		e.batch(base, batch, &misses, &falses)
		batch, size = batch[:0], 0
	}
	err := readRows(name, in, func(it item) error {
		batch = append(batch, it)
		if size += len(it.head) + len(it.raw); size >= maxBatch || len(batch) >= maxItems {
			flush()
		}
		return nil
	})
	flush()
	return err
}

// batch judges rows and counts them.
func (e *Evaluation) batch(base string, batch []item, misses, falses *int) {
	var began time.Duration
	if e.CPU != nil {
		began = e.CPU()
	}
	for i := range batch {
		out := e.judge(&batch[i])
		e.count(base, &batch[i].row, out)
		e.keep(base, &batch[i], out, misses, falses)
	}
	if e.CPU != nil {
		e.spent += e.CPU() - began
	}
	clear(batch)
}

// result is what the detector says of one row.
type result struct {
	parsed, found bool
	band          signal.Band
}

// caught reports whether the row counts as detected.
func (o result) caught() bool { return o.found && o.band >= signal.Likely }

// judge runs the pipeline over one row.
func (e *Evaluation) judge(x *item) result {
	r := &e.request
	r.Reset()
	request.ParseHead(x.head, limits, &r.Head)
	if r.Head.Fault != request.Fine {
		return result{}
	}
	r.Parse()
	e.Detector.Head(r)
	e.body(r, x.raw)
	out := result{parsed: true}
	for _, s := range r.Signals {
		out.found, out.band = true, max(out.band, s.Band)
	}
	return out
}

// body decodes and walks a body as the engine does.
func (e *Evaluation) body(r *request.Request, body []byte) {
	if len(body) == 0 {
		return
	}
	complete := true
	if coding := r.Header("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		if plain, err := request.Decode(e.Codings, coding, body, inspect, e.plain[:0]); err == nil || len(plain) > 0 {
			e.plain, body = plain, plain
			complete = len(plain) < inspect
		}
	}
	contentType := r.Header("Content-Type")
	if text, changed := request.ToUTF8(contentType, body, e.text[:0]); changed {
		e.text, body = text, text
	}
	look := func(v *request.Value) bool {
		e.Detector.Body(r, v)
		return true
	}
	request.WalkBody(contentType, body, complete, &e.scratch, look)
	if !complete || len(body) <= inspect {
		return
	}
	if e.room == nil {
		e.room = make([]byte, 0, request.RestWindow)
	}
	rest := body[inspect:]
	for following := e.rest.Begin(contentType, body[:inspect], e.room[:0]); following && len(rest) > 0; {
		rest = rest[e.rest.Add(rest):]
		if window := e.rest.Window(len(rest) == 0); window != nil {
			request.WalkBody(contentType, window, len(rest) == 0, &e.scratch, look)
			e.rest.Turn()
		}
	}
}

// count adds one row to its group.
func (e *Evaluation) count(file string, x *row, o result) {
	key := Group{File: file, Label: x.Label, Class: x.Class, Weak: bool(x.Weak), Hard: bool(x.Hard), PL: int(x.PL)}
	i, ok := e.index[key]
	if !ok {
		i = len(e.groups)
		e.index[key] = i
		e.groups = append(e.groups, key)
	}
	e.groups[i].add(o)
	for i := range goals {
		e.goals[i].add(goals[i].rows, file, x, o)
	}
	if x.Label == "benign" && !bool(x.Weak) {
		e.benign(file)
	}
}

func (g *Group) add(o result) {
	g.Rows++
	switch {
	case !o.parsed:
		g.Unparsed++
	case !o.found:
	case o.band == signal.Certain:
		g.Certain++
	case o.band == signal.Likely:
		g.Likely++
	default:
		g.Hint++
	}
}

// benign counts which kinds fired on a benign row.
func (e *Evaluation) benign(file string) {
	kinds := e.hits[file]
	if kinds == nil {
		kinds = map[signal.Kind][3]int{}
		e.hits[file] = kinds
	}
	best := map[signal.Kind]signal.Band{}
	for _, s := range e.request.Signals {
		best[s.Kind] = max(best[s.Kind], s.Band)
	}
	for k, b := range best {
		n := kinds[k]
		n[b]++
		kinds[k] = n
	}
}

// keep stores a row that was judged wrongly, while there is room.
func (e *Evaluation) keep(file string, x *item, o result, misses, falses *int) {
	if !o.parsed {
		return
	}
	list, room := &e.misses, misses
	if x.Label == "benign" {
		list, room = &e.falses, falses
	}
	if *room == 0 || bool(x.Weak) || o.caught() != (x.Label == "benign") {
		return
	}
	*room--
	text := fmt.Sprintf("%s %s %q", x.Method, x.Target, clip(string(x.raw)))
	for _, h := range x.Headers {
		if len(h[1]) > 0 && strings.ContainsAny(h[1], "'\"<>$|`{\\") || strings.EqualFold(h[0], "Cookie") {
			text += fmt.Sprintf(" %s: %q", h[0], clip(h[1]))
		}
	}
	*list = append(*list, Example{
		File: file, ID: x.ID, Class: strings.TrimSuffix(x.Class+"/"+x.Sub, "/"), Found: o.found, Band: o.band, Request: text,
		Signals: slices.Clone(e.request.Signals),
	})
}

func clip(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}

// Groups returns the counts, ordered by file and the rest of their keys.
func (e *Evaluation) Groups() []Group {
	out := slices.Clone(e.groups)
	slices.SortFunc(out, func(a, b Group) int {
		return strings.Compare(a.key(), b.key())
	})
	return out
}

func (g Group) key() string {
	return fmt.Sprintf("%s %s %s %v %v %02d", g.File, g.Label, g.Class, g.Weak, g.Hard, g.PL)
}
