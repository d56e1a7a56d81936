package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"bartizan/internal/detect"
	"bartizan/internal/eval"
	"bartizan/internal/replay"
	"bartizan/internal/unpack"
	"bartizan/internal/wordlist"
)

type evalCommand struct {
	JSON    bool     `name:"json" help:"Print the counts as JSON."`
	Bands   bool     `help:"Print only how many benign rows each detector hit in each band."`
	Misses  int      `help:"Print this many missed attacks of each file." placeholder:"N"`
	False   int      `help:"Print this many falsely hit benign rows of each file." placeholder:"N"`
	Compare string   `help:"Compare with the counts in this file, as --json wrote them; differences fail." type:"path" placeholder:"FILE"`
	Files   []string `arg:"" help:"Labelled requests: JSON lines, gzip by suffix."`
}

// Run measures the payload detector.
func (c *evalCommand) Run() error {
	lists, err := wordlist.Lists()
	if err != nil {
		return err
	}
	e := eval.New(eval.Options{Detector: detect.New(1, lists), Codings: unpack.Codings(), Misses: c.Misses, False: c.False})
	for _, name := range c.Files {
		if err := evalFile(e, name); err != nil {
			return err
		}
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	if err := c.write(e, out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	if c.Compare == "" {
		return nil
	}
	return compareEval(e, c.Compare)
}

func (c *evalCommand) write(e *eval.Evaluation, out io.Writer) error {
	switch {
	case c.JSON:
		return e.WriteJSON(out)
	case c.Bands:
		return e.WriteBands(out)
	}
	return e.WriteTable(out)
}

func evalFile(e *eval.Evaluation, name string) error {
	in, err := replay.Open(name)
	if err != nil {
		return fmt.Errorf("evaluating: %w", err)
	}
	defer in.Close()
	return e.File(name, in)
}

// compareEval fails if the counts differ from those of a file.
func compareEval(e *eval.Evaluation, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("comparing: %w", err)
	}
	defer f.Close()
	differences, err := e.Compare(f)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		return fmt.Errorf("figures differ from %s:\n%s", name, strings.Join(differences, "\n"))
	}
	return nil
}
