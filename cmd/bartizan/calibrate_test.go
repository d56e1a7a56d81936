package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The committed table of weights is what the tool prints.
func TestWeightsAreMeasured(t *testing.T) {
	oneGoroutine(t)
	var got bytes.Buffer
	if err := calibrate(&got, scenarios(t)); err != nil {
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
