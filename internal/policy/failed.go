package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"bartizan/internal/request"
)

// Failed is how a route answers a login that is refused: all that is given holds. The zero
// value of a field says nothing. 4xx is refused in any case.
type Failed struct {
	Status   int
	Location string // part of the Location field
	Body     string // part of the answer's first 64 KiB, decoded; letter case counts
}

// Matches reports whether an answer is a refusal.
func (f *Failed) Matches(status int, location string, body []byte) bool {
	return (f.Status == 0 || f.Status == status) && strings.Contains(location, f.Location) &&
		(f.Body == "" || bytes.Contains(body, []byte(f.Body)))
}

// maxFailed bounds the texts of a hint, in bytes.
const maxFailed = 256

func (c *compiler) failed(path string, r *Route) {
	f := r.Failed
	if f == nil {
		return
	}
	r.tags |= request.TagLogin
	if *f == (Failed{}) {
		c.fail(path, errors.New("want at least one of status, location and body"))
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		c.fail(path+".status", fmt.Errorf("is %d: want 200 to 599", f.Status))
	}
	if f.Location != "" && f.Status != 0 && f.Status/100 != 3 && f.Status != 201 {
		c.fail(path+".location", fmt.Errorf("stands beside status %d, which sends nobody on", f.Status))
	}
	for _, t := range []struct{ name, text string }{{"location", f.Location}, {"body", f.Body}} {
		if len(t.text) > maxFailed {
			c.fail(path+"."+t.name, fmt.Errorf("has %d bytes: want at most %d", len(t.text), maxFailed))
		}
	}
}

// FailedHint returns how r answers a login that is refused; nil if nobody said so.
func (r *Route) FailedHint() *Failed {
	if r == nil {
		return nil
	}
	return r.Failed
}
