package main

import (
	"crypto/rand"
	"sync"

	"bartizan/internal/metrics"
	"bartizan/internal/signal"
)

// numbers gathers what front end, listeners and outputs count.
func (g *gateway) numbers() []metrics.Number {
	p := g.proxy.Stats()
	out := []metrics.Number{
		{Name: "requests_in_flight", Help: "Requests under way.", Gauge: true, Value: float64(p.InFlight)},
		{Name: "held_body_bytes", Help: "Body bytes held for inspection.", Gauge: true, Value: float64(p.Held)},
		{Name: "requests_turned_away_total", Help: "Requests answered 503 since too many were under way.",
			Value: float64(p.TurnedAway)},
		{Name: "bodies_uninspected_total", Help: "Bodies that passed unseen since the budget was used up.", Value: float64(p.Uninspected)},
		{Name: "front_panics_total", Help: "Panics caught in the front end.", Value: float64(p.Panics)},
		{Name: "upstream_errors_total", Help: "Requests that an upstream failed.", Value: float64(p.UpstreamErrors)},
		{Name: "events_written_total", Help: "Event lines written.", Value: float64(g.events.Stats().Written)},
		{Name: "events_dropped_total", Help: "Event lines dropped.", Value: float64(g.events.Stats().Dropped)},
		{Name: "events_left_out_total", Help: "Event lines beyond events.rate.",
			Value: float64(g.events.Stats().LeftOut)},
		{Name: "access_left_out_total", Help: "Access lines beyond access.rate.",
			Value: float64(g.access.Stats().LeftOut)},
		{Name: "access_dropped_total", Help: "Access lines dropped.", Value: float64(g.access.Stats().Dropped)},
	}
	if g.kernel != nil {
		k := g.kernel.Stats()
		out = append(out,
			metrics.Number{Name: "kernel_blocked", Help: "Addresses that the packet filter drops.", Gauge: true, Value: float64(k.Blocked)},
			metrics.Number{Name: "kernel_failed_total", Help: "Blocks that the packet filter did not take at once.", Value: float64(k.Failed)})
	}
	t := p.Tarpit
	out = append(out,
		metrics.Number{Name: "tarpit_held", Help: "Connections in the tarpit.", Gauge: true, Value: float64(t.Held)},
		metrics.Number{Name: "tarpit_waiting", Help: "HTTP/2 requests that wait for the tarpit's first byte.", Gauge: true, Value: float64(t.Waiting)},
		metrics.Number{Name: "tarpit_bytes", Help: "Memory that held connections count as.", Gauge: true, Value: float64(t.Memory)},
		metrics.Number{Name: "tarpit_total", Help: "Connections and requests held so far.", Value: float64(t.Total)},
		metrics.Number{Name: "tarpit_full_total", Help: "Answered at once since the tarpit had no room.", Value: float64(t.Full)},
		metrics.Number{Name: "tarpit_left_total", Help: "Clients that went away before the end.", Value: float64(t.Left)},
		metrics.Number{Name: "tarpit_sipped_bytes_total", Help: "Bytes of held clients' bodies that were read.", Value: float64(t.Sipped)},
		metrics.Number{Name: "tarpit_seconds_total", Help: "Time of attackers' connections that the tarpit took.", Value: t.Spent.Seconds()})
	label := func(name, value string) []metrics.Label { return []metrics.Label{{Name: name, Value: value}} }
	for _, site := range p.Sites {
		for a := signal.Pass; a < signal.Actions; a++ {
			l := []metrics.Label{{Name: "site", Value: site.Name}, {Name: "action", Value: a.String()}}
			out = append(out,
				metrics.Number{Name: "requests_total", Help: "Requests by action taken.", Value: float64(site.Requests[a]), Labels: l},
				metrics.Number{Name: "verdicts_total", Help: "Requests by verdict, carried out or not.", Value: float64(site.Would[a]), Labels: l})
		}
	}
	for k := signal.Kind(1); k < signal.Kinds; k++ {
		out = append(out, metrics.Number{Name: "signals_total", Help: "Pieces of evidence by kind.", Value: float64(p.Signals[k]), Labels: label("kind", k.String())})
	}
	for _, u := range p.Upstreams {
		l := []metrics.Label{{Name: "site", Value: u.Site}, {Name: "upstream", Value: u.URL}}
		healthy := 0.0
		if u.Healthy {
			healthy = 1
		}
		out = append(out,
			metrics.Number{Name: "upstream_healthy", Help: "1 if the upstream could be reached lately and says that it is well.", Gauge: true, Value: healthy, Labels: l},
			metrics.Number{Name: "upstream_busy", Help: "Requests that the upstream has.", Gauge: true, Value: float64(u.Busy), Labels: l},
			metrics.Number{Name: "upstream_room", Help: "Requests that it may have at once; 1 where load is not adaptive.", Gauge: true, Value: float64(u.Room), Labels: l},
			metrics.Number{Name: "upstream_failures_total", Help: "Failures to reach the upstream.", Value: float64(u.Failures), Labels: l})
	}
	if g.traffic != nil {
		s := g.traffic.Stats()
		out = append(out,
			metrics.Number{Name: "recorded_total", Help: "Exchanges recorded.", Value: float64(s.Written)},
			metrics.Number{Name: "record_dropped_total", Help: "Exchanges that could not be recorded.", Value: float64(s.Dropped)})
	}
	return append(out, g.listenerNumbers()...)
}

