//go:build !linux

// Package kernel pushes blocks down to the kernel's packet filter. That is
// nftables, which only Linux has.
package kernel

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// Options are those of Linux.
type Options struct {
	Table string
	Ports []uint16
	Max   int
	NetNS int
	Now   func() time.Time
	Log   *slog.Logger
}

// Filter cannot be had here.
type Filter struct{}

// Stats are counters.
type Stats struct {
	Blocked         int
	Refused, Failed uint64
}

// New fails.
func New(Options) (*Filter, error) {
	return nil, errors.New("opening packet filter: blocks are pushed down on Linux only")
}

// Block does nothing.
func (*Filter) Block(netip.Prefix, time.Time) {}

// Unblock does nothing.
func (*Filter) Unblock(netip.Prefix) {}

// UnblockAll does nothing.
func (*Filter) UnblockAll() {}

// Stats returns zeros.
func (*Filter) Stats() Stats { return Stats{} }

// Run returns.
func (*Filter) Run(context.Context) {}
