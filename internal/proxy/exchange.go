package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/answer"
	"bartizan/internal/engine"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// exchange is the state of one request. It is pooled.
//
// While the body is lent to a transport, what judging it writes (req.Signals,
// req.Standing, verdict, body) belongs to whoever holds the loan's lock; reclaim
// takes it back. The answer goes by the verdict that the request was sent with.
type exchange struct {
	proxy   *Proxy
	w       http.ResponseWriter
	hr      *http.Request
	req     request.Request
	verdict engine.Verdict
	sending engine.Verdict // the verdict as it was then
	outcome request.Outcome
	start   time.Time
	body    body
	scratch engine.Scratch
	lines   []string // of X-Forwarded-For
	answer  []byte   // first bytes of the upstream's answer
	keep    int      // how many are held
	teaches int      // how many say something by themselves
	coding  string   // of the answer; "" once it is undone
	leased  int      // bytes of it taken from the budget
	reads   bool     // it is read for ids of objects
	whole   bool     // the body was judged whole before it was sent
	logs    bool     // the answer is read for what became of a login
	cookies []string // that it sets, then
	told    engine.Answer
	target  string       // its Location
	blank   http.Request // what outgoing requests are copies of
	cookie  string       // that our answer sets
	began   bool
	wrote   bool
	flies   bool // counts among the requests under way
	test    bool // a self test: the verdict is the answer
	added   time.Duration

	trace     httptrace.ClientTrace
	asked     int          // how often the transport looked for a connection
	at        *upstream    // that has the request
	got       int          // how many it got: each may have reached an upstream
	sent      atomic.Int32 // how many of these are done with the request
	answered  bool         // the last attempt got an answer
	waiting   atomic.Int64 // since when for 100 Continue, in ns since the epoch; 0 not at all
	continued atomic.Bool  // upstream has said it
	interimMu sync.Mutex
	interimOK bool // w is free for 1xx answers
}

func newExchange(p *Proxy) *exchange {
	x := &exchange{proxy: p, blank: http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}}
	x.trace = httptrace.ClientTrace{
		GetConn:         func(string) { x.asked++ },
		GotConn:         x.gotConn,
		WroteRequest:    func(httptrace.WroteRequestInfo) { x.sent.Add(1) },
		Got1xxResponse:  x.interim,
		Wait100Continue: func() { x.waiting.Store(time.Now().UnixNano()) },
		Got100Continue:  func() { x.continued.Store(true) },
	}
	return x
}

// gotConn is told of the connection that takes the request.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.got++
	if c, ok := info.Conn.(*headConn); ok {
		c.expect()
	}
}

func (x *exchange) begin(w http.ResponseWriter, hr *http.Request) {
	x.w, x.hr, x.start = w, hr, x.proxy.options.Now()
	x.flies = false
	x.began, x.wrote, x.test, x.answered, x.interimOK = false, false, false, false, false
	x.asked, x.got, x.added, x.cookie = 0, 0, 0, ""
	x.keep, x.teaches, x.coding, x.reads, x.target = 0, 0, "", false, ""
	x.whole, x.logs, x.cookies = false, false, nil
	x.told.Reset()
	x.sent.Store(0)
	x.waiting.Store(0)
	x.continued.Store(false)
	x.verdict, x.outcome, x.answer = engine.Verdict{}, request.Outcome{}, x.answer[:0]
	x.req.Reset()
	x.body.open(x)
}

