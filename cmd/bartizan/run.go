package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"bartizan/internal/config"
	"bartizan/internal/openapi"
	"bartizan/internal/proxy"
)

type runCommand struct {
	Config   string   `help:"Configuration file." type:"path"`
	Listen   []string `help:"Address to listen on; overrides the file." placeholder:"HOST:PORT"`
	Upstream []string `help:"Where the API is, for all hosts; overrides the file's sites." placeholder:"URL"`
	Mode     string   `help:"observe or enforce, for all sites; overrides the file." placeholder:"MODE"`
	Private  bool     `name:"protect-private" help:"Enforce against private and loopback clients too; overrides the file."`
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
	if c.Private {
		f.ProtectPrivate = true
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
	if level <= slog.LevelInfo {
		g.welcome(os.Stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return g.run(ctx)
}

type checkCommand struct {
	Config string `arg:"" help:"Configuration file." type:"path"`
}

// Run prints the effective configuration, or every fault with its key and line. What is
// no fault and may surprise stands on standard error.
func (c *checkCommand) Run() error {
	f, _, err := config.Load(c.Config, nil, func(f config.File) []config.Fault { return filesOf(f, os.Stderr) })
	if err != nil {
		return err
	}
	if exempts(f) {
		say(os.Stderr, "note: the mode is enforce, and %s", exempt)
	}
	out, err := f.Effective()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

// filesOf returns what is wrong with the files that a configuration names, and tells
// notes what the documents say that is not validated.
func filesOf(f config.File, notes io.Writer) (faults []config.Fault) {
	fail := func(err error, path string, args ...any) {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				faults = append(faults, config.Fault{Path: fmt.Sprintf(path, args...), Err: e})
			}
		} else if err != nil {
			faults = append(faults, config.Fault{Path: fmt.Sprintf(path, args...), Err: err})
		}
	}
	for i, l := range f.Listen {
		if t := l.TLS; t != nil && t.Cert != "" && t.Key != "" {
			_, err := tls.LoadX509KeyPair(t.Cert, t.Key)
			fail(err, "listen[%d].tls", i)
		}
	}
	for i, s := range f.Sites {
		for j, u := range s.Upstreams {
			_, err := proxy.ParseUpstream(u)
			fail(err, "sites[%d].upstreams[%d]", i, j)
		}
		if s.OpenAPI == "" {
			continue
		}
		spec, err := openapi.Load(s.OpenAPI)
		if fail(err, "sites[%d].openapi", i); err != nil {
			continue
		}
		for _, n := range spec.Notes() {
			fmt.Fprintf(notes, "%s: not validated: %s\n", s.OpenAPI, n)
		}
	}
	for i, name := range f.Exploits {
		_, err := readExploits(name)
		fail(err, "exploits[%d]", i)
	}
	if len(faults) == 0 {
		_, err := detectorOf(f, 0)
		fail(err, "exploits")
	}
	for i, b := range f.Intel.Bots {
		if b.Ranges != "" {
			_, err := (&config.File{Intel: config.Intel{Bots: []config.Bot{b}}}).BotRanges()
			fail(err, "intel.bots[%d].ranges", i)
		}
	}
	for _, named := range [...]struct{ path, file string }{{"intel.asn", f.Intel.ASN}, {"intel.country", f.Intel.Country}} {
		if named.file != "" {
			_, err := os.Stat(named.file)
			fail(err, "%s", named.path)
		}
	}
	return faults
}
