package proxy

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
)

// respond streams an upstream's answer to the client.
func (x *exchange) respond(resp *http.Response) {
	h := x.w.Header()
	named := resp.Header["Connection"]
	for name, values := range resp.Header {
		if !hopResponse(name, named) {
			h[name] = values
		}
	}
	for _, name := range [...]string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil // net/http must not make one up
		}
	}
	announce(h, resp)
	x.outcome.ResponseType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	x.wrote = true
	x.w.WriteHeader(resp.StatusCode)
	if err := x.stream(resp); err != nil {
		// The head is out: the client must see that the answer is not whole.
		if errors.Is(err, errClientGone) {
			x.outcome.Aborted = true
		} else {
			x.proxy.stats.upstreamErrors.Add(1)
			x.proxy.options.Log.Warn("upstream broke off its answer", "request", x.req.ID, "site", x.req.Site, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	for name, values := range resp.Trailer {
		if _, known := h["Trailer"]; known && listed(h["Trailer"], name) {
			h[name] = values
		} else {
			h[http.TrailerPrefix+name] = values
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
		names = append(names, name)
	}
	h["Trailer"] = []string{strings.Join(names, ", ")}
}

func listed(lines []string, name string) bool {
	for _, l := range lines {
		if hasToken(l, name) {
			return true
		}
	}
	return false
}

func hopResponse(name string, named []string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Trailer", "Upgrade", "Te":
		return true
	}
	return len(named) > 0 && listed(named, name)
}

// errClientGone marks an error of writing, against one of reading.
var errClientGone = errors.New("writing to the client")

// chunk is the size of a copy: what a read of the upstream gives is written at once.
const chunk = 32 << 10

// chunks are the buffers of copies; the pool is the process's, as memory is.
var chunks = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}

// stream copies the answer's body. What has no known length, and event streams,
// are flushed with every write: a consumer waits for each piece.
func (x *exchange) stream(resp *http.Response) error {
	flush := func() {}
	if resp.ContentLength < 0 || x.outcome.ResponseType == "text/event-stream" {
		rc := http.NewResponseController(x.w)
		flush = func() { _ = rc.Flush() } // an error shows at the next write
		if x.hr.Method != http.MethodHead && (streams(&x.req) || x.outcome.ResponseType == "text/event-stream") {
			flush() // the head, before the first piece
		}
	}
	buf := chunks.Get().(*[]byte)
	defer chunks.Put(buf)
	for {
		n, err := resp.Body.Read(*buf)
		if n > 0 {
			x.outcome.ResponseSize += int64(n)
			if _, werr := x.w.Write((*buf)[:n]); werr != nil {
				return errors.Join(errClientGone, werr)
			}
			if err == nil {
				flush()
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && x.hr.Context().Err() != nil:
			return errors.Join(errClientGone, err)
		case err != nil:
			return err
		}
	}
}
