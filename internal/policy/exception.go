package policy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func (c *compiler) exceptions(in []Exception) []Exception {
	out := slices.Clone(in)
	for i := range out {
		e, path := &out[i], fmt.Sprintf("exceptions[%d]", i)
		if e.Endpoint == "" && e.Field == "" && e.Kind == "" {
			c.fail(path, errors.New("want at least one of endpoint, field and kind; to let somebody pass altogether use allow"))
		}
		if e.Endpoint != "" {
			var err error
			if e.pattern, err = parsePattern(e.Endpoint); err != nil {
				c.fail(path+".endpoint", err)
			}
		}
		if e.Kind != "" {
			var ok bool
			if e.kind, ok = signal.KindNamed(e.Kind); !ok {
				c.fail(path+".kind", fmt.Errorf("unknown kind %q; known are %s", e.Kind, strings.Join(kindNames(), ", ")))
			}
		}
		if e.Who == "" {
			continue
		}
		if p, err := addr.ParsePrefix(e.Who); err == nil {
			e.prefix = p
			continue
		}
		var err error
		if e.digest, err = credentialDigest(e.Who); err != nil {
			c.fail(path+".who", err)
		}
	}
	return out
}

func kindNames() []string {
	var out []string
	for k := signal.Kind(1); k < signal.Kinds; k++ {
		out = append(out, k.String())
	}
	return out
}

// Excuse removes from r.Signals, from index from on, what an exception takes
// out of account, and reports whether anything went.
func (p *Policy) Excuse(now time.Time, r *request.Request, from int) bool {
	if len(p.exceptions) == 0 || len(r.Signals) == from {
		return false
	}
	kept := slices.DeleteFunc(r.Signals[from:], func(s signal.Signal) bool {
		for i := range p.exceptions {
			if p.exceptions[i].covers(now, r, s) {
				return true
			}
		}
		return false
	})
	gone := from+len(kept) < len(r.Signals)
	r.Signals = r.Signals[:from+len(kept)]
	return gone
}

func (e *Exception) covers(now time.Time, r *request.Request, s signal.Signal) bool {
	switch {
	case !e.Until.IsZero() && !now.Before(e.Until),
		e.kind != signal.None && e.kind != s.Kind,
		e.Field != "" && e.Field != s.Where,
		e.Endpoint != "" && !e.pattern.all(r):
		return false
	case e.prefix.IsValid():
		return e.prefix.Contains(r.Client.Addr)
	case e.Who != "":
		return sha256.Sum256([]byte(r.Credential())) == e.digest
	}
	return true
}
