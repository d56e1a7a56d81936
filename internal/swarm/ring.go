package swarm

import "math"

// ring keeps the last rows, at most its capacity.
type ring struct {
	rows []row
	next int // rows ever put in
	max  int
}

func newRing(n int) *ring { return &ring{max: n} }

func (g *ring) add(r *row) {
	if len(g.rows) < g.max {
		g.rows = append(g.rows, *r)
	} else {
		g.rows[g.next%g.max] = *r
	}
	g.next++
}

// each visits the rows, oldest first.
func (g *ring) each(visit func(*row)) {
	from := 0
	if len(g.rows) == g.max {
		from = g.next % g.max
	}
	for i := range g.rows {
		visit(&g.rows[(from+i)%len(g.rows)])
	}
}

// oldest is the time of the oldest row if older ones have been dropped, in ms:
// before it, nothing is known.
func (g *ring) oldest() int64 {
	if len(g.rows) < g.max {
		return math.MinInt64
	}
	return g.rows[g.next%g.max].time
}
