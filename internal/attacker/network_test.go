package attacker

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"bartizan/internal/signal"
)

// doubt brings a client to interrogate at least.
func doubt(t *testing.T, table *Table, at time.Duration, address string) {
	t.Helper()
	r := from(address, 7)
	suspect(table, at, r)
	if st := stand(table, at, r); st.Stage < signal.Interrogate {
		t.Fatalf("%s is at %v; want interrogate or more", address, st.Stage)
	}
}

// good answers r often enough for it to count as a good client.
func good(table *Table, at time.Duration, address string) {
	answered(table, at, from(address, 3), established+1, 200, Exchange{Endpoint: 5})
}

// A newcomer is asked if most of its network is suspect, and only then; nobody
// else there is.
func TestNetworks(t *testing.T) {
	const late = 10 * time.Minute
	for name, c := range map[string]struct {
		bad      func(i int) string
		n        int
		others   func(i int) string // not suspect
		m        int
		newcomer string
		want     string // network; empty: not asked
	}{
		"a /56, four of it":       {func(i int) string { return fmt.Sprintf("2001:db8:1:10%d::1", i) }, 4, nil, 0, "2001:db8:1:177::9", "2001:db8:1:100::/56"},
		"three are too few":       {func(i int) string { return fmt.Sprintf("2001:db8:1:10%d::1", i) }, 3, nil, 0, "2001:db8:1:177::9", ""},
		"one /64 is one":          {func(i int) string { return fmt.Sprintf("2001:db8:1:100::%d", i+1) }, 20, nil, 0, "2001:db8:1:177::9", ""},
		"a /48, drawn at random":  {func(i int) string { return fmt.Sprintf("2001:db8:2:%x::1", i*1021) }, 18, nil, 0, "2001:db8:2:fedc::9", "2001:db8:2::/48"},
		"another network":         {func(i int) string { return fmt.Sprintf("2001:db8:1:10%d::1", i) }, 4, nil, 0, "2001:db8:9:1::9", ""},
		"mostly others":           {func(i int) string { return fmt.Sprintf("2001:db8:1:10%d::1", i) }, 4, func(i int) string { return fmt.Sprintf("2001:db8:1:1%d::1", 20+i) }, 6, "2001:db8:1:177::9", ""},
		"an IPv4 /24, nine of it": {func(i int) string { return fmt.Sprintf("203.0.113.%d", i*20+1) }, 9, nil, 0, "203.0.113.250", "203.0.113.0/24"},
		"seven are too few":       {func(i int) string { return fmt.Sprintf("203.0.113.%d", i*20+1) }, 7, nil, 0, "203.0.113.250", ""},
	} {
		table := New(1000, seed)
		for _, at := range []time.Duration{0, late / 2} {
			for i := range c.n {
				doubt(t, table, at, c.bad(i))
			}
			for i := range c.m {
				stand(table, at, from(c.others(i), 3))
			}
		}
		st := stand(table, late, from(c.newcomer, 3))
		if got := st.Network; got.IsValid() != (c.want != "") || got.IsValid() && got.String() != c.want {
			t.Errorf("%s: asked for %v; want %q", name, got, c.want)
		}
		if want := map[bool]signal.Stage{true: signal.Interrogate, false: signal.Clear}[c.want != ""]; st.Stage != want {
			t.Errorf("%s: got %v; want %v", name, st.Stage, want)
		}
	}
}

// Who came before the suspects, or shows an accepted credential, is not asked; with
// somebody known in an IPv4 network nobody is.
func TestNetworkSparesTheKnown(t *testing.T) {
	table, late := New(1000, seed), 10*time.Minute
	good(table, 0, "2001:db8:1:1aa::1")
	member := with(from("2001:db8:1:1bb::1", 4), 50)
	accepted(table, 0, member)
	for _, at := range []time.Duration{time.Second, late / 2} {
		for i := range 6 {
			doubt(t, table, at, fmt.Sprintf("2001:db8:1:10%d::1", i))
		}
		for i := range 9 {
			doubt(t, table, at, fmt.Sprintf("203.0.113.%d", i*20+1))
		}
		stand(table, at, with(from("203.0.113.99", 4), 50))
	}
	for name, st := range map[string]signal.Stage{
		"there before":          stand(table, late, from("2001:db8:1:1aa::1", 3)).Stage,
		"accepted":              stand(table, late, with(from("2001:db8:1:1bb::1", 4), 50)).Stage,
		"somebody known nearby": stand(table, late, from("203.0.113.250", 3)).Stage,
	} {
		if st != signal.Clear {
			t.Errorf("%s: got %v; want clear", name, st)
		}
	}
	newcomer := from("2001:db8:1:1cc::1", 3)
	if st := stand(table, late, newcomer); st.Stage != signal.Interrogate {
		t.Fatalf("a newcomer: got %v; want interrogate", st.Stage)
	}
	if n := table.Networks(epoch.Add(late)); len(n) != 1 || n[0].Bad < 5.5 {
		t.Errorf("got %+v; want the /56 with six suspects", n)
	}
	table.Unblock(Pardon{Address: netip.MustParseAddr("2001:db8:1:100::1")})
	if st := stand(table, late, newcomer); st.Stage != signal.Clear {
		t.Errorf("after an unblock in its network: got %v; want clear", st.Stage)
	}
}

// Six hours after the last suspect the network is as any other.
func TestNetworkIsForgiven(t *testing.T) {
	table := New(1000, seed)
	for _, at := range []time.Duration{0, 5 * time.Minute} {
		for i := range 6 {
			doubt(t, table, at, fmt.Sprintf("2001:db8:1:10%d::1", i))
		}
	}
	for at, want := range map[time.Duration]signal.Stage{2 * time.Hour: signal.Interrogate, 7 * time.Hour: signal.Clear} {
		if st := stand(table, at, from("2001:db8:1:177::9", 3)); st.Stage != want {
			t.Errorf("after %v: got %v; want %v", at, st.Stage, want)
		}
	}
}

func TestNetworksAreBounded(t *testing.T) {
	var n networks
	for i := range 3 * mostNetworks {
		n.suspect(int64(i), netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:%x::1", i>>8, i&0xff<<8)))
	}
	held := 0
	for i := range n.shards {
		held += len(n.shards[i].of)
	}
	if held < mostNetworks/2 || held > mostNetworks {
		t.Errorf("got %d networks; want at most %d, and not many fewer", held, mostNetworks)
	}
}

// A client stands several times in one request, before and after each piece of
// evidence. Its network counts it once.
func TestNetworkCountsClientsOnce(t *testing.T) {
	count := func(times int) Network {
		table := New(1000, seed)
		for _, at := range []time.Duration{0, 5 * time.Minute} {
			for i := range 5 {
				doubt(t, table, at, fmt.Sprintf("2001:db8:1:10%d::1", i))
			}
			for range times {
				for i := range 5 {
					stand(table, at, from(fmt.Sprintf("2001:db8:1:10%d::1", i), 7)) // suspect
				}
				for i := range 2 {
					stand(table, at, from(fmt.Sprintf("2001:db8:1:1a%d::1", i), 3)) // not
				}
			}
		}
		all := table.Networks(epoch.Add(5 * time.Minute))
		if len(all) != 1 {
			t.Fatalf("got %v; want one network", all)
		}
		return all[0]
	}
	once, often := count(1), count(40)
	if once != often || once.Bad < 4.5 || once.Bad > 5.5 || once.Active < 6.5 || once.Active > 7.5 {
		t.Errorf("got %+v, and %+v of 40 times; want 5 suspects of 7 in both", once, often)
	}
}
