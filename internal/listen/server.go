package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves one listener.
type Server struct {
	options  Options
	listener net.Listener
	http     *http.Server
	tls      *tls.Config // nil on plaintext

	limits *Limits
	ready  chan net.Conn // handed to net/http
	stop   context.Context
	cancel context.CancelFunc // no more connections; handshakes end
	owned  sync.WaitGroup     // the accept loop and the handshakes
	hurry  atomic.Bool        // close without manners
	leaves atomic.Bool        // each answer ends its connection
	nextID atomic.Uint64
	parked atomic.Int64 // of conns
	stats  counters

	mu    sync.Mutex
	conns map[*Conn]struct{} // every open connection
	idle  chan struct{}      // closed when the last one went; nil unless awaited
}

// counters are the numbers behind Stats that only grow.
type counters struct {
	accepted, overLimit, overClientLimit, proxyFailed, handshakeFailed, resumed, acceptErrors, streamFaults,
	mistaken atomic.Uint64
}

// Stats are numbers of a Server since it began; Open and Clients are of now.
type Stats struct {
	Accepted        uint64 // connections that the kernel gave us
	OverLimit       uint64 // closed at once: too many in all
	OverClientLimit uint64 // closed at once: too many of one client
	ProxyFailed     uint64 // bad, missing or forged PROXY header
	HandshakeFailed uint64 // TLS
	Resumed         uint64 // TLS sessions taken up again
	AcceptErrors    uint64 // out of file descriptors, mostly
	StreamFaults    uint64 // HTTP/2 connections closed for too many frames
	Mistaken        uint64 // TLS on a plaintext port, or plain HTTP on a TLS port
	Open            int    // connections that are not parked

	// Of all listeners that share Limits.
	Clients int    // client keys with connections
	Evicted uint64 // idle connections that had to give way
}

// New binds the listener. It serves nothing before Serve.
func New(options Options) (*Server, error) {
	o, err := options.check()
	if err != nil {
		return nil, err
	}
	report := o.OnError
	o.OnError = func(err error) {
		o.Logger.Warn("listener", "address", o.Address, "error", err)
		report(err)
	}
	s := &Server{options: o, ready: make(chan net.Conn), conns: make(map[*Conn]struct{}), limits: o.Limits}
	if s.limits == nil {
		s.limits = NewLimits(o.MaxConns, o.MaxConnsPerClient)
	}
	if o.TLS != nil {
		if s.tls, err = s.tlsConfig(*o.TLS); err != nil {
			return nil, err
		}
	}
	if s.listener, err = net.Listen("tcp", o.Address); err != nil {
		return nil, fmt.Errorf("listening on %q: %w", o.Address, err)
	}
	s.stop, s.cancel = context.WithCancel(context.Background())
	s.http = s.httpServer()
	return s, nil
}

// httpServer returns the net/http server that the connections are fed to.
func (s *Server) httpServer() *http.Server {
	o := &s.options
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		Protocols:                    &protocols,
		ReadHeaderTimeout:            o.HeaderTimeout, // the first byte; then Conn's own deadline counts
		IdleTimeout:                  o.IdleTimeout,
		MaxHeaderBytes:               o.HTTP2.HeaderListBytes,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: o.HTTP2.MaxStreams, WriteByteTimeout: o.WriteTimeout},
		DisableGeneralOptionsHandler: true,
		ConnState:                    connState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, contextKey{}, c)
		},
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
}

// tlsConfig is shared by all connections: its ticket keys must be, or no session
// could ever be resumed.
func (s *Server) tlsConfig(source TLS) (*tls.Config, error) {
	pair, err := newCertificate(source, s.options.OnError)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2", "http/1.1"},
		GetCertificate:     pair.get,
		GetConfigForClient: captureHello,
	}, nil
}

// connState tells the filter what net/http decided about its connection.
func connState(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*Conn)
	if !ok {
		return
	}
	switch state {
	case http.StateActive:
		c.server.limits.busy(c)
	case http.StateIdle:
		if !c.http2.Load() {
			c.answered()
		}
		c.server.limits.idle(c)
	case http.StateHijacked:
		c.handOver()
	}
}

// serve runs the handler with the head of this request in place.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := From(r.Context())
	if c == nil || !c.begin(r) {
		s.options.Logger.Error("serving a request without a head; this is a bug")
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if s.leaves.Load() {
		w.Header().Set("Connection", "close") // GOAWAY, on HTTP/2
	}
	s.options.Handler.ServeHTTP(w, r)
	if r.ProtoMajor == 1 && c.unread.Load() && !c.hijacked.Load() {
		c.hastenBody()
	}
}

