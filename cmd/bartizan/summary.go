package main

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"bartizan/internal/config"
)

// exempt says what an operator who tries the gateway out from a private address, which
// is where nearly everybody tries it first, would else find out the hard way.
const exempt = "private and loopback clients are exempt: whatever they send is judged and passes. To have them " +
	"refused too, for a trial on one machine or behind a load " +
	"balancer, set protect_private: true or run with --protect-private"

// exempts reports whether private clients are exempt from what a site enforces.
func exempts(f config.File) bool {
	return !f.ProtectPrivate && slices.ContainsFunc(f.Sites, func(s config.Site) bool {
		return s.Mode == "enforce" || slices.ContainsFunc(s.Routes,
			func(r config.Route) bool { return r.Mode == "enforce" })
	})
}

// welcome says what runs, before what, whether that answers, and what to do next.
func (g *gateway) welcome(w io.Writer) {
	var t table
	for _, l := range g.addresses() {
		scheme := "http"
		if l.TLS {
			scheme = "https"
		}
		t.addf("listening\t%s://%s", scheme, l.Address)
	}
	answering := dialUpstreams(g.file.Sites)
	observes := false
	for _, s := range g.file.Sites {
		mode := cmp.Or(s.Mode, "observe")
		observes = observes || mode == "observe"
		t.addf("site %s\t%s", s.Hosts[0], map[string]string{
			"observe": "observe: everything is judged, nothing is refused",
			"enforce": "enforce: verdicts are carried out",
		}[mode])
		for _, u := range s.Upstreams {
			t.addf("\tupstream %s: %s", u, answering[u])
		}
		for _, r := range s.Routes {
			if r.Mode != "" && r.Mode != mode {
				t.addf("\t%s: %s", r.Match, r.Mode)
			}
		}
	}
	t.addf("events\t%s", destination(g.file.Events))
	t.addf("admin\thttp://%s/metrics", g.admin.Addr())
	t.addf("state\t%s", g.file.Data)
	if n := len(g.file.TrustedProxies); n > 0 {
		t.addf("trusts\tX-Forwarded-For of %s", strings.Join(g.file.TrustedProxies[:min(n, 4)], ", "))
	}
	if !g.file.ProtectPrivate {
		t.addf("exempt\t%s", exempt)
	}
	next := "bartizan selftest shows what an attack gets; bartizan attackers who is suspected; bartizan explain " +
		"REFERENCE why a request was refused"
	if observes {
		next = "bartizan selftest shows what an attack would get; bartizan report, after some traffic, whom " +
			"enforcing would refuse and whether it is safe"
	}
	t.addf("next\t%s", next)
	_ = t.print(w) // the terminal may be gone
}

func destination(o config.Output) string {
	var to []string
	if o.Stdout {
		to = append(to, "standard output, a line of JSON each")
	}
	if o.File != "" {
		to = append(to, o.File)
	}
	if to == nil {
		return "go nowhere: set events.file or events.stdout"
	}
	return strings.Join(to, " and ")
}

// dialUpstreams says of each upstream whether it can be reached.
func dialUpstreams(sites []config.Site) map[string]string {
	out := make(map[string]string)
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, s := range sites {
		for _, u := range s.Upstreams {
			all.Go(func() {
				said := reach(u)
				mu.Lock()
				defer mu.Unlock()
				out[u] = said
			})
		}
	}
	all.Wait()
	return out
}

// reach opens a connection to an upstream and says what came of it.
func reach(upstream string) string {
	u, err := url.Parse(upstream)
	if err != nil {
		return err.Error()
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[u.Scheme]
		port = cmp.Or(port, "80")
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort(u.Hostname(), port), 2*time.Second)
	if err != nil {
		return fmt.Sprintf("DOES NOT ANSWER (%v)", err)
	}
	c.Close()
	return "answers"
}
