package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// macs computes HMAC-SHA256 (RFC 2104) under one key, without allocating once
// its pool is warm.
type macs struct {
	key  []byte
	pool sync.Pool // of *mac
}

// mac is one computation. What it has taken in is of one meaning: the label
// comes first, and every string with its length.
type mac struct {
	hash hash.Hash
	buf  [sha256.Size]byte
}

// get begins one.
func (p *macs) get(label byte) *mac {
	m, ok := p.pool.Get().(*mac)
	if !ok {
		m = &mac{hash: hmac.New(sha256.New, p.key)}
	}
	m.buf[0] = label
	m.hash.Write(m.buf[:1])
	return m
}

// put ends m and returns its sum.
func (p *macs) put(m *mac) [sha256.Size]byte {
	m.hash.Sum(m.buf[:0])
	sum := m.buf
	m.hash.Reset()
	p.pool.Put(m)
	return sum
}

func (m *mac) number(v uint64) {
	binary.BigEndian.PutUint64(m.buf[:], v)
	m.hash.Write(m.buf[:8])
}

func (m *mac) bytes(b []byte) {
	m.number(uint64(len(b)))
	for len(b) > 0 {
		n := copy(m.buf[:], b)
		m.hash.Write(m.buf[:n])
		b = b[n:]
	}
}

func (m *mac) text(s string) {
	m.number(uint64(len(s)))
	for len(s) > 0 {
		n := copy(m.buf[:], s)
		m.hash.Write(m.buf[:n])
		s = s[n:]
	}
}
