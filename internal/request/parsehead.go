package request

import "strings"

// HeadLimits bounds the head of one HTTP/1 request. A head over a bound is a
// fault; each bound stops a client from making us buffer, walk or log without end.
type HeadLimits struct {
	Bytes  int // whole head: FaultHeadTooLarge
	Fields int // number of field lines: FaultHeadTooLarge
	Target int // bytes of the request target: FaultTargetTooLong
}

// HeadEnd returns the length of the head that buf begins with, its empty line
// included, or 0 if the head is not complete yet. The first from bytes were
// searched before without success: a caller that passes on what it has searched
// spends linear time on a head that trickles in byte by byte.
//
// A bare LF ends a line here, so that a head with wrong line ends is complete
// too and ParseHead can say what is wrong with it.
func HeadEnd(buf []byte, from int) int {
	for i := from; i < len(buf); i++ {
		if buf[i] == '\n' && emptyBefore(buf, i) {
			return i + 1
		}
	}
	return 0
}

// emptyBefore reports whether the line that the LF at i ends is empty.
func emptyBefore(buf []byte, i int) bool {
	if i > 0 && buf[i-1] == '\r' {
		i--
	}
	return i == 0 || buf[i-1] == '\n'
}

// ParseHead fills h from one raw HTTP/1 head, request line to empty line. All
// strings of h are substrings of raw; the capacity of h.Fields is used again.
//
// It is strict where agents have disagreed in ways that let requests be
// smuggled past one of them (RFC 9112 sections 2.2, 3.2, 5, 6 and 11.2): what
// two parsers might read differently is a fault, not something to repair. The
// first fault found stays in h.Fault, and the rest is still read as well as it
// can be, because evidence about a refused request needs to say who sent it.
//
// A raw head without its empty line is read as far as it goes; it has a fault
// if it exceeds limits, else the caller knows why it is not complete.
// Scheme is left empty: the transport knows it.
func ParseHead(raw string, limits HeadLimits, h *Head) {
	*h = Head{Fields: h.Fields[:0], Ordered: true, ContentLength: -1}
	p := headParser{Head: h, limits: limits}
	line, rest, whole := p.line(raw)
	p.requestLine(line, whole)
	p.tooLarge(len(raw))
	for whole && rest != "" {
		if line, rest, whole = p.line(rest); !whole || line == "" {
			break
		}
		p.field(line)
	}
	p.finish()
}

// headParser gathers what can only be judged when all fields are known.
type headParser struct {
	*Head
	limits HeadLimits

	hosts, lengths, codings int // how many fields of that name

	authority         string // :authority as it was sent
	chunkedAt         int    // number of the transfer coding that was chunked; 0 none
	keep, wantUpgrade bool
	upgrade           bool // there is an Upgrade field with a value
}

// fault keeps the first fault.
func (p *headParser) fault(f Fault) {
	if p.Fault == Fine {
		p.Fault = f
	}
}

// tooLarge checks the size of the head as a whole.
func (p *headParser) tooLarge(n int) {
	if n > p.limits.Bytes {
		p.fault(FaultHeadTooLarge)
	}
}

// line cuts the next line off s. whole is false when s has no line end.
func (p *headParser) line(s string) (line, rest string, whole bool) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return s, "", false
	}
	line, rest = s[:i], s[i+1:]
	if !strings.HasSuffix(line, "\r") {
		p.fault(FaultBareLF)
		return line, rest, true
	}
	return line[:len(line)-1], rest, true
}

// requestLine reads "METHOD SP target SP HTTP/x.y".
func (p *headParser) requestLine(line string, whole bool) {
	if strings.IndexByte(line, '\r') >= 0 {
		p.fault(FaultBareCR)
	}
	method, rest, ok := strings.Cut(line, " ")
	target, proto := rest, ""
	if i := strings.LastIndexByte(rest, ' '); i >= 0 {
		target, proto = rest[:i], rest[i+1:]
	}
	p.Method, p.Target = method, target
	if len(target) > p.limits.Target {
		p.fault(FaultTargetTooLong)
	}
	if !whole {
		return
	}
	p.Proto = proto
	if !ok || !isToken(method) || !isTarget(target) || !isProto(proto) {
		p.fault(FaultRequestLine)
		return
	}
	if proto != "HTTP/1.1" && proto != "HTTP/1.0" {
		p.fault(FaultVersion)
	}
	p.targetForm()
}

// targetForm checks the four forms of RFC 9112 section 3.2.
func (p *headParser) targetForm() {
	switch t := p.Target; {
	case p.Method == "CONNECT":
		if _, port, ok := cutPort(t); !ok || port == "" || !isHost(t) {
			p.fault(FaultRequestLine)
		}
		p.Host = t
	case t[0] == '/', t == "*" && p.Method == "OPTIONS":
	default:
		scheme, rest, ok := strings.Cut(t, "://")
		if !ok || !isScheme(scheme) {
			p.fault(FaultRequestLine)
			return
		}
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			rest = rest[:i]
		}
		if !isHost(rest) {
			p.fault(FaultHostInvalid)
		}
		p.Host = rest
	}
}

