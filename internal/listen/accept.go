package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/fingerprint"
)

var errOverClientLimit = errors.New("accepting connection: the client has too many")

// accept takes connections from the kernel until the listener is closed. Errors
// such as EMFILE pass when connections end, so it rests and goes on: a server
// that exits when it is flooded does the attacker's work.
func (s *Server) accept() error {
	for failures := 0; ; {
		nc, err := s.listener.Accept()
		if err == nil {
			failures = 0
			s.admit(nc)
			continue
		}
		if s.stop.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accepting on %q: %w", s.options.Address, err)
		}
		s.stats.acceptErrors.Add(1)
		if failures == 0 {
			s.options.OnError(fmt.Errorf("accepting on %q: %w", s.options.Address, err))
		}
		rest := time.NewTimer(backoff(failures))
		select {
		case <-rest.C:
		case <-s.stop.Done():
			rest.Stop()
		}
		failures++
	}
}

// admit finds a place for a new connection. All that reads from the client
// happens on a goroutine of its own, or one slow client would stop all others.
func (s *Server) admit(nc net.Conn) {
	s.stats.accepted.Add(1)
	if !s.limits.enter() {
		s.stats.overLimit.Add(1)
		drop(nc)
		return
	}
	c := &Conn{server: s, raw: &rawConn{Conn: nc}}
	c.raw.owner, c.plain = c, c.raw
	c.facts.ID = s.nextID.Add(1)
	s.remember(c)
	c.identify(peerOf(nc))
	if !s.options.ProxyProtocol && !s.claim(c) {
		c.refuse()
		return
	}
	if s.tls == nil && !s.options.ProxyProtocol {
		s.hand(c)
		return
	}
	s.owned.Go(func() { s.welcome(c) })
}

// claim takes one of the client's places.
func (s *Server) claim(c *Conn) bool {
	a := c.peer.Addr()
	if s.limits.claim(c, addr.KeyOf(a), s.options.Exempt(a)) {
		return true
	}
	s.stats.overClientLimit.Add(1)
	return false
}

// drop closes a connection without leaving it behind in TIME_WAIT.
func drop(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing is all that is left to do
	}
	nc.Close()
}

// refuse closes a connection that was admitted and never served.
func (c *Conn) refuse() {
	if !c.closed.CompareAndSwap(false, true) {
		return
	}
	drop(c.raw.Conn)
	c.server.forget(c)
}

// welcome does what comes before HTTP: PROXY header and TLS handshake.
func (s *Server) welcome(c *Conn) {
	defer func() {
		if v := recover(); v != nil {
			s.options.OnError(fmt.Errorf("welcoming connection: panic: %v\n%s", v, debug.Stack()))
			c.refuse()
		}
	}()
	ctx, cancel := context.WithTimeout(s.stop, s.options.HandshakeTimeout)
	defer cancel()
	if s.options.ProxyProtocol {
		if err := s.readProxy(ctx, c); err != nil {
			if !errors.Is(err, errOverClientLimit) {
				s.stats.proxyFailed.Add(1)
			}
			s.options.Logger.Debug("connection refused", "peer", c.peer, "error", err)
			c.refuse()
			return
		}
	}
	if s.tls != nil {
		if err := s.handshake(ctx, c); err != nil {
			s.stats.handshakeFailed.Add(1)
			s.options.Logger.Debug("handshake failed", "peer", c.peer, "ja4", c.facts.TLS.JA4, "error", err)
			if !c.answerPlain(err) {
				c.refuse()
			}
			return
		}
	}
	s.hand(c)
}

// readProxy reads the PROXY header within ctx and takes the client's place.
func (s *Server) readProxy(ctx context.Context, c *Conn) error {
	stop := context.AfterFunc(ctx, func() { c.raw.Conn.SetReadDeadline(time.Unix(1, 0)) })
	source, ahead, err := readProxy(c.raw.Conn, s.options.TrustedPeers(c.peer.Addr()))
	if !stop() {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	c.raw.ahead = ahead
	if source.IsValid() {
		c.identify(source)
	}
	if !s.claim(c) {
		return errOverClientLimit
	}
	return nil
}

// handshake does the TLS handshake within ctx and notes what it told.
func (s *Server) handshake(ctx context.Context, c *Conn) error {
	t := tls.Server(c.raw, s.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	state := t.ConnectionState()
	c.plain = t
	c.alpnH2 = state.NegotiatedProtocol == "h2"
	c.facts.Secure = true
	c.facts.TLS.ALPN = state.NegotiatedProtocol
	c.facts.TLS.SNI = state.ServerName
	c.facts.TLS.Version = state.Version
	c.facts.TLS.Resumed = state.DidResume
	if state.DidResume {
		s.stats.resumed.Add(1)
	}
	return nil
}

// captureHello is the tls.Config.GetConfigForClient of all listeners. It runs on
// every hello, one that resumes a session too, before anything is decided.
func captureHello(chi *tls.ClientHelloInfo) (*tls.Config, error) {
	raw, ok := chi.Conn.(*rawConn)
	if !ok {
		return nil, nil
	}
	h := fingerprint.Hello{Versions: chi.SupportedVersions, Ciphers: chi.CipherSuites, Extensions: chi.Extensions, ALPN: chi.SupportedProtos}
	for _, s := range chi.SignatureSchemes {
		h.Signatures = append(h.Signatures, uint16(s))
	}
	raw.owner.facts.TLS.JA4, raw.owner.facts.TLS.JA4Raw = fingerprint.JA4(h.Fresh(), 't')
	return nil, nil
}

// peerOf returns the address of the transport's other end.
func peerOf(nc net.Conn) netip.AddrPort {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}
