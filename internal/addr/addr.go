// Package addr decides which client an exchange belongs to as far as addresses
// tell: it resolves the client address from the transport peer and what trusted
// hops say, reduces addresses to the keys that evidence is kept under, and holds
// prefix sets of up to a million entries.
//
// It does not know requests: callers hand it header values. Everything in it is
// immutable after construction and safe for concurrent use.
package addr

import "net/netip"

// Client is the resolved address of a client. The zero value is no client.
type Client struct {
	// Addr is the client's address: unmapped, without zone.
	Addr netip.Addr
	// Key is what evidence is kept under: the /32 of an IPv4 address, the /64 of
	// an IPv6 one, since whoever has one address of a /64 has all of them.
	Key netip.Prefix
	// Forwarded says that Addr was taken from a header of trusted hops and not
	// from the transport.
	Forwarded bool
	// Untold says that a private peer sent X-Forwarded-For while nobody is
	// trusted: very likely a proxy that the operator has not named. Everyone
	// behind it looks like one client, so nothing may be enforced.
	Untold bool
}

// Private reports whether the client is on a private, loopback or link-local network.
func (c Client) Private() bool { return Private(c.Addr) }

// Private reports whether a is private (RFC 1918, RFC 4193), loopback or
// link-local: an address that the internet cannot send from.
func Private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
}

// Of returns the client at a, with nothing said by any hop.
func Of(a netip.Addr) Client {
	a = a.Unmap().WithZone("")
	return Client{Addr: a, Key: KeyOf(a)}
}

// KeyOf returns the prefix that evidence about a is kept under: /32 or /64.
// It returns the zero prefix for the zero address.
func KeyOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
