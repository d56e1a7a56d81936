package replay

import (
	"bufio"
	"compress/gzip"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"bartizan/internal/engine"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// window is how far out of order lines may stand: a recorder writes them as
// exchanges end.
const window = time.Minute

// tick is the engine's period.
const tick = 250 * time.Millisecond

// Verdict is one line of output.
type Verdict struct {
	ID        string          `json:"id"`
	Time      time.Time       `json:"time"`
	Client    string          `json:"-"`
	Action    string          `json:"action"`
	Would     string          `json:"would"`
	Stage     string          `json:"stage"`
	Risk      float64         `json:"risk"`
	Attacker  string          `json:"attacker,omitempty"`
	Signature string          `json:"signature,omitempty"`
	Campaign  string          `json:"campaign,omitempty"`
	Intent    string          `json:"intent,omitempty"`
	Phase     string          `json:"phase,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Entry     string          `json:"entry,omitempty"`   // list entry, rule, patch or signature that decided
	Noted     []string        `json:"noted,omitempty"`   // rules and patches that match and only watch
	Imposed   string          `json:"imposed,omitempty"` // rule over the outcome that acts on the client from then on
	Signals   []engine.Signal `json:"signals"`
	Skipped   string          `json:"not_validated,omitempty"` // why not all of it was compared with the API's document
	Label     string          `json:"label,omitempty"`
}

// Open opens a recording: "-" is standard input, ".gz" is decompressed.
func Open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening recording: %w", err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return f, nil
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening recording %q: %w", name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// Run replays the lines of in through e, in order of time, and hands each
// verdict to emit, in that order too. Begin and Body run at a line's time, End
// at its time plus its duration, ties in order of the file.
func Run(e *engine.Engine, in io.Reader, emit func(Verdict) error) error {
	r := &run{engine: e, emit: emit, numbers: map[string]int{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), MaxLine)
	for n := 1; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		l, err := Parse(lines.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := r.take(l, n); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading recording: %w", err)
	}
	return r.drain()
}

// Feed is Run for lines that are at hand. They must not be changed afterwards.
func Feed(e *engine.Engine, lines iter.Seq[*Line], emit func(Verdict) error) error {
	r, n := &run{engine: e, emit: emit, numbers: map[string]int{}}, 0
	for l := range lines {
		n++
		if err := r.take(l, n); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return r.drain()
}

// run is the state of a replay: lines that wait for earlier ones, exchanges that
// have begun, and verdicts in order.
type run struct {
	engine  *engine.Engine
	emit    func(Verdict) error
	queue   queue
	newest  time.Time
	now     time.Time
	ticked  time.Time
	numbers map[string]int // requests by connection
	open    []*exchange    // begun and not yet emitted, in order of time
	spare   []*exchange
	scratch engine.Scratch
}

type exchange struct {
	line    *Line
	request request.Request
	verdict engine.Verdict
	issued  []uint64
	out     Verdict
	done    bool
}

// event is a beginning (exchange nil) or an end.
type event struct {
	at       time.Time
	order    int // line number
	line     *Line
	exchange *exchange
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// errDisorder is told for a line that comes too late to be put in its place.
var errDisorder = errors.New("is more than 60 s earlier than a line before it")

func (r *run) take(l *Line, order int) error {
	if !r.now.IsZero() && l.Time.Before(r.now) {
		return errDisorder
	}
	heap.Push(&r.queue, event{at: l.Time, order: order, line: l})
	if l.Time.After(r.newest) {
		r.newest = l.Time
	}
	for len(r.queue) > 0 && r.newest.Sub(r.queue[0].at) > window {
		if err := r.step(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) drain() error {
	for len(r.queue) > 0 {
		if err := r.step(); err != nil {
			return err
		}
	}
	return nil
}

// step runs the earliest event.
func (r *run) step() error {
	ev := heap.Pop(&r.queue).(event)
	r.advance(ev.at)
	if ev.exchange == nil {
		r.begin(ev)
	} else {
		r.end(ev.exchange)
	}
	return r.flush()
}

// advance ticks the engine up to now.
func (r *run) advance(now time.Time) {
	if r.ticked.IsZero() {
		r.ticked = now.Truncate(tick)
	}
	for next := r.ticked.Add(tick); !next.After(now); next = next.Add(tick) {
		r.engine.Tick(next)
		r.ticked = next
	}
	r.now = now
}

// maxConnections bounds the request counters; beyond it they start anew.
const maxConnections = 1 << 20

func (r *run) begin(ev event) {
	x := r.fresh()
	x.line = ev.line
	if len(r.numbers) > maxConnections {
		clear(r.numbers)
	}
	if ev.line.Conn != "" {
		r.numbers[ev.line.Conn]++
	}
	ev.line.fill(&x.request, max(r.numbers[ev.line.Conn], 1))
	if ev.line.Object != "" {
		x.request.Object.ID = r.engine.ObjectDigest(ev.line.Object)
	}
	x.verdict = r.engine.Begin(ev.at, &x.request)
	if body, complete := ev.line.body(); x.verdict.Inspect > 0 && len(body) > 0 && !x.verdict.Refused() {
		body = body[:min(len(body), x.verdict.Inspect)]
		x.verdict = r.engine.Body(ev.at, &x.request, x.verdict, body, complete, &r.scratch)
	}
	if len(x.request.Trailers) > 0 && x.verdict.Inspect > 0 && !x.verdict.Refused() {
		x.verdict = r.engine.Trailers(ev.at, &x.request, x.verdict)
	}
	if f, ok := request.FaultNamed(ev.line.Cut); ok && f != request.Fine && !x.verdict.Refused() {
		x.verdict = r.engine.Malformed(ev.at, &x.request, f)
	}
	r.open = append(r.open, x)
	if x.verdict.Refused() || ev.line.duration() <= 0 {
		r.end(x)
		return
	}
	heap.Push(&r.queue, event{at: ev.at.Add(ev.line.duration()), order: ev.order, line: ev.line, exchange: x})
}

func (r *run) end(x *exchange) {
	o := x.line.outcome()
	x.issued = x.issued[:0]
	for _, id := range x.line.Issued {
		x.issued = append(x.issued, r.engine.ObjectDigest(id))
	}
	o.Issued, o.Handed = x.issued, x.line.Handed
	if x.verdict.Refused() {
		o = request.Outcome{}
	}
	v := &x.verdict
	x.out = Verdict{
		ID: x.request.ID, Time: x.line.Time, Client: x.line.Client, Action: v.Action.String(), Would: v.Would.String(), Label: x.line.Label,
		Reason: v.Reason.String(),
	}
	x.out.Signature, x.out.Campaign = x.request.Match.Signature, x.request.Match.Campaign
	x.out.Entry = v.Entry
	r.engine.End(r.now, &x.request, x.verdict, o)
	x.out.Noted, x.out.Imposed = slices.Clone(x.request.Noted), x.request.Imposed
	x.out.Signals = engine.Signals(x.request.Signals)
	x.out.Skipped = x.request.Unvalidated
	st := &x.request.Standing // with what the answer taught, as access lines say it
	x.out.Stage, x.out.Risk = st.Stage.String(), round(st.Risk)
	if st.Stage > signal.Clear {
		x.out.Attacker, x.out.Intent, x.out.Phase = st.Attacker, st.Intent, st.Phase
	}
	x.done = true
}

func round(v float64) float64 { return float64(int(v*10+0.5)) / 10 }

// maxOpen bounds the verdicts that wait for an earlier one's end.
const maxOpen = 1 << 16

// flush emits finished verdicts in order.
func (r *run) flush() error {
	n := 0
	for n < len(r.open) && r.open[n].done {
		if err := r.emit(r.open[n].out); err != nil {
			return err
		}
		r.spare = append(r.spare, r.open[n])
		n++
	}
	if r.open = r.open[n:]; len(r.open) > maxOpen {
		return fmt.Errorf("more than %d exchanges are open at %s", maxOpen, r.now.Format(time.RFC3339))
	}
	return nil
}

func (r *run) fresh() *exchange {
	if n := len(r.spare); n > 0 {
		x := r.spare[n-1]
		r.spare = r.spare[:n-1]
		x.done = false
		return x
	}
	return new(exchange)
}

// Writer returns an emit function that writes JSON lines to w.
func Writer(w io.Writer) func(Verdict) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(v Verdict) error {
		if v.Signals == nil {
			v.Signals = []engine.Signal{}
		}
		return enc.Encode(v)
	}
}
