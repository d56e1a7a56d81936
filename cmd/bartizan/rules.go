package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"bartizan/internal/config"
	"bartizan/internal/replay"
)

type rulesCommand struct {
	Test rulesTestCommand `cmd:"" help:"Show in which shapes of a request rules and patches hold, and what they would have done to recorded traffic."`
}

type rulesTestCommand struct {
	Replay string `help:"Recording: JSON lines, gzip by suffix, - for standard input."`
	Config string `required:"" help:"Configuration file with the rules and patches." type:"path"`
	Seed   uint64 `help:"Seed of all keyed hashes and ids." default:"1"`
}

// Run tries the shapes and, where there is a recording, replays it, with every rule and
// patch dry, and prints what each one matched.
func (c *rulesTestCommand) Run() error {
	if c.Replay != "" {
		if err := c.replay(); err != nil {
			return err
		}
		fmt.Println()
	}
	var file config.File
	e, err := replayEngine(c.Config, true, c.Seed, func(f *config.File) {
		dry(f)
		f.Allow, f.Deny = nil, nil // a list would decide instead
		file = *f
	})
	if err != nil {
		return err
	}
	tried, untried := tryShapes(e, file)
	return printShapes(os.Stdout, tried, untried)
}

// dry makes all rules and patches dry, and returns their names.
func dry(f *config.File) (names []string) {
	for i := range f.Rules {
		f.Rules[i].DryRun = true
		names = append(names, f.Rules[i].Name)
	}
	for i := range f.Patches {
		f.Patches[i].DryRun = true
		names = append(names, f.Patches[i].Name)
	}
	return names
}

func (c *rulesTestCommand) replay() error {
	var names []string
	e, err := replayEngine(c.Config, true, c.Seed, func(f *config.File) { names = dry(f) })
	if err != nil {
		return err
	}
	in, err := replay.Open(c.Replay)
	if err != nil {
		return err
	}
	defer in.Close()
	by, total := map[string]*matched{}, 0
	if err := replay.Run(e, in, func(v replay.Verdict) error {
		total++
		of := func(name string) *matched {
			if by[name] == nil {
				by[name] = &matched{clients: map[string]bool{}, labels: map[string]int{}}
			}
			return by[name]
		}
		for _, name := range v.Noted {
			of(name).touch(v)
		}
		if v.Imposed != "" {
			of(v.Imposed).impose(v)
		}
		return nil
	}); err != nil {
		return err
	}
	return printMatches(os.Stdout, names, by, total)
}

// matched is what one rule matched. One over the outcome touches others than it
// matches: what the client sends afterwards.
type matched struct {
	imposes          bool
	requests, passed int
	clients          map[string]bool
	labels           map[string]int
	examples         []string
}

// touch counts a request that the rule would act on.
func (m *matched) touch(v replay.Verdict) {
	if v.Would == "pass" {
		m.passed++
	}
	if !m.imposes {
		m.add(v)
	}
}

// impose counts a request whose outcome the rule matches.
func (m *matched) impose(v replay.Verdict) {
	m.imposes = true
	m.add(v)
}

const (
	examplesShown = 5
	clientsMost   = 1 << 20 // that are told apart
)

func (m *matched) add(v replay.Verdict) {
	m.requests++
	m.labels[cmp.Or(v.Label, "unlabelled")]++
	if len(m.clients) < clientsMost {
		m.clients[v.Client] = true
	}
	if len(m.examples) < examplesShown {
		m.examples = append(m.examples, v.ID)
	}
}

func printMatches(w io.Writer, names []string, by map[string]*matched, total int) error {
	var t table
	t.addf("rule or patch\tmatches of %d\tclients\tpass without it\tby label\tsuch as", total)
	for _, name := range names {
		m := by[name]
		if m == nil {
			m = &matched{}
		}
		labels := make([]string, 0, len(m.labels))
		for l, n := range m.labels {
			labels = append(labels, fmt.Sprintf("%s %d", l, n))
		}
		slices.Sort(labels)
		t.addf("%s\t%d\t%d\t%d\t%s\t%s", name, m.requests, len(m.clients), m.passed, strings.Join(labels, ", "),
			strings.Join(m.examples, " "))
	}
	return t.print(w)
}
