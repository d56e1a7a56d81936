package attacker

import (
	"math"

	"bartizan/internal/signal"
)

// The constants of fusion, from the design notes, section 2.2, where they were
// measured against point sums, noisy-OR and naive Bayes.
const (
	prior      = -4.6 // 1 % of clients are attackers
	vantageCap = 2.5  // no soft vantage alone exceeds risk 11
	hardProof  = 8.0
	mayCount   = 1.0 // a vantage counts towards a block from here
)

// Part is one kind's share in a fused risk.
type Part struct {
	Kind  signal.Kind
	Band  signal.Band
	Mass  float64 // decayed number of events
	Share float64 // nats, before the cap of its vantage
}

// Sum is a fused risk, taken apart.
type Sum struct {
	Parts    []Part
	Vantages [signal.Vantages]float64 // nats, after the caps
	Hard     float64                  // nats, outside the caps
	Score    float64                  // log odds
	Risk     float64                  // 0 to 100
	// MayBlock says that the evidence may block: hard proof, or at least two
	// vantages that agree.
	MayBlock bool
}

// share returns what the evidence weighs, in nats, before the cap of its vantage:
// one event in full, many at most a quarter more.
func (e *evidence) share() float64 {
	info := e.kind.Info()
	if info.Hard {
		return hardProof * (1 - math.Exp(-3*float64(e.mass())))
	}
	return info.Weight(e.band) * 1.25 * (1 - math.Exp(-1.6*float64(e.mass())))
}

// fuse computes the risk of a decayed record. With parts it also lists each
// kind's share.
//
// Repeats of one kind saturate (one event counts in full, many at most a quarter
// more), a vantage is capped since evidence inside it is correlated, and the
// vantages add up as log-likelihood ratios.
func fuse(r *record, parts bool) Sum {
	var s Sum
	var sum, top [signal.Vantages]float64
	for i := range r.held {
		e := &r.held[i]
		if e.kind == signal.None {
			continue
		}
		info, share := e.kind.Info(), e.share()
		if info.Hard {
			s.Hard = max(s.Hard, share)
		} else {
			sum[info.Vantage] += share
			top[info.Vantage] = max(top[info.Vantage], info.Weight(e.band))
		}
		if parts {
			s.Parts = append(s.Parts, Part{e.kind, e.band, float64(e.mass()), share})
		}
	}
	s.Score = prior + s.Hard
	agree := 0
	for v := range sum {
		limit := max(vantageCap, top[v])
		s.Vantages[v] = limit * math.Tanh(sum[v]/limit)
		s.Score += s.Vantages[v]
		if s.Vantages[v] >= mayCount {
			agree++
		}
	}
	s.Risk = 100 / (1 + math.Exp(-s.Score))
	s.MayBlock = s.Hard > 0 || agree >= 2
	return s
}
