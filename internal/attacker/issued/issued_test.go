package issued

import (
	"testing"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

const start = 1_000_000 // s: behind the table's own start

// warm returns a table that has run for an hour.
func warm(most int) *Table {
	t := New(most)
	t.Note(Exchange{Now: start - 3600})
	return t
}

// me is one client under its one name.
var me = []Who{{Key: 0x1234567890}}

func id(n int) uint64 { return digest.Mix(7, uint64(n)) | 1 }

func (t *Table) show(now int64, who []Who, ids ...uint64) {
	t.Note(Exchange{Now: now, Who: who, Shown: [2][]uint64{ids}})
}

func (t *Table) ask(now int64, who []Who, object uint64) request.Origin {
	o, _ := t.Note(Exchange{Now: now, Who: who, Object: object, Counts: true, Refused: true})
	return o
}

func want(t *testing.T, what string, got, want request.Origin) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got origin %d; want %d", what, got, want)
	}
}

func TestOrigins(t *testing.T) {
	x := warm(1000)
	x.show(start, me, id(1), id(2))
	want(t, "shown", x.ask(start, me, id(1)), request.Issued)
	want(t, "shown, asked for again", x.ask(start, me, id(1)), request.OriginUnknown)
	want(t, "never shown", x.ask(start, me, id(3)), request.Foreign)
	want(t, "never shown, asked for again", x.ask(start, me, id(3)), request.OriginUnknown)
	other := []Who{{Key: 99}}
	want(t, "shown to another", x.ask(start, other, id(2)), request.Foreign)
	// Under a new address the credential remembers, under a new token the client.
	credential := Who{Key: 77}
	x.show(start, []Who{me[0], credential}, id(5), id(6))
	want(t, "elsewhere, same credential", x.ask(start, []Who{{Key: 5}, credential}, id(5)), request.Issued)
	want(t, "same client, new credential", x.ask(start, []Who{me[0], {Key: 78}}, id(6)), request.Issued)
}

// What may have been shown and was not noted excuses a client for half an hour.
func TestUnknownIsNoEvidence(t *testing.T) {
	want(t, "where nothing is known of endpoints either", New(1000).ask(start, me, id(1)), request.Foreign)
	fresh := New(1000)
	fresh.Resume()
	want(t, "right after the start", fresh.ask(start, me, id(1)), request.OriginUnknown)
	want(t, "half an hour after it", fresh.ask(start+cold+1, []Who{{Key: 3}}, id(1)), request.Foreign)

	x := warm(1000)
	old := []Who{{Key: 0x4444, Old: true}}
	want(t, "known, but not to the table", x.ask(start, old, id(1)), request.OriginUnknown)
	want(t, "half an hour later", x.ask(start+cold+1, old, id(2)), request.Foreign)

	x.show(start, me, id(1))
	x.Note(Exchange{Now: start, Who: me, Unread: true})
	want(t, "behind an answer that was not read", x.ask(start+1, me, id(9)), request.OriginUnknown)
	want(t, "and what was shown", x.ask(start+1, me, id(1)), request.OriginUnknown)

	for i := range 2 * size {
		x.show(start, me, id(100+i))
	}
	want(t, "with more ids than it can hold", x.ask(start, me, id(8)), request.OriginUnknown)
}

// A filter that is nearly full still takes few strangers for shown, and no shown one
// for a stranger.
func TestFilter(t *testing.T) {
	x := warm(1000)
	const shown, strangers = 400, 300
	for i := range shown {
		x.show(start, me, id(i))
	}
	missed := 0
	for i := range strangers {
		if x.ask(start, me, id(10_000+i)) != request.Foreign {
			missed++
		}
	}
	if missed > strangers*4/10 {
		t.Errorf("got %d of %d strangers taken for shown; want at most four in ten", missed, strangers)
	}
	t.Logf("%d of %d strangers taken for shown", missed, strangers)
	y := warm(1000)
	for i := range shown {
		y.show(start, me, id(i))
	}
	for i := range shown {
		if o := y.ask(start, me, id(i)); o == request.Foreign {
			t.Fatalf("object %d was shown and is foreign", i)
		}
	}
}

func TestCounts(t *testing.T) {
	x := warm(1000)
	for i := range 20 {
		x.ask(start, me, id(i))
	}
	_, c := x.Note(Exchange{Now: start, Who: me})
	if c.Foreign < 19 || c.Refused != c.Foreign || c.Asked != c.Foreign {
		t.Errorf("got %+v; want about 20 of each", c)
	}
	_, c = x.Note(Exchange{Now: start + tau, Who: me})
	if c.Foreign > 8 || c.Foreign < 6 {
		t.Errorf("an hour later: got %+v; want a third", c)
	}
}

// A flood of clients takes no more memory than there is, and makes others unknown
// at worst, not suspect.
func TestFlood(t *testing.T) {
	x := warm(2048)
	x.show(start, me, id(1))
	for i := range 200_000 {
		x.ask(start+1, []Who{{Key: digest.Mix(3, uint64(i))}}, id(i))
	}
	if got, most := x.Bytes(), int64(2048*EntrySize); got > most {
		t.Errorf("got %d bytes; want at most %d", got, most)
	}
	want(t, "whose entry had to go", x.ask(start+2, []Who{{Key: me[0].Key, Old: true}}, id(1)), request.OriginUnknown)
	t.Logf("%d bytes an entry", EntrySize)
}

func BenchmarkNote(b *testing.B) {
	x := warm(32768)
	ids := []uint64{id(1), id(2), id(3), id(4), id(5), id(6), id(7), id(8), id(9), id(10)}
	b.ReportAllocs()
	who := make([]Who, 1)
	for i := 0; b.Loop(); i++ {
		who[0].Key = digest.Mix(3, uint64(i%10_000))
		x.Note(Exchange{Now: start, Who: who, Object: id(i), Counts: true, Shown: [2][]uint64{ids}})
	}
}
