package request

// CardNumber reports whether s is a payment card's number and nothing else: 13
// to 19 digits that pass Luhn's check (ISO/IEC 7812-1, annex B), spaces or
// hyphens between them. One in ten other numbers of that length passes too.
func CardNumber(s string) bool { return s != "" && cardRun(s) == len(s) }
