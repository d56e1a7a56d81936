package main

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bartizan/internal/replay"
	"bartizan/internal/scenario"
)

var verbose = flag.Bool("table", false, "print each scenario's counts")

// played is what came of one scenario.
type played struct {
	faults, table string
	mistaken      mistaken
}

// plays holds what was played: two tests want it of every scenario.
var plays sync.Map // of a func() (played, error), by file

func playOf(t *testing.T, file string) played {
	t.Helper()
	once, _ := plays.LoadOrStore(file, sync.OnceValues(func() (p played, err error) {
		s, err := scenario.Read(file)
		if err != nil {
			return p, err
		}
		verdicts, err := judge(s, 1, t.TempDir())
		if err != nil {
			return p, err
		}
		sum := replay.NewSummary()
		for _, v := range verdicts {
			sum.Add(v)
		}
		var b bytes.Buffer
		sum.Write(&b)
		p = played{strings.Join(s.Check(verdicts), "\n"), b.String(), newMistaken()}
		p.mistaken.add(s, verdicts)
		return p, nil
	}))
	p, err := once.(func() (played, error))()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scenarios returns the files of all scenarios.
func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/scenario/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("found %d scenarios (%v); want at least 40", len(files), err)
	}
	return files
}

// Every scenario must come out as its file expects, in virtual time.
func TestScenarios(t *testing.T) {
	oneGoroutine(t)
	for _, file := range scenarios(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			p := playOf(t, file)
			if p.faults != "" {
				t.Error(p.faults)
			}
			if *verbose || t.Failed() {
				t.Log("\n" + p.table)
			}
		})
	}
}

// mistaken counts the clients of good scenarios and what befell them.
type mistaken struct{ clients, interrogated, blocked map[string]bool }

func newMistaken() mistaken { return mistaken{map[string]bool{}, map[string]bool{}, map[string]bool{}} }

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
	m := newMistaken()
	for _, file := range scenarios(t) {
		p := playOf(t, file).mistaken
		maps.Copy(m.clients, p.clients)
		maps.Copy(m.interrogated, p.interrogated)
		maps.Copy(m.blocked, p.blocked)
	}
	t.Logf("%d good clients: %d blocked, %d interrogated or more", len(m.clients), len(m.blocked), len(m.interrogated))
	if len(m.clients) < 1000 {
		t.Fatalf("got %d good clients; want at least 1,000", len(m.clients))
	}
	if len(m.blocked) > 0 || 1000*len(m.interrogated) > len(m.clients) {
		t.Errorf("got %v blocked, %v interrogated of %d; want none blocked, at most 1 in 1,000 interrogated", m.blocked, m.interrogated, len(m.clients))
	}
}

// judge replays a scenario under its policy, which is written to dir, with verdicts
// carried out.
func judge(s *scenario.Scenario, seed uint64, dir string) (out []replay.Verdict, err error) {
	policy := ""
	if len(s.Policy) > 0 {
		policy = filepath.Join(dir, "policy.yaml")
		if err := os.WriteFile(policy, s.Policy, 0o600); err != nil {
			return nil, err
		}
	}
	e, err := replayEngine(policy, true, seed)
	if err != nil {
		return nil, err
	}
	var traffic bytes.Buffer
	if err := s.Write(&traffic); err != nil {
		return nil, err
	}
	err = replay.Run(e, &traffic, func(v replay.Verdict) error {
		out = append(out, v)
		return nil
	})
	return out, err
}
