package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/engine"
	"bartizan/internal/request"
)

// Recorder writes exchanges as they end. It never holds a request up: what its
// queue cannot take is counted and dropped, and a full disk ends the recording,
// not the service.
type Recorder struct {
	mask    masker
	file    *os.File
	log     *slog.Logger
	queue   chan *Line
	done    chan struct{}
	scratch sync.Pool
	mu      sync.RWMutex // guards closed against Record's send
	closed  bool
	written atomic.Uint64
	dropped atomic.Uint64
	failed  atomic.Bool
}

// queued bounds the exchanges that wait to be written.
const queued = 4096

// NewRecorder appends to the file name. seed keys the digests of secrets.
func NewRecorder(name string, seed uint64, log *slog.Logger) (*Recorder, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening recording: %w", err)
	}
	key := strconv.AppendUint(nil, digest.Mix(seed, 0x7265636f7264), 16)
	r := &Recorder{mask: masker{key}, file: f, log: log, queue: make(chan *Line, queued), done: make(chan struct{})}
	r.scratch.New = func() any { return new(request.Scratch) }
	go r.run()
	return r, nil
}

// Record takes one exchange that has ended. body is the prefix that was judged.
func (r *Recorder) Record(q *request.Request, v engine.Verdict, o request.Outcome, body []byte) {
	if r.failed.Load() {
		r.dropped.Add(1)
		return
	}
	l := r.line(q, o, body)
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return
	}
	select {
	case r.queue <- l:
	default:
		r.dropped.Add(1)
	}
}

func (r *Recorder) line(q *request.Request, o request.Outcome, body []byte) *Line {
	f := flags(q)
	l := &Line{
		Time: q.Time.UTC(), ID: q.ID, Conn: "c" + strconv.FormatUint(q.Conn.ID, 36), Client: q.Client.Addr.String(), Port: q.Conn.Port,
		H2: q.Conn.H2, Proto: q.Head.Proto, Method: q.Head.Method, Host: q.Head.Host, Target: r.mask.target(q.Head.Target, f),
		Sorted: !q.Head.Ordered, ASN: q.Network.ASN, Country: q.Network.Country, Bot: q.Network.Bot,
		Answered: o.Answered, Status: o.Status, ResponseType: o.ResponseType, ResponseSize: o.ResponseSize,
		DurationMS: float64(o.Duration) / float64(time.Millisecond), BodySize: o.RequestSize,
	}
	if !o.Answered {
		l.Status = 0
	}
	if q.Head.Fault != request.Fine {
		l.Fault = q.Head.Fault.String()
	}
	if q.Conn.Secure {
		l.TLS = &TLS{q.Conn.TLS.JA4, q.Conn.TLS.ALPN, q.Conn.TLS.SNI, q.Conn.TLS.Resumed}
	}
	for _, h := range q.Head.Fields {
		l.Headers = append(l.Headers, [2]string{h.Name, r.mask.header(h.Name, h.Value, f)})
	}
	if len(body) > 0 {
		scratch := r.scratch.Get().(*request.Scratch)
		if b, ok := r.mask.body(q.Header("Content-Type"), body, f, scratch); ok {
			l.setBody(b)
		}
		r.scratch.Put(scratch)
	}
	return l
}

// run writes what is queued, and flushes when nothing is.
func (r *Recorder) run() {
	defer close(r.done)
	w := bufio.NewWriterSize(r.file, 256<<10)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for l := range r.queue {
		if r.failed.Load() {
			r.dropped.Add(1)
			continue
		}
		err := enc.Encode(l)
		if err == nil && len(r.queue) == 0 {
			err = w.Flush()
		}
		if err != nil {
			r.fail(err)
			continue
		}
		r.written.Add(1)
	}
	if !r.failed.Load() {
		if err := w.Flush(); err != nil {
			r.fail(err)
		}
	}
}

// fail ends the recording and cuts the file after its last whole line, so that
// what is there can be replayed.
func (r *Recorder) fail(err error) {
	r.failed.Store(true)
	r.dropped.Add(1)
	if cut := cutTorn(r.file.Name()); cut != nil {
		err = fmt.Errorf("%w; %w", err, cut)
	}
	r.log.Error("recording ended; traffic goes on", "file", r.file.Name(), "error", err)
}

// cutTorn truncates a file after its last newline.
func cutTorn(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cutting torn line: %w", err)
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("cutting torn line: %w", err)
	}
	buf := make([]byte, 64<<10)
	for end > 0 {
		n := min(int64(len(buf)), end)
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return fmt.Errorf("cutting torn line: %w", err)
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] == '\n' {
				return f.Truncate(end - n + i + 1)
			}
		}
		end -= n
	}
	return f.Truncate(0)
}

// Close writes what is queued and closes the file.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.queue)
	r.mu.Unlock()
	<-r.done
	return r.file.Close()
}

// Stats are the recorder's counters.
type Stats struct {
	Written, Dropped uint64
	Failed           bool
}

// Stats returns the counters.
func (r *Recorder) Stats() Stats {
	return Stats{r.written.Load(), r.dropped.Load(), r.failed.Load()}
}
