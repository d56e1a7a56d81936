package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bartizan/internal/admin"
	"bartizan/internal/apimap"
	"bartizan/internal/attacker"
	"bartizan/internal/config"
	"bartizan/internal/control"
	"bartizan/internal/engine"
	"bartizan/internal/intel"
	"bartizan/internal/kernel"
	"bartizan/internal/listen"
	"bartizan/internal/metrics"
	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/replay"
	"bartizan/internal/request"
	"bartizan/internal/sink"
	"bartizan/internal/store"
	"bartizan/internal/swarm"
	"bartizan/internal/unpack"
)

const (
	tickEvery     = 250 * time.Millisecond
	snapshotEvery = 10 * time.Minute
	lookEvery     = 2 * time.Second // at the configuration file
)

// setup is what a gateway is made from.
type setup struct {
	configFile string
	override   func(*config.File)
	record     string
	log        *slog.Logger
	stdout     io.Writer
	report     func([]engine.Event) // also told of events; may be nil
}

// gateway is the running whole.
type gateway struct {
	setup
	file      config.File
	tried     config.File // what reload read last, in force or not
	seen      string      // stamp of the configuration in force; watch's own once it runs
	engine    *engine.Engine
	proxy     *proxy.Proxy
	intel     *intel.Locator
	kernel    *kernel.Filter // nil: blocks are not pushed down
	listeners []*listen.Server
	admin     *admin.Server
	control   *control.Server
	store     *store.Store
	events    *sink.Sink
	access    *sink.Sink
	traffic   *sink.Sink // takes what is recorded; nil without --record
	recorder  *replay.Recorder
	tests     tokens
	forgetful atomic.Bool  // the journal fails
	untold    atomic.Int64 // s: when the missing trusted_proxies was last told
	closers   []func()
}

// newGateway opens everything; nothing is served before run. On an error what
// was opened is closed.
func newGateway(s setup) (g *gateway, err error) {
	g = &gateway{setup: s}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	var p *policy.Policy
	if g.file, p, err = config.Load(s.configFile, s.override); err != nil {
		return g, err
	}
	g.seen = g.stamp()
	if g.store, err = store.Open(g.file.Data); err != nil {
		return g, err
	}
	g.later(func() { g.store.Close() })
	if err = g.openEngine(p); err != nil {
		return g, err
	}
	if err = g.openOutputs(); err != nil {
		return g, err
	}
	if err = g.openIntel(); err != nil {
		return g, err
	}
	if err = g.openFront(); err != nil {
		return g, err
	}
	g.openKernel()
	return g, g.openBack()
}

func (g *gateway) later(f func()) { g.closers = append(g.closers, f) }

// close closes what was opened, last first.
func (g *gateway) close() {
	for i := len(g.closers) - 1; i >= 0; i-- {
		g.closers[i]()
	}
	g.closers = nil
}

// openEngine makes the engine and gives it back its state.
func (g *gateway) openEngine(p *policy.Policy) error {
	detector, err := detectorOf(g.file, g.store.Seed())
	if err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		// Tables, held bodies, and room for what lives briefly.
		debug.SetMemoryLimit(int64(g.file.Limits.Memory) + bodyBudget + 256<<20)
	}
	specs, err := specsOf(g.file, g.unvalidated)
	if err != nil {
		return err
	}
	key, err := g.store.Key(g.file.Interrogation.Key)
	if err != nil {
		return err
	}
	node, _ := os.Hostname() // a name for events; none is fine
	now := time.Now()
	g.engine = engine.New(engine.Options{
		Policy: p, Specs: specs, Detector: detector, Codings: unpack.Codings(), Seed: g.store.Seed(), Start: now, Node: node,
		Clients: max(int(int64(g.file.Limits.Memory)*6/10/int64(attacker.RecordSize)), 1), Model: modelOf(g.file), Swarm: swarmOf(g.file), Key: key,
	})
	records := 0
	aside, err := g.store.Load(func(r io.Reader) (err error) {
		records, err = g.engine.Restore(now, r)
		return err
	}, func(err error) bool { return errors.Is(err, engine.ErrSnapshot) })
	switch {
	case aside != "":
		g.log.Error("the state snapshot cannot be used; starting without it", "set_aside", aside, "error", err)
	case err != nil:
		return err
	}
	if err := g.engine.WriteSignatures(now, g.file.BotnetSignatures()); err != nil {
		return err
	}
	acts, skipped, err := g.store.Replay(func(raw json.RawMessage) error {
		var a control.Act
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		a.Apply(g.engine, now)
		return nil
	})
	if err != nil {
		return err
	}
	if records+acts+skipped > 0 {
		g.log.Info("state restored", "records", records, "journal", acts, "skipped", skipped)
	}
	return nil
}

