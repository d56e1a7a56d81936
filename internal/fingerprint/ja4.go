package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Hello is what JA4 needs of a TLS ClientHello, in the order of arrival, GREASE
// values included.
type Hello struct {
	// Versions are those of the supported_versions extension or, where there is
	// none, the one of the message itself.
	Versions   []uint16
	Ciphers    []uint16
	Extensions []uint16
	Signatures []uint16 // signature_algorithms (13), not signature_algorithms_cert
	ALPN       []string
}

// TLS extensions that JA4 or Fresh treat by name.
const (
	extServerName   = 0
	extALPN         = 16
	extPreSharedKey = 41
	extEarlyData    = 42
)

// Fresh returns the hello as the client would send it without a session to
// resume: without pre_shared_key and early_data. JA4 counts and hashes these, so
// that the same client has two fingerprints; evidence kept under one of them
// would be lost whenever a bot resumes.
func (h Hello) Fresh() Hello {
	h.Extensions = slices.DeleteFunc(slices.Clone(h.Extensions), func(e uint16) bool {
		return e == extPreSharedKey || e == extEarlyData
	})
	return h
}

// JA4 returns the JA4 fingerprint of a hello and its raw form (JA4_r).
// transport is 't' for TLS over TCP, 'q' for QUIC, 'd' for DTLS.
//
// Source: FoxIO, technical_details/JA4.md (JA4 is BSD-3-Clause; the rest of the
// JA4+ family is not, and not used here).
func JA4(h Hello, transport byte) (ja4, raw string) {
	ciphers := sorted(h.Ciphers)
	extensions := sorted(h.Extensions)
	a := make([]byte, 0, 12)
	a = append(a, transport)
	a = append(a, versionName(h.Versions)...)
	a = append(a, destination(extensions))
	a = appendCount(a, len(ciphers))
	a = appendCount(a, len(extensions))
	a = append(a, alpnMark(h.ALPN)...)

	extensions = slices.DeleteFunc(extensions, func(e uint16) bool { return e == extServerName || e == extALPN })
	b := appendList(nil, ciphers)
	c := appendList(nil, extensions)
	if signatures := withoutGrease(h.Signatures); len(c) > 0 && len(signatures) > 0 {
		c = appendList(append(c, '_'), signatures)
	}
	prefix := string(a)
	return prefix + "_" + digest12(b) + "_" + digest12(c), prefix + "_" + string(b) + "_" + string(c)
}

// grease reports whether v is one of the values that clients send to keep
// servers tolerant of the unknown (RFC 8701): 0x0a0a, 0x1a1a, … 0xfafa.
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

func withoutGrease(list []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(list), grease)
}

func sorted(list []uint16) []uint16 {
	list = withoutGrease(list)
	slices.Sort(list)
	return list
}

// versionName names the highest version offered.
func versionName(versions []uint16) string {
	high := uint16(0)
	for _, v := range versions {
		if !grease(v) && v > high {
			high = v
		}
	}
	switch high {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	case 0xfeff:
		return "d1"
	case 0xfefd:
		return "d2"
	case 0xfefc:
		return "d3"
	}
	return "00"
}

// destination is 'd' if the client named a server, 'i' if it knew an address only.
func destination(extensions []uint16) byte {
	if slices.Contains(extensions, extServerName) {
		return 'd'
	}
	return 'i'
}

// alpnMark returns the first and last character of the first protocol, of its
// hexadecimal form if either is not alphanumeric, or "00".
func alpnMark(alpn []string) string {
	if len(alpn) == 0 || alpn[0] == "" {
		return "00"
	}
	p := alpn[0]
	first, last := p[0], p[len(p)-1]
	if alphanumeric(first) && alphanumeric(last) {
		return string([]byte{first, last})
	}
	const digits = "0123456789abcdef"
	return string([]byte{digits[first>>4], digits[last&15]})
}

func alphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// appendCount appends n with two digits, 99 at most.
func appendCount(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, '0'+byte(n/10), '0'+byte(n%10))
}

// appendList appends list as four-digit hexadecimal numbers between commas.
func appendList(b []byte, list []uint16) []byte {
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, []byte{byte(v >> 8), byte(v)})
	}
	return b
}

// digest12 returns the first twelve digits of SHA-256, or zeros for nothing.
func digest12(b []byte) string {
	if len(b) == 0 {
		return "000000000000"
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}
