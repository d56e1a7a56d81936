package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"bartizan/internal/digest"
)

// Site is where the requests for some hosts go.
type Site struct {
	Name      string   // as the policy knows it
	Upstreams []string // "http://", "https://" or "h2c://" with host and port
	Timeouts  Timeouts
	// Roots sign the certificates of "https://" upstreams; nil: the system's.
	// ServerName is the name in them; empty: the host of the upstream's URL.
	Roots      *x509.CertPool
	ServerName string
	Health     Health
	Bait       Bait
}

// Timeouts bound what an upstream may take. Zero values mean the defaults.
type Timeouts struct {
	Connect  time.Duration // TCP and TLS; default 5 s
	Response time.Duration // until the head of the answer; default 60 s
	Idle     time.Duration // of a kept connection; default 4 s, less than most servers keep theirs
}

// holdDown is how long an upstream that could not be reached is passed over
// while others can be.
const holdDown = 10 * time.Second

// continueWait is how long an upstream may take to ask for a body by 100
// Continue. Many never do; then it is sent all the same.
const continueWait = time.Second

// site is a running Site.
type site struct {
	Site
	upstreams []*upstream
	tally     *tally // outlives a reload, as forms do
	forms     *forms
	next      atomic.Uint64 // round robin
}

// upstream is one server behind us.
type upstream struct {
	raw      string
	id       uint64 // digest of raw, for the engine
	timeouts Timeouts
	url      *url.URL
	client   *http.Transport
	down     atomic.Int64 // ns since the epoch: passed over until then
	busy     atomic.Int64 // requests that it has
	failures atomic.Uint64
	health   health
}

func newSite(s Site, old *map[string]*site) (*site, error) {
	if len(s.Upstreams) == 0 {
		return nil, fmt.Errorf("making site %q: want at least one upstream", s.Name)
	}
	made := &site{Site: s, tally: new(tally), forms: new(forms)}
	if old != nil && (*old)[s.Name] != nil {
		made.tally, made.forms = (*old)[s.Name].tally, (*old)[s.Name].forms
	}
	for _, raw := range s.Upstreams {
		u := kept(old, s, raw)
		if u == nil {
			var err error
			if u, err = newUpstream(raw, s); err != nil {
				return nil, fmt.Errorf("making site %q: %w", s.Name, err)
			}
		}
		if s.Health.Path == "" {
			u.health.sick.Store(false) // nobody would ever find it well again
		}
		made.upstreams = append(made.upstreams, u)
	}
	return made, nil
}

// kept returns the upstream of a site before a reload, if nothing about it changed.
func kept(old *map[string]*site, s Site, raw string) *upstream {
	if old == nil || (*old)[s.Name] == nil {
		return nil
	}
	if was := (*old)[s.Name]; was.ServerName != s.ServerName || !was.Roots.Equal(s.Roots) {
		return nil
	}
	for _, u := range (*old)[s.Name].upstreams {
		if u.raw == raw && u.timeouts == s.Timeouts {
			return u
		}
	}
	return nil
}

// retire closes the idle connections of upstreams that are not used any more.
func retire(old, next map[string]*site) {
	for name, s := range old {
		for _, u := range s.upstreams {
			if n := next[name]; n == nil || !slices.Contains(n.upstreams, u) {
				u.client.CloseIdleConnections()
			}
		}
	}
}

// ParseUpstream reads an upstream address and says what is wrong with it.
func ParseUpstream(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return nil, fmt.Errorf("reading upstream %q: want a URL such as http://127.0.0.1:9000", raw)
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c":
		return nil, fmt.Errorf("reading upstream %q: scheme %q is not one of http, https and h2c", raw, u.Scheme)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return nil, fmt.Errorf("reading upstream %q: want only scheme, host and port; targets go on unchanged", raw)
	}
	return u, nil
}

func newUpstream(raw string, s Site) (*upstream, error) {
	t := s.Timeouts
	u, err := ParseUpstream(raw)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cmp.Or(t.Connect, 5*time.Second), KeepAlive: 30 * time.Second}
	tr := &http.Transport{
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   cmp.Or(t.Connect, 5*time.Second),
		ResponseHeaderTimeout: cmp.Or(t.Response, time.Minute),
		IdleConnTimeout:       cmp.Or(t.Idle, 4*time.Second),
		MaxIdleConns:          2048,
		MaxIdleConnsPerHost:   1024,
		DisableCompression:    true, // nothing is asked for that the client did not ask for
		ExpectContinueTimeout: continueWait,
		WriteBufferSize:       8 << 10,
		ReadBufferSize:        8 << 10,
		// An answer's head is the upstream's business; this only bounds memory.
		MaxResponseHeaderBytes: 1 << 20,
		Protocols:              new(http.Protocols),
		TLSClientConfig: &tls.Config{ServerName: cmp.Or(s.ServerName, u.Hostname()),
			MinVersion: tls.VersionTLS12, RootCAs: s.Roots},
		// Without pings a dead peer is found by no one.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	switch u.Scheme {
	case "h2c":
		u.Scheme = "http"
		tr.Protocols.SetUnencryptedHTTP2(true)
	case "https":
		tr.Protocols.SetHTTP1(true)
		tr.Protocols.SetHTTP2(true)
	default:
		tr.Protocols.SetHTTP1(true)
		tr.DialContext = dialing(dialer)
	}
	return &upstream{raw: raw, id: digest.String(0, raw), timeouts: t, url: u, client: tr}, nil
}

// pick returns the upstream to try next, skipping those tried already: of the
// healthy ones that with the fewest requests for its room, in turn where they are
// equal; any if none is healthy. It returns nil if all were tried.
func (s *site) pick(now time.Time, tried []*upstream, room func(*upstream) int64) *upstream {
	var best, fallback *upstream
	var most, busy int64
	start := s.next.Add(1)
	for i := range uint64(len(s.upstreams)) {
		u := s.upstreams[(start+i)%uint64(len(s.upstreams))]
		if slices.Contains(tried, u) {
			continue
		}
		if !u.healthy(now) {
			if fallback == nil {
				fallback = u
			}
			continue
		}
		if n, has := u.busy.Load()+1, room(u); best == nil || n*most < busy*has {
			best, busy, most = u, n, has
		}
	}
	if best == nil {
		return fallback
	}
	return best
}

// healthy reports whether the upstream could be reached lately and, where it is
// asked, says that it is well.
func (u *upstream) healthy(now time.Time) bool {
	return u.down.Load() <= now.UnixNano() && !u.health.sick.Load()
}

// http2 reports whether requests may go there by HTTP/2.
func (u *upstream) http2() bool { return u.cleartext() || u.url.Scheme == "https" }

// cleartext reports whether that is without TLS.
func (u *upstream) cleartext() bool { return u.client.Protocols.UnencryptedHTTP2() }

// failed notes that the upstream could not be reached.
func (u *upstream) failed(now time.Time) {
	u.failures.Add(1)
	u.down.Store(now.Add(holdDown).UnixNano())
}

func (s *site) close() {
	for _, u := range s.upstreams {
		u.client.CloseIdleConnections()
	}
}

// statusOf returns what a client is told of an upstream's failure.
func statusOf(err error) int {
	var timeout net.Error
	var unreached *unreachedError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.As(err, &unreached):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway
}
