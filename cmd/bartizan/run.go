package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"bartizan/internal/config"
)

type runCommand struct {
	Config   string   `help:"Configuration file." type:"path"`
	Listen   []string `help:"Address to listen on; overrides the file." placeholder:"HOST:PORT"`
	Upstream []string `help:"Where the API is, for all hosts; overrides the file's sites." placeholder:"URL"`
	Mode     string   `help:"observe or enforce, for all sites; overrides the file." placeholder:"MODE"`
	Data     string   `help:"Folder for state; overrides the file." type:"path"`
	Admin    string   `help:"Address of the admin listener; overrides the file." placeholder:"HOST:PORT"`
	Record   string   `help:"Append the traffic to this file, in the replay format." type:"path" placeholder:"FILE"`
	LogLevel string   `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error"`
}

// override puts the flags over the file.
func (c *runCommand) override(f *config.File) {
	if len(c.Listen) > 0 {
		f.Listen = nil
		for _, a := range c.Listen {
			f.Listen = append(f.Listen, config.Listen{Address: a})
		}
	}
	if len(c.Upstream) > 0 {
		f.Sites = []config.Site{{Hosts: []string{"*"}, Upstreams: c.Upstream}}
	}
	for i := range f.Sites {
		if c.Mode != "" {
			f.Sites[i].Mode = c.Mode
		}
	}
	if c.Data != "" {
		f.Data = c.Data
	}
	if c.Admin != "" {
		f.Admin.Address = c.Admin
	}
}

// Run serves until SIGTERM or SIGINT, and reloads on SIGHUP or when the file
// changes.
func (c *runCommand) Run() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return fmt.Errorf("reading --log-level: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	g, err := newGateway(setup{configFile: c.Config, override: c.override, record: c.Record, log: log, stdout: os.Stdout})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return g.run(ctx)
}

type checkCommand struct {
	Config string `arg:"" help:"Configuration file." type:"path"`
}

// Run prints the effective configuration, or every fault with its line.
func (c *checkCommand) Run() error {
	f, _, err := config.Load(c.Config, nil)
	if err != nil {
		return err
	}
	note := func(document string, notes []string) {
		for _, n := range notes {
			fmt.Fprintf(os.Stderr, "%s: not validated: %s\n", document, n)
		}
	}
	if _, err := specsOf(f, note); err != nil {
		return err
	}
	if _, err := detectorOf(f, 0); err != nil {
		return err
	}
	out, err := f.Effective()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}
