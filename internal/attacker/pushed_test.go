package attacker

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// blockAt has a client blocked.
func blockAt(t *Table, at time.Duration, r *request.Request) {
	for i := range 3 {
		observe(t, at, r, hit(signal.SQLInjection, signal.Certain, uint64(i+1)<<8))
	}
}

// wave has n addresses have themselves blocked.
func wave(t *Table, at time.Duration, n int) {
	for i := range n {
		blockAt(t, at, from(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 1}).String(), 1))
	}
}

// A table full of blocked clients pushes records out, but no block: it acts when its client
// comes back, over a restart too, and the next one is longer.
func TestPushedOutBlocksStand(t *testing.T) {
	table := New(4096, seed)
	old := from("203.0.113.9", 1)
	blockAt(table, 0, old)
	wave(table, time.Minute, 3000) // each has two records
	st := table.Stats()
	if st.Blocked.Entries == 0 || st.Records > st.Capacity || st.Blocked.Entries > st.Capacity || st.Pardons != 0 {
		t.Fatalf("got %+v; want records pushed out, and their blocks kept", st)
	}
	var b bytes.Buffer
	if err := table.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	again := New(4096, seed)
	if _, err := again.Restore(epoch.Add(2*time.Minute), &b); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]*Table{"live": table, "restored": again} {
		free := 0
		for i := range 3000 {
			r := from(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 1}).String(), 1)
			if got := stand(x, 2*time.Minute, r); got.Stage != signal.Block {
				free++
			}
		}
		if free > 0 {
			t.Errorf("%s: got %d of 3,000 clients free; want them blocked", name, free)
		}
		if got := stand(x, 2*time.Minute,
			from("203.0.113.9", 1)); got.Stage != signal.Block || !got.Until.Equal(epoch.Add(5*time.Minute)) {
			t.Errorf("%s: got %v until %v; want the block as it was", name, got.Stage, got.Until)
		}
		if got := stand(x, 6*time.Minute, from("203.0.113.9", 1)); got.Stage == signal.Block {
			t.Errorf("%s: got a block when it was over", name)
		}
		r := from("203.0.113.9", 1)
		if blockAt(x, 7*time.Minute, r); !r.Standing.Until.Equal(epoch.Add(27 * time.Minute)) {
			t.Errorf("%s: got a second block until %v; want 20 minutes", name, r.Standing.Until)
		}
	}
}

// An unblock reaches blocks whose records had to go.
func TestUnblockOfPushedOut(t *testing.T) {
	table := New(4096, seed)
	blockAt(table, 0, from("203.0.113.9", 1))
	wave(table, time.Minute, 3000)
	if n := table.Unblock(Pardon{Network: netip.MustParsePrefix("20.0.0.0/8")}); n < 3000 {
		t.Errorf("got %d cleared; want all 3,000 clients", n)
	}
	if n := table.Unblock(Pardon{Address: netip.MustParseAddr("203.0.113.9")}); n == 0 {
		t.Error("got nothing cleared of the address")
	}
	for _, a := range []string{"20.0.0.1", "20.5.200.1", "203.0.113.9"} {
		if st := stand(table, 2*time.Minute, from(a, 1)); st.Stage != signal.Clear {
			t.Errorf("%s: got %v; want clear", a, st.Stage)
		}
	}
}

// A snapshot of the version before has no blocks of their own, and is read.
func TestSnapshotWithoutBlocks(t *testing.T) {
	table := New(1000, seed)
	blockAt(table, 0, from("203.0.113.9", 1))
	var b bytes.Buffer
	if err := table.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	raw := asVersion(t, b.Bytes(), 2)
	again := New(1000, seed)
	if n, err := again.Restore(epoch, bytes.NewReader(raw)); err != nil || n == 0 {
		t.Fatalf("got %d records, %v", n, err)
	}
	if st := stand(again, 0, from("203.0.113.9", 1)); st.Stage != signal.Block {
		t.Errorf("got %v; want the block", st.Stage)
	}
}
