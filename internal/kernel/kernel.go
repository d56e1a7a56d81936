//go:build linux

// Package kernel pushes blocks down to the kernel's packet filter: an nftables
// table of its own with two sets of addresses whose elements time out by
// themselves, and one rule each that drops what they send to the gateway's ports.
// So a blocked flood costs neither a connection nor a handshake.
//
// It decides nothing: it is told prefixes and until when. It is optional; without
// the right to change the filter New says so, and the gateway goes on without.
//
// Block and Unblock never wait; Run owns the connection to the kernel. What the
// kernel lost (a flushed ruleset, a restart of the firewall) is put back.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/google/nftables"
)

// Options make a Filter.
type Options struct {
	Table string   // name of the table, "bartizan"; whatever is in it is replaced
	Ports []uint16 // the gateway's
	Max   int      // prefixes at a time; 1,000,000
	NetNS int      // file descriptor of a network namespace; 0: this one
	Now   func() time.Time
	Log   *slog.Logger
}

// Filter is the table. Make one with New.
type Filter struct {
	options Options
	conn    *nftables.Conn
	table   *nftables.Table
	sets    [2]*nftables.Set // IPv4 addresses, IPv6 /64

	mu      sync.Mutex
	wanted  map[netip.Prefix]time.Time // all blocks that run
	changed map[netip.Prefix]bool      // not told to the kernel yet; false: to be taken out
	known   map[netip.Prefix]time.Time // Run's: what the kernel has been told
	refused uint64                     // beyond Max
	failed  uint64                     // changes that the kernel refused
}

const (
	flushEvery = 100 * time.Millisecond
	checkEvery = 10 * time.Second
	batchMost  = 1000 // elements in one message: they must fit 64 KiB
	leastLeft  = time.Second
)

// New makes the table. It fails where there is no nftables or no right to use it.
func New(o Options) (*Filter, error) {
	if o.Table == "" {
		o.Table = "bartizan"
	}
	if o.Max == 0 {
		o.Max = 1_000_000
	}
	if len(o.Ports) == 0 {
		return nil, errors.New("opening packet filter: no ports: it would drop everything")
	}
	conn, err := nftables.New(nftables.WithNetNSFd(o.NetNS))
	if err != nil {
		return nil, fmt.Errorf("opening packet filter: %w", err)
	}
	f := &Filter{options: o, conn: conn, wanted: map[netip.Prefix]time.Time{}, changed: map[netip.Prefix]bool{}, known: map[netip.Prefix]time.Time{}}
	if err := f.install(); err != nil {
		return nil, fmt.Errorf("making packet filter table %q: %w", o.Table, err)
	}
	return f, nil
}

// Block drops what p sends until then. IPv4 must be a /32, IPv6 a /64; others are
// not pushed down.
func (f *Filter) Block(p netip.Prefix, until time.Time) {
	if !f.fits(p) || !until.After(f.options.Now()) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.wanted[p]; !known && len(f.wanted) >= f.options.Max {
		f.refused++
		return
	}
	f.wanted[p] = until
	f.changed[p] = true
}

func (f *Filter) fits(p netip.Prefix) bool {
	return p.IsValid() && (p.Addr().Is4() && p.Bits() == 32 || p.Addr().Is6() && !p.Addr().Is4In6() && p.Bits() == 64)
}

// Unblock lets p through again.
func (f *Filter) Unblock(p netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.wanted[p]; known {
		delete(f.wanted, p)
		f.changed[p] = false
	}
}

// UnblockAll lets everybody through again.
func (f *Filter) UnblockAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p := range f.wanted {
		f.changed[p] = false
	}
	clear(f.wanted)
}

// Stats are counters.
type Stats struct {
	Blocked         int // prefixes that the kernel has been told
	Refused, Failed uint64
}

// Stats returns the counters.
func (f *Filter) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Stats{len(f.known), f.refused, f.failed}
}

