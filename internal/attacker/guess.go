package attacker

// guessesMany is how many different logins that are refused, within ten minutes or so, are
// more than anybody forgets or mistypes.
const guessesMany = 20

// guesses reports whether a client tries one password after the other. One account is no
// fan-out, and in one vantage that many failures are no more than suspect, since a whole
// office may have them; but its next login can wait.
func (r *record) guesses() bool {
	return r.scope == Client && r.rates.failed >= guessesMany && r.rates.failed >= floodFailed*r.rates.logins
}
