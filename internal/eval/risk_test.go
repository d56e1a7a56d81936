package eval

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"bartizan/internal/engine"
	"bartizan/internal/replay"
	"bartizan/internal/signal"
)

func verdict(label string, at time.Time, kinds ...string) replay.Verdict {
	v := replay.Verdict{Label: label, Time: at}
	for _, k := range kinds {
		v.Signals = append(v.Signals, engine.Signal{Kind: k, Band: "hint"})
	}
	return v
}

// Presence counts once an hour and client, however often it is seen, and both
// shares have a Beta(1,1) prior.
func TestRiskWeights(t *testing.T) {
	m, at := NewRisk(), time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	for c := range 8 {
		for i := range 20 {
			kinds := []string{"error-ratio"}
			if c >= 6 {
				kinds = nil
			}
			m.Add("f", fmt.Sprint("bad", c), verdict("attack", at.Add(time.Duration(i)*time.Minute), kinds...))
		}
	}
	for c := range 98 {
		m.Add("f", fmt.Sprint("good", c), verdict("good", at))
	}
	m.Add("f", "good0", verdict("good", at, "error-ratio"))
	m.Add("f", "nobody", verdict("", at, "error-ratio"))
	got, attackers, goods := m.Weights()
	want := math.Log((7. / 10) / (2. / 100))
	if len(got) != 1 || got[0].Kind != signal.ErrorRatio || math.Abs(got[0].Measured-want) > 1e-9 || attackers != 8 || goods != 98 {
		t.Errorf("got %+v of %d and %d hours; want error-ratio %.3f of 8 and 98", got, attackers, goods, want)
	}
	var b strings.Builder
	if err := m.Write(&b); err != nil || !strings.Contains(b.String(), "| `error-ratio` | behaviour | hint | 1.6 | 3.6 | 6 | 1 | few |") {
		t.Errorf("got %v:\n%s", err, b.String())
	}
}
