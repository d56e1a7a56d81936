package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bartizan/internal/scenario"
	"bartizan/internal/simulate"
)

type simulateCommand struct {
	Scenario string `arg:"" help:"Scenario file (txtar), or a plan of a shop's traffic (yaml)." type:"path"`
	Out      string `help:"Where the traffic goes, in the replay format; - for standard output." default:"-"`
	Seed     uint64 `help:"Seed of a plan; 0 for its own."`
}

// Run writes the traffic, labelled, in order of time.
func (c *simulateCommand) Run() (err error) {
	write, err := c.traffic()
	if err != nil {
		return err
	}
	var w io.Writer = os.Stdout
	if c.Out != "-" {
		f, err := os.Create(c.Out)
		if err != nil {
			return fmt.Errorf("writing traffic: %w", err)
		}
		defer func() {
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}()
		w = f
	}
	out := bufio.NewWriterSize(w, 1<<16)
	if err := write(out); err != nil {
		return err
	}
	return out.Flush()
}

// traffic reads the file and returns what writes its traffic.
func (c *simulateCommand) traffic() (func(io.Writer) error, error) {
	if filepath.Ext(c.Scenario) != ".yaml" {
		s, err := scenario.Read(c.Scenario)
		if err != nil {
			return nil, err
		}
		return s.Write, nil
	}
	raw, err := os.ReadFile(c.Scenario)
	if err != nil {
		return nil, fmt.Errorf("reading plan: %w", err)
	}
	p, err := simulate.Parse(raw)
	if err != nil {
		return nil, err
	}
	if c.Seed != 0 {
		p.Seed = c.Seed
	}
	return func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for l := range p.Lines() {
			if err := enc.Encode(l); err != nil {
				return fmt.Errorf("writing traffic: %w", err)
			}
		}
		return nil
	}, nil
}
