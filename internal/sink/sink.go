// Package sink takes what the gateway tells the world: security events and
// access lines, as JSON lines to files and standard output.
//
// Offering never blocks a request: what the queue cannot take is dropped and
// counted. A Sink is safe for concurrent use.
package sink

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// queued bounds the lines that wait to be written.
const queued = 8192

// Sink writes values as JSON lines.
type Sink struct {
	out     []io.Writer
	files   []*os.File
	log     *slog.Logger
	queue   chan any
	done    chan struct{}
	mu      sync.RWMutex // guards closed against Offer's send
	closed  bool
	written atomic.Uint64
	dropped atomic.Uint64
	failing atomic.Bool
}

// New returns a sink that appends to the file name, if that is not empty, and
// writes to stdout, if that is not nil. With neither it takes and forgets.
func New(name string, stdout io.Writer, log *slog.Logger) (*Sink, error) {
	s := &Sink{log: log, queue: make(chan any, queued), done: make(chan struct{})}
	if stdout != nil {
		s.out = append(s.out, stdout)
	}
	if name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening %q: %w", name, err)
		}
		s.files = append(s.files, f)
		s.out = append(s.out, f)
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

// run writes the queue; buffers are flushed whenever it is empty.
func (s *Sink) run() {
	defer close(s.done)
	buffers := make([]*bufio.Writer, len(s.out))
	for i, w := range s.out {
		buffers[i] = bufio.NewWriterSize(w, 64<<10)
	}
	for v := range s.queue {
		line, err := json.Marshal(v)
		if err != nil {
			s.log.Error("writing event", "error", err)
			continue
		}
		s.put(buffers, append(line, '\n'), len(s.queue) == 0)
	}
	s.put(buffers, nil, true)
}

func (s *Sink) put(buffers []*bufio.Writer, line []byte, flush bool) {
	for i, b := range buffers {
		_, err := b.Write(line)
		if err == nil && flush {
			err = b.Flush()
		}
		if err != nil {
			// A full disk: say so once, drop, and try again with the next line.
			s.dropped.Add(1)
			b.Reset(s.out[i])
			if !s.failing.Swap(true) {
				s.log.Error("writing lines; they are dropped until it works again", "error", err)
			}
			continue
		}
		if line != nil {
			s.written.Add(1)
		}
		if flush { // only now has the file taken it
			s.failing.Store(false)
		}
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
	for _, f := range s.files {
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Stats are the sink's counters, in lines and outputs.
type Stats struct{ Written, Dropped uint64 }

// Stats returns the counters.
func (s *Sink) Stats() Stats { return Stats{s.written.Load(), s.dropped.Load()} }
