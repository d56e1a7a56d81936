package apimap

import (
	"bytes"
	"errors"
	"testing"

	"bartizan/internal/frame"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshotRoundTrip(t *testing.T) {
	w := ripe()
	for i := range 4000 {
		w.send(call{target: "/shops/" + babble(w.r) + "/items", client: i % 40, schema: 2})
	}
	var b bytes.Buffer
	if err := w.m.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	after := New(w.m.options)
	if err := after.Restore(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w.m.Endpoints(w.now), after.Endpoints(w.now)); d != "" {
		t.Errorf("endpoints (-before +after):\n%s", d)
	}
	w.m = after
	w.wantTemplate(t, "/shops/anything/items", "/shops/{name}/items", true)
	if got := kindsOf(w.send(call{target: "/products/5?debug=1", status: 400})); got != "unknown-parameter/likely@query:debug" {
		t.Errorf("after a restart: got %q; want the departure seen", got)
	}
}

func TestSnapshotDamaged(t *testing.T) {
	var b bytes.Buffer
	if err := ripe().m.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for i := 0; i < len(whole); i += 211 {
		if err := New(Options{Seed: 1}).Restore(bytes.NewReader(whole[:i])); !errors.Is(err, frame.ErrDamaged) {
			t.Errorf("cut at %d: got %v", i, err)
		}
		damaged := bytes.Clone(whole)
		damaged[i] ^= 4
		if err := New(Options{Seed: 1}).Restore(bytes.NewReader(damaged)); !errors.Is(err, frame.ErrDamaged) {
			t.Errorf("altered at %d: got %v", i, err)
		}
	}
	if err := New(Options{Seed: 2}).Restore(bytes.NewReader(whole)); !errors.Is(err, frame.ErrDamaged) {
		t.Errorf("another seed: got %v", err)
	}
}

func FuzzRestore(f *testing.F) {
	var b bytes.Buffer
	if err := ripe().m.Snapshot(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		if err := New(Options{Seed: 1}).Restore(bytes.NewReader(snapshot)); err != nil && !errors.Is(err, frame.ErrDamaged) {
			t.Fatalf("got %v", err)
		}
	})
}
