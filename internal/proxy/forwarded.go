package proxy

import (
	"cmp"
	"net/http"
	"net/netip"
	"strings"

	"bartizan/internal/request"
)

// forwarded writes X-Forwarded-* and extends Forwarded (RFC 7239). What a peer
// that nobody trusts has said of itself is not passed off as ours. room is where
// the values may go.
func (x *exchange) forwarded(h http.Header, room []string) {
	r := &x.req
	peer := r.Conn.Peer.Addr
	hop := peer.String()
	chain, proto, host := hop, r.Head.Scheme, r.Head.Host
	if x.proxy.options.Engine.Policy().Trusted(peer) {
		if said := joined(r, "X-Forwarded-For"); said != "" {
			chain = said + ", " + hop
		}
		if said := joined(r, "Forwarded"); said != "" {
			h["Forwarded"] = []string{said + ", for=" + node(peer)}
		}
		proto = cmp.Or(r.Header("X-Forwarded-Proto"), proto)
		host = cmp.Or(r.Header("X-Forwarded-Host"), host)
	}
	n := len(room)
	room = append(room, chain, proto, host)
	h["X-Forwarded-For"] = room[n : n+1 : n+1]
	h["X-Forwarded-Proto"] = room[n+1 : n+2 : n+2]
	h["X-Forwarded-Host"] = room[n+2 : n+3 : n+3]
}

// joined returns all values of a list field as one.
func joined(r *request.Request, name string) string {
	var room [4]string
	lines := room[:0]
	for v := range r.Headers(name) {
		if v != "" {
			lines = append(lines, v)
		}
	}
	return strings.Join(lines, ", ")
}

// node writes an address as Forwarded wants it.
func node(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	return `"[` + a.String() + `]"`
}
