package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"bartizan/internal/scenario"
)

type simulateCommand struct {
	Scenario string `arg:"" help:"Scenario file (txtar with scenario.yaml)." type:"path"`
	Out      string `help:"Where the traffic goes, in the replay format; - for standard output." default:"-"`
}

// Run writes a scenario's traffic, labelled, in order of time.
func (c *simulateCommand) Run() (err error) {
	s, err := scenario.Read(c.Scenario)
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
	if err := s.Write(out); err != nil {
		return err
	}
	return out.Flush()
}
