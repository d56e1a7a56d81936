package frame

import (
	"bytes"
	"errors"
	"testing"
)

func TestRoundTripAndDamage(t *testing.T) {
	var b bytes.Buffer
	for _, s := range []string{"one", "", "three"} {
		if err := Write(&b, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	whole := b.Bytes()
	r := bytes.NewReader(whole)
	for _, want := range []string{"one", "", "three"} {
		if got, err := Read(r, 10); err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	if _, err := Read(r, 10); !errors.Is(err, ErrDamaged) {
		t.Errorf("at the end: got %v", err)
	}
	if _, err := Read(bytes.NewReader(whole), 2); !errors.Is(err, ErrDamaged) {
		t.Errorf("beyond the limit: got %v", err)
	}
	for i := range 11 { // length, checksum and bytes of the first block
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		if _, err := Read(bytes.NewReader(damaged), 10); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d altered: got %v; want ErrDamaged", i, err)
		}
	}
}
