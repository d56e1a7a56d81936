package request

// CardNumber reports whether s is a payment card's number and nothing else: 13
// to 19 digits that pass Luhn's check (ISO/IEC 7812-1, annex B), spaces or
// hyphens between them. One in ten other numbers of that length passes too.
func CardNumber(s string) bool { return s != "" && cardRun(s) == len(s) }

// CardField is what a field of a payment holds.
type CardField uint8

// The fields.
const (
	NoCardField CardField = iota
	CardNumberField
	CardDetailField // date or security code
)

// CardFieldOf says what the field with this key path and text holds of a card. A
// masked number (replay) is told by its name.
func CardFieldOf(key, text string) CardField {
	var buf [48]byte
	switch flatten(&buf, key) {
	case "cvv", "cvc", "cvv2", "cvc2", "csc", "cid", "securitycode", "verificationvalue", "exp", "expiry", "expdate", "expirydate", "expiration", "expirationdate",
		"expmonth", "expirymonth", "expyear", "expiryyear", "validthru":
		return CardDetailField
	case "pan", "cardnumber", "ccnumber", "creditcard", "cardno", "card", "cc", "number":
		if len(text) >= 13 && len(text) <= 23 && (cardDigits(text) || text[0] == '~') {
			return CardNumberField
		}
	}
	if len(text) >= 13 && len(text) <= 23 && CardNumber(text) {
		return CardNumberField
	}
	return NoCardField
}

// cardDigits reports whether s is digits, spaces and hyphens.
func cardDigits(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c != ' ' && c != '-' {
			return false
		}
	}
	return true
}
