package swarm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"bartizan/internal/frame"
	"bartizan/internal/signal"
)

func someRows(n int) []row {
	random := rand.New(rand.NewPCG(1, 1))
	out := make([]row, n)
	for i := range out {
		for a := range out[i].at {
			out[i].at[a] = random.Uint32N(uint32(1 + a*a))
		}
		out[i].client, out[i].status, out[i].flags, out[i].time = random.Uint32(), 200, trusted, int64(i)-5
	}
	return out
}

func TestRowsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 700} {
		want := someRows(n)
		var b bytes.Buffer
		encodeRows(&b, want)
		in := reader{b: b.Bytes()}
		got := in.rows(1000)
		if in.bad || len(in.b) != 0 || len(got) != n {
			t.Fatalf("%d rows: got %d, bad %t, %d bytes over", n, len(got), in.bad, len(in.b))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("row %d: got %+v; want %+v", i, got[i], want[i])
			}
		}
	}
}

func FuzzRows(f *testing.F) {
	var b bytes.Buffer
	encodeRows(&b, someRows(3))
	f.Add(b.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := reader{b: b}
		if rows := in.rows(50); len(rows) > 50 {
			t.Errorf("got %d rows; want at most 50", len(rows))
		}
	})
}

// A swarm that comes back knows what is good, and still stops whom it stopped.
func TestSnapshotRoundTrip(t *testing.T) {
	s := taught()
	g := &signature{Serial: 7, Name: "s-7", Campaign: "c-1", Action: signal.BlockAction, tally: new(tally), Literals: []Literal{{Template, s.template("api.example.com", "/api/products/{int}")}}, Core: 1}
	g.hits.Add(3)
	g.Volume, g.guests = true, new(guests)
	for i := range uint32(30) {
		g.guests.add(2*i+2, i%10 == 0)
		g.login(&row{tags: loginAttempt | refusesSome, status: 401}, false)
	}
	old := entry{time: epoch.UnixMilli(), client: 1, user: 77, guess: 5, proven: true}
	s.people.enter(&old, pastLeast)
	s.people.note(epoch.UnixMilli(), 4711)
	c := s.open()
	r := row{addr: [16]byte{15: 9}}
	s.join(c, &r)
	c.signatures, s.list, s.serial = append(c.signatures, g), append(s.list, g), 7
	var b bytes.Buffer
	if err := s.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	back := New(s.options)
	if err := back.Restore(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	if len(back.base.uniform.rows) != len(s.base.uniform.rows) || back.counts.total.Load() != s.counts.total.Load() {
		t.Errorf("got %d rows of %d; want %d of %d", len(back.base.uniform.rows), back.counts.total.Load(), len(s.base.uniform.rows), s.counts.total.Load())
	}
	q := browserRequest(1)
	back.Inspect(epoch, q)
	if q.Match.Signature != "s-7" || q.Match.Action != signal.BlockAction {
		t.Errorf("got match %+v; want s-7 to block", q.Match)
	}
	if v := back.Campaigns(9); len(v) != 1 || v[0].Addresses != 1 || len(v[0].Signatures) != 1 || v[0].Signatures[0].Matches != 4 {
		t.Errorf("got campaigns %+v", v)
	}
	if got, want := back.Signatures()[0].Why, s.Signatures()[0].Why; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if h := back.list[0]; h.guests == nil || len(h.guests.list) != 30 || h.guests.known != 3 || h.Logins != [2]int{30, 30} || !h.stuffs.Load() {
		t.Errorf("got logins %v, guests %v; want those that were saved", h.Logins, h.guests != nil)
	}
	if !back.people.returned.has(4711) || !back.people.back.has(4711) || back.people.back.has(4712) {
		t.Error("the client that returned is not known any more")
	}
	late := old
	late.time += 2 * pastLeast
	late.client = 2
	if back.people.enter(&late, pastLeast); !back.people.returned.has(2) {
		t.Error("the account speaks for nobody any more")
	}
	if a, _ := back.people.accounts.find(77); a.first != uint32(old.time/1000) {
		t.Errorf("got account since %d; want %d", a.first, old.time/1000)
	}
	if err := New(Options{Seed: 2}).Restore(bytes.NewReader(b.Bytes())); !errors.Is(err, frame.ErrDamaged) {
		t.Errorf("under another seed: got %v; want damaged", err)
	}
	for _, cut := range []int{0, 5, b.Len() / 2, b.Len() - 1} {
		if err := New(s.options).Restore(bytes.NewReader(b.Bytes()[:cut])); !errors.Is(err, frame.ErrDamaged) {
			t.Errorf("cut at %d: got %v; want damaged", cut, err)
		}
	}
}

// A snapshot of the version before is read to its end, so that what follows it can be
// read too, and teaches nothing.
func TestOlderSnapshot(t *testing.T) {
	var b bytes.Buffer
	for _, block := range []string{`{"version":1,"seed":99}`, "counts", "uniform", "strata", "members", "what follows"} {
		if err := frame.Write(&b, []byte(block)); err != nil {
			t.Fatal(err)
		}
	}
	s := New(Options{Seed: 1})
	if err := s.Restore(&b); err != nil || len(s.base.uniform.rows) != 0 {
		t.Fatalf("got %v and %d rows; want none of both", err, len(s.base.uniform.rows))
	}
	if rest, err := frame.Read(&b, 100); err != nil || string(rest) != "what follows" {
		t.Errorf("got %q, %v; want what follows", rest, err)
	}
}
