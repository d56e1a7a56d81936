package detect

const (
	maxPeriod = 32      // bytes of what repeats itself
	anchors   = 1 << 10 // so often is it asked whether a text repeats itself
	probed    = 64      // bytes that must do so there
	// keptRun is how many bytes are kept of what repeats itself, in the middle of which
	// some are left out: more than any grammar looks ahead on both sides, and as many as
	// make a text long (prose).
	keptRun = 2112
)

// squeeze leaves out the middle of long stretches that repeat the same few bytes:
// where they have meant nothing for keptRun bytes, they do not mean anything later. It
// leaves out whole pairs of them, so that quotes that are open stay open. Compression
// makes such stretches free for their sender.
func (s *scan) squeeze(text string) string {
	if len(text) <= keptRun {
		return text
	}
	out, copied := s.squeezed[:0], 0
	for at := anchors / 2; at+probed+maxPeriod < len(text); {
		period := periodAt(text, at)
		if period == 0 {
			at += anchors
			continue
		}
		from, to := at, at+period
		for from > copied && text[from-1] == text[from-1+period] {
			from--
		}
		for to < len(text) && text[to] == text[to-period] {
			to++
		}
		if cut := (to - from - keptRun) / (2 * period) * (2 * period); cut > 0 {
			end := from + keptRun/2
			out = append(out, text[copied:end]...)
			copied = end + cut
		}
		at = max(to, at+anchors)
	}
	s.squeezed = out
	if copied == 0 {
		return text
	}
	s.squeezed = append(out, text[copied:]...)
	return view(s.squeezed)
}

// periodAt returns the least number of bytes, at most maxPeriod, that repeat themselves
// at s[at:]; 0 if none do.
func periodAt(s string, at int) int {
	probe := s[at : at+probed]
	for p := 1; p <= maxPeriod; p++ {
		if s[at+p] == probe[0] && s[at+p:at+p+probed] == probe {
			return p
		}
	}
	return 0
}