// serve runs the exchange up to the last byte of the answer.
func (x *exchange) serve() {
	o := &x.proxy.options
	o.Fill(x.hr, &x.req)
	if x.body.live = streams(x.req.Header("Content-Type")); x.body.live {
		x.body.pace.relax()
	}
	x.resolve()
	x.verdict = o.Engine.Begin(x.start, &x.req)
	x.began = true
	x.req.Laid = x.laid()
	// A private client is a load balancer as often as not, named as a trusted proxy or not.
	if x.flies = x.proxy.flight.enter(x.req.Client.Key,
		o.Engine.Policy().Exempt(&x.req)); !x.flies && !x.verdict.Refused() {
		x.verdict = o.Engine.Full(x.verdict)
	}
	if x.reserved() {
		x.interrogate()
		return
	}
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

// The clients of self tests: an address for documentation (RFC 5737), and a private one
// (RFC 4193) that nobody has.
var (
	stranger  = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	neighbour = netip.AddrFrom16([16]byte{0xfd, 'b', 'a', 'r', 't', 'i', 'z', 'a', 'n', 't', 'e', 's', 't', 0, 0, 1})
)

// resolve finds the client: behind trusted hops, or a documentation address for
// self tests, so that they are judged as a stranger and touch nobody's record.
func (x *exchange) resolve() {
	o := &x.proxy.options
	if token := x.req.Header(selftestHeader); token != "" && o.Selftest != nil && o.Selftest(token) {
		x.test = true
		x.req.Client = addr.Of(stranger)
		if x.req.Header(selftestHeader+"-Client") == "private" {
			x.req.Client = addr.Of(neighbour)
		}
		return
	}
	x.lines = x.lines[:0]
	for v := range x.req.Headers("X-Forwarded-For") {
		x.lines = append(x.lines, v)
	}
	p, peer := o.Engine.Policy(), x.req.Conn.Peer.Addr
	x.req.Client = p.Resolver().Resolve(peer, x.lines)
	if o.Locate != nil {
		x.req.Network = o.Locate(x.req.Client.Addr, x.req.Header("User-Agent"))
	}
	if name := p.Options().FingerprintHeader; name != "" && p.Trusted(peer) {
		// The ClientHello that we saw is the trusted hop's own.
		x.req.Conn.TLS.JA4, x.req.Conn.TLS.JA4Raw = ja4(x.req.Header(name)), ""
	}
}

// ja4 returns s if it has the form of a JA4 fingerprint, such as
// "t13d1516h2_8daaf6152771_02713d6af862", else "".
func ja4(s string) string {
	if len(s) != 36 || s[10] != '_' || s[23] != '_' {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && i != 10 && i != 23 {
			return ""
		}
	}
	return s
}

// inspect judges what the body begins with. It reports whether to go on. A
// client that waits for 100 Continue is asked for its body when the upstream
// wants it, so then is when the body is held.
func (x *exchange) inspect() bool {
	if x.verdict.Inspect == 0 || x.body.none() {
		return true
	}
	x.body.watch(x.verdict.Inspect)
	if x.body.late = x.expects(); x.body.late || x.body.live {
		return true
	}
	if x.body.hold() != nil {
		x.stopped()
		return false
	}
	return true
}

// expects reports whether the client waits for 100 Continue. net/http takes the
// field away on HTTP/2, where it asks for the body when that is first read.
func (x *exchange) expects() bool { return x.req.Head.Expect }

// wanted reports whether upstream wants the body: it has said so, or nothing for
// as long as the transport waits.
func (x *exchange) wanted() bool {
	since := x.waiting.Load()
	return since == 0 || x.continued.Load() || time.Since(time.Unix(0, since)) >= continueWait
}

// judge asks the engine about the body so far.
func (x *exchange) judge() {
	b := &x.body
	if x.verdict.Refused() {
		return
	}
	x.verdict = x.proxy.options.Engine.Body(x.start, &x.req, x.verdict, b.prefix, b.complete, &x.scratch)
}

// judgeRest asks the engine about a window of what follows.
func (x *exchange) judgeRest(window []byte, last bool) {
	if !x.verdict.Refused() {
		x.verdict = x.proxy.options.Engine.Rest(x.start, &x.req, x.verdict, window, last, &x.scratch)
	}
}

// fault returns why the body turned out malformed, Fine if it did not.
func (x *exchange) fault() request.Fault {
	if f := x.proxy.options.BodyFault; f != nil {
		return f(x.hr)
	}
	return request.Fine
}

// stopped answers for a body that was not to be read to its end.
func (x *exchange) stopped() {
	switch f := x.body.cut.fault; {
	case f != request.Fine:
		x.outcome.Fault = f
		x.verdict = x.proxy.options.Engine.Malformed(x.start, &x.req, f)
		x.refuse()
	case x.body.cut == errRefused:
		x.refuse()
	default:
		x.abort()
	}
}

// abort ends the exchange with a client that is gone.
func (x *exchange) abort() {
	x.outcome.Aborted = true
	panic(http.ErrAbortHandler)
}

// refuse answers by the verdict.
func (x *exchange) refuse() {
	if x.test {
		x.writeSelftest()
		return
	}
	if x.verdict.Action == signal.ChallengeAction {
		x.interview()
		return
	}
	a := answer.Refusal(x.verdict, x.req.ID, x.req.Navigation())
	if x.verdict.Action == signal.TarpitAction && x.tarpit(a) {
		return
	}
	x.write(a)
}

// finish learns, reports and gives everything back. It runs once for every request.
func (x *exchange) finish() {
	// Reclaiming may end a read, which cancels the request's context, as bad
	// framing and slowness have done.
	gone := errors.Is(x.hr.Context().Err(), context.Canceled) && x.outcome.Fault == request.Fine
	x.outcome.Aborted = x.outcome.Aborted || gone
	x.body.reclaim()
	x.body.release()
	x.release()
	x.take(nil)
	x.land()
	if x.began {
		x.conclude()
	}
	if x.quiet() {
		x.w, x.hr = nil, nil
		clear(x.lines)
		x.body.close()
		x.proxy.pool.Put(x)
	}
}

// land gives back the place among the requests under way.
func (x *exchange) land() {
	if x.flies {
		x.flies = false
		x.proxy.flight.leave(x.req.Client.Key)
	}
}

// quiet reports whether no transport can touch the exchange any more: no
// connection took the request, or the one that did has written it and read the
// answer. Other exchanges are left to the garbage collector.
func (x *exchange) quiet() bool {
	return x.got == 0 || x.answered && x.got == 1 && x.sent.Load() == 1
}

func (x *exchange) conclude() {
	o := &x.proxy.options
	now := o.Now()
	x.outcome.Duration = now.Sub(x.start)
	x.outcome.RequestSize = x.body.read
	if x.test {
		x.outcome.Answered, x.outcome.Test = false, true
	}
	x.undo()
	x.entered()
	if len(x.answer) > 0 {
		x.outcome.Prefix = x.answer
		x.outcome.Schema, x.outcome.Body = x.scratch.Shape(x.outcome.ResponseType, x.answer)
	}
	if x.outcome.Answered {
		o.Engine.Issued(&x.told, &x.outcome, x.target, x.reads)
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

// write sends an answer of ours.
func (x *exchange) write(a answer.Response) {
	if kind := x.req.Header("Content-Type"); streams(kind) {
		a = answer.GRPC(a, kind)
		x.outcome.GRPC = a.GRPC
	}
	x.duplex()
	h := x.w.Header()
	reset(h)
	for _, f := range a.Header {
		h[f[0]] = []string{f[1]}
	}
	if x.cookie != "" {
		h["Set-Cookie"] = []string{x.cookie}
	}
	if a.GRPC != 0 && x.hr.ProtoMajor == 2 {
		h["Content-Length"] = nil // the head ends the stream
	}
	// Where the body was not read to its end, net/http reads on behind the answer
	// and then begins with the next request before it is done with this one.
	unread := !x.body.none() && !x.body.atEOF()
	if (a.Close || unread) && x.hr.ProtoMajor == 1 {
		h["Connection"] = []string{"close"}
	}
	x.wrote, x.outcome.Status, x.outcome.ResponseSize = true, a.Status, int64(len(a.Body))
	x.w.WriteHeader(a.Status)
	if x.hr.Method != http.MethodHead {
		x.w.Write(a.Body) // the client may be gone; there is nobody to tell
	}
}

// reset clears h but for what the listener put there: that the connection is to end.
func reset(h http.Header) {
	ends := h["Connection"]
	clear(h)
	if ends != nil {
		h["Connection"] = ends
	}
}

// duplex lets an answer go out before the body was read to its end. Without it
// net/http reads on first, and a client that waits for the answer waits for ever.
func (x *exchange) duplex() {
	if x.hr.ProtoMajor == 1 && !x.body.none() && !x.body.complete {
		_ = http.NewResponseController(x.w).EnableFullDuplex() // HTTP/1 always can
	}
}

const selftestHeader = "Bartizan-Selftest"

func (x *exchange) writeSelftest() {
	x.w.Header().Set("Bartizan-Reference", x.req.ID)
	x.w.Header().Set("Bartizan-Verdict", x.verdict.Would.String())
	x.wrote, x.outcome.Status = true, http.StatusNoContent
	x.w.WriteHeader(http.StatusNoContent)
}
