// Package sink takes what the gateway tells the world (security events, access
// lines, recorded traffic) and writes it as JSON lines to files and standard output.
//
// Offering never blocks a request: what the queue cannot take is dropped and
// counted. A Sink is safe for concurrent use.
package sink

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// bufferSize gathers lines while more wait; a line that is longer is written at once.
const bufferSize = 64 << 10

// queued bounds the lines that wait to be written.
const queued = 8192

// Sink writes values as JSON lines.
type Sink struct {
	out     []*output
	log     *slog.Logger
	queue   chan any
	done    chan struct{}
	mu      sync.RWMutex // guards closed against Offer's send
	closed  bool
	written atomic.Uint64
	dropped atomic.Uint64
	failing atomic.Bool
}

// output is one place that lines go to.
type output struct {
	w      io.Writer
	file   *os.File // nil where w is no file of ours
	whole  int64    // length of the file's whole lines
	buffer *bufio.Writer
}

// New returns a sink that appends to the file name, if that is not empty, and
// writes to stdout, if that is not nil. With neither it takes and forgets.
func New(name string, stdout io.Writer, log *slog.Logger) (*Sink, error) {
	s := &Sink{log: log, queue: make(chan any, queued), done: make(chan struct{})}
	if stdout != nil {
		s.out = append(s.out, &output{w: stdout, buffer: bufio.NewWriterSize(stdout, bufferSize)})
	}
	if name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening %q: %w", name, err)
		}
		end, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("opening %q: %w", name, err)
		}
		s.out = append(s.out, &output{w: f, file: f, whole: end, buffer: bufio.NewWriterSize(f, bufferSize)})
	}
	go s.run()
	return s, nil
}

// Offer takes one value, or drops it if the queue is full.
func (s *Sink) Offer(v any) {
	if len(s.out) == 0 {
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return
	}
	select {
	case s.queue <- v:
	default:
		s.dropped.Add(1)
	}
}

// run writes the queue; buffers are emptied whenever it is.
func (s *Sink) run() {
	defer close(s.done)
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	for v := range s.queue {
		line.Reset()
		if err := enc.Encode(v); err != nil {
			s.log.Error("writing event", "error", err)
			continue
		}
		s.put(line.Bytes(), len(s.queue) == 0)
	}
	s.put(nil, true)
}

// put adds a line to every output. Buffers are emptied only between lines, so
// that a file which failed can be cut after its last whole one.
func (s *Sink) put(line []byte, flush bool) {
	for _, o := range s.out {
		err := error(nil)
		if o.buffer.Available() < len(line) {
			err = o.flush()
		}
		if err == nil {
			_, err = o.buffer.Write(line)
		}
		if err == nil && flush {
			if err = o.flush(); err == nil {
				s.failing.Store(false)
			}
		}
		if err != nil {
			// A full disk: say so once, drop, and try again with the next line.
			s.dropped.Add(1)
			o.cut()
			if !s.failing.Swap(true) {
				s.log.Error("writing lines; they are dropped until it works again", "error", err)
			}
			continue
		}
		if len(line) > 0 {
			s.written.Add(1)
		}
	}
}

// flush empties the buffer.
func (o *output) flush() error {
	n := o.buffer.Buffered()
	if err := o.buffer.Flush(); err != nil {
		return err
	}
	o.whole += int64(n)
	return nil
}

// cut drops what is buffered and what was torn.
func (o *output) cut() {
	o.buffer.Reset(o.w)
	if o.file != nil {
		_ = o.file.Truncate(o.whole) // a device cannot be cut and needs not be
	}
}

// Close writes what is queued and closes the file.
func (s *Sink) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.mu.Unlock()
	<-s.done
	var errs []error
	for _, o := range s.out {
		if o.file != nil {
			errs = append(errs, o.file.Close())
		}
	}
	return errors.Join(errs...)
}

// Stats are the sink's counters, in lines and outputs.
type Stats struct{ Written, Dropped uint64 }

// Stats returns the counters.
func (s *Sink) Stats() Stats { return Stats{s.written.Load(), s.dropped.Load()} }
