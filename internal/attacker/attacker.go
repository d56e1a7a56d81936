// Package attacker keeps what is known of each client and turns evidence into
// risk and stage. It is the only place where a signal becomes risk.
//
// Evidence is kept under up to three keys: the client (address and software),
// the address, and a credential that the upstream has accepted. An unaccepted
// credential makes no entry, or a random bearer token on each request would make
// each request a new client without a past. The acting risk is the highest of
// the keys that may act; an address acts only while no good client is behind it, a
// credential binds to the address first (credential.go). What other sites begin is
// held on records of its own (elsewhere.go).
//
// Records are fixed-size and pointer-free, in a table with a ceiling. A client
// that is punished is never forgotten for one that is not, and a running block goes on
// without its record, so a flood of addresses cannot wash away a block.
//
// All methods are safe for concurrent use. Records are spread over shards with
// a lock each; no two of these are held at once and none across a call out, but for
// package blocked's, which are leaves. A block that a full table pushes out goes on there.
package attacker

import (
	"math"
	"net/netip"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/signal"
)

// Rules are the operator's say in stages and blocks. They may change between
// any two calls.
type Rules struct {
	// Watch to Block are the risks from which a stage holds, 0 to 100, rising.
	Watch, Interrogate, Tarpit, Block float64
	// First is the duration of a first block; each further one lasts Grow times
	// longer, up to Max.
	First, Max time.Duration
	Grow       float64
}

// DefaultRules are the documented defaults.
func DefaultRules() Rules {
	return Rules{Watch: 5, Interrogate: 30, Tarpit: 60, Block: 85, First: 5 * time.Minute, Grow: 4, Max: 24 * time.Hour}
}

// stage returns the stage that risk alone calls for.
func (r Rules) stage(risk float64, mayBlock bool) signal.Stage {
	switch {
	case risk >= r.Block && mayBlock:
		return signal.Block
	case risk >= r.Tarpit:
		return signal.Tarpit
	case risk >= r.Interrogate:
		return signal.Interrogate
	case risk >= r.Watch:
		return signal.Watch
	}
	return signal.Clear
}

// duration returns how long the nth block lasts, n from 1.
func (r Rules) duration(n int) time.Duration {
	d := float64(r.First) * math.Pow(max(r.Grow, 1), float64(n-1))
	return time.Duration(min(d, float64(r.Max)))
}

// Scope says what a key stands for.
type Scope uint8

// The scopes.
const (
	Client     Scope = iota // address and software
	Address                 // address, whatever the software
	Credential              // a credential that upstream accepted
	Scopes     = iota
)

// user is a user name that somebody failed to log in as. Such a record carries
// no evidence and is nobody's stage: it counts from how many addresses.
const user Scope = Scopes

// String returns "client", "address", "credential" or "user".
func (s Scope) String() string {
	return [...]string{"client", "address", "credential", "user"}[min(s, user)]
}

// Keys are the keyed digests that one request's evidence goes to. A key of 0 is absent.
type Keys [Scopes]uint64

// Key mixes parts into a key under seed; it is never 0. The digest is keyed so
// that nobody can choose addresses or tokens that meet in one place of the table.
//
// The mixing step is the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
func Key(seed uint64, scope Scope, parts ...uint64) uint64 {
	h := mix(seed ^ uint64(scope+1)*0x9e3779b97f4a7c15)
	for _, p := range parts {
		h = mix(h ^ p)
	}
	return max(h, 1)
}

func mix(x uint64) uint64 { return digest.Scramble(x + 0x9e3779b97f4a7c15) }

// AddressKey returns the key of an address prefix.
func AddressKey(seed uint64, p netip.Prefix) uint64 {
	hi, lo := words(p)
	return Key(seed, Address, hi, lo)
}

// ClientKey returns the key of a client: an address prefix and its software.
func ClientKey(seed uint64, p netip.Prefix, software uint64) uint64 {
	hi, lo := words(p)
	return Key(seed, Client, hi, lo, software)
}

func words(p netip.Prefix) (hi, lo uint64) {
	b := p.Addr().As16()
	for i := range 8 {
		hi, lo = hi<<8|uint64(b[i]), lo<<8|uint64(b[8+i])
	}
	return hi, lo ^ uint64(p.Bits())<<56
}

// Name returns the display id of a key: "a-" and 8 base-32 digits.
func Name(key uint64) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford: no i, l, o, u
	out := [10]byte{'a', '-'}
	for i := 2; i < len(out); i++ {
		out[i] = digits[key>>59]
		key <<= 5
	}
	return string(out[:])
}
