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
	s, err := New(Options{File: name, Stdout: &stdout, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s.Offer(Bulk, map[string]int{"n": i})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Offer(Bulk, "after the end") // must neither panic nor block
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
	s, err := New(Options{Stdout: b, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		for range 10 * queued {
			s.Offer(Bulk, strings.Repeat("x", 1024))
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
	s, err := New(Options{Stdout: &full{until: 1 << 30}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for range queued / 2 {
		s.Offer(Bulk, "line")
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
	s, err := New(Options{Stdout: w, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		s.Offer(Bulk, i)
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
	s := &Sink{Options: Options{Log: slog.New(slog.DiscardHandler)}, queue: make(chan any, queued),
		done: make(chan struct{}), out: []*output{{w: torn, file: f, buffer: bufio.NewWriterSize(torn, bufferSize)}}}
	go s.run()
	for i := range 50 {
		torn.fail.Store(i%7 == 3)
		s.Offer(Bulk, strings.Repeat("line ", 10))
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

// A log rotation renames the file and asks for it to be opened anew: no line is lost,
// none goes to the old file afterwards.
func TestReopen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "events.jsonl")
	s, err := New(Options{File: name, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.Offer(Bulk, "before")
	for s.Stats().Written == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	s.Offer(Bulk, "between")
	for s.Stats().Written == 1 {
		time.Sleep(time.Millisecond)
	}
	s.Reopen()
	s.Offer(Bulk, "after")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Reopen() // does nothing
	for file, want := range map[string]string{name + ".old": "\"before\"\n\"between\"\n", name: "\"after\"\n"} {
		if b, err := os.ReadFile(file); err != nil || string(b) != want {
			t.Errorf("%s: got %q, %v; want %q", file, b, err, want)
		}
	}
}

// A file that cannot be opened again leaves the old one in use.
func TestReopenFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := New(Options{File: filepath.Join(dir, "a"), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	s.Reopen()
	s.Offer(Bulk, "line")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir+".old", "a")); err != nil || string(b) != "\"line\"\n" {
		t.Errorf("got %q, %v; want the line in the old file", b, err)
	}
	if !strings.Contains(log.String(), "not opened anew") {
		t.Errorf("got log %q; want it told", log.String())
	}
}

// The lines of a second are bounded, each class by itself, and what was left out is
// told in the next second.
func TestRate(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1000, 0)
	s, err := New(Options{Stdout: &out, Rate: 10, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		s.Offer(Bulk, "bulk")
	}
	for range 12 {
		s.Offer(Key, "key")
	}
	now = now.Add(time.Second)
	s.Offer(Bulk, "bulk")
	s.Offer(Key, "key")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if bulk, key := strings.Count(got, "\"bulk\"\n"), strings.Count(got, "\"key\"\n"); bulk != 11 || key != 11 {
		t.Errorf("got %d and %d lines; want 11 of each", bulk, key)
	}
	for _, want := range []string{`{"time":"1970-01-01T00:16:40Z","type":"left-out","left_out":990}`, `"left_out":2}`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q; want %s in it", got, want)
		}
	}
	if s.Stats().LeftOut != 992 {
		t.Errorf("got %d left out; want 992", s.Stats().LeftOut)
	}
}

// A file never has more than its size and a buffer, and one before it is kept.
func TestMaxSize(t *testing.T) {
	name := filepath.Join(t.TempDir(), "events.jsonl")
	s, err := New(Options{File: name, MaxSize: 100_000, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		s.Offer(Bulk, i)
		for i%1000 == 999 && s.Stats().Written <= uint64(i) {
			time.Sleep(time.Millisecond) // the queue is not what is tested
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, name + ".1"} {
		info, err := os.Stat(n)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 100_000+bufferSize {
			t.Errorf("%s: got %d bytes; want at most %d", n, info.Size(), 100_000+bufferSize)
		}
	}
	old, err := os.ReadFile(name + ".1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	b = append(old, b...) // the last line may have filled the file
	if last := "19999\n"; err != nil || s.Stats().Dropped > 0 || !strings.HasSuffix(string(b), last) {
		t.Errorf("got the end %q, %v; want %q", b[max(0, len(b)-10):], err, last)
	}
}
