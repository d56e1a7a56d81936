package blocked

import (
	"math/rand/v2"
	"testing"
)

func entry(key uint64, until uint32) Entry {
	return Entry{Key: key, Until: until, Blocks: 1, Network: [8]byte{1, 2, 3}, Scope: 1}
}

func TestPutGetRemove(t *testing.T) {
	b := New(10_000)
	if _, ok := b.Get(7); ok {
		t.Error("an empty table knows a key")
	}
	b.Put(entry(7, 100))
	b.Put(Entry{Key: 7, Until: 50, Blocks: 3})
	if e, ok := b.Get(7); !ok || e.Until != 100 || e.Blocks != 3 || e.Network != [8]byte{1, 2, 3} {
		t.Errorf("got %+v, %t; want the later end and the higher count", e, ok)
	}
	b.Put(entry(0, 100))
	b.Remove(8)
	if b.Stats().Entries != 1 {
		t.Errorf("got %d entries; want 1", b.Stats().Entries)
	}
	b.Remove(7)
	if _, ok := b.Get(7); ok || b.Stats().Entries != 0 {
		t.Error("removed, and still there")
	}
}

// Against a map: while there is room nothing is lost.
func TestOracle(t *testing.T) {
	b, want, r := New(1<<16), map[uint64]uint32{}, rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		k := r.Uint64() | 1<<63
		b.Put(entry(k, uint32(k>>40)))
		want[k] = uint32(k >> 40)
	}
	lost := 0
	for k, until := range want {
		if e, ok := b.Get(k); !ok {
			lost++
		} else if e.Until != until {
			t.Fatalf("%x: got %d; want %d", k, e.Until, until)
		}
	}
	if lost > 0 || b.Stats().Entries != len(want) || b.Stats().Lost != 0 {
		t.Errorf("lost %d of %d; table says %+v", lost, len(want), b.Stats())
	}
	if n := b.RemoveAll(func(e Entry) bool { return e.Key%2 == 1 && e.Until%2 == 0 }); n == 0 ||
		b.Stats().Entries != len(want)-n {
		t.Errorf("got %d removed, %d left of %d", n, b.Stats().Entries, len(want))
	}
}

// However many short blocks come, long ones stay, and the table within its bound.
func TestFlood(t *testing.T) {
	const most = 4096
	b, r := New(most), rand.New(rand.NewPCG(3, 4))
	long := make([]uint64, 100)
	for i := range long {
		long[i] = r.Uint64() | 1
		b.Put(entry(long[i], 86_400))
	}
	for i := range 1_000_000 {
		b.Put(entry(r.Uint64()|1, uint32(300+i%300)))
	}
	st := b.Stats()
	if st.Entries > most || st.Bytes > most*int64(EntrySize) || st.Lost == 0 {
		t.Errorf("got %+v; want at most %d entries of %d bytes, and losses told", st, most, EntrySize)
	}
	for _, k := range long {
		if e, ok := b.Get(k); !ok || e.Until != 86_400 {
			t.Errorf("%x: got %+v, %t; want the long block", k, e, ok)
		}
	}
	if EntrySize > 32 {
		t.Errorf("got %d bytes an entry; want at most 32", EntrySize)
	}
}

func TestSnapshot(t *testing.T) {
	b := New(10_000)
	b.Put(entry(5, 100))
	b.Put(entry(6, 900))
	raw := b.Append(200, nil)
	again := New(10_000)
	if err := again.Restore(500, raw); err != nil {
		t.Fatal(err)
	}
	if _, ok := again.Get(5); ok {
		t.Error("a block that was over was kept")
	}
	if e, ok := again.Get(6); !ok || e != (Entry{6, [8]byte{1, 2, 3}, 500, 1, 1}) {
		t.Errorf("got %+v, %t; want the block, cut at the latest end", e, ok)
	}
	if err := again.Restore(500, raw[:len(raw)-1]); err == nil {
		t.Error("a cut snapshot was taken")
	}
	if len(raw) > b.MostBytes() {
		t.Errorf("got %d bytes; want at most %d", len(raw), b.MostBytes())
	}
}

func BenchmarkGet(b *testing.B) {
	t, r := New(1<<20), rand.New(rand.NewPCG(5, 6))
	for range 1 << 19 {
		t.Put(entry(r.Uint64()|1, 100))
	}
	for b.Loop() {
		t.Get(r.Uint64())
	}
}
