// Package fingerprint tells which software sent a request, from plain captured
// values: the TLS ClientHello (JA4), the HTTP/2 opening (Akamai notation), the
// order, set and letter case of header names, and what the User-Agent claims;
// and where these contradict each other.
//
// It does no I/O, keeps no state and judges nobody: a contradiction is a fact,
// its weight is the attacker package's business. All functions are safe for
// concurrent use.
package fingerprint

// Facts are the captured values of one request.
type Facts struct {
	JA4    string // empty on plaintext
	H2     string // Akamai notation; empty on HTTP/1
	Proto  string // "HTTP/1.1", "HTTP/2.0"
	Secure bool
	Fields []Field
	// Ordered says that order and letter case of Fields are the client's own.
	Ordered bool
}

// Software is what can be said of the client's software. The zero value is
// "nothing known".
type Software struct {
	JA4, H2 string
	// Order and Set are keyed digests of the header names in order and as a set,
	// without those that vary within one client (cookies, credentials, lengths,
	// conditionals, what proxies add). Order is 0 unless the order is the client's own.
	Order, Set uint64
	// Key identifies the software for the purpose of keeping evidence: it mixes
	// what a client cannot vary cheaply from request to request.
	Key uint64
	// Claimed is the family that the User-Agent claims, with its major version (0 unknown).
	Claimed Family
	Version int
	// System is the operating system that the User-Agent claims.
	System System
	// Contradicts lists how the claim is contradicted; None where it is not.
	Contradicts Contradiction
}
