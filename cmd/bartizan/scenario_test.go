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
	oneGoroutine(t)
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

// mistaken counts the clients of good scenarios and what befell them.
type mistaken struct{ clients, interrogated, blocked map[string]bool }

func (m *mistaken) add(s *scenario.Scenario, verdicts []replay.Verdict) {
	clients := make(map[string]string, len(s.Lines))
	for i := range s.Lines {
		clients[s.Lines[i].ID] = s.Name + "/" + s.Lines[i].Client + "/" + s.Lines[i].Conn
	}
	for _, v := range verdicts {
		if v.Label != "good" {
			continue
		}
		m.clients[clients[v.ID]] = true
		switch v.Stage {
		case "interrogate", "tarpit":
			m.interrogated[clients[v.ID]] = true
		case "block":
			m.blocked[clients[v.ID]] = true
		}
	}
}

// oneGoroutine skips what replays all scenarios where the race detector runs: a
// replay has one goroutine, and takes ten times as long there.
func oneGoroutine(t *testing.T) {
	t.Helper()
	if racing {
		t.Skip("a replay has one goroutine")
	}
}

// Of all good clients in all scenarios none is blocked, and at most one in a
// thousand is asked anything, those behind one address with an attacker included.
func TestFalsePositives(t *testing.T) {
	oneGoroutine(t)
	files, err := filepath.Glob("../../testdata/scenario/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	m := mistaken{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, file := range files {
		s, err := scenario.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		m.add(s, judge(t, s, 1))
	}
	t.Logf("%d good clients: %d blocked, %d interrogated or more", len(m.clients), len(m.blocked), len(m.interrogated))
	if len(m.clients) < 1000 {
		t.Fatalf("got %d good clients; want at least 1,000", len(m.clients))
	}
	if len(m.blocked) > 0 || 1000*len(m.interrogated) > len(m.clients) {
		t.Errorf("got %v blocked, %v interrogated of %d; want none blocked, at most 1 in 1,000 interrogated", m.blocked, m.interrogated, len(m.clients))
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