// modelOf bounds the API model.
func modelOf(f config.File) apimap.Options {
	l := f.Learning
	return apimap.Options{
		MinimumRequests: l.MinimumRequests, MinimumTime: time.Duration(l.MinimumTime), EnforceAfter: time.Duration(l.EnforceAfter), EnforceNetworks: l.EnforceNetworks,
	}
}

// swarmOf sets the botnet search.
func swarmOf(f config.File) swarm.Options {
	return swarm.Options{MinimumTime: time.Duration(f.Learning.MinimumTime)}
}

const bodyBudget = 256 << 20 // bytes of bodies held for inspection

func (g *gateway) openOutputs() (err error) {
	if g.events, err = sink.New(g.file.Events.File, stdoutIf(g.file.Events.Stdout, g.stdout), g.log); err != nil {
		return err
	}
	g.later(func() { g.events.Close() })
	if g.access, err = sink.New(g.file.Access.File, stdoutIf(g.file.Access.Stdout, g.stdout), g.log); err != nil {
		return err
	}
	g.later(func() { g.access.Close() })
	if g.record != "" {
		if g.traffic, err = sink.New(g.record, nil, g.log); err != nil {
			return err
		}
		g.later(func() { g.traffic.Close() })
		g.recorder = replay.NewRecorder(g.store.Seed(), g.traffic.Offer)
	}
	return nil
}

func stdoutIf(on bool, w io.Writer) io.Writer {
	if on {
		return w
	}
	return nil
}

// openIntel opens what is known of addresses.
func (g *gateway) openIntel() error {
	ranges, err := g.file.BotRanges()
	if err != nil {
		return err
	}
	o := intel.Options{ASN: g.file.Intel.ASN, Country: g.file.Intel.Country, Now: time.Now, Log: g.log}
	if g.file.Intel.VerifyBots {
		o.Bots = intel.WellKnown()
	}
	for i, b := range g.file.Intel.Bots {
		if b.Keys != "" && len(b.Domains) == 0 && len(ranges[i]) == 0 {
			continue // it signs: the engine's business
		}
		o.Bots = append(o.Bots, intel.Bot{Name: b.Name, Agent: b.Agent, Domains: b.Domains, Ranges: ranges[i]})
	}
	if g.intel, err = intel.New(o); err != nil {
		return err
	}
	g.later(func() { g.intel.Close() })
	return nil
}

// openFront makes the proxy and binds the listeners.
func (g *gateway) openFront() (err error) {
	o := proxy.Options{
		Engine: g.engine, Sites: sitesOf(g.file), Fill: g.fill, BodyFault: bodyFault, Selftest: g.tests.take, Locate: g.intel.Locate,
		Report: g.tell, Access: g.line, Budget: bodyBudget, Log: g.log,
		BodyGrace: time.Duration(g.file.Timeouts.Body), BodyRate: int(g.file.Timeouts.BodyRate),
	}
	connections, held := g.connections()
	o.Tarpit = tarpitOf(g.file, held)
	if g.recorder != nil {
		o.Record = g.recorder.Record
	}
	if g.proxy, err = proxy.New(o); err != nil {
		return err
	}
	g.later(g.proxy.Close)
	for _, l := range g.file.Listen {
		s, err := g.listen(l, connections)
		if err != nil {
			return err
		}
		g.listeners = append(g.listeners, s)
		g.later(func() { closeNow(s.Shutdown) })
	}
	return nil
}

// connections clamps the limits to what the open-file limit allows: each client
// connection may need one to an upstream, one in the tarpit needs none. Where both
// do not fit, a quarter is the tarpit's.
func (g *gateway) connections() (open, held int) {
	open, held = g.file.Limits.Connections, g.file.Tarpit.Connections
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return open, held
	}
	files := max(int(min(r.Cur, 1<<30))-256, 64)
	if 2*open+held <= files {
		return open, held
	}
	held = min(held, max(files/4, files-2*open))
	if open = min(open, (files-held)/2); open < g.file.Limits.Connections {
		g.log.Warn("limits.connections is clamped to the open-file limit", "configured", g.file.Limits.Connections, "used", open, "tarpit", held, "open_files", r.Cur)
	}
	return open, held
}

