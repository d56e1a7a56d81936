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
	campaign map[string]int
}

// NewSummary returns an empty summary.
func NewSummary() *Summary {
	return &Summary{requests: map[string]int{}, would: map[string]map[string]int{}, campaign: map[string]int{}}
}

// Add counts one verdict.
func (s *Summary) Add(v Verdict) error {
	label := cmp.Or(v.Label, "unlabelled")
	s.requests[label]++
	if s.would[label] == nil {
		s.would[label] = map[string]int{}
	}
	s.would[label][v.Would]++
	if v.Campaign != "" {
		s.campaign[v.Campaign]++
	}
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
	for _, c := range slices.Sorted(maps.Keys(s.campaign)) {
		fmt.Fprintf(t, "campaign %s\t%d\t\n", c, s.campaign[c])
	}
	return t.Flush()
}