// Run tells the kernel until ctx is done, then removes the table.
func (f *Filter) Run(ctx context.Context) {
	flush, check := time.NewTicker(flushEvery), time.NewTicker(checkEvery)
	defer flush.Stop()
	defer check.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			f.conn.DelTable(f.table)
			if err := f.conn.Flush(); err != nil {
				f.options.Log.Warn("the packet filter's table could not be removed", "table", f.options.Table, "error", err)
			}
			return
		case <-flush.C:
			err = f.flush()
		case <-check.C:
			err = f.reconcile()
		}
		if (err != nil) != failing {
			failing = err != nil
			if failing {
				f.options.Log.Error("the packet filter does not take blocks; they hold in the gateway", "error", err)
			} else {
				f.options.Log.Info("the packet filter takes blocks again")
			}
		}
	}
}

// change is one prefix to put in, or to take out where until is zero.
type change struct {
	prefix netip.Prefix
	until  time.Time
}

// take returns what has changed, at most batchMost prefixes.
func (f *Filter) take() (out []change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, in := range f.changed {
		if len(out) == batchMost {
			break
		}
		delete(f.changed, p)
		c := change{prefix: p}
		if in {
			c.until = f.wanted[p]
		}
		out = append(out, c)
	}
	return out
}

// flush tells the kernel all changes.
func (f *Filter) flush() error {
	f.expire()
	for {
		list := f.take()
		if len(list) == 0 {
			return nil
		}
		if err := f.apply(list); err != nil {
			f.mu.Lock()
			f.failed += uint64(len(list))
			f.mu.Unlock()
			return f.rebuild(err)
		}
	}
}

// expire forgets blocks that are over: the kernel drops their elements by itself.
func (f *Filter) expire() {
	now := f.options.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, until := range f.known {
		if !until.After(now) {
			delete(f.known, p)
			if f.wanted[p].Equal(until) {
				delete(f.wanted, p)
			}
		}
	}
}

// apply sends one batch. An element that is there has to be taken out first, for
// its time to change.
func (f *Filter) apply(list []change) error {
	now := f.options.Now()
	var out, in [2][]nftables.SetElement
	f.mu.Lock()
	for _, c := range list {
		i, key := place(c.prefix)
		if until, known := f.known[c.prefix]; known {
			delete(f.known, c.prefix)
			if until.Sub(now) > leastLeft { // else the kernel may have dropped it already
				out[i] = append(out[i], nftables.SetElement{Key: key})
			}
		}
		if left := c.until.Sub(now); left > leastLeft {
			in[i] = append(in[i], nftables.SetElement{Key: key, Timeout: left})
			f.known[c.prefix] = c.until
		}
	}
	f.mu.Unlock()
	for i, s := range f.sets {
		if len(out[i]) > 0 {
			if err := f.conn.SetDeleteElements(s, out[i]); err != nil {
				return err
			}
		}
		if len(in[i]) > 0 {
			if err := f.conn.SetAddElements(s, in[i]); err != nil {
				return err
			}
		}
	}
	return f.conn.Flush()
}

// place returns a prefix's set and its element there.
func place(p netip.Prefix) (set int, key []byte) {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		return 0, b[:]
	}
	b := p.Masked().Addr().As16()
	return 1, b[:]
}

// reconcile puts the table back if it is gone or has been emptied.
func (f *Filter) reconcile() error {
	f.expire()
	f.mu.Lock()
	want := len(f.known)
	f.mu.Unlock()
	have := 0
	for _, s := range f.sets {
		list, err := f.conn.GetSetElements(s)
		if err != nil {
			return f.rebuild(err)
		}
		have += len(list)
	}
	if have*10 < want*9 { // a few may have timed out since
		return f.rebuild(fmt.Errorf("it holds %d of %d addresses", have, want))
	}
	return nil
}

// rebuild makes the table anew and tells it everything.
func (f *Filter) rebuild(cause error) error {
	if err := f.install(); err != nil {
		return errors.Join(cause, err)
	}
	f.options.Log.Warn("the packet filter's table is made anew", "table", f.options.Table, "cause", cause)
	f.mu.Lock()
	clear(f.known)
	clear(f.changed)
	for p := range f.wanted {
		f.changed[p] = true
	}
	f.mu.Unlock()
	for list := f.take(); len(list) > 0; list = f.take() {
		if err := f.apply(list); err != nil {
			return errors.Join(cause, err)
		}
	}
	return nil
}
