// Package control is the local socket of the command line: what an operator can
// ask and do on the machine itself, also when nothing else answers.
//
// The socket is made with mode 0600: whoever can open it may do everything. The
// protocol is HTTP with JSON, so that curl --unix-socket serves where the
// program is not at hand.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"bartizan/internal/attacker"
	"bartizan/internal/engine"
	"bartizan/internal/signal"
)

// Options make a Server.
type Options struct {
	Path   string
	Engine *engine.Engine
	Now    func() time.Time
	// Journal keeps acts over a restart.
	Journal func(Act) error
	// Listeners are the addresses that a self test may use.
	Listeners func() []Listener
	// Documents are the sites' own OpenAPI documents, by first host.
	Documents func() map[string]string
	// Issue gives a one-time token for a self test.
	Issue func() string
}

// Listener is one front door, for self tests.
type Listener struct {
	Address string `json:"address"`
	TLS     bool   `json:"tls"`
}

// Act is an operator's act as the journal keeps it; one field is set.
type Act struct {
	Block   *attacker.Sentence `json:"block,omitempty"`
	Unblock *Unblock           `json:"unblock,omitempty"`
	PassAll *time.Time         `json:"pass_all,omitempty"`
	Approve *Approve           `json:"approve,omitempty"`

	Signature *SignatureAct `json:"signature,omitempty"`
}

// Approve names a site of which what was learned became the law.
type Approve struct {
	Site string    `json:"site"`
	At   time.Time `json:"at"`
}

// Unblock names whose records were cleared: an address, or a display name.
type Unblock struct {
	Who string    `json:"who"`
	At  time.Time `json:"at"`
}

// Pardon reads who is meant: "203.0.113.9", "2001:db8::1", "2001:db8:1::/48" or
// "a-7k2m9xq1".
func (u Unblock) Pardon() (attacker.Pardon, error) {
	if p, err := netip.ParsePrefix(u.Who); err == nil {
		return attacker.Pardon{Network: p.Masked()}, nil
	}
	if a, err := netip.ParseAddr(u.Who); err == nil {
		return attacker.Pardon{Address: a}, nil
	}
	if strings.HasPrefix(u.Who, "a-") && len(u.Who) == 10 {
		return attacker.Pardon{Name: u.Who}, nil
	}
	return attacker.Pardon{}, fmt.Errorf("reading %q: want an address, an attacker's name such as a-7k2m9xq1, or a network such as 2001:db8:1::/48", u.Who)
}

// Apply does what an act from the journal says and reports whether it still matters.
func (a Act) Apply(e *engine.Engine, now time.Time) bool {
	switch {
	case a.Block != nil:
		return e.Impose(now, *a.Block)
	case a.Unblock != nil:
		p, err := a.Unblock.Pardon()
		return err == nil && e.Unblock(p) > 0
	case a.Signature != nil:
		return e.Do(now, a.Signature.Name, a.Signature.Act) == nil
	case a.Approve != nil:
		return e.Approve(a.Approve.At, a.Approve.Site) > 0
	case a.PassAll != nil:
		e.PassAll(*a.PassAll)
		return a.PassAll.After(now)
	}
	return false
}

// Server serves the socket.
type Server struct {
	options Options
	http    *http.Server
	ln      net.Listener
}

// New binds the socket, replacing one that a dead process left.
func New(o Options) (*Server, error) {
	if c, err := net.Dial("unix", o.Path); err == nil {
		c.Close()
		return nil, fmt.Errorf("opening control socket %q: another process answers on it", o.Path)
	}
	if err := os.Remove(o.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("opening control socket: %w", err)
	}
	ln, err := net.Listen("unix", o.Path)
	if err != nil {
		return nil, fmt.Errorf("opening control socket: %w (the path may be at most 107 bytes long)", err)
	}
	if err := os.Chmod(o.Path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("opening control socket: %w", err)
	}
	s := &Server{options: o, ln: ln}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /explain/{id}", s.explain)
	mux.HandleFunc("GET /address/{address}", s.address)
	mux.HandleFunc("GET /attackers", s.attackers)
	mux.HandleFunc("GET /evidence", s.evidence)
	mux.HandleFunc("GET /endpoints", s.endpoints)
	mux.HandleFunc("GET /departures", s.departures)
	mux.HandleFunc("GET /documents", s.documents)
	mux.HandleFunc("GET /forecast", s.forecast)
	mux.HandleFunc("POST /forecast/reset", s.resetForecast)
	mux.HandleFunc("GET /campaigns", s.campaigns)
	mux.HandleFunc("GET /campaigns/{name}/members", s.members)
	mux.HandleFunc("GET /signatures", s.signatures)
	mux.HandleFunc("POST /signatures/{name}/{act}", s.signature)
	mux.HandleFunc("POST /unblock/{who}", s.unblock)
	mux.HandleFunc("POST /pass-all", s.passAll)
	mux.HandleFunc("POST /approve", s.approve)
	mux.HandleFunc("POST /selftest", s.selftest)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	return s, nil
}

