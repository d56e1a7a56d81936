package proxy

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"bartizan/internal/request"
)

// respond streams an upstream's answer to the client.
func (x *exchange) respond(resp *http.Response) {
	h := x.w.Header()
	copyHeader(h, resp.Header)
	for _, name := range [...]string{"Date", "Content-Type", "Content-Length"} {
		if _, ok := h[name]; !ok {
			h[name] = nil // net/http must not make one up
		}
	}
	if resp.StatusCode == http.StatusNotModified {
		unsuppress(h)
	}
	announce(h, resp)
	x.hand(h)
	x.outcome.ResponseType = mediaType(resp.Header.Get("Content-Type"))
	x.lay(h, resp)
	x.wrote = true
	x.heed(resp)
	x.w.WriteHeader(resp.StatusCode)
	if err := x.stream(resp); err != nil {
		// The head is out: the client must see that the answer is not whole.
		if errors.Is(err, errClientGone) {
			x.abort()
		}
		x.proxy.stats.upstreamErrors.Add(1)
		x.proxy.options.Log.Warn("upstream broke off its answer", "reference", x.req.ID, "site", x.req.Site, "error", err)
		panic(http.ErrAbortHandler)
	}
	if code := cmp.Or(resp.Trailer.Get("Grpc-Status"), resp.Header.Get("Grpc-Status")); code != "" && streams(x.outcome.ResponseType) {
		x.outcome.GRPC = request.GRPCCode(code)
	}
	for name, values := range resp.Trailer {
		if onlyBefore(name) {
			continue
		}
		if listed(h["Trailer"], name) {
			h[name] = values
		} else {
			h[http.TrailerPrefix+name] = values
		}
	}
	// The answer has ended, so the exchange has, whether or not the client's body is
	// whole: closing the answer's body would wait for the body that is still lent.
	x.body.reclaim()
}

// copyHeader copies the fields of an answer that are not hop-by-hop.
func copyHeader(to, from http.Header) {
	named := from["Connection"]
	for name, values := range from {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Trailer", "Upgrade", "Te":
			continue
		}
		if len(named) == 0 || !listed(named, name) {
			to[name] = values
		}
	}
}

// unsuppress keeps what a 304 says of the answer that it stands for: net/http
// would drop these under the names that it knows.
func unsuppress(h http.Header) {
	for _, name := range [...]string{"Content-Type", "Content-Length"} {
		if v := h[name]; v != nil {
			h[strings.ToLower(name)] = v
			delete(h, name)
		}
	}
}

// announce declares the trailers that the upstream announced.
func announce(h http.Header, resp *http.Response) {
	if len(resp.Trailer) == 0 {
		return
	}
	names := make([]string, 0, len(resp.Trailer))
	for name := range resp.Trailer {
		if !onlyBefore(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	h["Trailer"] = []string{strings.Join(names, ", ")}
}

// onlyBefore reports whether a trailer of an answer must not be passed on: what frames a
// message or ends at one hop, and a cookie, which a client that merges trailers into
// fields would take (RFC 9110, section 6.5.1).
func onlyBefore(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Trailer", "Te", "Upgrade", "Content-Length", "Content-Encoding",
		"Content-Range", "Content-Type", "Host", "Set-Cookie", "Www-Authenticate", "Proxy-Authenticate":
		return true
	}
	return false
}

func listed(lines []string, name string) bool {
	for _, l := range lines {
		if hasToken(l, name) {
			return true
		}
	}
	return false
}

// mediaType returns the media type of a Content-Type, without parameters.
func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(s))
}

// errClientGone marks an error of writing, against one of reading.
var errClientGone = errors.New("writing to the client")

// chunk is the size of a copy: what a read of the upstream gives is written at once.
const chunk = 32 << 10

// chunks are the buffers of copies; the pool is the process's, as memory is.
var chunks = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}

// stream copies the answer's body. Each piece is flushed but the last: a
// consumer may be waiting for it.
func (x *exchange) stream(resp *http.Response) error {
	left := resp.ContentLength
	var alone *headAlone
	switch {
	case left >= 0 || x.hr.Method == http.MethodHead || resp.Body == http.NoBody:
	case x.body.loan != nil || x.outcome.ResponseType == "text/event-stream":
		flush(x.w)
	default:
		alone = newHeadAlone(x.w)
	}
	buf := chunks.Get().(*[]byte)
	defer chunks.Put(buf)
	for {
		n, err := resp.Body.Read(*buf)
		alone.stop()
		if n > 0 {
			left -= int64(n)
			x.hold((*buf)[:n])
			x.outcome.ResponseSize += int64(n)
			if _, werr := x.w.Write((*buf)[:n]); werr != nil {
				return errors.Join(errClientGone, werr)
			}
			if err == nil && left != 0 {
				flush(x.w)
			}
			if x.reads && x.coding == "" {
				x.proxy.options.Engine.Read(&x.told, (*buf)[:n])
			}
		}
		switch {
		case err == io.EOF:
			if x.coding != "" && resp.ContentLength > 0 {
				flush(x.w) // decoding must not keep the client waiting
			}
			return nil
		case err != nil && x.hr.Context().Err() != nil:
			return errors.Join(errClientGone, err)
		case err != nil:
			return err
		}
	}
}

// flush sends what was written so far. An error shows at the next write.
func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// headAlone sends the head by itself if the first piece of the body keeps it
// waiting: a long poll may have nothing else to say for minutes.
type headAlone struct {
	timer *time.Timer
	mu    sync.Mutex // held while the timer flushes
	over  bool
}

func newHeadAlone(w http.ResponseWriter) *headAlone {
	a := &headAlone{}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(patience, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.over {
			flush(w)
		}
	})
	return a
}

// stop must be called before the first piece is written, or anything else. A nil
// headAlone waits for nothing.
func (a *headAlone) stop() {
	if a == nil || a.over {
		return
	}
	a.timer.Stop()
	a.mu.Lock() // it may be flushing, or about to
	defer a.mu.Unlock()
	a.over = true
}
