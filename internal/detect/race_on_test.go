//go:build race

package detect

// RaceDetector: sync.Pool drops items at random then, so that counts of
// allocations say nothing.
const RaceDetector = true
