// Package proxy is the reverse proxy front end: it fills the request view from
// the raw head, asks the engine, acts on its verdict, streams both ways and
// reports the outcome. It decides nothing itself.
//
// A Proxy is an http.Handler, safe for concurrent use. It adds no header that
// the client or HTTP does not ask for but X-Forwarded-*, sends the raw target
// upstream unchanged, and writes nothing to disk. Every path out of ServeHTTP
// writes a status or aborts the connection, and no goroutine outlives it but
// those of net/http's transport. It needs net/http's own server, or one whose
// ResponseWriter keeps read deadlines as that one does.
//
// Two things are not kept byte for byte, because HTTP says that they mean the
// same: letter case and order of field names, and the reason phrase.
package proxy

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/answer"
	"bartizan/internal/engine"
	"bartizan/internal/proxy/tarpit"
	"bartizan/internal/request"
)

// Options make a Proxy. Engine, Fill and Sites are needed.
type Options struct {
	Engine *engine.Engine
	Sites  []Site
	// Fill sets Conn, Head and Number of the request view from what the listener kept.
	Fill func(*http.Request, *request.Request)
	// BodyFault tells whether the listener found the body malformed.
	BodyFault func(*http.Request) request.Fault
	// Locate tells what is known of a client's network; it must not wait. It may be nil.
	Locate func(client netip.Addr, agent string) request.Network
	// Selftest reports whether token marks a self test; it may be nil.
	Selftest func(token string) bool
	// Report takes security events; it must not block.
	Report func([]engine.Event)
	// Access takes one line for every request, Record the whole exchange; both
	// may be nil and must not keep references into the request.
	Access func(*request.Request, engine.Verdict, request.Outcome)
	Record func(*request.Request, engine.Verdict, request.Outcome, []byte)
	// Budget bounds the bytes of bodies held for inspection, over all requests;
	// 0 means 256 MiB. What does not fit is forwarded and counted, not judged.
	Budget int64
	// Requests bounds the requests under way, but for a quarter more from clients with
	// few; 0 means 16,384. A client may have a quarter of the places that are free,
	// eight at least; beyond that its requests are answered 503.
	Requests int
	// A body that upstream has not begun to answer may be silent for BodyGrace
	// (30 s) and must, after that time, have come at BodyRate bytes a second (500)
	// on average. gRPC and upgraded connections are exempt: they are silent by design.
	BodyGrace time.Duration
	BodyRate  int
	// Tarpit bounds what is held of attackers; without Connections nothing is.
	Tarpit Tarpit
	Now    func() time.Time
	Log    *slog.Logger
}

// Tarpit bounds what is held of attackers.
type Tarpit = tarpit.Options

// Proxy is the front end.
type Proxy struct {
	options Options
	sites   atomic.Pointer[map[string]*site]
	pool    sync.Pool // of *exchange
	held    atomic.Int64
	flight  *flight
	pit     *tarpit.Pit
	checks  checks
	stats   stats
}

// New returns a proxy for the sites.
func New(o Options) (*Proxy, error) {
	if o.Engine == nil || o.Fill == nil {
		return nil, errors.New("making proxy: Engine and Fill must be set")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Budget == 0 {
		o.Budget = 256 << 20
	}
	if o.BodyGrace == 0 {
		o.BodyGrace = 30 * time.Second
	}
	if o.BodyRate == 0 {
		o.BodyRate = 500
	}
	if o.Requests == 0 {
		o.Requests = defaultRequests
	}
	p := &Proxy{options: o, flight: newFlight(o.Requests)}
	p.pool.New = func() any { return newExchange(p) }
	if err := p.Swap(o.Sites); err != nil {
		return nil, err
	}
	p.pit = tarpit.New(o.Tarpit)
	p.checks.begin(p)
	return p, nil
}

// Swap replaces the sites; requests under way keep the upstream they have.
// Upstreams that stay the same keep their connections and health.
func (p *Proxy) Swap(sites []Site) error {
	old := p.sites.Load()
	next := make(map[string]*site, len(sites))
	for _, s := range sites {
		made, err := newSite(s, old)
		if err != nil {
			return err
		}
		next[s.Name] = made
	}
	p.sites.Store(&next)
	if old != nil {
		retire(*old, next)
	}
	return nil
}

// LetGo closes all connections that the tarpit holds; from now on it holds none.
// Call it before the listeners are shut down, which wait for them.
func (p *Proxy) LetGo() { p.pit.Close() }

// Close lets everybody go, ends the health checks and drops idle upstream
// connections. It is called once.
func (p *Proxy) Close() {
	p.LetGo()
	p.checks.end()
	for _, s := range *p.sites.Load() {
		s.close()
	}
}

// ServeHTTP judges one request and forwards it or answers.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	p.stats.inFlight.Add(1)
	defer p.stats.inFlight.Add(-1)
	x := p.pool.Get().(*exchange)
	x.begin(w, hr)
	defer p.recover(x)
	x.serve()
}

// recover ends the exchange whatever happened. A panic of ours becomes an answer
// where nothing was written yet, else the connection is cut, as it is for
// http.ErrAbortHandler: a client must not take half an answer for a whole one.
func (p *Proxy) recover(x *exchange) {
	cause := recover()
	if err, _ := cause.(error); cause != nil && !errors.Is(err, http.ErrAbortHandler) {
		p.stats.panics.Add(1)
		p.options.Log.Error("panic while serving", "reference", x.req.ID, "cause", cause, "stack", string(debug.Stack()))
		if !x.wrote {
			cause = nil
			x.body.reclaim()
			x.write(answer.Unavailable(http.StatusServiceUnavailable, x.req.ID, false))
		}
	}
	x.finish()
	if cause != nil {
		panic(http.ErrAbortHandler)
	}
}
