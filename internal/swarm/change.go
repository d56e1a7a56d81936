package swarm

import "math"

// change detects that a count rises above what is usual: a one-sided cumulative
// sum of standardised excess (Page, "Continuous inspection schemes", Biometrika
// 1954) over an exponentially weighted mean, with the over-dispersion that real
// traffic has. The mean learns only while nothing is suspected.
type change struct {
	x        int     // counted in the running interval
	mean     float64 // expected in one interval
	of       float64 // mean of all requests, where failures are counted
	phi      float64 // variance over mean, 1 to 20
	sum      float64
	n        int // intervals seen
	run      int // intervals since the sum left zero
	runX     int
	runE     float64
	expected float64 // what was expected lately
	lately   float64 // what came
	alarmed  bool
	start    int64   // ms: when the run began that led to the alarm
	calm     int     // quiet intervals under alarm
	level    float64 // mean under alarm
}

const (
	crowd       = 1.5 // how much more often than usual a crowd of newcomers may fail
	drift       = 1.1 // volume may be so many times what it was: days have their hours
	slack       = 0.6 // standard deviations that are forgiven in each interval
	alarmAt     = 9   // sum that raises an alarm
	frozenAt    = 3   // sum from which the mean does not learn
	leastExcess = 30  // requests above what is expected, for an alarm
	warmUp      = 8   // intervals that only teach
	memory      = 400 // intervals that the mean remembers
	calmAfter   = 20  // quiet intervals that end an alarm
)

// close ends an interval of length ms at now. all is what the whole scope
// counted, where c counts failures, else 0: then the failures that the volume
// explains are expected (a flash crowd raises both). It reports whether an alarm
// ended.
func (c *change) close(now, length int64, quiet bool, all int) (ended bool) {
	x := float64(c.x)
	c.x = 0
	e, of := c.mean, float64(all)
	switch {
	case c.of > 0 && of > c.of:
		e += crowd * c.mean / c.of * (of - c.of)
	case all == 0:
		e *= drift
	}
	c.expected += 0.2 * (e - c.expected)
	c.lately += 0.2 * (x - c.lately)
	c.n++
	if c.n <= warmUp {
		c.mean += (x - c.mean) / float64(c.n)
		c.of += (of - c.of) / float64(c.n)
		c.phi = 1.5
		return false
	}
	v := math.Max(e, 0.25)
	sd := math.Sqrt(c.phi * v)
	e += sd / math.Sqrt(float64(c.n)) // the mean is an estimate itself
	if c.alarmed {
		return c.relax(x, e+2*sd)
	}
	c.sum += (x-e)/sd - slack
	if c.sum <= 0 || quiet {
		c.sum, c.run, c.runX, c.runE = 0, 0, 0, 0
	} else {
		c.run++
		c.runX += int(x)
		c.runE += e
	}
	if c.sum > alarmAt && float64(c.runX)-c.runE >= leastExcess {
		c.alarmed, c.calm = true, 0
		c.level = float64(c.runX) / float64(c.run)
		c.start = now - int64(c.run)*length
	}
	if c.sum < frozenAt {
		c.learn(x, e, v)
		c.of += (of - c.of) / math.Min(float64(c.n), memory)
	}
	return false
}

func (c *change) learn(x, e, v float64) {
	a := 1 / math.Min(float64(c.n), memory)
	c.phi += a * (math.Min((x-e)*(x-e)/v, 25) - c.phi)
	c.phi = math.Max(1, math.Min(c.phi, 20))
	c.mean += a * (x - c.mean)
}

// accept ends an alarm and takes what was seen since it began as the new usual,
// remembered for a short while only, so that the old level is learned again when
// it returns.
func (c *change) accept(now, length int64) {
	if n := (now - c.start) / length; n > 0 {
		c.mean = math.Max(c.mean, c.level)
		c.n = min(c.n, 20)
	}
	c.end()
}

// end ends an alarm and leaves the mean as it was.
func (c *change) end() { c.alarmed, c.sum, c.run, c.runX, c.runE = false, 0, 0, 0, 0 }

// relax ends an alarm after calmAfter intervals below limit.
func (c *change) relax(x, limit float64) (ended bool) {
	c.level += 0.2 * (x - c.level)
	c.calm++
	if x >= limit {
		c.calm = 0
	}
	if c.calm >= calmAfter {
		c.end()
		return true
	}
	return false
}

// growth returns how many times what is usual came lately, at least 1.
func (c *change) growth() float64 {
	if c.mean <= 0 || c.n <= warmUp {
		return 1
	}
	return math.Max(1, c.lately/c.mean)
}

// inherit starts a long scale from what a shorter one knows, ratio times as
// long: otherwise the longest would need more than a day to say anything.
func (c *change) inherit(shorter *change, ratio float64) {
	if c.n == 0 && shorter.n > warmUp {
		c.mean, c.of, c.expected, c.phi, c.n = shorter.mean*ratio, shorter.of*ratio, shorter.mean*ratio, math.Max(1.5, shorter.phi), warmUp
	}
}

// The time scales: a flood shows in a quarter of a second, four requests a
// minute in hours.
var scales = [...]int64{250, 4_000, 64_000, 1_024_000, 14_400_000} // ms

// volumeScales are those at which a template's volume is watched: over longer
// times every day's rise is a change.
const volumeScales = 3

// series is one count at all scales.
type series [len(scales)]change

func (s *series) count() {
	for k := range s {
		s[k].x++
	}
}

// alarmed returns the shortest scale under alarm, or -1.
func (s *series) alarmed() int {
	for k := range s {
		if s[k].alarmed {
			return k
		}
	}
	return -1
}

// since returns from when on the series is under alarm; math.MaxInt64 if it is not.
func (s *series) since() int64 {
	out := int64(math.MaxInt64)
	for k := range s {
		if s[k].alarmed {
			out = min(out, s[k].start)
		}
	}
	return out
}
