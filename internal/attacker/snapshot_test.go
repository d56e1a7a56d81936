package attacker

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"bartizan/internal/frame"
	"bartizan/internal/signal"
)

// punished returns a table with a blocked client, a watched one and an accepted credential.
func punished(t testing.TB) (*Table, []byte) {
	t.Helper()
	table := New(4096, seed)
	bad, odd := from("203.0.113.9", 1), from("2001:db8::1", 1)
	for i := range 3 {
		observe(table, 0, bad, hit(signal.SQLInjection, signal.Certain, uint64(i+1)<<8))
	}
	observe(table, 0, odd, hit(signal.UserAgentMismatch, signal.Likely, 0), hit(signal.ProbePath, signal.Likely, 3))
	answered(table, 0, from("198.51.100.1", 2), 1, 401, Exchange{Endpoint: endpoint})
	answered(table, 0, with(from("198.51.100.2", 1), 5), 1, 200, Exchange{Endpoint: endpoint})
	var b bytes.Buffer
	if err := table.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return table, b.Bytes()
}

func TestSnapshotRoundTrip(t *testing.T) {
	before, snapshot := punished(t)
	after := New(4096, seed)
	n, err := after.Restore(epoch, bytes.NewReader(snapshot))
	if err != nil || n < 4 {
		t.Fatalf("Restore: got %d records, %v", n, err)
	}
	for _, a := range []string{"203.0.113.9", "2001:db8::1", "198.51.100.2"} {
		r := with(from(a, 1), 5)
		want := stand(before, time.Second, r)
		if got := stand(after, time.Second, r); got.Stage != want.Stage || got.Accepted != want.Accepted || !got.Until.Equal(want.Until) || got.Risk < want.Risk-2 || got.Risk > want.Risk+2 {
			t.Errorf("%s: got %+v; want %+v", a, got, want)
		}
	}
	r := with(from("198.51.100.3", 1), 6)
	answered(after, time.Second, r, 1, 200, Exchange{Endpoint: endpoint})
	if stand(after, 2*time.Second, r); !r.Standing.Accepted {
		t.Error("the guarded endpoints were lost")
	}
}

// Whatever is cut off or altered, the snapshot is refused whole.
func TestSnapshotDamaged(t *testing.T) {
	_, snapshot := punished(t)
	restore := func(b []byte, seed uint64) (*Table, error) {
		table := New(4096, seed)
		_, err := table.Restore(epoch, bytes.NewReader(b))
		return table, err
	}
	for _, n := range []int{0, 7, 8, 30, len(snapshot) / 2, len(snapshot) - 1} {
		if table, err := restore(snapshot[:n], seed); !errors.Is(err, ErrSnapshot) || table.Stats().Records != 0 {
			t.Errorf("cut after %d bytes: got %v and %d records; want ErrSnapshot and none", n, err, table.Stats().Records)
		}
	}
	for i := 0; i < len(snapshot); i += 97 {
		b := bytes.Clone(snapshot)
		b[i] ^= 0x40
		if _, err := restore(b, seed); !errors.Is(err, ErrSnapshot) {
			t.Errorf("byte %d altered: got %v; want ErrSnapshot", i, err)
		}
	}
	if _, err := restore(snapshot, seed+1); !errors.Is(err, ErrSnapshot) {
		t.Errorf("another seed: got %v; want ErrSnapshot", err)
	}
}

