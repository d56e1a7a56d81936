package main

import (
	"fmt"

	"bartizan/internal/swarm"
)

const header = "plan                          found   first signature s     attack before   stopped after %        good hit %      bound %   blocks  limit/challenge  signatures"

// line prints mean and worst of one plan's results.
func line(name string, rows []result) string {
	found, sigs, blocks := 0, 0, 0
	var after, afterWorst, before, beforeWorst, covered, coveredWorst, hit, hitWorst float64
	coveredWorst = 100
	good, hits, soft := 0, 0, 0
	for _, r := range rows {
		sigs += r.signatures
		blocks += r.blocking
		good, hits, soft = good+r.good, hits+r.hit, soft+r.challenged
		share := 100 * float64(r.hit) / float64(max(r.good, 1))
		hit, hitWorst = hit+share, max(hitWorst, share)
		if !r.found {
			continue
		}
		found++
		after, afterWorst = after+r.after.Seconds(), max(afterWorst, r.after.Seconds())
		before, beforeWorst = before+float64(r.before), max(beforeWorst, float64(r.before))
		c := 100 * float64(r.stopped) / float64(max(r.rest, 1))
		covered, coveredWorst = covered+c, min(coveredWorst, c)
	}
	n, f := float64(len(rows)), float64(max(found, 1))
	if found == 0 {
		coveredWorst = 0
	}
	return fmt.Sprintf("%-28s %3d/%d %10.2f (%7.2f) %8.0f (%5.0f) %8.2f (%6.2f) %9.4f (%.4f) %9.4f %6.1f %9d %12.1f", name, found, len(rows), after/f, afterWorst, before/f, beforeWorst,
		covered/f, coveredWorst, hit/n, hitWorst, 100*swarm.UpperBound(hits, good, 0.05), float64(blocks)/n, soft, float64(sigs)/n)
}
