package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/replay"
	"bartizan/internal/simulate"
	"bartizan/internal/unpack"
	"bartizan/internal/wordlist"
)

// result is what came of one plan under one seed.
type result struct {
	found            bool
	after            time.Duration // from the attack's first request to the first match
	before           int           // attack requests until then
	rest, stopped    int           // attack requests since then
	good, hit        int           // good requests since the attack began, and stopped by a signature
	challenged       int           // of hit, only challenged or limited
	refused          int           // of good, for whatever reason
	signatures       int
	blocking         int
	action           string // strongest
	took             time.Duration
	requests         int
	searches, vetoed uint64
}

// play runs one plan.
func play(file string, seed uint64, verbose bool) (result, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return result{}, err
	}
	plan, err := simulate.Parse(raw)
	if err != nil {
		return result{}, err
	}
	plan.Seed = seed
	e, err := gateway(seed)
	if err != nil {
		return result{}, err
	}
	var attacks []string
	for _, b := range plan.Botnets {
		attacks = append(attacks, b.Name)
	}
	began := time.Now()
	var r result
	var first time.Time
	if err := replay.Feed(e, plan.Lines(), func(v replay.Verdict) error {
		r.add(v, slices.Contains(attacks, v.Label), len(attacks) > 0, &first)
		return nil
	}); err != nil {
		return result{}, err
	}
	r.took = time.Since(began)
	st := e.Stats().Swarm
	r.searches, r.vetoed = st.Searches, st.Vetoed
	for _, c := range e.Campaigns(1000) {
		for _, g := range c.Signatures {
			r.signatures++
			if g.Action == "block" {
				r.blocking++
			}
			r.action = max(r.action, g.Action)
		}
		if verbose {
			fmt.Printf("  %s %s: %s; %d requests, %d stopped, %d addresses, pace %.1f/s\n", c.Name, c.Intent, c.Tool, c.Requests, c.Stopped, c.Addresses, c.Peak)
			for _, g := range c.Signatures {
				fmt.Printf("    %s %s %s parent=%q born +%.1fs: %s\n      core %v guards %v in %s, live %d/%d, matches %d spared %d canaries %d/%d %s\n", g.Name, g.State, g.Action, g.Parent,
					g.Born.Sub(plan.Start).Seconds(), g.Why, g.Core, g.Guards, g.Scope, g.Proof.Trusted, g.Proof.Untrusted, g.Matches, g.Spared, g.CanariesServed, g.Canaries, g.Note)
			}
		}
	}
	if verbose {
		fmt.Printf("  certainty %+v stats %+v took %v for %d requests\n", e.Certainty(), st, r.took.Round(time.Millisecond), r.requests)
	}
	return r, nil
}

// add counts one verdict. Good requests count once an attack has begun that is
// waited for.
func (r *result) add(v replay.Verdict, attack, waiting bool, first *time.Time) {
	r.requests++
	stopped := v.Would != "pass"
	switch {
	case attack && first.IsZero():
		*first = v.Time
		fallthrough
	case attack:
		if !r.found && v.Signature != "" {
			r.found, r.after = true, v.Time.Sub(*first)
		}
		if !r.found {
			r.before++
			return
		}
		r.rest++
		if stopped {
			r.stopped++
		}
	case waiting && first.IsZero():
	default:
		r.good++
		if stopped {
			r.refused++
		}
		if stopped && v.Reason == "signature" {
			r.hit++
			if v.Would != "block" {
				r.challenged++
			}
		}
	}
}

// gateway makes an engine that enforces on every site.
func gateway(seed uint64) (*engine.Engine, error) {
	p, problems := policy.Compile(policy.Options{
		Sites: []policy.Site{{Hosts: []string{"*"}, Mode: policy.Enforce}}, BodyInspect: 64 << 10,
		Thresholds: policy.Thresholds{Watch: 5, Interrogate: 30, Tarpit: 60, Block: 85}, Block: policy.Durations{First: 5 * time.Minute, Grow: 4, Max: 24 * time.Hour},
	})
	if len(problems) > 0 {
		return nil, problems[0]
	}
	lists, err := wordlist.Lists()
	if err != nil {
		return nil, err
	}
	return engine.New(engine.Options{Policy: p, Detector: detect.New(seed, lists), Codings: unpack.Codings(), Seed: seed, Clients: 600_000}), nil
}
