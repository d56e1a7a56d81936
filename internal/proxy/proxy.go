// Package proxy is the reverse proxy front end: it fills the request view from
// the raw head, asks the engine, acts on its verdict, streams both ways and
// reports the outcome. It decides nothing itself.
//
// A Proxy is an http.Handler, safe for concurrent use. It adds no header that
// the client or HTTP does not ask for but X-Forwarded-*, sends the raw target
// upstream unchanged, and writes nothing to disk. Every path out of ServeHTTP
// writes a status or aborts the connection.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/answer"
	"bartizan/internal/engine"
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
	// Selftest reports whether token marks a self test; it may be nil.
	Selftest func(token string) bool
	// Report takes security events; it must not block.
	Report func([]engine.Event)
	// Access takes one line for every request, Record the whole exchange; both
	// may be nil and must not keep references into the request.
	Access func(*request.Request, engine.Verdict, request.Outcome)
	Record func(*request.Request, engine.Verdict, request.Outcome, []byte)
	// Budget bounds the bytes of bodies held for inspection, over all requests.
	Budget int64
	Now    func() time.Time
	Log    *slog.Logger
}

// Proxy is the front end.
type Proxy struct {
	options Options
	sites   atomic.Pointer[map[string]*site]
	pool    sync.Pool
	held    atomic.Int64
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
	p := &Proxy{options: o}
	p.pool.New = func() any { return new(exchange) }
	return p, p.Swap(o.Sites)
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

// Close drops idle upstream connections.
func (p *Proxy) Close() {
	for _, s := range *p.sites.Load() {
		s.close()
	}
}

// ServeHTTP judges one request and forwards it or answers.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	x := p.pool.Get().(*exchange)
	x.begin(p, w, hr)
	defer p.recover(x, w)
	x.serve()
}

// recover ends the exchange whatever happened: a panic of ours answers 500 where
// nothing was written yet; http.ErrAbortHandler goes on to net/http.
func (p *Proxy) recover(x *exchange, w http.ResponseWriter) {
	cause := recover()
	id := x.req.ID
	if cause != nil && cause != http.ErrAbortHandler {
		p.stats.panics.Add(1)
		p.options.Log.Error("panic while serving", "request", id, "cause", cause, "stack", string(debug.Stack()))
		if !x.wrote {
			x.write(answer.Unavailable(http.StatusServiceUnavailable, id, false))
		}
	}
	x.finish()
	if cause != nil {
		panic(http.ErrAbortHandler)
	}
}

// exchange is the state of one request. It is pooled.
type exchange struct {
	proxy   *Proxy
	w       http.ResponseWriter
	hr      *http.Request
	mu      sync.Mutex // guards req, verdict and prefix against the transport's body reads
	req     request.Request
	verdict engine.Verdict
	outcome request.Outcome
	start   time.Time
	body    body
	scratch engine.Scratch
	began   bool
	over    bool
	wrote   bool
	test    bool // a self test: the verdict is the answer
	added   time.Duration
}

func (x *exchange) begin(p *Proxy, w http.ResponseWriter, hr *http.Request) {
	x.proxy, x.w, x.hr, x.start = p, w, hr, p.options.Now()
	x.began, x.over, x.wrote, x.test, x.added = false, false, false, false, 0
	x.verdict, x.outcome = engine.Verdict{}, request.Outcome{}
	x.req.Reset()
}

// serve runs the exchange up to the last byte of the answer.
func (x *exchange) serve() {
	o := &x.proxy.options
	x.proxy.stats.inFlight.Add(1)
	defer x.proxy.stats.inFlight.Add(-1)
	o.Fill(x.hr, &x.req)
	x.resolve()
	x.body.open(x)
	x.verdict = o.Engine.Begin(x.start, &x.req)
	x.began = true
	if x.verdict.Refused() {
		x.refuse()
		return
	}
	if !x.inspect() {
		return
	}
	x.added = o.Now().Sub(x.start)
	if x.test {
		x.writeSelftest()
		return
	}
	x.forward()
}

