package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

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
	Totals  bool     `help:"Print only the totals of all files and the CPU of a request, separated by tabs."`
	Lines   bool     `help:"Judge nothing; print the requests as JSON lines."`
	Files   []string `arg:"" help:"Labelled requests: JSON lines, or lists as the WAF Comparison Project writes them; gzip by suffix."`
}

// Run measures the payload detector.
func (c *evalCommand) Run() error {
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	if c.Lines {
		return c.convert(out)
	}
	lists, err := wordlist.Lists()
	if err != nil {
		return err
	}
	options := eval.Options{Detector: detect.New(1, lists), Codings: unpack.Codings(), Misses: c.Misses, False: c.False}
	if c.Totals {
		options.CPU = cpuTime
	}
	e := eval.New(options)
	for _, name := range c.Files {
		if err := evalFile(name, e.File); err != nil {
			return err
		}
	}
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
	case c.Totals:
		return e.WriteTotals(out)
	}
	return e.WriteTable(out)
}

// convert prints the requests of all files as JSON lines.
func (c *evalCommand) convert(out *bufio.Writer) error {
	for _, name := range c.Files {
		err := evalFile(name, func(name string, in io.Reader) error { return eval.Lines(out, name, in) })
		if err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

func evalFile(name string, read func(string, io.Reader) error) error {
	in, err := replay.Open(name)
	if err != nil {
		return fmt.Errorf("evaluating: %w", err)
	}
	defer in.Close()
	return read(name, in)
}

// cpuTime tells how much CPU this process has used.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
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
