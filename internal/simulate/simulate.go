// Package simulate makes the traffic of a shop's API in virtual time: its
// customers in their browsers and apps, its partners' programs, monitors and odd
// clients; and botnets of graded evasiveness among them. The same plan and seed
// make the same traffic, one exchange after the other, so that a day of it fits
// through a pipe.
//
// It judges nothing: labels say what is what, and nobody who judges reads them.
// The populations are assumptions, see bench/botnet/README.md; fingerprints of
// browsers and tools were captured from the real programs.
package simulate

import (
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"bartizan/internal/replay"

	"github.com/goccy/go-yaml"
)

// Plan is what to simulate.
type Plan struct {
	Seed     uint64        `yaml:"seed"`
	Start    time.Time     `yaml:"start"`
	Duration time.Duration `yaml:"duration"`
	Good     Good          `yaml:"good"`
	Events   []Occurrence  `yaml:"events"`
	Botnets  []Botnet      `yaml:"botnets"`
}

// Good is the ordinary traffic.
type Good struct {
	Rate      float64 `yaml:"rate"`      // requests a second; 300
	Clients   int     `yaml:"clients"`   // that come again and again; 20,000
	Newcomers float64 `yaml:"newcomers"` // share of requests by clients never seen; 0.035
	Plain     bool    `yaml:"plain"`     // a load balancer before us ends TLS
	// Poison is the share of requests in the first half of Before that come from
	// the first botnet's tool, well-behaved: an attempt to teach it as normal.
	Poison float64 `yaml:"poison"`
	// OneKey has all programs of partners show one API key, that of an application.
	OneKey bool `yaml:"one_key"`
}

// Occurrence is something that good clients do all at once.
type Occurrence struct {
	Kind string        `yaml:"kind"` // flash, outage, release, partner, crawler, qa
	At   time.Duration `yaml:"at"`
	For  time.Duration `yaml:"for"`
	Rate float64       `yaml:"rate"` // requests a second on top
}

// Botnet is one attack.
type Botnet struct {
	Name      string        `yaml:"name"` // the label of its requests; "attack"
	At        time.Duration `yaml:"at"`
	For       time.Duration `yaml:"for"`
	Rate      float64       `yaml:"rate"`      // requests a second
	Addresses int           `yaml:"addresses"` // taken in turn
	Tool      string        `yaml:"tool"`      // see tools
	Target    string        `yaml:"target"`    // login, search, product, scan
	Success   float64       `yaml:"success"`   // share of logins that succeed; 0.015
	Hosted    float64       `yaml:"hosted"`    // share of addresses in data centres; 0.3
	Mutate    time.Duration `yaml:"mutate"`    // changes its tool so often; 0: never
	Key       string        `yaml:"key"`       // API key of a partner's tool: shared (by all bots, and accepted eight times before), application (the good programs' one), random, or none
}

// Parse reads a plan in YAML.
func Parse(raw []byte) (*Plan, error) {
	p := new(Plan)
	if err := yaml.UnmarshalWithOptions(raw, p, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("reading plan: %w", err)
	}
	return p, p.complete()
}

// complete fills defaults and checks.
func (p *Plan) complete() error {
	if p.Start.IsZero() {
		p.Start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	}
	orFloat(&p.Good.Rate, 300)
	orFloat(&p.Good.Newcomers, 0.035)
	if p.Good.Clients == 0 {
		p.Good.Clients = 20_000
	}
	if p.Duration <= 0 || p.Duration > 30*24*time.Hour {
		return errors.New("reading plan: duration: want more than 0 and at most 720h")
	}
	for i := range p.Events {
		if e := &p.Events[i]; !known(occurrences[:], e.Kind) {
			return fmt.Errorf("reading plan: events[%d].kind: unknown %q; known are %v", i, e.Kind, occurrences)
		}
	}
	for i := range p.Botnets {
		b := &p.Botnets[i]
		if b.Name == "" {
			b.Name = "attack"
		}
		orFloat(&b.Success, 0.015)
		orFloat(&b.Hosted, 0.3)
		switch {
		case !known(tools[:], b.Tool):
			return fmt.Errorf("reading plan: botnets[%d].tool: unknown %q; known are %v", i, b.Tool, tools)
		case !known(targets[:], b.Target):
			return fmt.Errorf("reading plan: botnets[%d].target: unknown %q; known are %v", i, b.Target, targets)
		case !known(keys[:], b.Key) || b.Key != "" && b.Tool != "partner":
			return fmt.Errorf("reading plan: botnets[%d].key: is %q: want shared, application or random, with the tool partner", i, b.Key)
		case b.Rate <= 0 || b.Addresses <= 0:
			return fmt.Errorf("reading plan: botnets[%d]: want a rate and addresses", i)
		}
	}
	return nil
}

func orFloat(v *float64, otherwise float64) {
	if *v == 0 {
		*v = otherwise
	}
}

func known(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// source makes the exchanges of one part of the traffic, in order of time.
type source struct {
	next time.Time // of its next exchange
	end  time.Time
	rate float64
	make func(at time.Time) replay.Line
	r    *rand.Rand
}

// advance draws when the next exchange happens: a Poisson process.
func (s *source) advance() {
	s.next = s.next.Add(time.Duration(s.r.ExpFloat64() / s.rate * float64(time.Second)))
}

type sources []*source

func (s sources) Len() int           { return len(s) }
func (s sources) Less(i, j int) bool { return s[i].next.Before(s[j].next) }
func (s sources) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *sources) Push(x any)        { *s = append(*s, x.(*source)) }
func (s *sources) Pop() any {
	old := *s
	x := old[len(old)-1]
	*s = old[:len(old)-1]
	return x
}

// Lines yields the traffic in order of time. A line is valid until the next one.
func (p *Plan) Lines() iter.Seq[*replay.Line] {
	return func(yield func(*replay.Line) bool) {
		w := newWorld(p)
		all := w.sources()
		heap.Init(&all)
		for n := 1; len(all) > 0; n++ {
			s := all[0]
			if !s.next.Before(s.end) {
				heap.Pop(&all)
				continue
			}
			l := s.make(s.next)
			l.ID = "r" + strconv.Itoa(n)
			s.advance()
			heap.Fix(&all, 0)
			if !yield(&l) {
				return
			}
		}
	}
}

// sources are all parts of the traffic.
func (w *world) sources() (out sources) {
	p := w.plan
	add := func(seed uint64, at, length time.Duration, rate float64, make func(time.Time) replay.Line) {
		s := &source{next: p.Start.Add(at), end: p.Start.Add(min(at+length, p.Duration)), rate: rate, make: make, r: rand.New(rand.NewPCG(p.Seed, 1000+seed))}
		s.advance()
		out = append(out, s)
	}
	add(0, 0, p.Duration, p.Good.Rate, w.good)
	for i := range p.Events {
		e := &p.Events[i]
		if e.Rate > 0 {
			add(uint64(100+i), e.At, e.For, e.Rate, w.occurrence(e))
		}
	}
	for i := range p.Botnets {
		b := &p.Botnets[i]
		if b.Key == "shared" {
			add(uint64(300+i), b.At/8, b.At/2, 0.2, nil)
			s := out[len(out)-1]
			s.make = w.ripen(i, b, func(at time.Time) { s.end = at })
		}
		length := b.For
		if length == 0 {
			length = p.Duration
		}
		add(uint64(200+i), b.At, length, b.Rate, w.botnet(i, b))
	}
	return out
}
