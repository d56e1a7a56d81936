package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/engine"
	"bartizan/internal/listen"
	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/request"
	"bartizan/internal/unpack"
	"bartizan/internal/wordlist"
)

// A frontEnd is what the suite is run against: something that stands before
// upstreams and asks an engine. All that the suite knows of it is here.
type frontEnd interface {
	start(t testing.TB, s setup) *gateway
}

// setup is what a test wants to stand before what.
type setup struct {
	upstreams []string
	mode      policy.Mode
	trusted   []string
	policy    func(*policy.Options)
	engine    func(*engine.Options)
	proxy     func(*proxy.Options)
	listen    func(*listen.Options)
	timeouts  proxy.Timeouts
	health    proxy.Health
}

// gateway is a running front end: its addresses, and what it has seen.
type gateway struct {
	plain, secure string // host:port
	engine        *engine.Engine
	proxy         *proxy.Proxy
	shutdown      func(context.Context) error // of the plain listener

	mu     sync.Mutex
	access []line
	events []engine.Event
}

// line is one request that ended.
type line struct {
	method, target, id string
	verdict            engine.Verdict
	outcome            request.Outcome
	ja4                string
}

// lines waits until n requests have ended and returns them.
func (g *gateway) lines(t *testing.T, n int) []line {
	t.Helper()
	var got []line
	eventually(t, "requests to end", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		got = append(got[:0], g.access...)
		return len(got) >= n
	})
	return got
}

// suite is the adapter suite: what every front end must do.
type suite struct{ front frontEnd }