// resolve finds the client: behind trusted hops, or a documentation address for
// self tests, so that they are judged as a stranger and touch nobody's record.
func (x *exchange) resolve() {
	o := &x.proxy.options
	if token := x.req.Header(selftestHeader); token != "" && o.Selftest != nil && o.Selftest(token) {
		x.test = true
		x.req.Client = addr.Of(netip.AddrFrom4([4]byte{192, 0, 2, 1}))
		return
	}
	var lines [8]string
	forwarded := lines[:0]
	for v := range x.req.Headers("X-Forwarded-For") {
		forwarded = append(forwarded, v)
	}
	x.req.Client = o.Engine.Policy().Resolver().Resolve(x.req.Conn.Peer.Addr, forwarded)
}

// inspect holds and judges the first bytes of the body. It reports whether to go on.
func (x *exchange) inspect() bool {
	if x.verdict.Inspect == 0 || !x.body.hold() {
		return true
	}
	x.judge()
	if f := x.fault(); f != request.Fine {
		x.malformed(f)
		return false
	}
	if x.verdict.Refused() {
		x.refuse()
		return false
	}
	return true
}

// judge asks the engine about the body so far. mu must be held or nobody else be there.
func (x *exchange) judge() {
	b := &x.body
	if x.over || len(b.prefix) == 0 || x.verdict.Refused() {
		return
	}
	b.judged = len(b.prefix)
	x.verdict = x.proxy.options.Engine.Body(x.start, &x.req, x.verdict, b.prefix, b.ended, &x.scratch)
}

// fault returns why the body turned out malformed, Fine if it did not.
func (x *exchange) fault() request.Fault {
	if f := x.proxy.options.BodyFault; f != nil {
		return f(x.hr)
	}
	return request.Fine
}

func (x *exchange) malformed(f request.Fault) {
	x.outcome.Fault = f
	x.verdict = x.proxy.options.Engine.Malformed(x.start, &x.req, f)
	x.refuse()
}

// refuse answers by the verdict.
func (x *exchange) refuse() {
	if x.test {
		x.writeSelftest()
		return
	}
	x.write(answer.Refusal(x.verdict, x.req.ID, x.navigation()))
}

// finish learns, reports and gives everything back. It runs once for every request.
func (x *exchange) finish() {
	p := x.proxy
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	x.body.release()
	if x.began {
		x.conclude()
	}
	if x.body.busy() {
		return // a read is still under way: leave this one to the garbage collector
	}
	x.proxy, x.w, x.hr = nil, nil, nil
	p.pool.Put(x)
}

func (x *exchange) conclude() {
	o := &x.proxy.options
	now := o.Now()
	x.outcome.Duration = now.Sub(x.start)
	x.outcome.RequestSize = x.body.read.Load()
	x.outcome.Aborted = x.outcome.Aborted || errors.Is(x.hr.Context().Err(), context.Canceled)
	if x.test {
		x.outcome.Answered = false
	}
	events := o.Engine.End(now, &x.req, x.verdict, x.outcome)
	if o.Report != nil && len(events) > 0 {
		o.Report(events)
	}
	if o.Record != nil && !x.test {
		o.Record(&x.req, x.verdict, x.outcome, x.body.prefix)
	}
	if o.Access != nil {
		o.Access(&x.req, x.verdict, x.outcome)
	}
	x.proxy.stats.count(x)
}

// navigation reports whether a person looks at a browser window: a top-level
// page load, and nothing else.
func (x *exchange) navigation() bool {
	r := &x.req
	return (r.Head.Method == "GET" || r.Head.Method == "HEAD") && r.Header("Sec-Fetch-Mode") == "navigate" && r.Header("Sec-Fetch-Dest") == "document"
}

// write sends an answer of ours.
func (x *exchange) write(a answer.Response) {
	h := x.w.Header()
	clear(h)
	for _, f := range a.Header {
		h[f[0]] = []string{f[1]}
	}
	if a.Close && x.hr.ProtoMajor == 1 {
		h["Connection"] = []string{"close"}
	}
	x.wrote, x.outcome.Status, x.outcome.ResponseSize = true, a.Status, int64(len(a.Body))
	x.w.WriteHeader(a.Status)
	if x.hr.Method != http.MethodHead {
		x.w.Write(a.Body) // the client may be gone; there is nobody to tell
	}
}

const selftestHeader = "Bartizan-Selftest"

func (x *exchange) writeSelftest() {
	x.w.Header().Set("Bartizan-Reference", x.req.ID)
	x.w.Header().Set("Bartizan-Verdict", x.verdict.Would.String())
	x.wrote, x.outcome.Status = true, http.StatusNoContent
	x.w.WriteHeader(http.StatusNoContent)
}
