// Package load decides whether there is room for a request: whether its client,
// endpoint or site has used up what the operator allows, by count or by measured
// time of the upstream, and whether the upstream is saturated and this request is
// one of those to turn away first.
//
// It does not know who is good or bad, which rates hold for whom, or what an
// answer looks like; the engine says the first two and the front end the last.
// Time comes in with each call.
//
// A Table holds rates, a Gate one site's concurrency. All methods are safe for
// concurrent use. No lock is held across a call out of the package, and no two at once.
package load

import "time"

// Decision is the answer to one question. The zero value refuses: a decision that
// was never made lets no one through.
type Decision struct {
	Allowed bool
	// Retry is how long to wait before it makes sense to ask again; zero if Allowed.
	Retry time.Duration
}

// Class is how early a request is turned away when the upstream is saturated.
// The zero value goes first, so that a class that nobody set gains nothing.
type Class uint8

// The classes, the first to go first.
const (
	Suspect   Class = iota // something speaks against the client
	Unknown                // nothing is known of it
	KnownGood              // accepted credential, earned pass, or good answers from before the overload
	Exempt                 // never turned away, but counted
	Classes   = iota
)

var classNames = [Classes]string{"suspect", "unknown", "known-good", "exempt"}

// String returns the class's name, as metrics print it.
func (c Class) String() string { return classNames[min(c, Exempt)] }
