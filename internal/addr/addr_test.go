package addr

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(t testing.TB, list ...string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, s := range list {
		p, err := ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func TestResolve(t *testing.T) {
	lan := []string{"10.0.0.0/8", "2001:db8:aaaa::/48"}
	for name, c := range map[string]struct {
		trusted   []string
		peer      string
		forwarded []string
		want      string
		forward   bool
		untold    bool
	}{
		"no header":                            {lan, "10.0.0.1", nil, "10.0.0.1", false, false},
		"one trusted hop":                      {lan, "10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9", true, false},
		"spoofed left entry":                   {lan, "10.0.0.1", []string{"1.2.3.4, 203.0.113.9"}, "203.0.113.9", true, false},
		"spoofed private entry":                {lan, "10.0.0.1", []string{"10.9.9.9, 203.0.113.9, 10.0.0.2"}, "203.0.113.9", true, false},
		"two trusted hops":                     {lan, "10.0.0.1", []string{"203.0.113.9, 10.0.0.7"}, "203.0.113.9", true, false},
		"several lines are one list":           {lan, "10.0.0.1", []string{"1.2.3.4", "203.0.113.9", "10.0.0.7"}, "203.0.113.9", true, false},
		"untrusted peer is the client":         {lan, "198.51.100.7", []string{"203.0.113.9"}, "198.51.100.7", false, false},
		"all trusted: the leftmost":            {lan, "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", true, false},
		"IPv4 with port":                       {lan, "10.0.0.1", []string{"203.0.113.9:4711"}, "203.0.113.9", true, false},
		"IPv6 in brackets with port":           {lan, "10.0.0.1", []string{"[2001:db8::5]:443"}, "2001:db8::5", true, false},
		"IPv6 in brackets":                     {lan, "10.0.0.1", []string{"[2001:db8::5]"}, "2001:db8::5", true, false},
		"IPv6 in quotes":                       {lan, "10.0.0.1", []string{`"[2001:db8::5]"`}, "2001:db8::5", true, false},
		"IPv4-mapped entry":                    {lan, "10.0.0.1", []string{"::ffff:203.0.113.9"}, "203.0.113.9", true, false},
		"IPv4-mapped peer":                     {lan, "::ffff:10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9", true, false},
		"unknown ends at its writer":           {lan, "10.0.0.1", []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2", true, false},
		"garbage ends at its writer":           {lan, "10.0.0.1", []string{"203.0.113.9, <script>"}, "10.0.0.1", false, false},
		"empty entry ends at its writer":       {lan, "10.0.0.1", []string{"203.0.113.9, "}, "10.0.0.1", false, false},
		"nobody trusted, private peer":         {nil, "172.16.0.1", []string{"203.0.113.9"}, "172.16.0.1", false, true},
		"nobody trusted, loopback peer":        {nil, "127.0.0.1", []string{"203.0.113.9"}, "127.0.0.1", false, true},
		"nobody trusted, public peer":          {nil, "198.51.100.7", []string{"203.0.113.9"}, "198.51.100.7", false, false},
		"trusted IPv6 hop":                     {lan, "2001:db8:aaaa::1", []string{"2001:db8:bbbb::1"}, "2001:db8:bbbb::1", true, false},
		"a zone is no part of a trusted match": {lan, "10.0.0.1", []string{"fe80::1%eth0"}, "fe80::1", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewResolver(NewSet(prefixes(t, c.trusted...)))
			got := r.Resolve(netip.MustParseAddr(c.peer), c.forwarded)
			if got.Addr.String() != c.want || got.Forwarded != c.forward || got.Untold != c.untold {
				t.Errorf("Resolve(%s, %q): got %s forwarded=%v untold=%v; want %s %v %v",
					c.peer, c.forwarded, got.Addr, got.Forwarded, got.Untold, c.want, c.forward, c.untold)
			}
		})
	}
}

// A header of thousands of trusted hops must not be walked to its end.
func TestResolveIsBounded(t *testing.T) {
	r := NewResolver(NewSet(prefixes(t, "10.0.0.0/8")))
	got := r.Resolve(netip.MustParseAddr("10.0.0.1"), []string{"203.0.113.9," + strings.Repeat("10.0.0.2,", 5000) + "10.0.0.3"})
	if want := "10.0.0.2"; got.Addr.String() != want {
		t.Errorf("got %s; want %s", got.Addr, want)
	}
}

func TestKeyOf(t *testing.T) {
	for a, want := range map[string]string{
		"203.0.113.9":        "203.0.113.9/32",
		"::ffff:203.0.113.9": "203.0.113.9/32",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1%eth0":       "fe80::/64",
	} {
		if got := KeyOf(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("KeyOf(%s): got %s; want %s", a, got, want)
		}
	}
	if got := KeyOf(netip.Addr{}); got.IsValid() {
		t.Errorf("KeyOf(zero): got %v; want the zero prefix", got)
	}
}

func TestParsePrefixHints(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.0.1/8": "did you mean 10.0.0.0/8?",
		"10.0.0":     "want an address or a prefix",
		"10.0.0.0/x": "want an address or a prefix",
	} {
		if _, err := ParsePrefix(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePrefix(%q): got %v; want an error with %q", s, err, want)
		}
	}
}

// The set must contain exactly what a walk over all prefixes finds.
func FuzzSetAgainstWalk(f *testing.F) {
	f.Add(uint64(1), uint8(20))
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) {
		r := rand.New(rand.NewPCG(seed, 3))
		var list []netip.Prefix
		for range n {
			list = append(list, randomPrefix(r))
		}
		set := NewSet(list)
		for range 300 {
			a := randomAddr(r)
			want := false
			for _, p := range list {
				want = want || p.Contains(a)
			}
			if got := set.Contains(a); got != want {
				t.Fatalf("seed %d: Contains(%s) in %v: got %v; want %v", seed, a, list, got, want)
			}
		}
	})
}

// randomAddr stays in a small corner, so that prefixes are hit and touch.
func randomAddr(r *rand.Rand) netip.Addr {
	if r.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(4)), byte(r.IntN(256))})
	}
	a := [16]byte{0x20, 0x01, 14: byte(r.IntN(4)), 15: byte(r.IntN(256))}
	if r.IntN(4) == 0 {
		a[7] = byte(r.IntN(4))
	}
	return netip.AddrFrom16(a)
}

func randomPrefix(r *rand.Rand) netip.Prefix {
	a := randomAddr(r)
	return netip.PrefixFrom(a, a.BitLen()-r.IntN(14)).Masked()
}

func TestSetExtremes(t *testing.T) {
	all := NewSet(prefixes(t, "0.0.0.0/0", "::/0"))
	for _, a := range []string{"0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"} {
		if !all.Contains(netip.MustParseAddr(a)) {
			t.Errorf("0.0.0.0/0 and ::/0: %s not contained", a)
		}
	}
	var none *Set
	if none.Contains(netip.MustParseAddr("10.0.0.1")) || none.Len() != 0 {
		t.Error("a nil set is not empty")
	}
	if NewSet(prefixes(t, "10.0.0.0/8")).Contains(netip.Addr{}) {
		t.Error("the zero address is contained")
	}
}

func BenchmarkSetContainsMillion(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	list := make([]netip.Prefix, 1_000_000)
	for i := range list {
		v := r.Uint32()
		list[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), 32)
	}
	set := NewSet(list)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		set.Contains(list[i*7919%len(list)].Addr())
	}
}