// tarpitOf bounds the tarpit.
func tarpitOf(f config.File, connections int) proxy.Tarpit {
	return proxy.Tarpit{Connections: connections, Memory: int64(f.Tarpit.Memory), Time: time.Duration(f.Tarpit.Time)}
}

func (g *gateway) listen(l config.Listen, connections int) (*listen.Server, error) {
	t := g.file.Timeouts
	o := listen.Options{
		Address: l.Address, Handler: g.proxy, ProxyProtocol: l.ProxyProtocol, TrustedPeers: g.trusted, Exempt: g.trusted,
		MaxConns: connections, MaxConnsPerClient: g.file.Limits.ConnectionsPerClient, Logger: g.log,
		HandshakeTimeout: time.Duration(t.Handshake), HeaderTimeout: time.Duration(t.Header), IdleTimeout: time.Duration(t.Idle),
		OnFault: g.streamFault,
	}
	switch {
	case l.TLS == nil:
	case l.TLS.SelfSigned:
		cert, key, err := g.store.SelfSigned(func() ([]byte, []byte, error) { return listen.SelfSigned(nil, time.Now()) })
		if err != nil {
			return nil, err
		}
		o.TLS = &listen.TLS{CertPEM: cert, KeyPEM: key}
	default:
		o.TLS = &listen.TLS{CertFile: l.TLS.Cert, KeyFile: l.TLS.Key}
	}
	return listen.New(o)
}

func (g *gateway) trusted(a netip.Addr) bool { return g.engine.Policy().Trusted(a) }

// fill hands the listener's facts to the request view.
func (g *gateway) fill(hr *http.Request, r *request.Request) {
	c := listen.From(hr.Context())
	r.Conn = c.Facts()
	listen.Head(hr, &r.Head)
	r.Number = c.Number()
}

func bodyFault(hr *http.Request) request.Fault { return listen.From(hr.Context()).Fault() }

// streamFault is told of faults that no request can be blamed for. They go by the
// first line of HTTP/2's preface.
func (g *gateway) streamFault(c *listen.Conn, f request.Fault) {
	r := request.Request{Conn: c.Facts()}
	r.Client, r.Head.Fault, r.Head.Method, r.Head.Target, r.Head.Proto = r.Conn.Peer, f, "PRI", "*", "HTTP/2.0"
	now, o := time.Now(), request.Outcome{Fault: f}
	v := g.engine.Begin(now, &r)
	g.tell(g.engine.End(now, &r, v, o))
	if g.recorder != nil {
		g.recorder.Record(&r, v, o, nil)
	}
}

// openBack makes control socket and admin listener.
func (g *gateway) openBack() (err error) {
	g.control, err = control.New(control.Options{
		Path: g.store.Socket(), Engine: g.engine, Now: time.Now, Journal: g.note,
		Listeners: g.addresses, Issue: g.tests.issue,
	})
	if err != nil {
		return err
	}
	g.later(func() { closeNow(g.control.Close) })
	if g.admin, err = admin.New(g.file.Admin.Address, metrics.Handler(metrics.Options{Engine: g.engine, Now: time.Now, Numbers: g.numbers, Added: g.added})); err != nil {
		return err
	}
	g.later(func() { closeNow(g.admin.Close) })
	return nil
}

func closeNow(shut func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = shut(ctx) // what is still open after this second ends with the process
}

func (g *gateway) addresses() []control.Listener {
	out := make([]control.Listener, len(g.listeners))
	for i, l := range g.listeners {
		out[i] = control.Listener{Address: l.Addr().String(), TLS: g.file.Listen[i].TLS != nil}
	}
	return out
}

// tell hands events on: blocks to the journal first, since they must survive.
func (g *gateway) tell(events []engine.Event) {
	for i := range events {
		if s := events[i].Sentence; s != nil {
			err := g.store.Note(control.Act{Block: s})
			if failing := err != nil; failing != g.forgetful.Swap(failing) && failing {
				g.log.Error("blocks are not journalled; a restart may forget them", "error", err)
			}
		}
		g.deafen(events[i])
		if events[i].Type == "alarm" {
			g.log.Warn("circuit breaker", "cause", events[i].Cause)
		}
		if events[i].Type == "fault" {
			g.log.Error("engine fault: failed open or closed as the route says", "request", events[i].Request, "cause", events[i].Cause)
		}
		g.events.Offer(events[i])
	}
	if g.report != nil {
		g.report(events)
	}
}