// TestAdapter runs the suite on each front end.
func TestAdapter(t *testing.T) {
	for name, front := range map[string]frontEnd{"proxy": proxyFront{}} {
		s := suite{front}
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				name string
				run  func(suite, *testing.T)
			}{
				{"matrix", suite.matrix},
				{"requests are passed on byte for byte", suite.requestBytes},
				{"targets are passed on byte for byte", suite.targets},
				{"answers are passed on byte for byte", suite.answerBytes},
				{"answers without a body", suite.bodiless},
				{"ranges", suite.ranges},
				{"request trailers", suite.requestTrailers},
				{"answer trailers", suite.answerTrailers},
				{"hop-by-hop fields", suite.hopByHop},
				{"forwarding fields", suite.forwardedFields},
				{"fingerprint header", suite.fingerprintHeader},
				{"expect accepted", suite.expectAccepted},
				{"expect refused", suite.expectRefused},
				{"expect ignored", suite.expectIgnored},
				{"early hints", suite.earlyHints},
				{"event stream", suite.eventStream},
				{"long poll", suite.longPoll},
				{"conversation", suite.conversation},
				{"early answer", suite.earlyAnswer},
				{"pipelining", suite.pipelining},
				{"slow upload", suite.slowUpload},
				{"large download", suite.largeDownload},
				{"large upload", suite.largeUpload},
				{"websocket", suite.webSocket},
				{"websocket closed by the server", suite.webSocketServerCloses},
				{"websocket half closed", suite.webSocketHalfClose},
				{"upgrade refused", suite.upgradeRefused},
				{"upgrade to h2c is not offered", suite.upgradeH2C},
				{"connect", suite.connect},
				{"grpc unary", suite.grpcUnary},
				{"least connections", suite.leastConnections},
				{"health", suite.health},
				{"tarpit holds", suite.tarpitHolds},
				{"tarpit sheds", suite.tarpitSheds},
				{"tarpit over TLS", suite.tarpitTLS},
				{"tarpit sips bodies", suite.tarpitSips},
				{"bait", suite.bait},
				{"tarpit spares shared addresses", suite.tarpitSparesShared},
				{"tarpit and shutdown", suite.tarpitShutdown},
				{"grpc trailers only", suite.grpcTrailersOnly},
				{"grpc conversation", suite.grpcConversation},
				{"smuggling", suite.smuggling},
				{"smuggling by http2", suite.smugglingHTTP2},
				{"bad chunk in mid-body", suite.badChunkMidBody},
				{"upstream down", suite.upstreamDown},
				{"upstream down, another up", suite.failover},
				{"upstream silent", suite.upstreamSilent},
				{"upstream resets before its head", suite.resetBeforeHead},
				{"upstream resets in mid-body", suite.resetMidBody},
				{"upstream sends garbage", suite.garbage},
				{"posts are not repeated", suite.postNotRepeated},
				{"client goes away", suite.clientGoes},
				{"slow head", suite.slowHead},
				{"slow body", suite.slowBody},
				{"truncated body", suite.truncatedBody},
				{"a body is no head", suite.bodyIsNoHead},
				{"oversized heads", suite.oversized},
				{"odd bodies", suite.oddBodies},
				{"slow reader", suite.slowReader},
				{"engine fault", suite.engineFault},
				{"panic in the handler", suite.handlerPanic},
				{"drain", suite.drain},
				{"exploit in held body", suite.exploitHeld},
				{"exploit in streamed body", suite.exploitStreamed},
				{"exploit behind expect", suite.exploitExpect},
				{"exploit behind upgrade", suite.exploitUpgrade},
				{"exploit in coded body", suite.exploitCoded},
				{"budget used up", suite.budget},
				{"a program is asked", suite.program},
				{"a stolen pass", suite.stolenPass},
				{"a farm", suite.farm},
				{"a pass survives a restart", suite.passSurvives},
				{"observing asks nobody", suite.observesUntouched},
				{"watched clients are handed a cookie", suite.handsCookies},
				{"a window is asked", suite.window},
				{"a window without scripts", suite.scriptless},
				{"curl fails", suite.curlFails},
				{"posts are not swallowed", suite.postsAreNotSwallowed},
				{"questions end", suite.loopGuard},
				{"reserved paths", suite.reservedPaths},
				{"codings are taken at their word", suite.truthful},
				{"ids in answers", suite.issuedIDs},
				{"answers to logins", suite.loginAnswers},
				{"coded answers", suite.codedAnswers},
				{"coded errors", suite.codedErrors},
				{"coded answers beyond the budget", suite.codedBudget},
				{"coded answers whose decoder fails", suite.codedFault},
				{"equal requests keep their own values", suite.crossed},
				{"cookie crumbs", suite.crumbs},
				{"connect by http2", suite.connectHTTP2},
				{"trailers that may not be", suite.forbiddenTrailers},
				{"exploit in a trailer", suite.exploitTrailer},
				{"fields that end here", suite.fieldsThatEnd},
				{"websocket handshakes", suite.handshakes},
				{"answers that end early", suite.earlyEnd},
				{"statuses that are none", suite.noStatus},
				{"transfer coding identity", suite.identityCoding},
				{"authority with a scheme", suite.authorityScheme},
				{"large heads on one stream", suite.largeHeadHTTP2},
				{"many fields", suite.manyFields},
				{"expect of an old client", suite.expectOld},
				{"refused calls", suite.refusedCalls},
				{"the wrong port", suite.wrongPort},
				{"upstream stops and starts", suite.restarts},
				{"upstream certificates", suite.upstreamTLS},
				{"idle upstream connections", suite.upstreamIdle},
				{"too many requests under way", suite.turnedAway},
				{"exploit behind filler", suite.exploitPadded},
			} {
				t.Run(c.name, func(t *testing.T) {
					noLeak(t)
					c.run(s, t)
				})
			}
		})
	}
}

// noLeak fails the test if goroutines are left over at its end. It must be
// called before anything else registers a cleanup.
func noLeak(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		var now int
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if now = runtime.NumGoroutine(); now <= before {
				return
			}
		}
		buf := make([]byte, 1<<20)
		t.Errorf("got %d goroutines; want %d as before:\n%s", now, before, buf[:runtime.Stack(buf, true)])
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// proxyFront is the reverse proxy behind real listeners.
type proxyFront struct{}

var lists = sync.OnceValues(wordlist.Lists)

