package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"bartizan/internal/replay"
	"bartizan/internal/scenario"
)

var verbose = flag.Bool("table", false, "print each scenario's counts")

// Every scenario must come out as its file expects, in virtual time.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../../testdata/scenario/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found %d scenarios; want at least 10", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := scenario.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			verdicts := judge(t, s, 1)
			for _, f := range s.Check(verdicts) {
				t.Error(f)
			}
			if *verbose || t.Failed() {
				sum := replay.NewSummary()
				for _, v := range verdicts {
					sum.Add(v)
				}
				var b bytes.Buffer
				sum.Write(&b)
				t.Log("\n" + b.String())
			}
		})
	}
}

// judge replays a scenario under its policy, with verdicts carried out.
func judge(t *testing.T, s *scenario.Scenario, seed uint64) (out []replay.Verdict) {
	t.Helper()
	policy := ""
	if len(s.Policy) > 0 {
		policy = filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(policy, s.Policy, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := replayEngine(policy, true, seed)
	if err != nil {
		t.Fatal(err)
	}
	var traffic bytes.Buffer
	if err := s.Write(&traffic); err != nil {
		t.Fatal(err)
	}
	if err := replay.Run(e, &traffic, func(v replay.Verdict) error {
		out = append(out, v)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
