package attacker

import (
	"net/netip"
	"testing"

	"bartizan/internal/addr"
)

// A million clients must fit in a gibibyte with all that they share.
func TestRecordSize(t *testing.T) {
	const most = 608
	if RecordSize > most {
		t.Errorf("got %d bytes a record; want at most %d", RecordSize, most)
	}
	t.Logf("%d bytes", RecordSize)
}

// A record must give back the network that it was made for.
func TestNetwork(t *testing.T) {
	for _, s := range []string{"203.0.113.9", "0.0.0.1", "2001:db8:1:2::", "fe80::", "::"} {
		a := netip.MustParseAddr(s)
		if got := networkOf(addr.KeyOf(a).Addr().As16()).addr(); got != addr.KeyOf(a).Addr() {
			t.Errorf("%s: got %s", s, got)
		}
	}
}
