package main

import (
	"slices"
	"testing"

	"bartizan/internal/config"
)

// What a reload does not put in force is named; lists and keys it does.
func TestFixedKeys(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.File)
		want   []string
	}{
		"learning":     {func(f *config.File) { f.Learning.MinimumRequests++ }, []string{"learning"}},
		"a database":   {func(f *config.File) { f.Intel.ASN = "asn.mmdb" }, []string{"intel"}},
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
