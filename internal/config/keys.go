package config

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"bartizan/internal/policy"
)

// botKeys reads the key files of bots. A key's id is its thumbprint (RFC 7638),
// which is what Web Bot Auth has signers name.
func (f *File) botKeys(faults []Fault) (map[string]policy.BotKey, []Fault) {
	out := map[string]policy.BotKey{}
	for i, b := range f.Intel.Bots {
		if b.Keys == "" {
			continue
		}
		if err := readKeys(b.Keys, b.Name, out); err != nil {
			faults = append(faults, Fault{Path: fmt.Sprintf("intel.bots[%d].keys", i), Err: err})
		}
	}
	return out, faults
}

func readKeys(name, bot string, into map[string]policy.BotKey) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading keys: %w", err)
	}
	var set struct {
		Keys []struct{ Kty, Crv, X string } `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return fmt.Errorf("reading keys %q: %w (want a JSON Web Key Set)", name, err)
	}
	n := 0
	for _, k := range set.Keys {
		if k.Kty != "OKP" || k.Crv != "Ed25519" {
			continue
		}
		key, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return fmt.Errorf("reading keys %q: x is no Ed25519 key", name)
		}
		print := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + k.X + `"}`))
		into[base64.RawURLEncoding.EncodeToString(print[:])] = policy.BotKey{Name: bot, Key: key}
		n++
	}
	if n == 0 {
		return fmt.Errorf("reading keys %q: holds no Ed25519 key", name)
	}
	return nil
}
