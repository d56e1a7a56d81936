package intel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// dns is a name service of the test's own.
type dns struct {
	names map[string][]string // by address
	hosts map[string][]string // by name
	down  atomic.Bool
	asked atomic.Int64
}

func (d *dns) LookupAddr(_ context.Context, address string) ([]string, error) {
	d.asked.Add(1)
	if d.down.Load() {
		return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	}
	if n := d.names[address]; n != nil {
		return n, nil
	}
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

func (d *dns) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if d.down.Load() {
		return nil, errors.New("timeout")
	}
	var out []netip.Addr
	for _, a := range d.hosts[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

const google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

func locator(t *testing.T, o Options) *Locator {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = slog.New(slog.DiscardHandler)
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

// settled asks until the claim has been looked up.
func settled(t *testing.T, l *Locator, a, agent string) (bot, impostor string) {
	t.Helper()
	for range 200 {
		n := l.Locate(netip.MustParseAddr(a), agent)
		if n.Bot != "" || n.Impostor != "" {
			return n.Bot, n.Impostor
		}
		time.Sleep(5 * time.Millisecond)
	}
	return "", ""
}

func TestBots(t *testing.T) {
	d := &dns{
		names: map[string][]string{
			"66.249.66.1": {"crawl-66-249-66-1.googlebot.com."}, "203.0.113.9": {"host.example.net."},
			"203.0.113.10": {"googlebot.com.evil.example."}, "203.0.113.11": {"crawl-1.googlebot.com."},
		},
		hosts: map[string][]string{"crawl-66-249-66-1.googlebot.com.": {"66.249.66.1"}, "crawl-1.googlebot.com.": {"66.249.66.9"}, "googlebot.com.evil.example.": {"203.0.113.10"}},
	}
	bots := append(WellKnown(), Bot{Name: "monitor", Agent: "AcmeMonitor", Ranges: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}})
	l := locator(t, Options{Bots: bots, Resolver: d})
	for name, c := range map[string]struct{ address, agent, bot, impostor string }{
		"the real one":                    {"66.249.66.1", google, "googlebot", ""},
		"another domain":                  {"203.0.113.9", google, "", "googlebot"},
		"a name that only looks like it":  {"203.0.113.10", google, "", "googlebot"},
		"a name that does not point back": {"203.0.113.11", google, "", "googlebot"},
		"no name at all":                  {"203.0.113.12", strings.ToLower(google), "", "googlebot"},
		"in its ranges":                   {"192.0.2.5", "AcmeMonitor/1", "monitor", ""},
		"not in its ranges":               {"192.0.2.99", "AcmeMonitor/1", "", "monitor"},
	} {
		if bot, impostor := settled(t, l, c.address, c.agent); bot != c.bot || impostor != c.impostor {
			t.Errorf("%s: got bot %q, impostor %q; want %q, %q", name, bot, impostor, c.bot, c.impostor)
		}
	}
	if n := l.Locate(netip.MustParseAddr("203.0.113.9"), "curl/8"); n.Bot != "" || n.Impostor != "" {
		t.Errorf("a client that claims nothing: got %+v", n)
	}
}

// While the name service is down nobody is called an impostor, and it is not asked for each request.
func TestNameServiceDown(t *testing.T) {
	d := &dns{}
	d.down.Store(true)
	l := locator(t, Options{Bots: WellKnown(), Resolver: d})
	for range 50 {
		if n := l.Locate(netip.MustParseAddr("203.0.113.9"), google); n.Impostor != "" || n.Bot != "" {
			t.Fatalf("got %+v; want no verdict", n)
		}
		time.Sleep(time.Millisecond)
	}
	if got := d.asked.Load(); got != 1 {
		t.Errorf("asked %d times; want once in ten minutes", got)
	}
}

// A flood of false bots neither blocks nor grows without bound.
func TestFloodOfClaims(t *testing.T) {
	l, err := New(Options{Bots: WellKnown(), Resolver: &dns{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}) // nobody runs it
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxCache {
		l.Locate(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), google)
	}
	if n := len(l.cache); n > maxCache {
		t.Errorf("the cache holds %d claims; want at most %d", n, maxCache)
	}
}

// writeDatabase writes a database in place: 203.0.113.0/24 is AS 64500 in country.
func writeDatabase(t *testing.T, name, country string) {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "test", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	_, network, err := net.ParseCIDR("203.0.113.0/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Insert(network, mmdbtype.Map{
		"autonomous_system_number": mmdbtype.Uint32(64500), "country": mmdbtype.Map{"iso_code": mmdbtype.String(country)},
	}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDatabases(t *testing.T) {
	name := filepath.Join(t.TempDir(), "asn.mmdb")
	writeDatabase(t, name, "NL")
	l := locator(t, Options{ASN: name, Country: name})
	want := func(when, country string) {
		t.Helper()
		if n := l.Locate(netip.MustParseAddr("203.0.113.9"), ""); n.ASN != 64500 || n.Country != country {
			t.Errorf("%s: got %+v; want AS 64500 in %s", when, n, country)
		}
	}
	want("at first", "NL")
	if n := l.Locate(netip.MustParseAddr("198.51.100.1"), ""); n.ASN != 0 || n.Country != "" {
		t.Errorf("an address that is not in it: got %+v", n)
	}
	if _, err := New(Options{ASN: filepath.Join(t.TempDir(), "none.mmdb")}); err == nil || !strings.Contains(err.Error(), "want a MaxMind-format") {
		t.Errorf("a missing database: got %v", err)
	}
	writeDatabase(t, name, "BE")
	want("written over, not read again", "NL")
	if err := l.Open(name, name); err != nil {
		t.Fatal(err)
	}
	want("read again", "BE")
	if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Open(name, name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a broken file: got %v", err)
	}
	want("after a broken file", "BE")
}

func BenchmarkLocate(b *testing.B) {
	l, err := New(Options{Bots: WellKnown(), Resolver: &dns{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	a := netip.MustParseAddr("203.0.113.9")
	agent := fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 156)
	b.ReportAllocs()
	for b.Loop() {
		l.Locate(a, agent)
	}
}