// Serve answers until Close.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving control socket: %w", err)
	}
	return nil
}

// Close stops serving and removes the socket.
func (s *Server) Close(ctx context.Context) error { return s.http.Shutdown(ctx) }

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	x, ok := s.options.Engine.Explain(s.options.Now(), r.PathValue("id"))
	if !ok {
		fail(w, http.StatusNotFound, errors.New("no such reference among the recent notable requests: it passed without any evidence, or it is too old"))
		return
	}
	reply(w, x)
}

func (s *Server) address(w http.ResponseWriter, r *http.Request) {
	a, err := netip.ParseAddr(r.PathValue("address"))
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("reading address %q: want one such as 203.0.113.9", r.PathValue("address")))
		return
	}
	reply(w, s.options.Engine.ExplainAddress(s.options.Now(), a))
}

func (s *Server) attackers(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.options.Engine.Attackers(s.options.Now(), signal.Watch, 100))
}

func (s *Server) evidence(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.options.Engine.Evidence())
}

func (s *Server) endpoints(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.options.Engine.Endpoints(s.options.Now()))
}

func (s *Server) departures(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.options.Engine.Departures(s.options.Now()))
}

func (s *Server) documents(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.options.Documents())
}

func (s *Server) forecast(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.options.Engine.Forecast(s.options.Now()))
}

func (s *Server) resetForecast(w http.ResponseWriter, _ *http.Request) {
	s.options.Engine.ResetForecast(s.options.Now())
	reply(w, struct{}{})
}

// Unblocked answers an unblock.
type Unblocked struct {
	Records int `json:"records"`
}

func (s *Server) unblock(w http.ResponseWriter, r *http.Request) {
	u := Unblock{Who: r.PathValue("who"), At: s.options.Now()}
	p, err := u.Pardon()
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	n := s.options.Engine.Unblock(p)
	s.done(w, Act{Unblock: &u}, Unblocked{n})
}

// Approved answers an approval.
type Approved struct {
	Endpoints int `json:"endpoints"`
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	a := Approve{Site: r.URL.Query().Get("site"), At: s.options.Now()}
	n := s.options.Engine.Approve(a.At, a.Site)
	if n == 0 {
		fail(w, http.StatusNotFound, fmt.Errorf("approving %q: nothing has been learned of that site (`bartizan api list` names them)", a.Site))
		return
	}
	s.done(w, Act{Approve: &a}, Approved{n})
}

// Passing answers a pass-all.
type Passing struct {
	Until time.Time `json:"until"` // in the past: nothing passes by itself
}

func (s *Server) passAll(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || d < 0 || d > 24*time.Hour {
		fail(w, http.StatusBadRequest, fmt.Errorf("reading duration %q: want 0s to 24h, such as 15m", r.URL.Query().Get("for")))
		return
	}
	until := s.options.Now().Add(d)
	s.options.Engine.PassAll(until)
	s.done(w, Act{PassAll: &until}, Passing{until})
}

// done journals an act and replies. The act holds even if the journal fails:
// the operator is told.
func (s *Server) done(w http.ResponseWriter, a Act, v any) {
	if err := s.options.Journal(a); err != nil {
		fail(w, http.StatusInsufficientStorage, fmt.Errorf("done, but a restart will forget it: %w", err))
		return
	}
	reply(w, v)
}

// Selftest says how to run a self test.
type Selftest struct {
	Token     string     `json:"token"`
	Listeners []Listener `json:"listeners"`
}

func (s *Server) selftest(w http.ResponseWriter, _ *http.Request) {
	reply(w, Selftest{s.options.Issue(), s.options.Listeners()})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the other end is gone: nobody to tell
}

// failure is the body of an error.
type failure struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(failure{err.Error()}) // as in reply
}