func (proxyFront) start(t testing.TB, s setup) *gateway {
	t.Helper()
	o := policy.Options{
		Sites: []policy.Site{{Hosts: []string{"*"}, Mode: s.mode}}, TrustedProxies: s.trusted, ProtectPrivate: true, BodyInspect: 64 << 10, BodyFollow: 1 << 20,
		Thresholds: policy.Thresholds{Watch: 5, Interrogate: 98, Tarpit: 98.5, Block: 99}, Block: policy.Durations{First: time.Minute, Grow: 2, Max: time.Hour},
	}
	if s.policy != nil {
		s.policy(&o)
	}
	p, problems := policy.Compile(o)
	if problems != nil {
		t.Fatalf("compiling policy: %v", problems)
	}
	l, err := lists()
	if err != nil {
		t.Fatal(err)
	}
	eo := engine.Options{Policy: p, Detector: detect.New(1, l), Codings: unpack.Codings(), Clients: 1000, Seed: 1, Start: time.Now()}
	if s.engine != nil {
		s.engine(&eo)
	}
	g := &gateway{engine: engine.New(eo)}
	g.front(t, s)
	return g
}

// front makes the proxy and its listeners.
func (g *gateway) front(t testing.TB, s setup) {
	po := proxy.Options{
		Engine: g.engine, Sites: []proxy.Site{{Name: "*", Upstreams: s.upstreams, Timeouts: s.timeouts, Roots: roots(), Health: s.health}},
		Fill: func(hr *http.Request, r *request.Request) {
			c := listen.From(hr.Context())
			r.Conn = c.Facts()
			listen.Head(hr, &r.Head)
			r.Number = c.Number()
		},
		BodyFault: func(hr *http.Request) request.Fault { return listen.From(hr.Context()).Fault() },
		Report: func(e []engine.Event) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.events = append(g.events, e...)
		},
		Access: func(r *request.Request, v engine.Verdict, o request.Outcome) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.access = append(g.access, line{strings.Clone(r.Head.Method), strings.Clone(r.Head.Target), r.ID, v, o, r.Conn.TLS.JA4})
		},
	}
	if s.proxy != nil {
		s.proxy(&po)
	}
	var err error
	if g.proxy, err = proxy.New(po); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.proxy.Close)
	g.plain, g.shutdown = serve(t, s, g.proxy, nil)
	g.secure, _ = serve(t, s, g.proxy, certificate())
}

func serve(t testing.TB, s setup, h http.Handler, c *listen.TLS) (string, func(context.Context) error) {
	o := listen.Options{Address: "127.0.0.1:0", Handler: h, TLS: c, Logger: slog.New(slog.DiscardHandler)}
	if s.listen != nil {
		s.listen(&o)
	}
	l, err := listen.New(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = l.Shutdown(ctx) // clients may leave connections open
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String(), l.Shutdown
}

// certificate is for both ends of the tests, made once.
var certificate = sync.OnceValue(func() *listen.TLS {
	cert, key, err := listen.SelfSigned([]string{"localhost", "127.0.0.1"}, time.Now())
	if err != nil {
		panic(err)
	}
	return &listen.TLS{CertPEM: cert, KeyPEM: key}
})

func roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate().CertPEM)
	return pool
}

// client returns a client that speaks one protocol: "http1", "h2", "h2c".
func client(t testing.TB, protocol string) *http.Client {
	var p http.Protocols
	p.SetHTTP1(protocol == "http1")
	p.SetHTTP2(protocol == "h2")
	p.SetUnencryptedHTTP2(protocol == "h2c")
	tr := &http.Transport{Protocols: &p, DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: roots(), ServerName: "localhost"}, ExpectContinueTimeout: 5 * time.Second}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// upstream starts a net/http server of kind "http", "https" or "h2c".
func upstream(t testing.TB, kind string, h http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(kind != "h2c")
	s.Config.Protocols.SetHTTP2(kind == "https")
	s.Config.Protocols.SetUnencryptedHTTP2(kind == "h2c")
	if kind == "https" {
		pair, err := tls.X509KeyPair(certificate().CertPEM, certificate().KeyPEM)
		if err != nil {
			t.Fatal(err)
		}
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return kind + "://" + s.Listener.Addr().String()
}

// read returns an answer's body, which must be whole.
func read(t *testing.T, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading answer: %v", err)
	}
	return string(b)
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(15 * time.Second))
	return c
}

func send(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatalf("writing %.60q: %v", s, err)
	}
}
