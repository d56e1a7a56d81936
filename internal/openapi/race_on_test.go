//go:build race

package openapi

// racing says that the race detector is on: sync.Pool then drops items at
// random, so allocations cannot be counted.
const racing = true
