//go:build race

package detect_test

// raceDetector: sync.Pool drops items at random then, so that counts of
// allocations say nothing.
const raceDetector = true
