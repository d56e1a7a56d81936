// Package store keeps state over restarts in one folder: the seed of all keyed
// hashes, the key of passes, snapshots of the engine, and a journal of what must not wait for the
// next snapshot.
//
// Snapshots are written beside the old one, synced and renamed, so a process
// that is killed half-way leaves the old one whole. A file that cannot be used
// is set aside, never deleted. A Store is safe for concurrent use.
package store

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Store is the state folder.
type Store struct {
	dir     string
	seed    uint64
	mu      sync.Mutex // guards the journal and the order of snapshots
	journal *os.File
	failed  error // of the last journal write
}

const (
	seedFile     = "seed"
	snapshotFile = "state.snapshot"
	journalFile  = "journal.jsonl"
	keyFile      = "key"
	keySize      = 32 // bytes, at least
)

// Open opens or makes the folder dir and its seed. It fails if another process
// holds the folder.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening data folder: %w", err)
	}
	s := &Store{dir: dir}
	var err error
	if s.seed, err = loadSeed(s.path(seedFile)); err != nil {
		return nil, err
	}
	s.journal, err = os.OpenFile(s.path(journalFile), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening journal: %w", err)
	}
	if err := lock(s.journal); err != nil {
		s.journal.Close()
		return nil, fmt.Errorf("opening data folder %q: another process uses it (give each its own --data): %w", dir, err)
	}
	return s, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Seed keys hashes and ids; it stays the same as long as the folder does.
func (s *Store) Seed() uint64 { return s.seed }

// Socket is where the control socket belongs.
func (s *Store) Socket() string { return s.path("control.sock") }

func loadSeed(name string) (uint64, error) {
	b, err := os.ReadFile(name)
	if err == nil && len(b) == 8 {
		return binary.LittleEndian.Uint64(b), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("reading seed: %w", err)
	}
	b = make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		return 0, fmt.Errorf("making seed: %w", err)
	}
	if err := replace(name, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		return 0, fmt.Errorf("writing seed: %w", err)
	}
	return binary.LittleEndian.Uint64(b), nil
}

// Key returns the secret that signs what clients bring back, at least 32 bytes:
// the content of the file name, or of a file of the folder's own that is made at
// first use. Nodes that are to honour each other's passes share one.
func (s *Store) Key(name string) ([]byte, error) {
	own := name == ""
	if own {
		name = s.path(keyFile)
	}
	b, err := os.ReadFile(name)
	switch {
	case err == nil && len(bytes.TrimSpace(b)) >= keySize:
		return bytes.TrimSpace(b), nil
	case err == nil:
		return nil, fmt.Errorf("reading key %q: want at least %d bytes, such as of openssl rand -hex 32", name, keySize)
	case !own || !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading key: %w", err)
	}
	b = []byte(rand.Text() + rand.Text())
	if err := replace(name, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		return nil, fmt.Errorf("writing key: %w", err)
	}
	return b, nil
}

// replace writes a file beside name, syncs it and puts it in name's place.
func replace(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Snapshot writes a snapshot by write and then forgets the journal up to the
// snapshot's beginning: what was noted meanwhile stays.
func (s *Store) Snapshot(write func(io.Writer) error) error {
	s.mu.Lock()
	size, err := s.journal.Seek(0, io.SeekEnd)
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("writing snapshot: %w", err)
	}
	if err := replace(s.path(snapshotFile), write); err != nil {
		return fmt.Errorf("writing snapshot: %w", err)
	}
	return s.trim(size)
}

// trim drops the first n bytes of the journal.
func (s *Store) trim(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, err := io.ReadAll(io.NewSectionReader(s.journal, n, maxJournal))
	if err != nil {
		return fmt.Errorf("trimming journal: %w", err)
	}
	// The lock is on this very file, so it is cut in place. A kill between the
	// two steps loses only what the snapshot has, or repeats it.
	if err := s.journal.Truncate(0); err != nil {
		return fmt.Errorf("trimming journal: %w", err)
	}
	if _, err := s.journal.Write(rest); err != nil {
		return fmt.Errorf("trimming journal: %w", err)
	}
	return nil
}

// Load hands the snapshot to read. There may be none. One that read refuses with
// an error for which unusable is true is set aside, and its new name returned.
func (s *Store) Load(read func(io.Reader) error, unusable func(error) bool) (aside string, err error) {
	name := s.path(snapshotFile)
	s.sweep()
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("opening snapshot: %w", err)
	}
	err = read(f)
	f.Close()
	if err == nil {
		return "", nil
	}
	if !unusable(err) {
		return "", fmt.Errorf("reading snapshot: %w", err)
	}
	aside = fmt.Sprintf("%s.unusable-%s", name, time.Now().UTC().Format("20060102T150405"))
	if rerr := os.Rename(name, aside); rerr != nil {
		return "", fmt.Errorf("setting aside snapshot: %w", rerr)
	}
	return aside, err
}

// sweep removes what a killed process left half-written.
func (s *Store) sweep() {
	left, _ := filepath.Glob(s.path("*.tmp-*")) // the pattern is well-formed
	for _, name := range left {
		_ = os.Remove(name) // it is in nobody's way
	}
}

// Close closes the journal and lets the folder go.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.Close()
}

// clean cuts a torn last line.
func clean(b []byte) []byte { return b[:bytes.LastIndexByte(b, '\n')+1] }
