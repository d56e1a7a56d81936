package challenge

import (
	"sync/atomic"

	"bartizan/internal/request"
)

// counts are the keeper's counters.
type counts struct {
	asked, pages, redirects atomic.Uint64
	earned                  [request.PassHows]atomic.Uint64
	results                 [request.PassResults]atomic.Uint64
}

// Stats are the counters at one moment.
type Stats struct {
	// Asked counts questions to programs, Pages those to browser windows, Redirects
	// what these were sent to follow.
	Asked, Pages, Redirects uint64
	// Earned counts passes by how they were earned, retries included.
	Earned [request.PassHows]uint64
	// Results counts requests by what the pass or answer that they carried was.
	Results [request.PassResults]uint64
}

// Stats returns the counters.
func (k *Keeper) Stats() Stats {
	c := &k.counts
	s := Stats{Asked: c.asked.Load(), Pages: c.pages.Load(), Redirects: c.redirects.Load()}
	for i := range c.earned {
		s.Earned[i] = c.earned[i].Load()
	}
	for i := range c.results {
		s.Results[i] = c.results[i].Load()
	}
	return s
}
