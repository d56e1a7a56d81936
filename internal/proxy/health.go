package proxy

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Health is how upstreams are asked whether they are well. Without a path they are not.
type Health struct {
	Path  string        // answered with a status below 400 by one that is well
	Every time.Duration // 5 s; also how long an answer may take
}

// unwell is how many bad answers in a row make an upstream sick: one may be chance.
const unwell = 2

// health is what is known of one upstream.
type health struct {
	sick   atomic.Bool
	asking atomic.Bool
	bad    atomic.Int32 // answers in a row
	due    atomic.Int64 // ns since the epoch
}

// checks asks all upstreams. It owns a goroutine, and one for each question that is
// not answered yet; all end with end.
type checks struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// lookEvery is how often it is looked whom to ask.
const lookEvery = 250 * time.Millisecond

func (c *checks) begin(p *Proxy) {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.wg.Go(func() {
		t := time.NewTicker(lookEvery)
		defer t.Stop()
		for {
			select {
			case now := <-t.C:
				c.ask(ctx, p, now)
			case <-ctx.Done():
				return
			}
		}
	})
}

func (c *checks) end() {
	c.stop()
	c.wg.Wait()
}

// ask asks everybody whose turn it is.
func (c *checks) ask(ctx context.Context, p *Proxy, now time.Time) {
	for _, s := range *p.sites.Load() {
		if s.Health.Path == "" {
			continue
		}
		every := cmp.Or(s.Health.Every, 5*time.Second)
		for _, u := range s.upstreams {
			h := &u.health
			if h.due.Load() > now.UnixNano() || !h.asking.CompareAndSwap(false, true) {
				continue
			}
			h.due.Store(now.Add(every).UnixNano())
			c.wg.Go(func() {
				defer h.asking.Store(false)
				well := u.ask(ctx, s.Health.Path, every)
				if ctx.Err() == nil && h.note(well) {
					p.options.Log.Warn("upstream changed its health", "site", s.Name, "upstream", u.raw, "well", well)
				}
			})
		}
	}
}

// ask reports whether the upstream says that it is well.
func (u *upstream) ask(ctx context.Context, path string, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	to := &url.URL{Scheme: u.url.Scheme, Host: u.url.Host, Opaque: path}
	r := (&http.Request{Method: http.MethodGet, URL: to, Host: u.url.Host, Header: http.Header{"User-Agent": {"bartizan-health"}}}).WithContext(ctx)
	resp, err := u.client.RoundTrip(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return err == nil && resp.StatusCode < 400
}

// note takes one answer and reports whether it changed what is known.
func (h *health) note(well bool) bool {
	if well {
		h.bad.Store(0)
		return h.sick.CompareAndSwap(true, false)
	}
	return h.bad.Add(1) == unwell && h.sick.CompareAndSwap(false, true)
}