// bodyGrace is how long the rest of a body may take once its request is answered.
// net/http reads that rest without a deadline, so a client that does not send it
// could hold the connection for ever.
const bodyGrace = 2 * time.Second

// hastenBody bounds the time for the rest of the body. A client that waits for
// 100 Continue in vain sends nothing, so there is nothing to wait for.
func (c *Conn) hastenBody() {
	until := time.Now()
	if !c.current.Expect || c.bodyBegun.Load() {
		until = until.Add(bodyGrace)
	}
	_ = c.SetReadDeadline(until) // a closed connection shows at the next Read
}

// Addr returns the address that the listener is bound to.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve accepts and serves until Shutdown, when it returns nil, or until the
// listener fails for good.
func (s *Server) Serve() error {
	failed := make(chan error, 1)
	s.mu.Lock()
	if s.stop.Err() != nil { // Shutdown came first, and waits for nobody who comes now
		s.mu.Unlock()
		return nil
	}
	s.owned.Go(func() { failed <- s.accept() })
	s.mu.Unlock()
	err := s.http.Serve(feed{s})
	s.cancel()
	s.listener.Close()
	s.owned.Wait()
	if broken := <-failed; broken != nil {
		return broken
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Linger goes on accepting and serving, but asks with each answer for another
// connection: "Connection: close", or GOAWAY on HTTP/2.
func (s *Server) Linger() { s.leaves.Store(true) }

// Shutdown stops accepting, drops handshakes, lets requests in flight and
// hijacked connections end, and at the end of ctx closes what is still open. It
// returns ctx's error if anything had to be closed so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.listener.Close()
	s.closeAll((*Conn).silent)
	err := s.http.Shutdown(ctx)
	if err == nil {
		err = s.wait(ctx) // hijacked connections, which net/http does not count
	}
	s.hurry.Store(true)
	s.http.Close()
	s.closeAll(func(*Conn) bool { return true }) // hijacked ones: net/http has forgotten them
	s.owned.Wait()
	return err
}

// wait waits until no connection is open.
func (s *Server) wait(ctx context.Context) error {
	s.mu.Lock()
	if len(s.conns) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// closeAll closes the connections that fit.
func (s *Server) closeAll(fits func(*Conn) bool) {
	s.mu.Lock()
	open := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		if fits(c) {
			open = append(open, c)
		}
	}
	s.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
}

// remember keeps c for Shutdown.
func (s *Server) remember(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
}

// forget gives back all that c held.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	if len(s.conns) == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	s.mu.Unlock()
	if c.parked.Load() {
		s.parked.Add(-1)
	}
	if c.uncounted.CompareAndSwap(false, true) {
		s.limits.leave()
	}
	s.limits.release(c)
}

// Stats returns the numbers of now.
func (s *Server) Stats() Stats {
	clients, evicted := s.limits.size()
	s.mu.Lock()
	open := len(s.conns) - int(s.parked.Load())
	s.mu.Unlock()
	n := &s.stats
	return Stats{
		Accepted: n.accepted.Load(), OverLimit: n.overLimit.Load(), OverClientLimit: n.overClientLimit.Load(),
		ProxyFailed: n.proxyFailed.Load(), HandshakeFailed: n.handshakeFailed.Load(), Resumed: n.resumed.Load(),
		AcceptErrors: n.acceptErrors.Load(), StreamFaults: n.streamFaults.Load(), Mistaken: n.mistaken.Load(),
		Open: open, Clients: clients, Evicted: evicted,
	}
}

// feed is the net.Listener that net/http accepts from.
type feed struct{ *Server }

func (f feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.ready:
		return c, nil
	case <-f.stop.Done():
		return nil, net.ErrClosed
	}
}

// Close lets net/http stop accepting.
func (f feed) Close() error {
	f.cancel()
	return nil
}

// hand gives a connection to net/http.
func (s *Server) hand(c *Conn) {
	c.handed.Store(true)
	select {
	case s.ready <- c:
	case <-s.stop.Done():
		c.Close()
	}
}

// backoff is how long the accept loop rests after n errors in a row.
func backoff(n int) time.Duration {
	return min(5*time.Millisecond<<min(n, 10), time.Second)
}
