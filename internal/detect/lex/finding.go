package lex

import "bartizan/internal/signal"

// Finding is the strongest shape in a value, of languages that have several kinds.
type Finding struct {
	Kind     signal.Kind
	Strength Strength
	At       int
}

// Raise takes a shape over if it is stronger.
func (f *Finding) Raise(k signal.Kind, st Strength, at int) {
	if st > f.Strength {
		*f = Finding{k, st, at}
	}
}
