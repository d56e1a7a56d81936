// Package listen is the front door: it accepts connections, ends TLS, and keeps
// of each connection what net/http throws away: the ClientHello, the opening of
// HTTP/2 and the head of each HTTP/1 request exactly as it was sent.
//
// It decides nothing. What it finds wrong it reports as a request.Fault, with
// the head beside it, to the handler that decides and answers.
//
// net/http never reads the head that an HTTP/1 client wrote. A filter between
// the socket and net/http frames and parses it strictly (request.ParseHead),
// keeps it for the handler (Head), and hands on a head of its own making with
// the same method, version and framing and nothing else. So connections, bodies
// and answers are net/http's work, while only one parser judges a head: ours.
// On HTTP/2 the bytes pass unchanged; a tee reads the opening and counts frames.
//
// Concurrency: a Server's methods are safe for concurrent use. A Conn's exported
// methods too, but Read and what net/http calls belong to net/http's goroutines,
// as with any net.Conn. Each goroutine started here ends before Serve returns,
// but for those of hijacked connections, which the handler owns.
package listen

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"bartizan/internal/request"
)

// Options configure one listener. Zero values of limits and times take the
// defaults named beside them; only Address and Handler are required.
type Options struct {
	Address string // host:port, as net.Listen takes it
	TLS     *TLS   // nil for plaintext
	Handler http.Handler

	// ProxyProtocol says that peers for which TrustedPeers is true put a PROXY
	// protocol header (version 1 or 2) before everything else. They must; from
	// anyone else such a header is refused, since it would forge an address.
	ProxyProtocol bool
	TrustedPeers  func(netip.Addr) bool

	MaxConns int // connections in all; 10,000
	// MaxConnsPerClient bounds the connections of one /32 or /64; 1,000. Exempt
	// clients (load balancers, health checks) are not bounded.
	MaxConnsPerClient int
	Exempt            func(netip.Addr) bool
	// Limits are those that several listeners share; nil: this one's own, by MaxConns
	// and MaxConnsPerClient.
	Limits *Limits

	HandshakeTimeout time.Duration // PROXY header and TLS together; 10 s
	HeaderTimeout    time.Duration // first to last byte of an HTTP/1 head; 10 s
	IdleTimeout      time.Duration // between requests; 120 s
	// WriteTimeout is how long a client may take to accept 64 KiB of an answer
	// (slow-read attack); 60 s.
	WriteTimeout time.Duration

	Head  request.HeadLimits // of both versions: 32 KiB, 500 fields, 16 KiB of target
	HTTP2 HTTP2Limits

	// OnFault is called for a fault that no request can be blamed for; that is
	// FaultStreams. It runs on the goroutine that reads the connection, so it must
	// not block. Optional.
	OnFault func(*Conn, request.Fault)
	// OnError is told what the server survives: a certificate pair that cannot be
	// loaded, a panic in a handshake. Optional; errors are logged either way.
	OnError func(error)
	Logger  *slog.Logger // slog.Default
}

// HTTP2Limits bound what one HTTP/2 connection may ask for.
type HTTP2Limits struct {
	MaxStreams int // concurrent streams; 100
	// HeaderListBytes is what is decoded of one head, as RFC 9113 counts: 1 MiB. It
	// is more than Options.Head lets through, so that a head that is too large is
	// answered on its stream; one twice this long ends the connection.
	HeaderListBytes int

	// More than Resets RST_STREAM frames (rapid reset, CVE-2023-44487; 500), or
	// more than Control other frames that carry no data (SETTINGS, PING, PRIORITY,
	// CONTINUATION, WINDOW_UPDATE, empty DATA; 2,000), in one Window (10 s) close
	// the connection. PING and WINDOW_UPDATE answer data that we send, so one of
	// them is free for each KiB written.
	Resets, Control int
	Window          time.Duration
}

// TLS says where the certificate comes from: two PEM files, which are read again
// when they change, or PEM text.
type TLS struct {
	CertFile, KeyFile string
	CertPEM, KeyPEM   []byte
}

// check returns o with its defaults filled in, and all that is wrong with it.
func (o Options) check() (Options, error) {
	var errs []error
	if o.Address == "" {
		errs = append(errs, errors.New("checking listener: no address"))
	}
	if o.Handler == nil {
		errs = append(errs, errors.New("checking listener: no handler"))
	}
	if o.ProxyProtocol && o.TrustedPeers == nil {
		errs = append(errs, errors.New("checking listener: proxy_protocol needs trusted peers, or anyone could forge an address"))
	}
	for _, n := range []int{o.MaxConns, o.MaxConnsPerClient, o.Head.Bytes, o.Head.Fields, o.Head.Target, o.HTTP2.MaxStreams, o.HTTP2.HeaderListBytes, o.HTTP2.Resets, o.HTTP2.Control} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("checking listener: negative limit %d", n))
		}
	}
	for _, d := range []time.Duration{o.HandshakeTimeout, o.HeaderTimeout, o.IdleTimeout, o.WriteTimeout, o.HTTP2.Window} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("checking listener: negative time %v", d))
		}
	}
	o.fill()
	return o, errors.Join(errs...)
}

// fill sets the defaults.
func (o *Options) fill() {
	set(&o.MaxConns, 10_000)
	set(&o.MaxConnsPerClient, 1_000)
	set(&o.HandshakeTimeout, 10*time.Second)
	set(&o.HeaderTimeout, 10*time.Second)
	set(&o.IdleTimeout, 120*time.Second)
	set(&o.WriteTimeout, 60*time.Second)
	set(&o.Head.Bytes, 32<<10)
	set(&o.Head.Fields, 500)
	set(&o.Head.Target, 16<<10)
	set(&o.HTTP2.MaxStreams, 100)
	set(&o.HTTP2.HeaderListBytes, 1<<20)
	set(&o.HTTP2.Resets, 500)
	set(&o.HTTP2.Control, 2_000)
	set(&o.HTTP2.Window, 10*time.Second)
	if o.Exempt == nil {
		o.Exempt = func(netip.Addr) bool { return false }
	}
	if o.OnFault == nil {
		o.OnFault = func(*Conn, request.Fault) {}
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// set gives *p the value v if it has none.
func set[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
