package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
)

// maxProxyHeader bounds a PROXY protocol header: the fixed part of version 2 and
// 520 bytes of addresses and TLVs. Version 1 ends at 107.
const maxProxyHeader = 536

const (
	proxyV1    = "PROXY "
	proxyV2    = "\r\n\r\n\x00\r\nQUIT\n"
	maxProxyV1 = 107
)

var (
	errProxyShort   = errors.New("reading PROXY header: not complete")
	errProxyNone    = errors.New("reading PROXY header: there is none")
	errProxyForged  = errors.New("reading PROXY header: the peer is not trusted to send one")
	errProxyInvalid = errors.New("reading PROXY header")
)

// proxyHeader is what a PROXY protocol header said.
type proxyHeader struct {
	size   int            // bytes of the header
	source netip.AddrPort // invalid when the header speaks for the proxy itself
}

// parseProxy reads the PROXY protocol header that b begins with.
// It returns errProxyShort if more bytes may make one, errProxyNone if b does not
// begin with one.
//
// Source: HAProxy, "The PROXY protocol, versions 1 & 2", 2020.
func parseProxy(b []byte) (proxyHeader, error) {
	switch {
	case begins(b, proxyV2):
		return parseProxyV2(b)
	case begins(b, proxyV1):
		return parseProxyV1(b)
	}
	return proxyHeader{}, errProxyNone
}

// begins reports whether b begins with signature or could with more bytes.
func begins(b []byte, signature string) bool {
	n := min(len(b), len(signature))
	return string(b[:n]) == signature[:n]
}

// parseProxyV1 reads "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".
func parseProxyV1(b []byte) (proxyHeader, error) {
	end := bytes.IndexByte(b[:min(len(b), maxProxyV1)], '\n')
	if end < 0 {
		if len(b) >= maxProxyV1 {
			return proxyHeader{}, fmt.Errorf("%w: a line of more than %d bytes", errProxyInvalid, maxProxyV1)
		}
		return proxyHeader{}, errProxyShort
	}
	line, ok := strings.CutSuffix(string(b[:end]), "\r")
	h := proxyHeader{size: end + 1}
	f := strings.Split(line, " ")
	if ok && len(f) >= 2 && f[1] == "UNKNOWN" {
		return h, nil
	}
	if !ok || len(f) != 6 || f[1] != "TCP4" && f[1] != "TCP6" {
		return proxyHeader{}, fmt.Errorf("%w: %q", errProxyInvalid, line)
	}
	source, err := netip.ParseAddrPort(net.JoinHostPort(f[2], f[4]))
	if err != nil || source.Addr().Is4() != (f[1] == "TCP4") || source.Addr().Zone() != "" {
		return proxyHeader{}, fmt.Errorf("%w: %q", errProxyInvalid, line)
	}
	if _, err := netip.ParseAddrPort(net.JoinHostPort(f[3], f[5])); err != nil {
		return proxyHeader{}, fmt.Errorf("%w: %q", errProxyInvalid, line)
	}
	h.source = source
	return h, nil
}

// parseProxyV2 reads the binary form. TLVs are skipped.
func parseProxyV2(b []byte) (proxyHeader, error) {
	if len(b) < 16 {
		return proxyHeader{}, errProxyShort
	}
	size := 16 + int(binary.BigEndian.Uint16(b[14:]))
	if size > maxProxyHeader {
		return proxyHeader{}, fmt.Errorf("%w: %d bytes; at most %d are read", errProxyInvalid, size, maxProxyHeader)
	}
	command, family, rest := b[12], b[13], size-16
	if command != 0x20 && command != 0x21 {
		return proxyHeader{}, fmt.Errorf("%w: version and command %#x", errProxyInvalid, command)
	}
	if len(b) < size {
		return proxyHeader{}, errProxyShort
	}
	h := proxyHeader{size: size}
	switch {
	case command == 0x20: // LOCAL: the proxy speaks for itself
	case family == 0x11 && rest >= 12: // TCP over IPv4
		h.source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), binary.BigEndian.Uint16(b[24:]))
	case family == 0x21 && rest >= 36: // TCP over IPv6
		h.source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[16:32])), binary.BigEndian.Uint16(b[48:]))
	case family == 0x00: // unspecified
	default:
		return proxyHeader{}, fmt.Errorf("%w: family %#x with %d bytes", errProxyInvalid, family, rest)
	}
	return h, nil
}

// readProxy reads the header at the beginning of c, as far as c's deadline lets
// it. It returns what was said and the bytes that came after the header.
func readProxy(c net.Conn, trusted bool) (source netip.AddrPort, rest []byte, err error) {
	buf := make([]byte, 0, maxProxyHeader)
	for {
		n, err := c.Read(buf[len(buf):cap(buf)])
		if n == 0 && err != nil {
			return source, nil, fmt.Errorf("reading PROXY header: %w", err)
		}
		buf = buf[:len(buf)+n]
		h, err := parseProxy(buf)
		switch {
		case !trusted && (err == nil || errors.Is(err, errProxyInvalid)):
			return source, nil, errProxyForged
		case !trusted && errors.Is(err, errProxyNone):
			return source, buf, nil
		case err == nil:
			return h.source, buf[h.size:], nil
		case !errors.Is(err, errProxyShort):
			return source, nil, err
		case len(buf) == cap(buf):
			return source, nil, errProxyInvalid
		}
	}
}

// rawConn is a transport connection with bytes that were read ahead of it. It
// also carries the Conn to the hook that sees the ClientHello.
type rawConn struct {
	net.Conn
	ahead []byte
	owner *Conn
}

func (c *rawConn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends our side of the connection.
func (c *rawConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return io.ErrClosedPipe
}
