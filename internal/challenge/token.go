package challenge

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
)

// The kinds of token.
const (
	kindPass     = 1 + iota
	kindQuestion // of an API client: bound to a path class
	kindPage     // of a browser window: any page may be behind it
	kindRedirect // class is the digest of where to go
)

// token is what is signed. Everything in it may be seen by the client.
type token struct {
	kind, how, bits uint8
	epoch           uint16
	key             uint32 // which key signed it
	issued, expires uint32 // s since the epoch
	id              uint64
	class           uint32
	bound
}

// bound is whom a token is for: keyed digests, so that a client cannot read what
// it is told by.
type bound struct{ site, family, tls, network uint32 }

const (
	plainSize = 3 + 2 + 4*3 + 8 + 4 + 4*4
	macSize   = 16
	// tokenSize is the length of a token as text.
	tokenSize = ((plainSize+macSize)*8 + 5) / 6
)

func (t *token) append(b []byte) []byte {
	b = append(b, t.kind, t.how, t.bits)
	b = binary.BigEndian.AppendUint16(b, t.epoch)
	for _, v := range [...]uint32{t.key, t.issued, t.expires} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	b = binary.BigEndian.AppendUint64(b, t.id)
	for _, v := range [...]uint32{t.class, t.site, t.family, t.tls, t.network} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func (t *token) parse(b []byte) {
	t.kind, t.how, t.bits, t.epoch = b[0], b[1], b[2], binary.BigEndian.Uint16(b[3:])
	for i, v := range [...]*uint32{&t.key, &t.issued, &t.expires} {
		*v = binary.BigEndian.Uint32(b[5+4*i:])
	}
	t.id = binary.BigEndian.Uint64(b[17:])
	for i, v := range [...]*uint32{&t.class, &t.site, &t.family, &t.tls, &t.network} {
		*v = binary.BigEndian.Uint32(b[25+4*i:])
	}
}

// seal signs t and returns it as text.
func (k *Keeper) seal(t token) string {
	b := t.append(make([]byte, 0, plainSize+macSize))
	m := k.sign.get('t')
	m.bytes(b)
	signature := k.sign.put(m)
	b = append(b, signature[:macSize]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// seal's outcomes when it is undone.
type sealed uint8

const (
	garbled sealed = iota // no token at all
	foreign               // of another key
	forged                // claims our key, and has not our signature
	genuine
)

// open reads what seal wrote.
func (k *Keeper) open(s string) (t token, _ sealed) {
	if len(s) != tokenSize {
		return t, garbled
	}
	var b [plainSize + macSize]byte
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], append(make([]byte, 0, tokenSize), s...)); err != nil || n != len(b) {
		return t, garbled
	}
	t.parse(b[:])
	if t.kind < kindPass || t.kind > kindRedirect || t.id == 0 {
		return token{}, garbled
	}
	if t.key != k.mark {
		return t, foreign
	}
	m := k.sign.get('t')
	m.bytes(b[:plainSize])
	signature := k.sign.put(m)
	if !hmac.Equal(signature[:macSize], b[plainSize:]) {
		return t, forged
	}
	return t, genuine
}
