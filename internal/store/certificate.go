package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// SelfSigned returns the folder's self-signed certificate and key as PEM, made
// at first use, so that a client that has accepted it once is not asked again.
func (s *Store) SelfSigned(make func() (cert, key []byte, err error)) (cert, key []byte, err error) {
	names := [2]string{s.path("self-signed.crt"), s.path("self-signed.key")}
	cert, err = os.ReadFile(names[0])
	if err == nil {
		key, err = os.ReadFile(names[1])
	}
	if err == nil {
		return cert, key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("reading self-signed certificate: %w", err)
	}
	if cert, key, err = make(); err != nil {
		return nil, nil, err
	}
	for i, b := range [][]byte{cert, key} {
		if err := replace(names[i], func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
			return nil, nil, fmt.Errorf("writing self-signed certificate: %w", err)
		}
	}
	return cert, key, nil
}
