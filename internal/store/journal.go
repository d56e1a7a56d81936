package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"
)

// maxJournal bounds the journal; a snapshot empties it.
const maxJournal = 64 << 20

// entry is one line of the journal: what, and the CRC-32C of it.
type entry struct {
	Sum  uint32          `json:"sum"`
	What json.RawMessage `json:"what"`
}

// Note appends what to the journal at once. It survives a kill of the process;
// a power cut may take the last moments.
func (s *Store) Note(what any) error {
	raw, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	line, err := json.Marshal(entry{checksum(raw), raw})
	if err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	size, err := s.journal.Seek(0, io.SeekEnd)
	if err == nil && size+int64(len(line)) > maxJournal {
		err = fmt.Errorf("it holds %d bytes already: the next snapshot empties it", size)
	}
	if err == nil {
		if _, err = s.journal.Write(append(line, '\n')); err != nil {
			// A full disk: cut what was torn, so that the next line is whole.
			_ = s.journal.Truncate(size)
		}
	}
	if err != nil {
		s.failed = err
		return fmt.Errorf("writing journal: %w", err)
	}
	s.failed = nil
	return nil
}

// Replay hands every line of the journal to apply, in order. Lines that are torn
// or altered are skipped and counted.
func (s *Store) Replay(apply func(json.RawMessage) error) (applied, skipped int, err error) {
	s.mu.Lock()
	b, err := io.ReadAll(io.NewSectionReader(s.journal, 0, maxJournal))
	if err == nil {
		if whole := clean(b); len(whole) < len(b) {
			skipped++
			err = s.journal.Truncate(int64(len(whole)))
			b = whole
		}
	}
	s.mu.Unlock()
	if err != nil {
		return 0, skipped, fmt.Errorf("reading journal: %w", err)
	}
	for line := range bytes.Lines(b) {
		var e entry
		if json.Unmarshal(line, &e) != nil || checksum(e.What) != e.Sum || apply(e.What) != nil {
			skipped++
			continue
		}
		applied++
	}
	return applied, skipped, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// lock takes the file for this process, without waiting.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