// What a rule over an outcome does outlives a restart; a snapshot from before
// there were such rules is read, and has none.
func TestSnapshotOfRules(t *testing.T) {
	table := New(4096, seed)
	bad := from("203.0.113.9", 1)
	observe(table, 0, bad, hit(signal.SQLInjection, signal.Certain, 1))
	table.Rule(epoch, bad, 77, epoch.Add(time.Hour))
	var b bytes.Buffer
	if err := table.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	after := New(4096, seed)
	if _, err := after.Restore(epoch, bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	st := stand(after, time.Minute, bad)
	risk := st.Risk
	if st.Rule != 77 || !st.RuleUntil.Equal(epoch.Add(time.Hour)) {
		t.Errorf("got rule %d until %v; want 77 for an hour", st.Rule, st.RuleUntil)
	}
	if st := stand(after, time.Hour, bad); st.Rule != 0 {
		t.Errorf("got rule %d when it is over", st.Rule)
	}
	first := New(4096, seed)
	if _, err := first.Restore(epoch, bytes.NewReader(asVersion(t, b.Bytes(), 1))); err != nil {
		t.Fatal(err)
	}
	if st := stand(first, time.Minute, bad); st.Rule != 0 || st.Risk != risk || risk == 0 {
		t.Errorf("of version 1: got rule %d, risk %.1f; want no rule, risk %.1f", st.Rule, st.Risk, risk)
	}
}

// asVersion rewrites a snapshot as an older version had it.
func asVersion(t *testing.T, snapshot []byte, version byte) []byte {
	t.Helper()
	in, out := bytes.NewReader(snapshot), new(bytes.Buffer)
	for i := 0; in.Len() > 0; i++ {
		block, err := frame.Read(in, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case i == 0:
			block[8] = version
		case i <= shards:
			var cut []byte
			for ; len(block) > 0; block = block[recordBytes:] {
				cut = append(cut, block[:[...]int{1: firstBytes, 2: secondBytes, 3: thirdBytes}[version]]...)
			}
			block = cut
		case i == shards+2 && version < 2, i == shards+3 && version < 3:
			continue // links; blocks
		}
		if err := frame.Write(out, block); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// A smaller table keeps the punished.
func TestRestoreIntoLess(t *testing.T) {
	_, snapshot := punished(t)
	small := New(1, seed)
	if _, err := small.Restore(epoch, bytes.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	if st := stand(small, time.Second, from("203.0.113.9", 1)); st.Stage != signal.Block {
		t.Errorf("got %v; want the block to stand", st.Stage)
	}
}

func TestImpose(t *testing.T) {
	table, r := New(4096, seed), from("203.0.113.9", 1)
	key := r.Standing.Keys[Client]
	s := Sentence{Key: key, Scope: Client, Prefix: "203.0.113.9/32", Until: epoch.Add(time.Hour), Blocks: 2, At: epoch}
	if table.Impose(epoch.Add(2*time.Hour), s) {
		t.Error("a block that is over was imposed")
	}
	if bad := s; true {
		bad.Prefix = "nowhere"
		if table.Impose(epoch, bad) {
			t.Error("a block without an address was imposed")
		}
	}
	if !table.Impose(epoch, s) {
		t.Fatal("a running block was not imposed")
	}
	if st := stand(table, time.Minute, r); st.Stage != signal.Block || !st.Until.Equal(s.Until) {
		t.Errorf("got %v until %v; want the block until %v", st.Stage, st.Until, s.Until)
	}
	if n := table.Unblock(Pardon{Address: r.Client.Addr}); n != 1 {
		t.Errorf("unblock cleared %d records; want the imposed one", n)
	}
}

func FuzzRestore(f *testing.F) {
	_, snapshot := punished(f)
	f.Add(snapshot)
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		table := New(4096, seed)
		if _, err := table.Restore(epoch, bytes.NewReader(b)); err != nil && !errors.Is(err, ErrSnapshot) {
			t.Fatalf("got %v; want ErrSnapshot", err)
		}
	})
}

// Clients that were known to be good before a restart are so after it, and were known for as
// long, so that an overload at that moment does not turn them away; suspects are not.
func TestKnownClientsOverARestart(t *testing.T) {
	table := New(10_000, seed)
	for i := range 50 {
		answered(table, 0, from("198.51.100."+strconv.Itoa(i+1), 1), 8, 200, Exchange{Endpoint: 1})
	}
	suspect := from("203.0.113.9", 1)
	answered(table, 0, suspect, 8, 200, Exchange{Endpoint: 1})
	observe(table, time.Second, suspect, hit(signal.SQLInjection, signal.Likely, 1), hit(signal.UserAgentMismatch, signal.Likely, 2))
	var b bytes.Buffer
	if err := table.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	after := New(10_000, seed)
	if _, err := after.Restore(epoch.Add(3*time.Minute), bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		st := stand(after, 4*time.Minute, from("198.51.100."+strconv.Itoa(i+1), 1))
		if !st.Established || st.Age < 3*time.Minute || st.Stage != signal.Clear {
			t.Fatalf("client %d: got %+v; want one that has been known for minutes", i, st)
		}
	}
	if st := stand(after, 4*time.Minute, from("203.0.113.9", 1)); st.Established {
		t.Error("a suspect is known to be good after a restart")
	}
	if st := stand(after, 4*time.Minute, from("198.51.100.77", 1)); st.Established {
		t.Error("a stranger is known to be good after a restart")
	}
	for i := 0; i < b.Len(); i += 97 {
		if _, err := New(10_000, seed).Restore(epoch, bytes.NewReader(b.Bytes()[:i])); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("cut at %d: got %v", i, err)
		}
	}
}

// BenchmarkSnapshotKnown writes 100,000 clients that are known to be good.
func BenchmarkSnapshotKnown(b *testing.B) {
	table := New(200_000, seed)
	for i := range 100_000 {
		r := from(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), 1)
		answered(table, 0, r, 6, 200, Exchange{Endpoint: 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		var out bytes.Buffer
		if err := table.Snapshot(&out); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(out.Len()), "B/snapshot")
	}
}
