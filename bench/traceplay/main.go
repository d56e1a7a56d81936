// Command traceplay is a throw-away: plays a recording or scenario and prints counts and campaigns.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/replay"
	"bartizan/internal/scenario"
	"bartizan/internal/unpack"
	"bartizan/internal/wordlist"
)

func gateway(seed uint64) *engine.Engine {
	p, problems := policy.Compile(policy.Options{
		Sites: []policy.Site{{Hosts: []string{"*"}, Mode: policy.Enforce}}, BodyInspect: 64 << 10,
		Thresholds: policy.Thresholds{Watch: 5, Interrogate: 30, Tarpit: 60, Block: 85}, Block: policy.Durations{First: 5 * time.Minute, Grow: 4, Max: 24 * time.Hour},
	})
	if len(problems) > 0 {
		panic(problems[0])
	}
	lists, err := wordlist.Lists()
	if err != nil {
		panic(err)
	}
	return engine.New(engine.Options{Policy: p, Detector: detect.New(seed, lists), Codings: unpack.Codings(), Seed: seed, Clients: 600_000})
}

func main() {
	e := gateway(1)
	var in io.Reader
	if strings.HasSuffix(os.Args[1], ".txtar") {
		s, err := scenario.Read(os.Args[1])
		if err != nil {
			panic(err)
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		for i := range s.Lines {
			enc.Encode(&s.Lines[i])
		}
		in = &b
	} else {
		f, err := replay.Open(os.Args[1])
		if err != nil {
			panic(err)
		}
		in = f
	}
	counts := map[string]int{}
	var first time.Time
	if err := replay.Run(e, in, func(v replay.Verdict) error {
		if first.IsZero() {
			first = v.Time
		}
		why := v.Reason
		if v.Would == "pass" {
			why = ""
		}
		if v.Reason == "signature" {
			why = v.Signature
		}
		counts[v.Label+" "+v.Would+" "+why]++
		counts[v.Label+" all"]++
		if v.Stage != "clear" {
			counts[v.Label+" stage:"+v.Stage]++
		}
		return nil
	}); err != nil {
		panic(err)
	}
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Println("  ", counts[k], k)
	}
	for _, c := range e.Campaigns(1000) {
		fmt.Printf("  %s %s: %s; %d requests, %d stopped, %d addresses, pace %.1f/s\n", c.Name, c.Intent, c.Tool, c.Requests, c.Stopped, c.Addresses, c.Peak)
		for _, g := range c.Signatures {
			fmt.Printf("    %s %s %s parent=%q born +%.1fs: %s\n      core %v guards %v in %s, live %d/%d, matches %d spared %d canaries %d/%d rate %.2f %s\n", g.Name, g.State, g.Action, g.Parent,
				g.Born.Sub(first).Seconds(), g.Why, g.Core, g.Guards, g.Scope, g.Proof.Trusted, g.Proof.Untrusted, g.Matches, g.Spared, g.CanariesServed, g.Canaries, g.Rate, g.Note)
		}
	}
	fmt.Printf("  %+v\n", e.Stats().Swarm)
}
