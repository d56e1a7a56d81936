// Command realapps uses real applications with their real clients, once direct and
// once through the gateway in enforce mode with protect_private, and shows what
// differs: steps that end otherwise, statuses, and what the gateway says of it.
// docs/benchmarks.md tells how to run it and what it needs.
//
//	realapps -bartizan FILE [-npm DIR] [-keep DIR] [-config LINES] [APP...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
)

// app is an application, and what its users do with it.
type app struct {
	name  string
	needs []need
	// start puts the application on p.port of loopback.
	start func(p *place) error
	// use is what people and clients do; f.base is where they find it.
	use func(f *flow)
	// config is added to the gateway's.
	config string
}

// need is a file or program, and where it comes from.
type need struct{ what, from string }

func apps() []app {
	return []app{wordpress(), mediawiki(), phpmyadmin(), registry(), verdaccio(), subversion(),
		objects(), graphql()}
}

type options struct{ bartizan, npm, keep, config string }

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.bartizan, "bartizan", "bin/bartizan", "the gateway's binary")
	flag.StringVar(&o.npm, "npm", "", "folder with node_modules of bench/realapps/npm; empty: install them into a "+
		"temporary one")
	flag.StringVar(&o.keep, "keep", "", "folder for the recorded requests (lines for bartizan eval) and the "+
		"gateway's events")
	flag.StringVar(&o.config, "config", "", "lines to add to the gateway's configuration")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	same, err := run(ctx, o, flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	if !same {
		os.Exit(1)
	}
}

// run plays the named applications, all without a name, and reports whether none
// showed a difference.
func run(ctx context.Context, o options, names []string) (bool, error) {
	dir, err := os.MkdirTemp("", "realapps-")
	if err != nil {
		return false, fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, n := range names {
		if !slices.ContainsFunc(apps(), func(a app) bool { return a.name == n }) {
			return false, fmt.Errorf("no application %q", n)
		}
	}
	if o.bartizan, err = filepath.Abs(o.bartizan); err != nil {
		return false, fmt.Errorf("finding the gateway: %w", err)
	}
	same := true
	for _, a := range apps() {
		if len(names) > 0 && !slices.Contains(names, a.name) {
			continue
		}
		p := &place{ctx: ctx, root: dir, dir: filepath.Join(dir, a.name), options: o}
		r, err := play(p, a)
		p.end()
		var missing missingError
		switch {
		case ctx.Err() != nil:
			return false, fmt.Errorf("interrupted: %w", ctx.Err())
		case errors.As(err, &missing):
			fmt.Printf("%s: left out: %v\n\n", a.name, err)
			continue
		case err != nil:
			return false, fmt.Errorf("%s: %w", a.name, err)
		}
		same = r.print(os.Stdout) && same
	}
	return same, nil
}

// missingError says that something is not installed.
type missingError struct{ need }

func (e missingError) Error() string { return e.what + " is missing: " + e.from }

func (a app) missing() error {
	for _, n := range a.needs {
		if filepath.IsAbs(n.what) {
			if _, err := os.Stat(n.what); err != nil {
				return missingError{n}
			}
		} else if _, err := exec.LookPath(n.what); err != nil {
			return missingError{n}
		}
	}
	return nil
}

// play starts an application and uses it twice.
func play(p *place, a app) (*result, error) {
	if err := a.missing(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	p.port = freePort()
	direct, err := newRecorder(p)
	if err != nil {
		return nil, err
	}
	defer direct.close()
	gateway, err := newGateway(p, a.config+p.config+"\n")
	if err != nil {
		return nil, err
	}
	r := &result{app: a.name}
	for _, by := range []source{direct, gateway} {
		steps, err := use(p, a, by)
		if err != nil {
			return nil, err
		}
		r.flows = append(r.flows, steps)
	}
	if r.findings, err = direct.findings(); err != nil {
		return nil, err
	}
	r.risk = gateway.risk()
	r.events, err = gateway.events()
	return r, err
}

// use starts an application anew, in a folder of its own, and uses it one way.
func use(p *place, a app, by source) ([]step, error) {
	own := &place{ctx: p.ctx, root: p.root, dir: filepath.Join(p.dir, by.name()), options: p.options, port: p.port}
	defer own.end()
	f := &flow{place: own, base: "http://" + by.address(), host: by.address(), source: by}
	f.work = filepath.Join(own.dir, "work")
	if err := os.MkdirAll(f.work, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	if err := a.start(own); err != nil {
		return nil, err
	}
	a.use(f)
	return f.steps, nil
}