func (g *gateway) listenerNumbers() []metrics.Number {
	var out []metrics.Number
	for i, l := range g.listeners {
		s := l.Stats()
		if i == 0 { // all listeners share their limits
			out = append(out, metrics.Number{Name: "connections_evicted_total",
				Help: "Idle connections that had to give way to others.", Value: float64(s.Evicted)})
		}
		at := []metrics.Label{{Name: "listener", Value: l.Addr().String()}}
		for _, n := range []struct {
			name, help string
			v          float64
			gauge      bool
		}{
			{"connections", "Open connections.", float64(s.Open), true},
			{"connections_accepted_total", "Connections accepted.", float64(s.Accepted), false},
			{"connections_over_limit_total", "Connections closed: too many in all.", float64(s.OverLimit), false},
			{"connections_over_client_limit_total", "Connections closed: too many of one client.", float64(s.OverClientLimit), false},
			{"handshakes_failed_total", "TLS handshakes that failed.", float64(s.HandshakeFailed), false},
			{"tls_resumed_total", "TLS sessions taken up again.", float64(s.Resumed), false},
			{"proxy_protocol_failed_total", "Bad, missing or forged PROXY headers.", float64(s.ProxyFailed), false},
			{"accept_errors_total", "Accept errors, mostly for want of open files.", float64(s.AcceptErrors), false},
			{"wrong_port_total", "TLS on a plaintext port, or plain HTTP on a TLS port.", float64(s.Mistaken), false},
			{"stream_faults_total", "HTTP/2 connections closed for abuse of streams.", float64(s.StreamFaults), false},
		} {
			out = append(out, metrics.Number{Name: n.name, Help: n.help, Gauge: n.gauge, Value: n.v, Labels: at})
		}
	}
	return out
}

func (g *gateway) added() metrics.Histogram {
	p := g.proxy.Stats()
	return metrics.Histogram{Count: p.AddedCount, Sum: p.AddedSum, Buckets: p.Added}
}

// tokens are those of self tests: each good for one request.
type tokens struct {
	mu   sync.Mutex
	open map[string]bool
}

const maxTokens = 16

func (t *tokens) issue() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil || len(t.open) >= maxTokens {
		t.open = map[string]bool{}
	}
	token := rand.Text()
	t.open[token] = true
	return token
}

func (t *tokens) take(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	ok := t.open[token]
	delete(t.open, token)
	return ok
}
