package detect

// Oracle returns a detector that looks at every value with every detector: slow
// and obvious, what the gate is held to.
func Oracle(seed uint64, l Lists) *Detector {
	d := New(seed, l)
	d.ungated = true
	return d
}

// Worst are fillers of nothing but beginnings; Hostile is whether all tests with them
// are made.
var Worst, Hostile = worst, hostile
