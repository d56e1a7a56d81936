package detect

import (
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// ownAgents are names that the list from outside has not got: THC Hydra's own.
var ownAgents = [...]string{"mozilla/5.0 (hydra"}

// scannerAgent looks for the names of attack tools in the User-Agent.
//
// Catches tools that say what they are. Misses all that call themselves a
// browser: whoever means it does. A name counts as a whole word only: "vega" is
// a scanner, VegasApp is not.
//
// Example: sqlmap/1.8.2#stable (https://sqlmap.org)
func (d *Detector) scannerAgent(r *request.Request) {
	ua := r.Header("User-Agent")
	ua = ua[:min(len(ua), 512)]
	for i := 0; i < len(ua); i++ {
		if i > 0 && wordByte(ua[i-1]) || !wordByte(ua[i]) {
			continue
		}
		if n := d.agents.prefixOf(ua[i:]); n > 0 && (i+n == len(ua) || !wordByte(ua[i+n])) {
			d.add(r, finding{signal.ScannerAgent, signal.Likely, 0}, &request.Value{In: request.InHeader, Key: "User-Agent", Text: ua}, ua)
			return
		}
	}
}
