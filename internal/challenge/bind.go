package challenge

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
)

// bound returns whom a token for the sender of r is bound to. Of the TLS
// fingerprint the part counts that stays the same over a client's first, resumed
// and WebSocket connections, and HTTP/2 is left out for the last of these.
func (k *Keeper) bound(r *request.Request) bound {
	b := bound{site: k.digest('s', r.Site, 0), family: k.digest('f', claimed(r), 0), network: k.network(r)}
	if ja4 := r.Software.JA4; len(ja4) >= 23 && ja4[10] == '_' {
		m := k.bind.get('t')
		m.text(ja4[0:3])
		m.text(ja4[4:6])
		m.text(ja4[11:23])
		b.tls = k.end(m) | 1
	}
	return b
}

// claimed names the software that r claims: its family, or its product where
// that is none of the known.
func claimed(r *request.Request) string {
	if r.Software.Claimed != fingerprint.Unknown {
		return r.Software.Claimed.String()
	}
	product, _, _ := strings.Cut(r.Header("User-Agent"), "/")
	return product[:min(len(product), 64)]
}

// network digests the coarse network: the autonomous system where it is known,
// else 16 bits of an IPv4 and 32 of an IPv6 address.
func (k *Keeper) network(r *request.Request) uint32 {
	if asn := r.Network.ASN; asn != 0 {
		return k.digest('a', "", uint64(asn))
	}
	a := r.Client.Addr.Unmap()
	if a.Is4() {
		b := a.As4()
		return k.digest('4', "", uint64(binary.BigEndian.Uint16(b[:2])))
	}
	b := a.As16()
	return k.digest('6', "", uint64(binary.BigEndian.Uint32(b[:4])))
}

// class digests the path class of r and whose it is: its client's address, its
// site's first path segment, and what the endpoint is for.
func (k *Keeper) class(r *request.Request) uint32 {
	m := k.bind.get('c')
	m.key(r.Client.Key)
	m.text(r.Site)
	m.number(uint64(r.Endpoint.Tags))
	if len(r.Segments) > 0 {
		m.text(r.Segments[0].Value)
	}
	return k.end(m)
}

// user digests who uses a pass: an address.
func (k *Keeper) user(r *request.Request) uint32 {
	m := k.bind.get('u')
	m.key(r.Client.Key)
	return k.end(m)
}

func (m *mac) key(p netip.Prefix) {
	if p.IsValid() {
		b := p.Addr().As16()
		m.bytes(b[:])
	}
}

func (k *Keeper) digest(label byte, s string, n uint64) uint32 {
	m := k.bind.get(label)
	m.number(n)
	m.text(s)
	return k.end(m)
}

func (k *Keeper) end(m *mac) uint32 {
	sum := k.bind.put(m)
	return binary.BigEndian.Uint32(sum[:])
}
