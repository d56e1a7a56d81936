package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// loaded returns the snapshot that stands in s.
func loaded(t *testing.T, s *Store) (got string) {
	t.Helper()
	if _, err := s.Load(func(r io.Reader) error {
		b, err := io.ReadAll(r)
		got = string(b)
		return err
	}, func(error) bool { return false }); err != nil {
		t.Fatal(err)
	}
	return got
}

// noted returns the journal's lines.
func noted(t *testing.T, s *Store) (got []string, skipped int) {
	t.Helper()
	_, skipped, err := s.Replay(func(raw json.RawMessage) error {
		var v string
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		got = append(got, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, skipped
}

func TestSeedStays(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	seed := a.Seed()
	a.Close()
	if b := open(t, dir); b.Seed() != seed {
		t.Errorf("got seed %x after reopening; want %x", b.Seed(), seed)
	}
	if info, err := os.Stat(filepath.Join(dir, seedFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the seed's file: got %v, %v; want mode 0600", info.Mode(), err)
	}
}

func TestSnapshotEmptiesTheJournal(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Note("before"); err != nil {
		t.Fatal(err)
	}
	err := s.Snapshot(func(w io.Writer) error {
		if err := s.Note("meanwhile"); err != nil {
			return err
		}
		return text("state")(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Note("after"); err != nil {
		t.Fatal(err)
	}
	if got, _ := noted(t, s); strings.Join(got, " ") != "meanwhile after" {
		t.Errorf("journal: got %v; want what was noted since the snapshot began", got)
	}
	if got := loaded(t, s); got != "state" {
		t.Errorf("snapshot: got %q", got)
	}
}

func TestFailedSnapshotKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Snapshot(text("old")); err != nil {
		t.Fatal(err)
	}
	if err := s.Note("act"); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	err := s.Snapshot(func(w io.Writer) error { io.WriteString(w, "half"); return full })
	if !errors.Is(err, full) {
		t.Fatalf("got %v; want %v", err, full)
	}
	if got := loaded(t, s); got != "old" {
		t.Errorf("got snapshot %q; want the old one", got)
	}
	if got, _ := noted(t, s); len(got) != 1 {
		t.Errorf("got journal %v; want it kept", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnusableSnapshotIsSetAside(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Snapshot(text("garbage")); err != nil {
		t.Fatal(err)
	}
	bad := errors.New("checksum differs")
	aside, err := s.Load(func(io.Reader) error { return bad }, func(err error) bool { return errors.Is(err, bad) })
	if aside == "" || !errors.Is(err, bad) {
		t.Fatalf("got %q, %v; want it set aside and told why", aside, err)
	}
	if b, err := os.ReadFile(aside); err != nil || string(b) != "garbage" {
		t.Errorf("set aside: got %q, %v; want it untouched", b, err)
	}
	if got := loaded(t, s); got != "" {
		t.Errorf("got snapshot %q; want none", got)
	}
}

func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, v := range []string{"one", "two"} {
		if err := s.Note(v); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	name := filepath.Join(dir, journalFile)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	altered := strings.Replace(string(b), "one", "0ne", 1)
	if err := os.WriteFile(name, []byte(altered+`{"sum":1,"wh`), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if got, skipped := noted(t, s); strings.Join(got, " ") != "two" || skipped != 2 {
		t.Errorf("got %v, %d skipped; want two, and both bad lines skipped", got, skipped)
	}
	if err := s.Note("three"); err != nil {
		t.Fatal(err)
	}
	if got, _ := noted(t, s); strings.Join(got, " ") != "two three" {
		t.Errorf("got %v; want the next line whole", got)
	}
}

// A process that is killed while it writes a snapshot leaves the old one whole.
func TestKilledDuringSnapshot(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_DIR"); dir != "" {
		s, err := Open(dir)
		if err != nil {
			panic(err)
		}
		s.Snapshot(func(w io.Writer) error {
			io.WriteString(w, strings.Repeat("half ", 100_000))
			fmt.Println("writing")
			time.Sleep(time.Minute)
			return nil
		})
		return
	}
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Snapshot(text("old")); err != nil {
		t.Fatal(err)
	}
	s.Close()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledDuringSnapshot$")
	cmd.Env = append(os.Environ(), "STORE_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp-*")); len(left) != 1 {
		t.Fatalf("the kill left %v; want the half snapshot", left)
	}
	s = open(t, dir)
	if got := loaded(t, s); got != "old" {
		t.Errorf("got snapshot %q; want the old one", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp-*")); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

// The key of passes is made once, stays, is nobody else's to read, and may come
// from a file that nodes share.
func TestKey(t *testing.T) {
	dir := t.TempDir()
	open := func() *Store {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	first, err := s.Key("")
	if err != nil || len(first) < keySize {
		t.Fatalf("got %d bytes, %v; want a key", len(first), err)
	}
	s.Close()
	s = open()
	defer s.Close()
	if again, err := s.Key(""); err != nil || string(again) != string(first) {
		t.Errorf("after a restart: got %q, %v; want %q", again, err, first)
	}
	if info, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600", info.Mode(), err)
	}
	shared := filepath.Join(dir, "shared")
	for text, want := range map[string]bool{strings.Repeat("k", 32) + "\n": true, "short\n": false, "": false} {
		if err := os.WriteFile(shared, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := s.Key(shared); (err == nil) != want || want && string(key) != strings.TrimSpace(text) {
			t.Errorf("%q: got %q, %v; want it taken: %v", text, key, err, want)
		}
	}
	if _, err := s.Key(filepath.Join(dir, "nonesuch")); err == nil {
		t.Error("a file that is not there: got a key; want an error, not a new secret")
	}
}
