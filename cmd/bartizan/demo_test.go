package main

import "testing"

// The demo is the proof over real sockets, in the clear and over TLS: good
// visitors are served, single attackers refused, and a botnet of thousands of
// addresses with one request each is found and stopped. Run fails otherwise.
func TestDemo(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("the demo plays for more than a minute")
	case racing:
		t.Skip("under the race detector this machine cannot play both sides in time; CI plays it without")
	}
	if err := (&demoCommand{Smoke: true}).Run(); err != nil {
		t.Error(err)
	}
}
