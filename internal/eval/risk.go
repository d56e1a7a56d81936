package eval

import (
	"fmt"
	"io"
	"math"

	"bartizan/internal/replay"
	"bartizan/internal/signal"
)

// Risk measures what signals weigh: in how many hours of attackers and of good
// clients each was present. It applies nothing; what it prints is for review.
type Risk struct {
	hours  map[hourKey]*[signal.Kinds]uint8 // band+1 of each kind
	labels map[string]side
}

// hourKey is one client in one hour of one file.
type hourKey struct {
	file, client string
	hour         int64
	bad          bool
}

// side is whose traffic a label marks.
type side uint8

const (
	bad side = iota // any label that is not listed: attacks have many names
	good
	neither
)

// NewRisk returns an empty measurement.
func NewRisk() *Risk {
	return &Risk{
		hours: map[hourKey]*[signal.Kinds]uint8{},
		labels: map[string]side{
			"good": good, "other": good, "owner": good, "lost": good, "partner": good, "qa": good, "analyst": good,
			"denied": neither, // by the operator's list, whatever it does
			"":       neither,
		},
	}
}

// Add counts the verdict on one request of client.
func (m *Risk) Add(file, client string, v replay.Verdict) {
	s := m.labels[v.Label]
	if s == neither {
		return
	}
	key := hourKey{file, client, v.Time.Unix() / 3600, s == bad}
	h := m.hours[key]
	if h == nil {
		h = new([signal.Kinds]uint8)
		m.hours[key] = h
	}
	for _, found := range v.Signals {
		k, ok := signal.KindNamed(found.Kind)
		if !ok {
			continue
		}
		for b := signal.Hint; b <= signal.Certain; b++ {
			if b.String() == found.Band {
				h[k] = max(h[k], uint8(b)+1)
			}
		}
	}
}

// Weight is what one kind in one band weighs, shipped and measured.
type Weight struct {
	Kind      signal.Kind
	Band      signal.Band
	Shipped   float64
	Measured  float64 // nats: ln P(present | attacker) / P(present | good), each with a Beta(1,1) prior
	Attackers int     // hours in which it was the highest band
	Good      int
}

// Weights returns what was present at all, in the order of kinds, and of how many
// hours that is.
func (m *Risk) Weights() (out []Weight, attackers, goods int) {
	var n [2][signal.Kinds][signal.Certain + 1]int
	for key, h := range m.hours {
		side := 1
		if key.bad {
			side, attackers = 0, attackers+1
		} else {
			goods++
		}
		for k, b := range h {
			if b > 0 {
				n[side][k][b-1]++
			}
		}
	}
	for k := range signal.Kind(signal.Kinds) {
		for b := signal.Hint; b <= signal.Certain; b++ {
			a, g := n[0][k][b], n[1][k][b]
			if a+g == 0 {
				continue
			}
			out = append(out, Weight{k, b, k.Info().Weight(b), math.Log(share(a, attackers) / share(g, goods)), a, g})
		}
	}
	return out, attackers, goods
}

// share is the mean of a share's posterior under a Beta(1,1) prior.
func share(n, of int) float64 { return float64(n+1) / float64(of+2) }

// enough is the number of hours from which a measured weight is worth a look.
const enough = 10

// Write prints the table.
func (m *Risk) Write(w io.Writer) error {
	weights, attackers, goods := m.Weights()
	if _, err := fmt.Fprintf(w, "%d hours of attackers, %d of good clients.\n\n| kind | vantage | band | shipped | measured | attackers' hours | good hours | |\n|---|---|---|---:|---:|---:|---:|---|\n", attackers, goods); err != nil {
		return fmt.Errorf("writing weights: %w", err)
	}
	for _, x := range weights {
		info := x.Kind.Info()
		if _, err := fmt.Fprintf(w, "| `%s` | %s | %s | %.1f | %.1f | %d | %d | %s |\n",
			info.Name, info.Vantage, x.Band, x.Shipped, x.Measured, x.Attackers, x.Good, x.note()); err != nil {
			return fmt.Errorf("writing weights: %w", err)
		}
	}
	return nil
}

// note says what a reviewer should look at.
func (x Weight) note() string {
	switch d := x.Measured - x.Shipped; {
	case x.Kind.Info().Hard:
		return "proof"
	case x.Attackers+x.Good < enough:
		return "few"
	case d <= -1:
		return "shipped higher"
	case d >= 1:
		return "shipped lower"
	}
	return ""
}
