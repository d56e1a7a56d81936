//go:build !linux

package detect

import "time"

var started = time.Now()

func cpuTime() time.Duration { return time.Since(started) }