// line takes every request that has ended.
func (g *gateway) line(r *request.Request, v engine.Verdict, o request.Outcome) {
	if r.Client.Untold {
		g.warnUntold(r)
	}
	if g.file.Access.File != "" || g.file.Access.Stdout {
		g.access.Offer(sink.AccessOf(r, v, o))
	}
}

// warnUntold says once a minute that a proxy stands before us that nobody named.
func (g *gateway) warnUntold(r *request.Request) {
	now := time.Now().Unix()
	if last := g.untold.Load(); now-last < 60 || !g.untold.CompareAndSwap(last, now) {
		return
	}
	peer := r.Conn.Peer.Addr
	g.log.Warn("a private peer sends X-Forwarded-For and no proxy is trusted: clients cannot be told apart, so nothing is enforced",
		"peer", peer, "add", fmt.Sprintf("trusted_proxies: [%s]", netip.PrefixFrom(peer, peer.BitLen())))
}

func sitesOf(f config.File) []proxy.Site {
	var out []proxy.Site
	for _, s := range f.Sites {
		out = append(out, proxy.Site{
			Name: s.Hosts[0], Upstreams: s.Upstreams, Bait: proxy.Bait(s.Bait),
			Timeouts: proxy.Timeouts{Connect: time.Duration(f.Timeouts.Connect), Response: time.Duration(f.Timeouts.Response)},
			Health:   proxy.Health{Path: s.Health.Path, Every: time.Duration(s.Health.Every)},
		})
	}
	return out
}

// run serves until ctx is done, then drains and saves.
func (g *gateway) run(ctx context.Context) error {
	defer g.close()
	var wg sync.WaitGroup
	failed := make(chan error, len(g.listeners)+2)
	serve := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				failed <- err
			}
		})
	}
	for _, l := range g.listeners {
		serve(l.Serve)
	}
	serve(g.admin.Serve)
	serve(g.control.Serve)
	stop := make(chan struct{})
	wg.Go(func() { g.tick(stop) })
	looking, stopLooking := context.WithCancel(context.Background())
	wg.Go(func() { g.intel.Run(looking) })
	if g.kernel != nil {
		wg.Go(func() { g.kernel.Run(looking) })
	}
	wg.Go(func() { g.save(stop) })
	wg.Go(func() { g.watch(stop) })
	g.admin.SetReady(true)
	g.log.Info("ready", "listen", g.addresses(), "admin", g.admin.Addr().String(), "data", g.file.Data)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	g.admin.SetReady(false)
	g.drain()
	close(stop)
	stopLooking()
	wg.Wait()
	if serr := g.store.Snapshot(g.engine.Snapshot); serr != nil {
		err = errors.Join(err, serr)
	}
	g.log.Info("stopped")
	return err
}

// drain lets requests under way end, for at most timeouts.drain.
func (g *gateway) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(g.file.Timeouts.Drain))
	defer cancel()
	g.log.Info("draining", "for_at_most", g.file.Timeouts.Drain.String())
	g.proxy.LetGo()
	var wg sync.WaitGroup
	for _, l := range g.listeners {
		wg.Go(func() {
			if err := l.Shutdown(ctx); err != nil {
				g.log.Warn("connections were cut at the end of the drain", "listener", l.Addr().String(), "error", err)
			}
		})
	}
	wg.Wait()
	closeNow(g.admin.Close)
	closeNow(g.control.Close)
}

func (g *gateway) tick(stop <-chan struct{}) {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-t.C:
			g.tell(g.engine.Tick(now))
		}
	}
}

func (g *gateway) save(stop <-chan struct{}) {
	t := time.NewTicker(snapshotEvery)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			if err := g.store.Snapshot(g.engine.Snapshot); err != nil {
				g.log.Error("state was not saved; the last snapshot stands", "error", err)
			}
		}
	}
}

// watch reloads on SIGHUP and when the file or a list of it changes.
func (g *gateway) watch(stop <-chan struct{}) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-hup:
			g.seen = g.stamp()
			g.reload()
		case <-t.C:
			if now := g.stamp(); now != g.seen {
				g.seen = now
				g.reload()
			}
		}
	}
}
