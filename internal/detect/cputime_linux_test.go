package detect

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is how long this thread has had a processor: what others take on a busy machine
// is left out. Its caller is locked to its thread.
func cpuTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return time.Since(started)
	}
	return time.Duration(t.Nano())
}

var started = time.Now()
