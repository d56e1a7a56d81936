package engine

import (
	"crypto/ed25519"
	"time"

	"bartizan/internal/request"
)

// The life of a bot's signature at most, and how far its clock may be ahead.
const (
	botLife = 24 * time.Hour
	botSkew = time.Minute
)

// signed makes r that of a verified bot if it bears the signature of one whose key
// the operator has (Web Bot Auth over RFC 9421, Ed25519). Keys are local, so this
// waits for nobody. A signature by an unknown key, or one that is over, says
// nothing; a false one of a known key is an impostor's.
func (e *Engine) signed(now time.Time, s *compiled, r *request.Request) {
	keys := s.policy.Options().BotKeys
	if len(keys) == 0 || r.Network.Bot != "" {
		return
	}
	b, ok := r.BotAuth()
	if !ok {
		return
	}
	k, ok := keys[b.KeyID]
	if !ok || b.Created.After(now.Add(botSkew)) || !b.Expires.After(now) || b.Expires.Sub(b.Created) > botLife {
		return
	}
	if ed25519.Verify(k.Key, []byte(b.Base), b.Signature) {
		r.Network.Bot, r.Network.Impostor = k.Name, ""
	} else {
		r.Network.Impostor = k.Name
	}
}
