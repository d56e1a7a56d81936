package request

import "strings"

// JudgeHTTP2 sets h.Fault for a head that came by HTTP/2, or leaves it Fine, and
// reads the framing that h's fields declare.
//
// HTTP/2 frames messages itself, so these faults cannot confuse us; they confuse
// the HTTP/1 hop behind us when they are written out (request smuggling by
// downgrade). RFC 9113 sections 8.2.2 and 8.3.1 call such requests malformed.
// net/http answers connection-specific fields itself, but lets any method and
// path without control bytes through: "GET / HTTP/1.1" is a method to it.
func JudgeHTTP2(h *Head, limits HeadLimits) {
	p := headParser{Head: h, limits: limits}
	h.ContentLength = -1
	p.requestHTTP2()
	size := len(h.Target)
	for _, f := range h.Fields {
		size += len(f.Name) + len(f.Value) + len(": \r\n")
		p.fieldHTTP2(f.Name, f.Value)
	}
	if len(h.Fields) > limits.Fields {
		p.fault(FaultHeadTooLarge)
	}
	p.tooLarge(size)
	p.connect()
}

// requestHTTP2 judges what the pseudo-headers said. Some clients send an :authority
// with the scheme before it; what is behind that is the host.
func (p *headParser) requestHTTP2() {
	p.authority = p.Host
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(p.authority) > len(scheme) && strings.EqualFold(p.authority[:len(scheme)], scheme) {
			p.Host = p.authority[len(scheme):]
		}
	}
	if len(p.Target) > p.limits.Target {
		p.fault(FaultTargetTooLong)
	}
	origin := strings.HasPrefix(p.Target, "/") || p.Method == "CONNECT" || p.Target == "*" && p.Method == "OPTIONS"
	if !isToken(p.Method) || !isTarget(p.Target) || !origin {
		p.fault(FaultRequestLine)
	}
	switch {
	case p.Host == "":
		p.fault(FaultHostMissing)
	case !isHost(p.Host):
		p.fault(FaultHostInvalid)
	}
}

// fieldHTTP2 judges one field. Names come in lower case, or net/http would have
// refused them.
func (p *headParser) fieldHTTP2(name, value string) {
	if !isToken(name) {
		p.fault(FaultFieldName)
	}
	p.fault(valueFault(value))
	switch strings.ToLower(name) {
	case "connection", "keep-alive", "proxy-connection", "upgrade":
		p.fault(FaultFieldName)
	case "te":
		if !strings.EqualFold(value, "trailers") {
			p.fault(FaultFieldName)
		}
	case "transfer-encoding":
		p.fault(FaultCodingInvalid)
	case "content-length":
		p.length(value)
	case "host":
		if p.hosts++; p.hosts > 1 || value != p.Host && value != p.authority {
			p.fault(FaultHostDuplicate)
		}
	}
}
