package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"bartizan/internal/config"
	"bartizan/internal/listen"
)

// What a site says of its upstreams is the site's own; what it does not say is that of
// all sites.
func TestSitesOf(t *testing.T) {
	cert, _, err := listen.SelfSigned(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	f := config.Default()
	f.Sites = []config.Site{
		{Hosts: []string{"a"}, Upstreams: []string{"http://127.0.0.1:1"}},
		{
			Hosts: []string{"b"}, Upstreams: []string{"https://127.0.0.1:1"},
			Timeouts: config.Waits{Response: config.Duration(5 * time.Minute)},
			TLS:      config.Behind{CA: ca, ServerName: "api.internal"},
		},
	}
	sites, err := sitesOf(f)
	if err != nil {
		t.Fatal(err)
	}
	if a := sites[0]; a.Timeouts.Response != time.Minute || a.Roots != nil || a.ServerName != "" ||
		a.Timeouts.Idle != 4*time.Second {
		t.Errorf("got %+v; want the times of all sites", a)
	}
	if b := sites[1]; b.Timeouts.Response != 5*time.Minute || b.Roots == nil || b.ServerName != "api.internal" {
		t.Errorf("got %+v; want its own", b)
	}
	f.Sites[1].TLS.CA = ca + ".gone"
	if _, err := sitesOf(f); err == nil {
		t.Error("a missing CA is no error")
	}
}
