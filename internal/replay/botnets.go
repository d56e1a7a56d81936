package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"bartizan/internal/swarm"
)

// Botnets measures how well campaigns were found and stopped, against labels.
// The zero value is ready.
type Botnets struct {
	labels    map[string]*progress
	campaigns map[string]*caught
}

// progress counts the requests of one label so far.
type progress struct {
	first       time.Time
	requests    int
	stopped     int // by whatever reason
	bySignature int // of them, by a signature
}

// caught is what was known when a campaign's first match was seen.
type caught struct {
	at      time.Time
	before  map[string]progress
	matches map[string]int // by label
}

// Found is one campaign's result.
type Found struct {
	Campaign string
	Label    string        // the label of most of its matches
	After    time.Duration // from the label's first request to the first match
	Before   int           // requests of the label until then
	Rest     int           // requests of the label since then
	Stopped  int           // of them, not let through
	Good     int           // requests of labels that no campaign stands for, since then
	Hit      int           // of them, not let through because of a signature
}

// Add counts one verdict.
func (b *Botnets) Add(v Verdict) {
	if b.labels == nil {
		b.labels, b.campaigns = map[string]*progress{}, map[string]*caught{}
	}
	label := cmp.Or(v.Label, "unlabelled")
	p := b.labels[label]
	if p == nil {
		p = &progress{first: v.Time}
		b.labels[label] = p
	}
	if v.Campaign != "" {
		c := b.campaigns[v.Campaign]
		if c == nil {
			c = &caught{at: v.Time, before: map[string]progress{}, matches: map[string]int{}}
			for l, x := range b.labels {
				c.before[l] = *x
			}
			b.campaigns[v.Campaign] = c
		}
		c.matches[label]++
	}
	p.requests++
	if v.Would != "pass" {
		p.stopped++
		if v.Reason == "signature" {
			p.bySignature++
		}
	}
}

// Found returns the campaigns' results, by name.
func (b *Botnets) Found() (out []Found) {
	of := map[string]string{}
	bad := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(b.campaigns)) {
		most := ""
		for _, l := range slices.Sorted(maps.Keys(b.campaigns[name].matches)) {
			if most == "" || b.campaigns[name].matches[l] > b.campaigns[name].matches[most] {
				most = l
			}
		}
		of[name], bad[most] = most, true
	}
	for _, name := range slices.Sorted(maps.Keys(b.campaigns)) {
		c := b.campaigns[name]
		f := Found{Campaign: name, Label: of[name]}
		l := b.labels[f.Label]
		f.After, f.Before = c.at.Sub(l.first), c.before[f.Label].requests
		f.Rest, f.Stopped = l.requests-f.Before, l.stopped-c.before[f.Label].stopped
		for label, p := range b.labels {
			if !bad[label] {
				f.Good += p.requests - c.before[label].requests
				f.Hit += p.bySignature - c.before[label].bySignature
			}
		}
		out = append(out, f)
	}
	return out
}

// confidence is the level of the printed bounds.
const confidence = 0.05

// WriteFound prints results as a table; nothing where there are none.
func WriteFound(w io.Writer, list []Found) error {
	if len(list) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "campaign\tlabel\tfirst match after\tbefore it\tlater requests\tstopped\tat least\tgood requests\thit\tat most\t")
	for _, f := range list {
		covered := 1 - swarm.UpperBound(f.Rest-f.Stopped, f.Rest, confidence)
		fmt.Fprintf(t, "%s\t%s\t%.2f s\t%d\t%d\t%.2f %%\t%.2f %%\t%d\t%.4f %%\t%.4f %%\t\n", f.Campaign, f.Label, f.After.Seconds(), f.Before, f.Rest,
			percent(f.Stopped, f.Rest), 100*covered, f.Good, percent(f.Hit, f.Good), 100*swarm.UpperBound(f.Hit, f.Good, confidence))
	}
	return t.Flush()
}

func percent(k, n int) float64 {
	if n == 0 {
		return 0
	}
	return 100 * float64(k) / float64(n)
}
