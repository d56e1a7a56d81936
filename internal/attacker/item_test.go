package attacker

import (
	"testing"
	"time"

	"bartizan/internal/signal"
)

// One refused item in many words, sent again and again, is one fact: its sender is
// watched. Anything else beside it counts as it always did.
func TestOneRefusedItem(t *testing.T) {
	jndi, path := hit(signal.JNDILookup, signal.Certain, 1<<8), hit(signal.PathTraversal, signal.Certain, 2<<8)
	sql := hit(signal.SQLInjection, signal.Likely, 3<<8)
	for name, c := range map[string]struct {
		first, then []signal.Signal
		want        signal.Stage
	}{
		"in two words":               {[]signal.Signal{jndi, path}, []signal.Signal{jndi, path}, signal.Watch},
		"in one":                     {[]signal.Signal{jndi}, []signal.Signal{jndi}, signal.Watch},
		"and departs from the API":   {[]signal.Signal{jndi, hit(signal.UnknownParameter, signal.Likely, 0), hit(signal.BodySize, signal.Likely, 0)}, []signal.Signal{jndi}, signal.Watch},
		"without a User-Agent":       {[]signal.Signal{jndi, path, hit(signal.MissingUserAgent, signal.Hint, 0)}, []signal.Signal{jndi, path}, signal.Watch},
		"by a false browser":         {[]signal.Signal{jndi, hit(signal.UserAgentMismatch, signal.Likely, 0)}, []signal.Signal{jndi}, signal.Tarpit},
		"and another":                {[]signal.Signal{jndi}, []signal.Signal{hit(signal.SQLInjection, signal.Certain, 4<<8)}, signal.Block},
		"and likely ones":            {[]signal.Signal{jndi, path}, []signal.Signal{sql}, signal.Interrogate},
		"and paths that are missing": {[]signal.Signal{jndi}, []signal.Signal{hit(signal.PathSpread, signal.Likely, 0)}, signal.Tarpit},
	} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		observe(table, 0, r, c.first...)
		for i := range 60 {
			observe(table, time.Duration(i+1)*time.Second, r, c.then...)
		}
		if r.Standing.Stage != c.want {
			t.Errorf("%s: got stage %v, risk %.1f; want %v", name, r.Standing.Stage, r.Standing.Risk, c.want)
		}
	}
}

// The same item from one address in ever new software is no feed's.
func TestOneItemFromMany(t *testing.T) {
	table := New(1000, seed)
	for i := range 12 {
		observe(table, time.Duration(i)*time.Second, from("203.0.113.9", uint64(i)), hit(signal.SQLInjection, signal.Certain, 1<<8))
	}
	if st := stand(table, time.Minute, from("203.0.113.9", 99)); st.Stage < signal.Interrogate {
		t.Errorf("new software at the address: got stage %v; want interrogate", st.Stage)
	}
}

// The same value in one field after the other is no feed's either.
func TestOneItemEverywhere(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 30 {
		r.Endpoint.ID = uint64(i+1) << 20
		observe(table, time.Duration(i)*time.Second, r, hit(signal.JNDILookup, signal.Certain, 1<<8))
	}
	if r.Standing.Stage < signal.Interrogate {
		t.Errorf("got stage %v; want interrogate", r.Standing.Stage)
	}
}
