//go:build race

package rule

// racing says that the race detector is on: sync.Pool, from which regexp takes, then
// drops items at random, so allocations cannot be counted.
const racing = true
