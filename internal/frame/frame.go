// Package frame writes and reads blocks that carry their length and checksum, so
// that a torn or altered snapshot is recognised before anything of it is used.
//
// It keeps no state; all integers are little-endian.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrDamaged marks a snapshot that cannot be used: torn, altered, of another
// version, or made under another seed.
var ErrDamaged = errors.New("unusable snapshot")

// Write writes one block: length, CRC-32C (RFC 3720, appendix B.4), bytes.
func Write(w io.Writer, b []byte) error {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(b)))
	binary.LittleEndian.PutUint32(head[4:], sum(b))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// Read reads one block of at most limit bytes. Its errors wrap ErrDamaged.
func Read(r io.Reader, limit int) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("reading block: %w: %v", ErrDamaged, err)
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n > limit {
		return nil, fmt.Errorf("reading block: %w: %d bytes, at most %d can be", ErrDamaged, n, limit)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("reading block: %w: %v", ErrDamaged, err)
	}
	if sum(b) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("reading block: %w: checksum differs", ErrDamaged)
	}
	return b, nil
}

func sum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
