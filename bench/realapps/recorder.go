package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// recorder stands before the application in the direct flow. It passes everything
// on and keeps each request as a line for bartizan eval.
type recorder struct {
	place  *place
	server *http.Server
	listen net.Listener
	path   string
	out    *os.File

	mu     sync.Mutex
	got    []answer
	rows   int
	active int // requests that are under way
}

func newRecorder(p *place) (*recorder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	dir := p.dir
	if p.keep != "" {
		dir = p.keep
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	r := &recorder{place: p, listen: l, path: filepath.Join(dir, filepath.Base(p.dir)+".jsonl")}
	if r.out, err = os.Create(r.path); err != nil {
		return nil, fmt.Errorf("creating a file: %w", err)
	}
	upstream := &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(p.port)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(x *httputil.ProxyRequest) {
			x.Out.URL.Scheme, x.Out.URL.Host, x.Out.Host = upstream.Scheme, upstream.Host, x.In.Host
			x.Out.URL.RawQuery = x.In.URL.RawQuery // as it came
		},
		FlushInterval: -1,
	}
	r.server = &http.Server{ErrorLog: nil, ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, x *http.Request) {
			r.begin(1)
			defer r.begin(-1)
			body, err := io.ReadAll(x.Body)
			if err != nil {
				return
			}
			r.keep(x, body)
			x.Body = io.NopCloser(bytes.NewReader(body))
			status := &statusWriter{ResponseWriter: w}
			proxy.ServeHTTP(status, x)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, answer{x.Method, x.URL.Path, status.code})
		})}
	go r.server.Serve(l)
	return r, nil
}

// keep writes a request down.
func (r *recorder) keep(x *http.Request, body []byte) {
	headers := [][2]string{{"Host", x.Host}}
	for _, name := range slices.Sorted(maps.Keys(x.Header)) {
		for _, v := range x.Header[name] {
			headers = append(headers, [2]string{name, v})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows++
	json.NewEncoder(r.out).Encode(map[string]any{
		"id": fmt.Sprint(filepath.Base(r.place.dir), "-", r.rows), "label": "benign",
		"class":  filepath.Base(r.place.dir),
		"method": x.Method, "target": x.RequestURI, "headers": headers, "body_b64": body,
	})
}

func (r *recorder) name() string    { return "direct" }
func (r *recorder) address() string { return r.listen.Addr().String() }

// begin counts requests that are under way.
func (r *recorder) begin(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active += n
}

// answers waits, ten seconds at most, until no request is under way.
func (r *recorder) answers() []answer {
	for range 200 {
		r.mu.Lock()
		if r.active == 0 {
			got := r.got
			r.got = nil
			r.mu.Unlock()
			return got
		}
		r.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
	return []answer{{"no", "end", 0}}
}

func (r *recorder) close() {
	r.server.Close()
	r.out.Close()
}

// findings returns what the payload detector finds in the recorded requests as
// certain or likely, one line each, with the request.
func (r *recorder) findings() ([]string, error) {
	out, err := r.place.command("", nil, r.place.bartizan, "eval", "--false", "1000", r.path)
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "false ") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found, nil
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	if code >= 200 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets the proxy flush.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
