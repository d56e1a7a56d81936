package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// source is the way to the application: it knows what was answered.
type source interface {
	name() string
	address() string
	// answers returns what was answered since it was last asked.
	answers() []answer
}

// answer is one answer as the client got it.
type answer struct {
	method, path string
	status       int
}

// flow is one use of an application.
type flow struct {
	*place
	base, host string
	work       string // folder for the client's files
	source     source
	steps      []step
	failed     int // steps in a row
}

// step is one thing that somebody did.
type step struct {
	name    string
	outcome string // the same in both flows
	answers []answer
	failed  bool
}

// step does something and notes how it ended and what was answered meanwhile. What
// do returns must not depend on the flow. A client that failed three times in a row
// has given up.
func (f *flow) step(name string, do func() (string, error)) {
	if f.failed >= 3 {
		f.steps = append(f.steps, step{name: name, outcome: "not tried", failed: true})
		return
	}
	outcome, err := do()
	f.failed++
	if err == nil {
		f.failed = 0
	} else {
		outcome = "FAILED: " + strings.ReplaceAll(err.Error(), "\n", " | ")
	}
	f.steps = append(f.steps, step{name, outcome, f.source.answers(), err != nil})
}

// result is what both flows of an application showed.
type result struct {
	app      string
	flows    [][]step // direct, gateway
	findings []string
	events   []string
	risk     float64 // the highest that the gateway had of the client
}

// print tells what differs and reports whether nothing does.
func (r *result) print(w io.Writer) bool {
	direct, gateway := r.flows[0], r.flows[1]
	requests, differing := 0, 0
	var text strings.Builder
	for i := range direct {
		requests += len(gateway[i].answers)
		if d := difference(&direct[i], &gateway[i]); d != "" {
			differing++
			fmt.Fprintf(&text, "  step %q:%s\n", direct[i].name, d)
		}
	}
	fmt.Fprintf(w, "%s: %d steps, %d requests, %d steps differ, highest risk %.1f, %d findings, %d events\n",
		r.app, len(direct), requests, differing, r.risk, len(r.findings), len(r.events))
	io.WriteString(w, text.String())
	for _, s := range r.findings {
		fmt.Fprintln(w, "  finding:", s)
	}
	for _, s := range r.events {
		fmt.Fprintln(w, "  event:", s)
	}
	fmt.Fprintln(w)
	return differing == 0
}

// difference tells how a step differs: its outcome, and statuses by method.
func difference(direct, gateway *step) string {
	var b strings.Builder
	if direct.outcome != gateway.outcome || direct.failed {
		fmt.Fprintf(&b, "\n    direct  %s\n    gateway %s", direct.outcome, gateway.outcome)
	}
	counts := map[string]int{}
	for _, a := range direct.answers {
		counts[fmt.Sprint(a.method, " ", a.status)]--
	}
	paths := map[string]string{}
	for _, a := range gateway.answers {
		key := fmt.Sprint(a.method, " ", a.status)
		counts[key]++
		paths[key] = a.path
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[key]; n != 0 {
			fmt.Fprintf(&b, "\n    %+d %s %s", n, key, paths[key])
		}
	}
	return b.String()
}
