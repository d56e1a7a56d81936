package main

import (
	"net/netip"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/control"
	"bartizan/internal/engine"
	"bartizan/internal/kernel"
)

// openKernel makes the packet filter's table where the configuration asks for it.
// Without the right to, the gateway goes on: its own blocks hold.
func (g *gateway) openKernel() {
	if !g.file.Kernel.Enabled {
		return
	}
	var ports []uint16
	for _, l := range g.listeners {
		if a, err := netip.ParseAddrPort(l.Addr().String()); err == nil {
			ports = append(ports, a.Port())
		}
	}
	f, err := kernel.New(kernel.Options{Table: g.file.Kernel.Table, Ports: ports, Now: time.Now, Log: g.log})
	if err != nil {
		g.log.Warn("blocks are not pushed down to the packet filter (that takes Linux, nftables and CAP_NET_ADMIN)", "error", err)
		return
	}
	g.kernel = f
	g.log.Info("blocks are pushed down to the packet filter", "table", g.file.Kernel.Table, "ports", ports)
}

// deafen pushes a block down if nobody else is behind the address.
func (g *gateway) deafen(ev engine.Event) {
	if g.kernel == nil || !ev.Deaf {
		return
	}
	if p, err := netip.ParsePrefix(ev.Sentence.Prefix); err == nil {
		g.kernel.Block(p, ev.Sentence.Until)
	}
}

// note journals an operator's act; who is let through must be heard again.
func (g *gateway) note(a control.Act) error {
	if g.kernel != nil {
		switch {
		case a.Unblock != nil:
			if who, err := netip.ParseAddr(a.Unblock.Who); err == nil {
				g.kernel.Unblock(addr.KeyOf(who.Unmap()))
			} else {
				g.kernel.UnblockAll() // a name: whose addresses it has is no longer known
			}
		case a.PassAll != nil:
			g.kernel.UnblockAll()
		}
	}
	return g.store.Note(a)
}
