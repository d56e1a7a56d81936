package request

import "strings"

// Head is the head of a request as it was sent.
type Head struct {
	Method string
	Target string // exactly as on the request line or in :path
	Proto  string // "HTTP/1.0", "HTTP/1.1", "HTTP/2.0"
	Scheme string // "http" or "https", as the client sees it
	Host   string // Host header or :authority, as sent; absolute-form targets override it
	// Fields are the header lines in the order of arrival, Host included on
	// HTTP/1. Pseudo-headers are not among them.
	Fields []Field
	// Ordered says that order and letter case are the client's own. It is false
	// on HTTP/2 after the first request of a connection.
	Ordered bool

	// Framing. ContentLength is -1 where none was sent.
	ContentLength int64
	Chunked       bool // HTTP/1
	Ended         bool // HTTP/2: the stream ended with the head
	Upgrade       bool // Connection: upgrade with an Upgrade header
	Expect        bool // Expect: 100-continue
	Close         bool // the connection must not be kept

	// Fault is why the head must be refused; Fine if it need not be.
	Fault Fault
}

// Bodiless reports whether the head says that no body follows (RFC 9112, 6.3).
func (h *Head) Bodiless() bool {
	return h.ContentLength == 0 || h.ContentLength < 0 && !h.Chunked && (h.Ended || strings.HasPrefix(h.Proto, "HTTP/1."))
}

// Fault is why a message is refused before anyone looks at what it means.
type Fault uint8

// The faults, with the status that answers each.
const (
	Fine                 Fault = iota
	FaultRequestLine           // 400: not "METHOD SP target SP HTTP/1.x"
	FaultVersion               // 505
	FaultTargetTooLong         // 414
	FaultHeadTooLarge          // 431: bytes or number of fields
	FaultFieldName             // 400: empty, or not a token (white space before the colon)
	FaultFieldValue            // 400: NUL or another control byte
	FaultFolding               // 400: obs-fold
	FaultBareCR                // 400
	FaultBareLF                // 400
	FaultHostMissing           // 400: HTTP/1.1 without Host
	FaultHostDuplicate         // 400
	FaultHostInvalid           // 400
	FaultLengthInvalid         // 400: Content-Length is not a number
	FaultLengthDuplicate       // 400: more than one Content-Length
	FaultLengthAndCoding       // 400: Content-Length beside Transfer-Encoding
	FaultCodingUnknown         // 501: a transfer coding other than chunked
	FaultCodingInvalid         // 400: chunked twice, not last, or in HTTP/1.0
	FaultChunk                 // 400: bad chunk size, extension, delimiter or trailer
	FaultSlow                  // 408: head or body slower than allowed
	FaultStreams               // connection closed: HTTP/2 resets or control frames beyond the bound
	FaultConnect               // 501: CONNECT, which asks for a tunnel
	Faults               = iota
)
