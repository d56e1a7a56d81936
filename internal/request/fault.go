package request

import "strconv"

// faultFacts holds name and status of each fault, in order of the constants.
var faultFacts = [Faults]struct {
	name   string
	status int
}{
	Fine:                 {"fine", 0},
	FaultRequestLine:     {"request-line", 400},
	FaultVersion:         {"version", 505},
	FaultTargetTooLong:   {"target-too-long", 414},
	FaultHeadTooLarge:    {"head-too-large", 431},
	FaultFieldName:       {"field-name", 400},
	FaultFieldValue:      {"field-value", 400},
	FaultFolding:         {"folding", 400},
	FaultBareCR:          {"bare-cr", 400},
	FaultBareLF:          {"bare-lf", 400},
	FaultHostMissing:     {"host-missing", 400},
	FaultHostDuplicate:   {"host-duplicate", 400},
	FaultHostInvalid:     {"host-invalid", 400},
	FaultLengthInvalid:   {"length-invalid", 400},
	FaultLengthDuplicate: {"length-duplicate", 400},
	FaultLengthAndCoding: {"length-and-coding", 400},
	FaultCodingUnknown:   {"coding-unknown", 501},
	FaultCodingInvalid:   {"coding-invalid", 400},
	FaultChunk:           {"chunk", 400},
	FaultSlow:            {"slow", 408},
	FaultStreams:         {"streams", 0},
	FaultConnect:         {"connect", 501},
}

// String returns the fault's name as logs, metrics and configuration spell it:
// "length-and-coding".
func (f Fault) String() string {
	if int(f) < len(faultFacts) {
		return faultFacts[f].name
	}
	return "fault-" + strconv.Itoa(int(f))
}

// Status returns the HTTP status that answers the fault. It is 0 where there is
// nothing to answer: for Fine, and for FaultStreams, which closes the connection.
func (f Fault) Status() int {
	if int(f) < len(faultFacts) {
		return faultFacts[f].status
	}
	return 400
}

// FaultNamed returns the fault with this name, or Fine and false.
func FaultNamed(name string) (Fault, bool) {
	for i := range faultFacts {
		if faultFacts[i].name == name {
			return Fault(i), true
		}
	}
	return Fine, false
}
