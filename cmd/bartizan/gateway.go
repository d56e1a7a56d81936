package main

import (
	"cmp"
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
	"path/filepath"
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
	tickEvery                       = 250 * time.Millisecond
	snapshotSoonest, snapshotLatest = 20 * time.Second, 10 * time.Minute
	lookEvery                       = 2 * time.Second // at the configuration file
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
	stamps    map[string]fileStamp
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
	documents atomic.Pointer[map[string]string] // of the sites in force
	forgetful atomic.Bool                       // the journal fails
	untold    atomic.Int64                      // s: when the missing trusted_proxies was last told
	exempted  atomic.Bool                       // that private clients are exempt was told
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
	g.documents.Store(documentsOf(g.file))
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
		MinimumRequests: l.MinimumRequests, MinimumTime: time.Duration(l.MinimumTime),
		EnforceAfter: time.Duration(l.EnforceAfter), EnforceNetworks: l.EnforceNetworks,
	}
}

// swarmOf sets the botnet search.
func swarmOf(f config.File) swarm.Options {
	return swarm.Options{MinimumTime: time.Duration(f.Learning.MinimumTime)}
}

const bodyBudget = 256 << 20 // bytes of bodies held for inspection

func (g *gateway) openOutputs() (err error) {
	if g.events, err = sink.New(g.output(g.file.Events)); err != nil {
		return err
	}
	g.later(func() { g.events.Close() })
	if g.access, err = sink.New(g.output(g.file.Access)); err != nil {
		return err
	}
	g.later(func() { g.access.Close() })
	if g.record != "" {
		if g.traffic, err = sink.New(sink.Options{File: g.record, Log: g.log}); err != nil {
			return err
		}
		g.later(func() { g.traffic.Close() })
		g.recorder = replay.NewRecorder(g.store.Seed(), func(line any) { g.traffic.Offer(sink.Bulk, line) })
	}
	return nil
}

func (g *gateway) output(o config.Output) sink.Options {
	out := sink.Options{File: o.File, Rate: o.Rate, MaxSize: int64(o.MaxSize), Log: g.log}
	if o.Stdout {
		out.Stdout = g.stdout
	}
	return out
}

// reopen opens the files that lines go to anew, for whoever rotates them.
func (g *gateway) reopen() {
	for _, s := range []*sink.Sink{g.events, g.access, g.traffic} {
		if s != nil {
			s.Reopen()
		}
	}
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
	g.intel, err = intel.New(o)
	return err
}

