package main

import (
	"bufio"
	"fmt"
	"os"

	"bartizan/internal/attacker"
	"bartizan/internal/config"
	"bartizan/internal/engine"
	"bartizan/internal/replay"
	"bartizan/internal/unpack"
)

type replayCommand struct {
	Config  string `help:"Configuration file." type:"path"`
	Enforce bool   `help:"Carry verdicts out: a refused request has no outcome and teaches nothing."`
	Seed    uint64 `help:"Seed of all keyed hashes and ids." default:"1"`
	Summary bool   `help:"Print counts by label instead of verdicts."`
	File    string `arg:"" help:"Recording: JSON lines, gzip by suffix, - for standard input."`
}

// Run writes one verdict a line, in order.
func (c *replayCommand) Run() error {
	e, err := replayEngine(c.Config, c.Enforce, c.Seed)
	if err != nil {
		return err
	}
	in, err := replay.Open(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	summary, emit := replay.NewSummary(), replay.Writer(out)
	if c.Summary {
		emit = summary.Add
	}
	if err := replay.Run(e, in, emit); err != nil {
		out.Flush() // what was judged before the fault is worth having
		return err
	}
	if c.Summary {
		if err := summary.Write(out); err != nil {
			return err
		}
	}
	return out.Flush()
}

// replayEngine makes an engine for recorded traffic: the file's policy, but
// every site enforces or none does, and what changes make of it.
func replayEngine(file string, enforce bool, seed uint64, changes ...func(*config.File)) (*engine.Engine, error) {
	f, p, err := config.Load(file, func(f *config.File) {
		for _, change := range changes {
			change(f)
		}
		if len(f.Sites) == 0 {
			f.Sites = []config.Site{{Hosts: []string{"*"}, Upstreams: []string{"http://replay.invalid"}}}
		}
		mode := "observe"
		if enforce {
			mode = "enforce"
		}
		for i := range f.Sites {
			f.Sites[i].Mode = mode
			for j := range f.Sites[i].Routes {
				f.Sites[i].Routes[j].Mode = ""
			}
		}
	})
	if err != nil {
		return nil, err
	}
	detector, err := detectorOf(f, seed)
	if err != nil {
		return nil, err
	}
	specs, err := specsOf(f, nil)
	if err != nil {
		return nil, err
	}
	return engine.New(engine.Options{
		Policy: p, Specs: specs, Detector: detector, Codings: unpack.Codings(), Seed: seed,
		Clients: max(int(int64(f.Limits.Memory)*6/10/int64(attacker.RecordSize)), 1), Model: modelOf(f), Swarm: swarmOf(f),
		Key: fmt.Appendf(nil, "replay signs nothing %016x", seed), // what recordings say of passes is believed
	}), nil
}
