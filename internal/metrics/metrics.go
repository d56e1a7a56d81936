// Package metrics shows what the parts count, in Prometheus's format. It pulls:
// the parts keep plain counters and know nothing of it. Label sets are fixed
// (action, stage, signal kind, site, upstream), so no client can make series.
package metrics

import (
	"net/http"
	"sync"
	"time"

	"bartizan/internal/challenge"
	"bartizan/internal/engine"
	"bartizan/internal/load"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/swarm"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Number is one sample that a source gives.
type Number struct {
	Name, Help string // without the prefix bartizan_
	Gauge      bool
	Value      float64
	Labels     []Label
}

// Label is one label of a sample.
type Label struct{ Name, Value string }

// Histogram is the added latency.
type Histogram struct {
	Count   uint64
	Sum     time.Duration
	Buckets map[time.Duration]uint64 // cumulative
}

// Options are the sources.
type Options struct {
	Engine  *engine.Engine
	Now     func() time.Time
	Numbers func() []Number  // of the front end, listeners and outputs
	Added   func() Histogram // time that judging added
}

// Handler returns the handler of /metrics.
func Handler(o Options) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{options: o}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// collector makes samples when asked. The census walks the whole client table,
// so its result is kept for some seconds.
type collector struct {
	options Options
	mu      sync.Mutex
	counted time.Time
	census  [signal.Stages]int
}

// Describe sends nothing: the collector is unchecked, its names are fixed here.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all samples.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, n := range append(c.engine(), c.options.Numbers()...) {
		kind := prometheus.CounterValue
		if n.Gauge {
			kind = prometheus.GaugeValue
		}
		var names, values []string
		for _, l := range n.Labels {
			names, values = append(names, l.Name), append(values, l.Value)
		}
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("bartizan_"+n.Name, n.Help, names, nil), kind, n.Value, values...)
	}
	h := c.options.Added()
	buckets := make(map[float64]uint64, len(h.Buckets))
	for d, n := range h.Buckets {
		buckets[d.Seconds()] = n
	}
	desc := prometheus.NewDesc("bartizan_added_latency_seconds", "Time that judging added before a request went upstream.", nil, nil)
	ch <- prometheus.MustNewConstHistogram(desc, h.Count, h.Sum.Seconds(), buckets)
}

const censusEvery = 5 * time.Second

func (c *collector) engine() []Number {
	e, now := c.options.Engine, c.options.Now()
	s := e.Stats()
	out := []Number{
		{Name: "clients", Help: "Records in the client table.", Gauge: true, Value: float64(s.Attackers.Records)},
		{Name: "clients_capacity", Help: "Records that the client table can hold.", Gauge: true, Value: float64(s.Attackers.Capacity)},
		{Name: "clients_bytes", Help: "Memory of the client table.", Gauge: true, Value: float64(s.Attackers.Bytes)},
		{Name: "clients_evicted_total", Help: "Records that went for new ones.", Value: float64(s.Attackers.Evictions)},
		{Name: "clients_punished_evicted_total", Help: "Punished records that had to go.", Value: float64(s.Attackers.Pardons)},
		{Name: "engine_faults_total", Help: "Panics caught inside the engine.", Value: float64(s.Faults)},
		{Name: "endpoints", Help: "Endpoints of the API model.", Gauge: true, Value: float64(s.Model.Endpoints)},
		{Name: "model_nodes", Help: "Path segments of the API model.", Gauge: true, Value: float64(s.Model.Nodes)},
		{Name: "model_refused_total", Help: "What the API model's bounds kept out.", Value: float64(s.Model.Refused)},
		{Name: "policy_version", Help: "Version of the policy in force.", Gauge: true, Value: float64(s.Policy)},
		{Name: "pass_all", Help: "1 while break-glass lets everything pass.", Gauge: true, Value: truth(!e.PassingUntil(now).IsZero())},
		{Name: "breaker_open", Help: "1 while refusals without proof are only challenges, since too many clients were refused.", Gauge: true, Value: truth(!e.BreakerOpen(now).IsZero())},
	}
	out = append(out, interrogation(s.Challenge)...)
	out = append(out, botnets(s.Swarm)...)
	out = append(out, loads(e.Loads(now))...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.counted) > censusEvery {
		c.census, c.counted = e.Census(now), now
	}
	for i, n := range c.census {
		out = append(out, Number{Name: "clients_by_stage", Help: "Clients by stage.", Gauge: true, Value: float64(n), Labels: []Label{{"stage", signal.Stage(i).String()}}})
	}
	return out
}