// openFront makes the proxy and binds the listeners.
func (g *gateway) openFront() (err error) {
	sites, err := sitesOf(g.file)
	if err != nil {
		return err
	}
	o := proxy.Options{
		Engine: g.engine, Sites: sites, Fill: g.fill, BodyFault: bodyFault, Selftest: g.tests.take,
		Locate: g.intel.Locate,
		Report: g.tell, Access: g.line, Budget: bodyBudget, Requests: requestsOf(g.file), Log: g.log,
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
	limits := listen.NewLimits(connections, g.file.Limits.ConnectionsPerClient)
	for _, l := range g.file.Listen {
		s, err := g.listen(l, limits)
		if err != nil {
			return err
		}
		g.listeners = append(g.listeners, s)
		g.later(func() { closeNow(s.Shutdown) })
	}
	return nil
}

// requestsOf bounds the requests under way: where the file says nothing, by what they
// may take at 64 KiB each, which is limits.memory again.
func requestsOf(f config.File) int {
	return cmp.Or(f.Limits.Requests, max(int(f.Limits.Memory/(64<<10)), 1000))
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

func (g *gateway) listen(l config.Listen, limits *listen.Limits) (*listen.Server, error) {
	t := g.file.Timeouts
	o := listen.Options{
		Address: l.Address, Handler: g.proxy, ProxyProtocol: l.ProxyProtocol, TrustedPeers: g.trusted, Exempt: g.trusted,
		Limits: limits, Logger: g.log,
		HandshakeTimeout: time.Duration(t.Handshake), HeaderTimeout: time.Duration(t.Header), IdleTimeout: time.Duration(t.Idle),
		OnFault: g.streamFault,
		Head: request.HeadLimits{Bytes: int(g.file.Limits.Head), Fields: g.file.Limits.Fields,
			Target: int(g.file.Limits.Target)},
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
		Path: absolute(g.store.Socket()), Engine: g.engine, Now: time.Now, Journal: g.note,
		Listeners: g.addresses, Issue: g.tests.issue, Documents: func() map[string]string { return *g.documents.Load() },
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

// absolute returns the name by which commands find a socket in the kernel's list,
// where a socket may have a name that long (107 bytes, unix(7)).
func absolute(name string) string {
	if full, err := filepath.Abs(name); err == nil && len(full) <= 107 {
		return full
	}
	return name
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
		if events[i].Type == "expiry" {
			g.log.Warn("rules and patches: "+events[i].Cause, "name", events[i].Entry, "until", events[i].Until)
		}
		if events[i].Type == "fault" {
			g.log.Error("engine fault: failed open or closed as the route says", "reference", events[i].Request, "cause", events[i].Cause)
		}
		g.events.Offer(classOf(events[i]), events[i])
	}
	if g.report != nil {
		g.report(events)
	}
}

// classOf tells events of single requests, of which an attacker makes as many as he
// likes, from those that say that something has changed.
func classOf(e engine.Event) sink.Class {
	switch e.Type {
	case "refused", "would-refuse", "evidence", "noted":
		return sink.Bulk
	}
	return sink.Key
}

// line takes every request that has ended.
func (g *gateway) line(r *request.Request, v engine.Verdict, o request.Outcome) {
	if r.Client.Untold {
		g.warnUntold(r)
	}
	if v.Mode == policy.Enforce && r.Client.Private() && g.engine.Policy().Exempt(r) && !g.exempted.Swap(true) {
		g.log.Warn("a private client is exempt in a site that enforces; this is said once", "client", r.Client.Addr,
			"note", exempt)
	}
	if g.file.Access.File != "" || g.file.Access.Stdout {
		g.access.Offer(sink.Bulk, sink.AccessOf(r, v, o))
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

func sitesOf(f config.File) (out []proxy.Site, err error) {
	for _, s := range f.Sites {
		roots, err := s.TLS.Roots()
		if err != nil {
			return nil, err
		}
		response := cmp.Or(s.Timeouts.Response, f.Timeouts.Response)
		out = append(out, proxy.Site{
			Name: s.Hosts[0], Upstreams: s.Upstreams, Bait: proxy.Bait(s.Bait),
			Timeouts: proxy.Timeouts{Connect: time.Duration(f.Timeouts.Connect), Response: time.Duration(response),
				Idle: time.Duration(f.Timeouts.UpstreamIdle)},
			Roots: roots, ServerName: s.TLS.ServerName,
			Health: proxy.Health{Path: s.Health.Path, Every: time.Duration(s.Health.Every)},
		})
	}
	return out, nil
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
	if exempts(g.file) {
		g.log.Warn("the mode is enforce, and " + exempt)
	}
	g.log.Info("ready", "listen", g.addresses(), "admin", g.admin.Addr().String(), "data", g.file.Data)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	g.admin.SetReady(false)
	if err == nil {
		err = g.linger(failed)
	}
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

// linger goes on serving for timeouts.linger, so that whoever sends us traffic has the
// time to hear that we are not ready any more. Each answer asks for another connection.
func (g *gateway) linger(failed <-chan error) error {
	if g.file.Timeouts.Linger <= 0 {
		return nil
	}
	g.log.Info("lingering: not ready, still serving", "for", g.file.Timeouts.Linger.String())
	for _, l := range g.listeners {
		l.Linger()
	}
	timer := time.NewTimer(time.Duration(g.file.Timeouts.Linger))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-failed:
		return err
	}
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

// save writes snapshots, the next the later the more the last one cost.
func (g *gateway) save(stop <-chan struct{}) {
	t := time.NewTimer(snapshotSoonest)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			began, size := time.Now(), counter(0)
			if err := g.store.Snapshot(func(w io.Writer) error { return g.engine.Snapshot(io.MultiWriter(w, &size)) }); err != nil {
				g.log.Error("state was not saved; the last snapshot stands", "error", err)
			}
			t.Reset(untilSnapshot(time.Since(began), int64(size)))
		}
	}
}

// untilSnapshot is how long after a snapshot that took a time, and so many bytes, the next
// is written: writing takes at most one part in 200 of the time, and of a disk 512 KiB a
// second. What a killed process forgets is no older.
func untilSnapshot(took time.Duration, size int64) time.Duration {
	wait := max(200*took, time.Duration(size)*time.Second/(512<<10))
	return min(max(wait, snapshotSoonest), snapshotLatest)
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

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
			g.reopen()
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
