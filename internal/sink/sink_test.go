package sink

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWritesLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "events.jsonl")
	var stdout bytes.Buffer
	s, err := New(name, &stdout, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s.Offer(map[string]int{"n": i})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Offer("after the end") // must neither panic nor block
	want := "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"
	if b, err := os.ReadFile(name); err != nil || string(b) != want || stdout.String() != want {
		t.Errorf("got file %q, stdout %q, %v; want %q", b, stdout.String(), err, want)
	}
	if got := s.Stats(); got.Written != 6 || got.Dropped != 0 {
		t.Errorf("got %+v; want 6 written", got)
	}
}

// blocked blocks until it is let go.
type blocked struct{ free chan struct{} }

func (b blocked) Write(p []byte) (int, error) { <-b.free; return len(p), nil }

// A reader that hangs must not hold requests up, nor take memory without bound.
func TestOfferNeverBlocks(t *testing.T) {
	b := blocked{make(chan struct{})}
	s, err := New("", b, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		for range 10 * queued {
			s.Offer(strings.Repeat("x", 1024))
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("Offer blocked")
	}
	if got := s.Stats().Dropped; got < 8*queued {
		t.Errorf("got %d dropped; want nearly all of %d", got, 10*queued)
	}
	close(b.free)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// full fails like a full disk, and then works again.
type full struct {
	mu    sync.Mutex
	until int
	n     int
	out   bytes.Buffer
}

func (f *full) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n <= f.until {
		return 0, errors.New("no space left on device")
	}
	return f.out.Write(p)
}

// Lines that wait in a buffer must not pass for written ones.
func TestFullDiskUnderLoadIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	s, err := New("", &full{until: 1 << 30}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range queued / 2 {
		s.Offer("line")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "no space left"); got != 1 {
		t.Errorf("it was told %d times; want once", got)
	}
}

func TestFullDiskIsToldOnceAndSurvived(t *testing.T) {
	var log bytes.Buffer
	w := &full{until: 3}
	s, err := New("", w, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		s.Offer(i)
		for s.Stats().Written+s.Stats().Dropped <= uint64(i) {
			time.Sleep(time.Millisecond)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := w.out.String(); !strings.HasSuffix(got, "5\n") {
		t.Errorf("got %q; want lines again once there is room", got)
	}
	if got := strings.Count(log.String(), "no space left"); got != 1 {
		t.Errorf("it was told %d times; want once", got)
	}
}

// What a full disk tore is cut, so that every line of the file can be read.
func TestTornLinesAreCut(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	torn := &tearing{File: f}
	s := &Sink{log: slog.New(slog.DiscardHandler), queue: make(chan any, queued), done: make(chan struct{}), out: []*output{{w: torn, file: f, buffer: bufio.NewWriterSize(torn, bufferSize)}}}
	go s.run()
	for i := range 50 {
		torn.fail.Store(i%7 == 3)
		s.Offer(strings.Repeat("line ", 10))
		for s.Stats().Written+s.Stats().Dropped <= uint64(i) {
			time.Sleep(time.Millisecond)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for i, l := range lines {
		if l != `"`+strings.Repeat("line ", 10)+`"` {
			t.Errorf("line %d is torn: %q", i, l)
		}
	}
	if len(lines) != 43 {
		t.Errorf("got %d lines; want the 43 that could be written", len(lines))
	}
}

// tearing writes half and fails when told to, like a disk that fills up.
type tearing struct {
	*os.File
	fail atomic.Bool
}

func (t *tearing) Write(p []byte) (int, error) {
	if t.fail.Load() {
		n, _ := t.File.WriteAt(p[:len(p)/2], t.end())
		return n, errors.New("no space left on device")
	}
	return t.File.WriteAt(p, t.end())
}

func (t *tearing) end() int64 {
	info, err := t.File.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}
