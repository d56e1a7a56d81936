package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/internal/policy"
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

// The key of RFC 9421, appendix B.1.4, has the thumbprint that Web Bot Auth gives.
func TestBotKeys(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keys.json")
	if err := os.WriteFile(file, []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"},{"kty":"RSA"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := map[string]policy.BotKey{}
	if err := readKeys(file, "crawler", keys); err != nil || keys["poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U"].Name != "crawler" {
		t.Errorf("got %v, %v", keys, err)
	}
	for _, text := range []string{`no json`, `{"keys":[]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if readKeys(file, "crawler", keys) == nil {
			t.Errorf("%s: got no error", text)
		}
	}
}