// field reads one field line that is not empty.
func (p *headParser) field(line string) {
	if len(p.Fields) >= p.limits.Fields {
		p.fault(FaultHeadTooLarge)
		return
	}
	if line[0] == ' ' || line[0] == '\t' {
		p.fault(FaultFolding)
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		p.fault(FaultFieldName)
	}
	value = trim(value)
	p.fault(valueFault(value))
	p.Fields = append(p.Fields, Field{Name: name, Value: value})
	p.know(name, value)
}

// know notes the fields that frame the message. Their lengths tell most others
// apart without comparing a byte.
func (p *headParser) know(name, value string) {
	switch len(name) {
	case 4:
		if strings.EqualFold(name, "Host") {
			p.host(value)
		}
	case 6:
		if strings.EqualFold(name, "Expect") {
			p.Expect = strings.EqualFold(value, "100-continue")
		}
	case 7:
		if strings.EqualFold(name, "Upgrade") {
			p.upgrade = p.upgrade || value != ""
		}
	case 10:
		if strings.EqualFold(name, "Connection") {
			p.connection(value)
		}
	case 14:
		if strings.EqualFold(name, "Content-Length") {
			p.length(value)
		}
	case 17:
		if strings.EqualFold(name, "Transfer-Encoding") {
			p.coding(value)
		}
	}
}

// host reads a Host field. An authority in the target takes precedence
// (RFC 9112 section 3.2.2), but never excuses a bad Host field: the next hop may
// read that one.
func (p *headParser) host(value string) {
	if p.hosts++; p.hosts > 1 {
		p.fault(FaultHostDuplicate)
		return
	}
	if !isHost(value) {
		p.fault(FaultHostInvalid)
	}
	if p.Host == "" {
		p.Host = value
	}
}

// length reads a Content-Length field. Equal duplicates are refused as well:
// RFC 9112 section 6.3 lets a recipient do so, and no client in use sends them.
func (p *headParser) length(value string) {
	if p.lengths++; p.lengths > 1 || strings.IndexByte(value, ',') >= 0 {
		p.fault(FaultLengthDuplicate)
		return
	}
	n := int64(0)
	for i := range len(value) {
		d := value[i] - '0'
		if d > 9 || n > (1<<63-1-int64(d))/10 {
			p.fault(FaultLengthInvalid)
			return
		}
		n = n*10 + int64(d)
	}
	if value == "" {
		p.fault(FaultLengthInvalid)
		return
	}
	p.ContentLength = n
}

// coding reads a Transfer-Encoding field.
func (p *headParser) coding(list string) {
	for more := true; more; {
		var c string
		c, list, more = strings.Cut(list, ",")
		p.codings++
		switch c = trim(c); {
		case p.chunkedAt > 0, c == "": // something after chunked, or nothing at all
			p.fault(FaultCodingInvalid)
		case strings.EqualFold(c, "chunked"):
			p.chunkedAt = p.codings
		default:
			p.fault(FaultCodingUnknown)
		}
	}
}

// connection reads a Connection field.
func (p *headParser) connection(list string) {
	for more := true; more; {
		var o string
		o, list, more = strings.Cut(list, ",")
		switch o = trim(o); {
		case strings.EqualFold(o, "close"):
			p.Close = true
		case strings.EqualFold(o, "keep-alive"):
			p.keep = true
		case strings.EqualFold(o, "upgrade"):
			p.wantUpgrade = true
		}
	}
}

// finish judges what depends on more than one line.
func (p *headParser) finish() {
	old := p.Proto == "HTTP/1.0"
	if p.hosts == 0 && p.Proto == "HTTP/1.1" {
		p.fault(FaultHostMissing)
	}
	if p.codings > 0 && p.lengths > 0 {
		p.fault(FaultLengthAndCoding)
	}
	if p.codings > 0 && (old || p.chunkedAt != p.codings) {
		p.fault(FaultCodingInvalid)
	}
	p.Chunked = p.chunkedAt > 0
	p.Expect = p.Expect && !old
	p.Close = p.Close || old && !p.keep
	p.Upgrade = !old && p.wantUpgrade && p.upgrade
	p.connect()
}

// connect refuses CONNECT (RFC 9110 section 9.3.6): behind its answer comes a tunnel,
// in which nothing could be judged, and on HTTP/2 its body would go to an HTTP/1
// upstream without framing. Letter case is not heeded, since some servers do not.
func (p *headParser) connect() {
	if strings.EqualFold(p.Method, "CONNECT") {
		p.fault(FaultConnect)
	}
}
