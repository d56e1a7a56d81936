package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The committed table of weights is what the tool prints.
func TestWeightsAreMeasured(t *testing.T) {
	oneGoroutine(t)
	files, err := filepath.Glob("../../testdata/scenario/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("found %d scenarios (%v); want at least 40", len(files), err)
	}
	var got bytes.Buffer
	if err := calibrate(&got, files); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/weights.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("docs/weights.md is not what is measured; run make calibrate-risk and review (-committed +measured):\n%s", d)
	}
}
