//go:build !race

package detect

const RaceDetector = false
