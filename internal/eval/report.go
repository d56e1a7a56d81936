package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"bartizan/internal/signal"
)

// WriteJSON writes the groups as one JSON list.
func (e *Evaluation) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(e.Groups()); err != nil {
		return fmt.Errorf("writing groups: %w", err)
	}
	return nil
}

// WriteTable writes recall and false positives by file and class for people,
// what was asked for of each, and the examples that were kept.
func (e *Evaluation) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "file\tlabel\tclass\tweak\thard\tpl\trows\tunparsed\tcertain\tlikely\thint\tcertain+likely %\t")
	for _, g := range e.Groups() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%.2f\t\n", g.File, g.Label, g.Class, yes(g.Weak), yes(g.Hard), number(g.PL), g.Rows, g.Unparsed, g.Certain, g.Likely, g.Hint, 100*float64(g.Certain+g.Likely)/float64(g.Rows))
	}
	fmt.Fprintln(t, "\t\t\t\t\t\t\t\t\t\t\t\t")
	e.files(t)
	e.writeGoals(t)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing table: %w", err)
	}
	writeExamples(w, "missed", e.misses)
	writeExamples(w, "false", e.falses)
	return nil
}

// files writes the sum of each file, weak rows left out.
func (e *Evaluation) files(w io.Writer) {
	type sum struct{ rows, hits int }
	sums := map[string]*[3]sum{} // attack, benign, hard
	var names []string
	for _, g := range e.Groups() {
		if g.Weak {
			continue
		}
		s := sums[g.File]
		if s == nil {
			s = new([3]sum)
			sums[g.File] = s
			names = append(names, g.File)
		}
		i := 0
		if g.Label == "benign" {
			i = 1
			if g.Hard {
				i = 2
			}
		}
		s[i].rows += g.Rows
		s[i].hits += g.Certain + g.Likely
	}
	fmt.Fprintln(w, "file, not weak\tattacks\trecall %\tbenign\thit\thard\thit\t\t\t\t\t\t")
	for _, n := range names {
		s := sums[n]
		recall := "-"
		if s[0].rows > 0 {
			recall = fmt.Sprintf("%.2f", 100*float64(s[0].hits)/float64(s[0].rows))
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%d\t%d\t\t\t\t\t\t\n", n, s[0].rows, recall, s[1].rows, s[1].hits, s[2].rows, s[2].hits)
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t\t\t\t")
}

// WriteTotals writes two lines of tab-separated figures of all rows that are not
// weak, hard ones too: what was found as certain or likely, then what as certain
// alone. Columns: name, attacks, found, benign, hit, microseconds of CPU a row.
func (e *Evaluation) WriteTotals(w io.Writer) error {
	rows := 0
	var n, likely, certain [2]int // attacks, benign
	for _, g := range e.groups {
		rows += g.Rows
		if g.Weak {
			continue
		}
		i := 0
		if g.Label == "benign" {
			i = 1
		}
		n[i] += g.Rows
		likely[i] += g.Certain + g.Likely
		certain[i] += g.Certain
	}
	cpu := float64(e.spent.Microseconds()) / float64(max(rows, 1))
	for _, l := range []struct {
		name string
		hits [2]int
	}{{"bartizan certain or likely", likely}, {"bartizan certain", certain}} {
		if _, err := fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.1f\n", l.name, n[0], l.hits[0], n[1], l.hits[1],
			cpu); err != nil {
			return fmt.Errorf("writing totals: %w", err)
		}
	}
	return nil
}

func (e *Evaluation) writeGoals(w io.Writer) {
	fmt.Fprintln(w, "goal\trows\tmeasured %\twanted %\t\t\t\t\t\t\t\t\t")
	for i, g := range goals {
		c := e.goals[i]
		if c.rows == 0 {
			continue
		}
		want, verdict := fmt.Sprintf(">= %g", g.recall), "met"
		if g.recall == 0 {
			want = fmt.Sprintf("<= %g", g.hits)
		}
		if !g.met(c) {
			verdict = "NOT MET"
		}
		fmt.Fprintf(w, "%s\t%d\t%.4g\t%s\t%s\t\t\t\t\t\t\t\t\n", g.name, c.rows, c.share(g.certain), want, verdict)
	}
}

// WriteBands writes how many benign rows, weak ones left out, each detector hit
// in each band: what bands are calibrated by.
func (e *Evaluation) WriteBands(w io.Writer) error {
	sum := map[signal.Kind][3]int{}
	for _, kinds := range e.hits {
		for k, n := range kinds {
			s := sum[k]
			for b := range n {
				s[b] += n[b]
			}
			sum[k] = s
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "detector\tcertain\tlikely\thint\t")
	for k := range signal.Kind(signal.Kinds) {
		if k.Info().Vantage == signal.Payload || k == signal.ScannerAgent {
			n := sum[k]
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t\n", k, n[signal.Certain], n[signal.Likely], n[signal.Hint])
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing bands: %w", err)
	}
	return nil
}

func writeExamples(w io.Writer, what string, list []Example) {
	slices.SortStableFunc(list, func(a, b Example) int { // the worst first
		return strings.Compare(a.File, b.File)*4 + worse(a) - worse(b)
	})
	for _, x := range list {
		fmt.Fprintf(w, "%s %s %s %s %s", what, x.File, x.ID, x.Class, x.Request)
		for _, s := range x.Signals {
			fmt.Fprintf(w, " [%v %v %s %q]", s.Kind, s.Band, s.Where, s.Note)
		}
		fmt.Fprintln(w)
	}
}

func worse(x Example) int {
	if !x.Found {
		return 0
	}
	return 1
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
