package swarm

import (
	"math/bits"
	"net/netip"
	"strings"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// row is one request's attributes and what became of it: 296 bytes, no pointers.
type row struct {
	at     [Attributes]uint32
	time   int64    // ms since the epoch
	addr   [16]byte // address, IPv4 as mapped
	client uint32   // digest of the client: address and software
	match  uint32   // serial of the signature that matched; 0: none
	status uint16   // of the upstream's answer; 0: none
	id     [14]byte // reference id, cut
	flags  flags
	tags   tags
}

// tags are the endpoint's business tags, and what is known of a login attempt.
type tags uint32

const (
	loginAttempt tags = 1 << 31
	refusesSome  tags = 1 << 30 // the endpoint refuses some logins
)

type flags uint8

const (
	trusted   flags = 1 << iota // a known-good identity
	seed                        // condemned by evidence of its own
	refused                     // did not go upstream
	canary                      // let through to measure a signature
	protected                   // matched, and spared as a known-good identity
	tainted                     // arrived under an alarm: never teaches
	returning                   // its client has shown an account or credential with a past
)

func (r *row) is(f flags) bool { return r.flags&f != 0 }

// failed: the client's own failure. A 5xx says that the origin is sick.
func (r *row) failed() bool { return r.status/100 == 4 }

// prefix is the /24 or /48 that the address belongs to.
func (r *row) prefix() uint64 {
	a := netip.AddrFrom16(r.addr)
	n := 6
	if a.Is4In6() {
		n = 15
	}
	h := uint64(14695981039346656037) // FNV-1a
	for _, b := range r.addr[:n] {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// segment identifies a population: clients with one kind of software.
func (r *row) segment() uint32 {
	return fold32(digest.Mix(digest.Mix(uint64(r.at[JA4Prefix]), uint64(r.at[H2])), uint64(r.at[AgentFamily])))
}

// program identifies the client's program, roughly: by how its TLS begins, or
// without TLS by its name and header order.
func (r *row) program() uint32 {
	if r.at[JA4Prefix] != 0 {
		return r.at[JA4Prefix]
	}
	return fold32(digest.Mix(uint64(r.at[AgentFamily]), uint64(r.at[HeaderOrder])))
}

func fold32(h uint64) uint32 { return uint32(h ^ h>>32) }

// unknownTemplate stands for all paths that the API does not have.
const unknownTemplate = "a path the API does not have"

// describe fills r.Attributes with what the head says; derive does the rest.
func (s *Swarm) describe(r *request.Request) {
	var f fields
	f.read(s.seed, r.Head.Fields)
	at := (*[Attributes]uint32)(r.Attributes[:])
	s.describeTarget(at, r)
	s.describeTransport(at, r, &f)
	s.describeHeaders(at, r, &f)
	s.describeClient(at, r)
}

// text gives a value a digest within its attribute and remembers the text for
// people; the empty string is 0.
func (s *Swarm) text(a Attribute, text string) uint32 {
	if text == "" {
		return 0
	}
	v := fold32(digest.String(s.seed+uint64(a)<<48, text)) | 1<<31 // never a class
	s.words.remember(a, v, text)
	return v
}

// digested is text for a digest that cannot be read back; label says what is known.
func (s *Swarm) digested(a Attribute, h uint64) uint32 {
	if h == 0 {
		return 0
	}
	return fold32(digest.Mix(s.seed+uint64(a)<<48, h)) | 1<<31
}

func (s *Swarm) describeTarget(at *[Attributes]uint32, r *request.Request) {
	at[Method] = s.text(Method, r.Head.Method)
	if r.Endpoint.PathKnown {
		at[Template] = s.template(r.Site, r.Endpoint.Template)
	} else {
		at[Template] = s.text(Template, unknownTemplate)
	}
	at[Depth] = uint32(min(len(r.Segments), 8))
	if n := len(r.Segments); n > 0 {
		last := r.Segments[n-1].Value
		if dot := strings.LastIndexByte(last, '.'); dot >= 0 && len(last)-dot <= 6 {
			at[Extension] = s.text(Extension, last[dot:])
		} else {
			at[Extension] = 0
		}
	}
	at[Object] = 0
	if n := len(r.Segments); n > 0 && r.Endpoint.PathKnown && strings.HasSuffix(r.Endpoint.Template, "}") {
		at[Object] = fold32(digest.Mix(uint64(at[Template]), digest.String(s.seed, r.Segments[n-1].Value))) | 1<<31
	}
	at[BodySize] = bodyClass(r.Head.ContentLength)
	at[Parameters], at[ValueShape] = s.parameters(r)
	at[CookieNames] = s.cookies(r)
}

// template identifies site and path template; the method is an attribute of its own.
func (s *Swarm) template(site, template string) uint32 {
	v := fold32(digest.Mix(digest.String(s.seed, site), digest.String(s.seed+1, template))) | 1<<31
	s.words.remember(Template, v, template)
	return v
}

func bodyClass(n int64) uint32 {
	switch {
	case n < 0:
		return 0
	case n == 0:
		return 1
	}
	return min(uint32(bits.Len64(uint64(n)))+1, 18)
}

// parameters digests the set of query names, and what their values look like.
func (s *Swarm) parameters(r *request.Request) (names, shape uint32) {
	if len(r.Query) == 0 {
		return 0, 0
	}
	var set uint64
	var kinds [4]int
	for i := range r.Query {
		set += digest.String(s.seed, r.Query[i].Name)
		kinds[kindOf(r.Query[i].Value)]++
	}
	names = s.digested(Parameters, set)
	s.words.remember(Parameters, names, r.Query[0].Name)
	word := [len(kinds)]byte{}
	for i, n := range kinds {
		word[i] = byte('0' + min(n, 9))
	}
	return names, s.text(ValueShape, string(word[:]))
}

// kindOf tells what a value is made of: 0 empty, 1 digits, 2 letters and digits, 3 anything else.
func kindOf(v string) int {
	kind := 0
	for i := 0; i < len(v) && i < 64; i++ {
		switch c := v[i]; {
		case c-'0' < 10:
			kind = max(kind, 1)
		case (c|0x20)-'a' < 26 || c == '-' || c == '_' || c == '.':
			kind = max(kind, 2)
		default:
			return 3
		}
	}
	return kind
}

func (s *Swarm) cookies(r *request.Request) uint32 {
	if len(r.Cookies) == 0 {
		return 0
	}
	var set uint64
	for i := range r.Cookies {
		set += digest.String(s.seed, r.Cookies[i].Name)
	}
	v := s.digested(CookieNames, set)
	s.words.remember(CookieNames, v, r.Cookies[0].Name)
	return v
}

func (s *Swarm) describeTransport(at *[Attributes]uint32, r *request.Request, f *fields) {
	at[Protocol] = s.text(Protocol, r.Head.Proto)
	t := &r.Conn.TLS
	ja4 := r.Software.JA4
	at[JA4] = s.text(JA4, ja4)
	at[TLSVersion], at[JA4Prefix], at[JA4Ciphers] = 0, 0, 0
	if len(ja4) >= 23 && ja4[10] == '_' {
		at[JA4Prefix], at[JA4Ciphers] = s.text(JA4Prefix, ja4[:10]), s.text(JA4Ciphers, ja4[11:23])
		switch ja4[1:3] {
		case "13":
			at[TLSVersion] = 2
		case "12":
			at[TLSVersion] = 1
		default:
			at[TLSVersion] = 3
		}
	}
	at[Resumed] = 0
	if r.Conn.Secure {
		at[Resumed] = 1
		if t.Resumed {
			at[Resumed] = 2
		}
	}
	at[H2] = s.text(H2, r.Software.H2)
	at[HeaderOrder], at[HeaderCase] = 0, 0
	if r.Head.Ordered {
		at[HeaderOrder] = s.digested(HeaderOrder, r.Software.Order)
		at[HeaderCase] = f.letterCase()
	}
	if r.Conn.H2 != "" {
		at[HeaderCase] = lowerCase // RFC 9113, section 8.2.1: it says nothing more of requests whose order is known
	}
	at[HeaderSet] = s.digested(HeaderSet, r.Software.Set)
	at[HeaderCount] = uint32(min(f.count, 200))
	at[RequestNumber] = numberClass(r.Number)
	at[Contradictions] = 0
	if c := r.Software.Contradicts; c != 0 {
		at[Contradictions] = uint32(c)<<8 | 1<<31
		s.words.remember(Contradictions, at[Contradictions], c.String())
	}
}

const lowerCase = 1

func (f *fields) letterCase() uint32 {
	switch {
	case f.title == 0:
		return lowerCase
	case f.lower == 0:
		return 2
	}
	return 3
}

func numberClass(n int) uint32 {
	switch {
	case n <= 2:
		return uint32(max(n, 0))
	case n <= 5:
		return 3
	case n <= 20:
		return 4
	}
	return 5
}

func (s *Swarm) describeHeaders(at *[Attributes]uint32, r *request.Request, f *fields) {
	at[Agent] = s.text(Agent, f.agent)
	at[AgentFamily] = s.text(AgentFamily, r.Software.Claimed.String())
	at[AgentVersion] = uint32(max(r.Software.Version, 0))
	at[AgentSystem] = s.text(AgentSystem, r.Software.System.String())
	at[Accept], at[Language], at[Encoding] = s.text(Accept, f.accept), s.text(Language, f.language), s.text(Encoding, f.encoding)
	at[FetchMetadata] = index(f.fetch, "navigate", "cors", "no-cors")
	at[ClientHints] = hintClass(r, f.hints)
	media, _, _ := strings.Cut(f.contentType, ";")
	at[ContentType] = s.text(ContentType, strings.TrimSpace(media))
	at[Connection] = s.text(Connection, f.connection)
	at[CustomHeaders] = s.digested(CustomHeaders, f.custom)
	s.words.remember(CustomHeaders, at[CustomHeaders], f.customs)
	at[AuthScheme] = authClass(r, f)
	at[Referer], at[Origin] = sameHost(f.referer, r.Head.Host), sameHost(f.origin, r.Head.Host)
	if f.origin == "null" {
		at[Origin] = 3
	}
	switch {
	case f.conditional:
		at[CacheControl] = 3
	default:
		at[CacheControl] = index(f.cache, "no-cache", "max-age=0", "if-none-match")
	}
}

// index returns the place of v in list, from 1; the place behind it for another
// value, 0 for none.
func index(v string, list ...string) uint32 {
	if v == "" {
		return 0
	}
	for i, x := range list {
		if strings.EqualFold(v, x) {
			return uint32(i + 1)
		}
	}
	return uint32(len(list) + 1)
}

func hintClass(r *request.Request, hints string) uint32 {
	switch {
	case hints == "":
		return 0
	case strings.Contains(hints, "Chromium"):
		return 1
	}
	return 2
}

func authClass(r *request.Request, f *fields) uint32 {
	scheme, _, _ := strings.Cut(f.authorization, " ")
	switch {
	case strings.EqualFold(scheme, "basic"):
		return 1
	case strings.EqualFold(scheme, "bearer"):
		return 2
	case f.apiKey != "":
		return 3
	case f.authorization == "" && r.Credential() != "":
		return 4
	case f.authorization != "":
		return 5
	}
	return 0
}

// sameHost tells whether a URL points to the host that is asked: 0 no URL, 1 yes, 2 no.
const sameHostReferer = 1

func sameHost(url, host string) uint32 {
	if url == "" {
		return 0
	}
	if _, rest, ok := strings.Cut(url, "://"); ok && len(rest) >= len(host) && strings.EqualFold(rest[:len(host)], host) {
		return sameHostReferer
	}
	return 2
}

func (s *Swarm) describeClient(at *[Attributes]uint32, r *request.Request) {
	at[ASN], at[Country] = 0, s.text(Country, r.Network.Country)
	if r.Network.ASN != 0 {
		at[ASN] = r.Network.ASN | 1<<31
	}
	at[Arrival] = arrivalClass(r.Standing.Gap)
	at[Previous] = s.digested(Previous, r.Standing.Previous)
	at[Age] = ageClass(r.Standing.Age)
	at[Visit] = visitClass(r)
	// What is asked for now is what the next request has before it.
	if r.Endpoint.PathKnown {
		s.words.remember(Previous, s.digested(Previous, r.Endpoint.ID), r.Endpoint.Template)
	}
}

// visitClass says what belongs to a person's visit that r's client has shown: other
// endpoints than this one within half an hour, a credential that the upstream accepted,
// cookies, an answered question. Unlike what came just before it does not change when
// some of the client's requests are stopped.
func visitClass(r *request.Request) uint32 {
	st := &r.Standing
	return bit(st.Varied) | bit(st.Accepted && !st.Common)<<1 | bit(len(r.Cookies) > 0)<<2 | bit(r.Pass.Answers())<<3
}

func arrivalClass(d time.Duration) uint32 {
	switch {
	case d == 0:
		return 0
	case d < 100*time.Millisecond:
		return 1
	case d < time.Second:
		return 2
	case d < 10*time.Second:
		return 3
	case d < time.Minute:
		return 4
	}
	return 5
}

func ageClass(d time.Duration) uint32 {
	for i, limit := range [...]time.Duration{1, 10 * time.Second, time.Minute} {
		if d < limit {
			return uint32(i)
		}
	}
	return 3
}