// botnets renders what the botnet search does.
func botnets(s swarm.Stats) []Number {
	return []Number{
		{Name: "botnet_rows_total", Help: "Requests that the botnet search has taken in.", Value: float64(s.Rows)},
		{Name: "botnet_rows_lost_total", Help: "Requests that it had no room for.", Value: float64(s.Lost)},
		{Name: "botnet_learned_total", Help: "Requests that taught it what good traffic is.", Value: float64(s.Learned)},
		{Name: "botnet_good_rows", Help: "Good requests that proofs are made on.", Gauge: true, Value: float64(s.GoodRows)},
		{Name: "botnet_searches_total", Help: "Searches for a signature.", Value: float64(s.Searches)},
		{Name: "botnet_vetoed_total", Help: "Alarms that known-good clients shared.", Value: float64(s.Vetoed)},
		{Name: "botnet_signatures", Help: "Signatures that are matched.", Gauge: true, Value: float64(s.Active)},
		{Name: "botnet_campaigns", Help: "Campaigns that are under way.", Gauge: true, Value: float64(s.Open)},
		{Name: "botnet_members", Help: "Addresses listed in campaigns.", Gauge: true, Value: float64(s.Members)},
	}
}

// loads renders how busy each site's upstreams are.
func loads(sites []engine.SiteLoad) []Number {
	var out []Number
	for _, l := range sites {
		site := []Label{{"site", l.Site}}
		out = append(out,
			Number{Name: "load_in_flight", Help: "Requests that upstreams have not begun to answer.", Gauge: true, Value: float64(l.InFlight), Labels: site},
			Number{Name: "load_limit", Help: "Requests that may be with upstreams at once.", Gauge: true, Value: float64(l.Limit), Labels: site},
			Number{Name: "load_saturated", Help: "1 while clients are turned away, and half a minute longer.", Gauge: true, Value: truth(l.Overload > 0), Labels: site},
			Number{Name: "load_dropped_total", Help: "Requests that upstreams did not answer.", Value: float64(l.Dropped), Labels: site})
		for c, n := range l.Shed {
			labels := []Label{{"site", l.Site}, {"class", load.Class(c).String()}}
			out = append(out, Number{Name: "load_shed_total", Help: "Requests for which saturated upstreams had no room, by class; in observe mode they went on.", Value: float64(n), Labels: labels})
		}
	}
	return out
}

// interrogation renders what suspects were asked and what came back.
func interrogation(s challenge.Stats) []Number {
	var out []Number
	add := func(name, help, label, value string, n uint64) {
		out = append(out, Number{Name: name, Help: help, Value: float64(n), Labels: []Label{{label, value}}})
	}
	const asked = "Questions asked of suspects."
	add("challenges_total", asked, "kind", "program", s.Asked)
	add("challenges_total", asked, "kind", "page", s.Pages)
	add("challenges_total", asked, "kind", "redirect", s.Redirects)
	for how, n := range s.Earned {
		add("passes_total", "Passes handed out, retries included.", "earned", request.PassHow(how).String(), n)
	}
	for result, n := range s.Results {
		if r := request.PassResult(result); r != request.PassNone {
			add("passes_shown_total", "Requests with a pass or an answer, by what it was.", "result", r.String(), n)
		}
	}
	return out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
