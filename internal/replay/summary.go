package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Summary counts verdicts.
type Summary struct {
	requests map[string]int            // by label
	would    map[string]map[string]int // by label, by verdict
	botnets  Botnets
}

// NewSummary returns an empty summary.
func NewSummary() *Summary {
	return &Summary{requests: map[string]int{}, would: map[string]map[string]int{}}
}

// Add counts one verdict.
func (s *Summary) Add(v Verdict) error {
	label := cmp.Or(v.Label, "unlabelled")
	s.requests[label]++
	if s.would[label] == nil {
		s.would[label] = map[string]int{}
	}
	s.would[label][v.Would]++
	s.botnets.Add(v)
	return nil
}

// Write prints the counts as a table.
func (s *Summary) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "label\trequests\tpass\tlimit\tchallenge\ttarpit\tblock\t")
	for _, label := range slices.Sorted(maps.Keys(s.requests)) {
		by := s.would[label]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", label, s.requests[label], by["pass"], by["limit"], by["challenge"], by["tarpit"], by["block"])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return WriteFound(w, s.botnets.Found())
}
