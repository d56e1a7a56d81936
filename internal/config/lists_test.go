package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/internal/signal"
)

// Reputation lists are read beside the file that names them; what is wrong with
// one is said with its place.
func TestReputationLists(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("bad.txt", "203.0.113.0/24 # scanners\n\n2001:db8::/32\n")
	file := write("good.yaml", "sites: [{hosts: [\"*\"], upstreams: [\"http://127.0.0.1:1\"]}]\nintel: {lists: [{name: scanners, file: bad.txt, weight: likely}]}\n")
	_, p, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := p.Options().Reputations
	if len(l) != 1 || l[0].Name != "scanners" || l[0].Band != signal.Likely || !l[0].Prefixes.Contains(netip.MustParseAddr("203.0.113.9")) || l[0].Prefixes.Contains(netip.MustParseAddr("198.51.100.1")) {
		t.Errorf("got %+v", l)
	}
	file = write("bad.yaml", "sites: [{hosts: [\"*\"], upstreams: [\"http://127.0.0.1:1\"]}]\nintel: {lists: [{file: none.txt, weight: heavy}]}\n")
	_, _, err = Load(file, nil)
	for _, want := range []string{"lists[0].weight", "lists[0].name", "lists[0].file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want a fault at %s", err, want)
		}
	}
}
