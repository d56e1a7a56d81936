// Package admin is the administrative listener: health, readiness and metrics
// now, the console and its API later. It is loopback by default and decides
// nothing.
package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Server serves the administrative listener.
type Server struct {
	http  *http.Server
	ln    net.Listener
	ready atomic.Bool
}

// New binds address; metrics answers /metrics.
func New(address string, metrics http.Handler) (*Server, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening admin listener: %w", err)
	}
	s := &Server{ln: ln}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return s, nil
}

// Addr returns the bound address.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// SetReady says whether the gateway serves traffic.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Serve answers until Close.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving admin listener: %w", err)
	}
	return nil
}

// Close stops serving.
func (s *Server) Close(ctx context.Context) error { return s.http.Shutdown(ctx) }
