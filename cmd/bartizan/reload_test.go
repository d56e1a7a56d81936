package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bartizan/internal/config"
)

// What a reload does not put in force is named; lists and keys it does.
func TestFixedKeys(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.File)
		want   []string
	}{
		"learning":     {func(f *config.File) { f.Learning.MinimumRequests++ }, []string{"learning"}},
		"a database":   {func(f *config.File) { f.Intel.ASN = "asn.mmdb" }, nil}, // a reload reads it
		"a bot's name": {func(f *config.File) { f.Intel.Bots[0].Agent = "other" }, []string{"intel"}},
		"a bot's keys": {func(f *config.File) { f.Intel.Bots[0].Keys = "keys.json" }, nil},
		"a bot that signs": {func(f *config.File) {
			f.Intel.Bots = append(f.Intel.Bots, config.Bot{Name: "signer", Agent: "signer", Keys: "keys.json"})
		}, nil},
		"a list": {func(f *config.File) { f.Intel.Lists = []config.Reputation{{Name: "l", File: "l.txt"}} }, nil},
		"rates":  {func(f *config.File) { f.Limits.Rates = []config.Rate{{Rate: "1/s"}} }, nil},
	} {
		old := config.File{Intel: config.Intel{Bots: []config.Bot{{Name: "b", Agent: "b", Domains: []string{"example.com"}}}}}
		next := old
		next.Intel.Bots = slices.Clone(old.Intel.Bots)
		c.change(&next)
		if got := fixed(old, next); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q; want %q", name, got, c.want)
		}
	}
}

// A file is stamped by what it holds: another of the same size and time is a change,
// the same content in another file is none.
func TestStamp(t *testing.T) {
	dir := t.TempDir()
	file, when := filepath.Join(dir, "bartizan.yaml"), time.Unix(1_700_000_000, 0)
	put := func(text string) {
		t.Helper()
		next := file + ".next"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(next, when, when); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	put("a: 1")
	g := &gateway{setup: setup{configFile: file}}
	first := g.stamp()
	if again := g.stamp(); again != first {
		t.Errorf("got %q and %q; want no change", first, again)
	}
	put("a: 2")
	second := g.stamp()
	if second == first {
		t.Error("another file of the same size and time is no change")
	}
	put("a: 2")
	if third := g.stamp(); third != second {
		t.Error("the same content in another file is a change")
	}
	if err := os.WriteFile(file, []byte("a: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, when, when); err != nil {
		t.Fatal(err)
	}
	if g.stamp() == second {
		t.Error("a file written in place, with its old time, is no change")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if g.stamp() == second {
		t.Error("a file that is gone is no change")
	}
}
