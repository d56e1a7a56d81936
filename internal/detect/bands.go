package detect

import "bartizan/internal/signal"

// ceilings are the reviewed table of bands: the strongest that a finding of a
// kind may have, whatever its shape. It follows from how many benign rows of the
// development corpora (78,041, weak ones left out) a kind hits in a band, as
// `make calibrate-payload` prints them: a kind is Certain only where its certain
// hits stay below 1 in 20,000, and Likely only where all its hits above a hint
// stay below 1 in 3,000. docs/detectors.md has the counts.
//
// A kind that is not here may be Certain.
var ceilings = [...]struct {
	kind signal.Kind
	band signal.Band
}{
	{signal.ProbePath, signal.Likely}, // a path says what is asked for, not what is done
	{signal.ScannerAgent, signal.Likely},
	{signal.SSRF, signal.Likely}, // monitoring and cloud APIs carry such addresses
	{signal.OpenRedirect, signal.Hint},
	{signal.MassAssignment, signal.Hint},
	{signal.GraphQLAbuse, signal.Hint},
	{signal.DeepEncoding, signal.Hint},
	{signal.HeaderInjection, signal.Likely},
	{signal.MailInjection, signal.Likely},
	{signal.LDAPInjection, signal.Likely},
	{signal.XPathInjection, signal.Likely},
	{signal.NoSQLInjection, signal.Likely},
	{signal.PrototypePollution, signal.Likely},
	{signal.UploadAbuse, signal.Likely},
	{signal.ErrorLeak, signal.Likely},
}

// ceiling returns the strongest band that a kind may have.
func ceiling(k signal.Kind) (signal.Band, bool) {
	for _, c := range ceilings {
		if c.kind == k {
			return c.band, true
		}
	}
	return 0, false
}
