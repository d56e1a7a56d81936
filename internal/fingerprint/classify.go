package fingerprint

import (
	"strings"
	"sync/atomic"

	"bartizan/internal/digest"
)

// headers is what one pass over the fields found.
type headers struct {
	agent, hints, encoding string
	language, fetch        bool
	hostFirst, lowerCase   bool
	proxied                bool // a proxy before us wrote part of it
	upgrade                bool // a WebSocket handshake
	special                bool // preflight, report or WebSocket: browsers leave much out
	order, set             uint64
}

// Classifier classifies under one seed and remembers what User-Agents claim:
// few are in use at a time, and reading one takes longer than all the rest. It
// is bounded, and its answers do not depend on what it remembers. Safe for
// concurrent use.
type Classifier struct {
	seed   uint64
	claims [claims]atomic.Pointer[claim]
}

// claims bounds the memory to 512 User-Agents of at most maxAgent bytes. A
// client that sends a new one each time only makes itself slow.
const claims = 512

type claim struct {
	agent   string
	family  Family
	version int
	system  System
}

// NewClassifier returns a classifier whose digests are keyed by seed.
func NewClassifier(seed uint64) *Classifier { return &Classifier{seed: seed} }

// claim returns what a User-Agent claims: Agent and SystemOf with a memory.
func (c *Classifier) claim(ua string) *claim {
	ua = ua[:min(len(ua), maxAgent)]
	slot := &c.claims[digest.String(c.seed, ua)%claims]
	if known := slot.Load(); known != nil && known.agent == ua {
		return known
	}
	known := &claim{agent: strings.Clone(ua), system: SystemOf(ua)}
	known.family, known.version = Agent(ua)
	slot.Store(known)
	return known
}

// Classify says what can be said of the software that sent f. Once it knows the
// User-Agent it allocates nothing.
func (c *Classifier) Classify(f Facts) Software {
	seed := c.seed
	h := read(seed, &f)
	s := Software{JA4: f.JA4, H2: f.H2, Set: h.set}
	if f.Ordered {
		s.Order = h.order
	}
	claimed := c.claim(h.agent)
	s.Claimed, s.Version, s.System = claimed.family, claimed.version, claimed.system
	s.Contradicts = contradict(&f, &h, s.Claimed, s.Version)
	s.Key = key(seed, f.JA4, f.H2, s.Claimed)
	return s
}

// key mixes transport version and ciphers of the JA4 with the HTTP/2 opening
// and the claimed family. Left out: the User-Agent's version, which attackers
// rotate; and JA4's extensions, server name and ALPN flags, which differ
// between a client's first, resumed and WebSocket connections.
func key(seed uint64, ja4, h2 string, claimed Family) uint64 {
	k := digest.Mix(seed, uint64(claimed))
	if len(ja4) >= 23 && ja4[10] == '_' {
		k = digest.Mix(k, digest.String(seed, ja4[0:3]))
		k = digest.Mix(k, digest.String(seed, ja4[4:6]))
		k = digest.Mix(k, digest.String(seed, ja4[11:23]))
	}
	if h2 != "" {
		k = digest.Mix(k, digest.String(seed, h2))
	}
	return k
}

// maxFields is how many fields are read; front ends refuse more anyway.
const maxFields = 128

func read(seed uint64, f *Facts) headers {
	var h headers
	fields := f.Fields[:min(len(f.Fields), maxFields)]
	for i := range fields {
		name := fields[i].Name
		h.note(i, name, fields[i].Value)
		if !varies(name) {
			h.order = digest.Mix(h.order, digest.String(seed, name))
			h.set += digest.Folded(seed, name)
		}
	}
	return h
}

// note records what one field tells about the software.
func (h *headers) note(i int, name, value string) {
	if len(name) == 0 {
		return
	}
	switch len(name) {
	case 4:
		if is(name, "host") && i == 0 {
			h.hostFirst = true
		}
	case 6:
		h.lowerCase = h.lowerCase || name == "accept"
	case 7:
		h.upgrade = h.upgrade || is(name, "upgrade")
		h.special = h.special || is(name, "upgrade")
	case 9:
		if is(name, "sec-ch-ua") {
			h.hints = value
		}
	case 10:
		if is(name, "user-agent") {
			h.agent = value
			h.lowerCase = h.lowerCase || name == "user-agent"
		}
	case 12:
		if is(name, "content-type") && strings.Contains(value, "report") {
			h.special = true // Reporting API, CSP reports: sent by the browser, not by a page
		}
	case 15:
		if is(name, "accept-encoding") {
			h.encoding = value
		}
		h.language = h.language || is(name, "accept-language")
	}
	if len(name) > 10 && foldAt(name, 0, "sec-fetch-") {
		h.fetch = true
	}
	if foldAt(name, 0, "access-control-request-") {
		h.special = true
	}
	h.proxied = h.proxied || proxyField(name)
}

// is reports whether name equals low, which is lower case, in any letter case.
func is(name, low string) bool { return len(name) == len(low) && foldAt(name, 0, low) }

// proxyField reports whether proxies add a field of this name.
func proxyField(name string) bool {
	if len(name) == 0 {
		return false
	}
	switch name[0] | 0x20 {
	case 'x', 'v', 'f', 'c':
	default:
		return false
	}
	return foldAt(name, 0, "x-forwarded-") || is(name, "via") || is(name, "forwarded") || is(name, "x-real-ip") || foldAt(name, 0, "cf-")
}

// varies reports whether name is left out of the order and set digests: it comes
// and goes within one client. Asked for every field, it compares by length first.
func varies(name string) bool {
	out := false
	switch len(name) {
	case 2:
		out = is(name, "te")
	case 5:
		out = is(name, "range")
	case 6:
		out = is(name, "cookie") || is(name, "expect") || is(name, "origin") || is(name, "pragma")
	case 7:
		out = is(name, "referer") || is(name, "baggage")
	case 8:
		out = is(name, "if-match") || is(name, "if-range")
	case 9:
		out = is(name, "x-api-key")
	case 10:
		out = is(name, "tracestate")
	case 11:
		out = is(name, "traceparent")
	case 12:
		out = is(name, "content-type") || is(name, "x-csrf-token") || is(name, "x-request-id") || is(name, "x-xsrf-token")
	case 13:
		out = is(name, "authorization") || is(name, "cache-control") || is(name, "if-none-match") || is(name, "bartizan-pass")
	case 14:
		out = is(name, "content-length") || is(name, "sec-fetch-user")
	case 15:
		out = is(name, "idempotency-key") || is(name, "bartizan-answer") || is(name, "x-amzn-trace-id")
	case 16:
		out = is(name, "content-encoding") || is(name, "x-requested-with")
	case 17:
		out = is(name, "if-modified-since") || is(name, "transfer-encoding")
	case 19:
		out = is(name, "if-unmodified-since") || is(name, "proxy-authorization")
	case 25:
		out = is(name, "upgrade-insecure-requests")
	}
	return out || proxyField(name)
}
