// Package sink takes what the gateway tells the world (security events, access
// lines, recorded traffic) and writes it as JSON lines to files and standard output.
//
// Offering never blocks a request: what the queue cannot take, or what goes beyond the
// lines of a second, is dropped and counted. A Sink is safe for concurrent use.
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
	"time"
)

// bufferSize gathers lines while more wait; a line that is longer is written at once.
const bufferSize = 64 << 10

// queued bounds the lines that wait to be written.
const queued = 8192

// Options make a Sink. With neither File nor Stdout it takes and forgets.
type Options struct {
	File   string    // appended to; empty: none
	Stdout io.Writer // nil: none
	// Rate bounds the lines of a second, of each Class by itself: whoever makes us
	// write must not fill a disk, nor push out what is worth more. 0: no bound.
	Rate int
	// MaxSize bounds the file: one of this size is renamed to File.1, in place of the
	// one before, and another begun. 0: no bound.
	MaxSize int64
	Log     *slog.Logger
	Now     func() time.Time // time.Now where Rate is set and this is nil
}

// Class is a kind of lines with a bound of its own.
type Class uint8

// The classes.
const (
	Bulk Class = iota // one for each request, or many
	Key               // what happened to a client, a site or the gateway
	classes
)

// Sink writes values as JSON lines.
type Sink struct {
	Options
	out     []*output
	queue   chan any
	second  [classes]second
	done    chan struct{}
	mu      sync.RWMutex // guards closed against Offer's send
	closed  bool
	written atomic.Uint64
	dropped atomic.Uint64
	left    atomic.Uint64 // out, beyond the rate
	again   atomic.Bool   // open the files anew
	failing atomic.Bool
}

// output is one place that lines go to.
type output struct {
	w    io.Writer
	name string   // of file
	file *os.File // nil where w is no file of ours
	// regular says that the file is one, and no device.
	regular bool
	whole   int64 // length of the file's whole lines
	buffer  *bufio.Writer
}

// second counts the lines of one second.
type second struct {
	mu    sync.Mutex
	at    int64 // Unix time
	lines int
	left  int // out, in that second
}

// LeftOut stands where lines were left out.
type LeftOut struct {
	Time    time.Time `json:"time"` // the second in which they were
	Type    string    `json:"type"` // "left-out"
	LeftOut int       `json:"left_out"`
}

// nudge is no line: it has the queue looked at.
type nudge struct{}

// New returns a sink. It reports a file that cannot be opened.
func New(o Options) (*Sink, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Sink{Options: o, queue: make(chan any, queued), done: make(chan struct{})}
	if o.Stdout != nil {
		s.out = append(s.out, &output{w: o.Stdout, buffer: bufio.NewWriterSize(o.Stdout, bufferSize)})
	}
	if o.File != "" {
		out := &output{name: o.File}
		if err := out.open(); err != nil {
			return nil, err
		}
		s.out = append(s.out, out)
	}
	go s.run()
	return s, nil
}

// open opens the file by its name, and closes the one before.
func (o *output) open() error {
	f, err := os.OpenFile(o.name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening %q: %w", o.name, err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	info, serr := f.Stat()
	if err = errors.Join(err, serr); err != nil {
		f.Close()
		return fmt.Errorf("opening %q: %w", o.name, err)
	}
	if o.file != nil {
		o.file.Close()
	}
	o.w, o.file, o.regular, o.whole, o.buffer = f, f, info.Mode().IsRegular(), end, bufio.NewWriterSize(f, bufferSize)
	return nil
}

// Offer takes one value, or drops it if the queue is full or its class has had all the
// lines of this second. The next second begins with a LeftOut that tells how many.
func (s *Sink) Offer(class Class, v any) {
	if len(s.out) == 0 {
		return
	}
	told, ok := s.fits(class)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return
	}
	if told.LeftOut > 0 {
		s.enqueue(told)
	}
	if ok {
		s.enqueue(v)
	}
}

func (s *Sink) enqueue(v any) {
	select {
	case s.queue <- v:
	default:
		s.dropped.Add(1)
	}
}

// fits counts one more line of the class and reports whether it is within the rate. It
// returns what is to be told of an earlier second.
func (s *Sink) fits(class Class) (told LeftOut, ok bool) {
	if s.Rate == 0 {
		return told, true
	}
	now, c := s.Now().Unix(), &s.second[class]
	c.mu.Lock()
	defer c.mu.Unlock()
	if now != c.at {
		if c.left > 0 {
			told = LeftOut{Time: time.Unix(c.at, 0).UTC(), Type: "left-out", LeftOut: c.left}
		}
		c.at, c.lines, c.left = now, 0, 0
	}
	if c.lines >= s.Rate {
		c.left++
		s.left.Add(1)
		return told, false
	}
	c.lines++
	return told, true
}

// Reopen has the files opened by their names again, once what is queued is written: a
// log rotation has renamed them. A file that cannot be opened is told in the log, and
// the old one goes on.
func (s *Sink) Reopen() {
	s.again.Store(true)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return
	}
	select {
	case s.queue <- nudge{}:
	default: // the next line that is written will do
	}
}

// reopen does it.
func (s *Sink) reopen() {
	for _, o := range s.out {
		if o.file == nil {
			continue
		}
		if err := o.flush(); err != nil {
			s.Log.Error("writing lines before the file is opened anew", "error", err)
			o.cut()
		}
		if err := o.open(); err != nil {
			s.Log.Error("the file is not opened anew; lines go on to the old one", "error", err)
		}
	}
}

// turn begins a new file if this one has the size that it may have.
func (s *Sink) turn(o *output) {
	if s.MaxSize == 0 || !o.regular || o.whole < s.MaxSize {
		return
	}
	err := os.Rename(o.name, o.name+".1")
	if err == nil {
		err = o.open()
	}
	if err != nil {
		o.whole = 0 // tried again after as much again
		s.Log.Error("a full file is not put aside", "file", o.name, "error", err)
	}
}

// run writes the queue; buffers are emptied whenever it is.
func (s *Sink) run() {
	defer close(s.done)
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	for v := range s.queue {
		if s.again.Swap(false) {
			s.reopen()
		}
		if v == (nudge{}) {
			continue
		}
		line.Reset()
		if err := enc.Encode(v); err != nil {
			s.Log.Error("writing event", "error", err)
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
			if err = o.flush(); err == nil {
				s.turn(o)
			}
		}
		if err == nil {
			_, err = o.buffer.Write(line)
		}
		if err == nil && flush {
			if err = o.flush(); err == nil {
				s.failing.Store(false)
				s.turn(o)
			}
		}
		if err != nil {
			// A full disk: say so once, drop, and try again with the next line.
			s.dropped.Add(1)
			o.cut()
			if !s.failing.Swap(true) {
				s.Log.Error("writing lines; they are dropped until it works again", "error", err)
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

// Stats are the sink's counters, in lines and outputs. LeftOut are those beyond the rate.
type Stats struct{ Written, Dropped, LeftOut uint64 }

// Stats returns the counters.
func (s *Sink) Stats() Stats { return Stats{s.written.Load(), s.dropped.Load(), s.left.Load()} }
