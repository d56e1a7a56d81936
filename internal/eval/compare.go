package eval

import (
	"encoding/json"
	"fmt"
	"io"
)

// Compare reads groups as WriteJSON writes them and returns what differs now,
// for the files that were evaluated. A lower count of hits on attacks and a
// higher one on benign rows are told apart from mere changes.
func (e *Evaluation) Compare(committed io.Reader) ([]string, error) {
	var old []Group
	if err := json.NewDecoder(committed).Decode(&old); err != nil {
		return nil, fmt.Errorf("reading committed figures: %w", err)
	}
	seen := map[string]bool{}
	for _, g := range e.groups {
		seen[g.File] = true
	}
	before := map[string]Group{}
	for _, g := range old {
		if seen[g.File] {
			before[g.key()] = g
		}
	}
	var out []string
	for _, g := range e.Groups() {
		o, ok := before[g.key()]
		delete(before, g.key())
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("new: %+v", g))
		case o != g:
			out = append(out, fmt.Sprintf("%s: got %d certain, %d likely, %d hint, %d unparsed of %d rows; want %d, %d, %d, %d of %d", g.key(), g.Certain, g.Likely, g.Hint, g.Unparsed, g.Rows, o.Certain, o.Likely, o.Hint, o.Unparsed, o.Rows))
		}
	}
	for _, g := range old {
		if _, gone := before[g.key()]; gone {
			out = append(out, "gone: "+g.key())
		}
	}
	return out, nil
}
