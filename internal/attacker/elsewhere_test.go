package attacker

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// elsewhere says that another site began r.
func elsewhere(r *request.Request, site uint64) *request.Request {
	r.Standing.Elsewhere = site
	return r
}

// What another site's pages have a browser do is held against nothing of its person's.
func TestElsewhereIsHeldAgainstNobody(t *testing.T) {
	table := New(1000, seed)
	person := func() *request.Request { return with(from("203.0.113.9", 1), 7) }
	table.guarded.mark(1)
	answered(table, 0, person(), 1, 200, Exchange{Endpoint: 1})
	for i := range 10 {
		r := elsewhere(person(), 77)
		observe(table, time.Duration(i+1)*time.Second, r, hit(signal.SQLInjection, signal.Certain, uint64(i)<<9|1),
			hit(signal.DecoyField, signal.Likely, 0))
		if i > 2 && r.Standing.Stage != signal.Block {
			t.Errorf("request %d: got %v; want such requests blocked", i, r.Standing.Stage)
		}
		answered(table, time.Duration(i+1)*time.Second, elsewhere(person(), 77), 1, 404,
			Exchange{Endpoint: 2, Missing: uint64(i)})
	}
	for name, r := range map[string]*request.Request{
		"the person": person(), "the session elsewhere": with(from("198.51.100.3", 1), 7),
		"the address":    from("203.0.113.9", 2),
		"another site's": elsewhere(person(), 78),
	} {
		if st := stand(table, 20*time.Second, r); st.Stage != signal.Clear || st.Risk > 0 {
			t.Errorf("%s: got %v, risk %.1f; want clear", name, st.Stage, st.Risk)
		}
	}
}

// Who changes the site that he claims meets what is held against the address.
func TestElsewhereByManySites(t *testing.T) {
	table := New(1000, seed)
	var st request.Standing
	for i := range 6 {
		st = observe(table, time.Duration(i)*time.Second, elsewhere(from("203.0.113.9", 1), uint64(100+i)),
			hit(signal.SQLInjection, signal.Certain, uint64(i)<<9|1))
	}
	if st.Stage != signal.Block || st.Acting != "elsewhere" {
		t.Errorf("got %v by %s; want a block of what others begin", st.Stage, st.Acting)
	}
}

// What no page can put into a request is its sender's own.
func TestElsewhereCannotForge(t *testing.T) {
	table := New(1000, seed)
	for i := range 4 {
		s := hit(signal.SQLInjection, signal.Certain, uint64(i)<<9|1)
		s.Where = "header:X-Forwarded-For"
		observe(table, time.Duration(i)*time.Second, elsewhere(from("203.0.113.9", 1), 77), s)
	}
	if st := stand(table, 5*time.Second, from("203.0.113.9", 1)); st.Stage != signal.Block {
		t.Errorf("got %v; want the client blocked", st.Stage)
	}
}

// uses has an address use a credential well.
func uses(t *Table, at time.Duration, address string, credential uint64) {
	t.guarded.mark(1)
	r := with(from(address, 1), credential)
	stand(t, at, r)
	answered(t, at, r, 1, 200, Exchange{Endpoint: 1})
}

// A credential that many show carries nothing from one to the other.
func TestCommonCredential(t *testing.T) {
	table := New(4000, seed)
	for i := range 40 {
		uses(table, time.Duration(i)*time.Second, fmt.Sprintf("198.51.100.%d", i), 7)
	}
	stranger := func(n int) *request.Request { return with(from(fmt.Sprintf("203.0.113.%d", n), 1), 7) }
	for n := range 8 {
		for i := range 4 {
			observe(table, time.Minute, stranger(n), hit(signal.SQLInjection, signal.Certain, uint64(n*8+i)<<9|1))
		}
		if st := stand(table, time.Minute, stranger(n)); st.Stage != signal.Block {
			t.Errorf("stranger %d: got %v; want a block", n, st.Stage)
		}
	}
	for _, a := range []string{"198.51.100.3", "192.0.2.1"} {
		if st := stand(table, time.Minute, with(from(a, 1), 7)); st.Stage != signal.Clear || !st.Common || st.Known {
			t.Errorf("%s: got %v, common %t, known %t; want clear, nobody's own", a, st.Stage, st.Common, st.Known)
		}
	}
	var b bytes.Buffer
	if err := table.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	again := New(4000, seed)
	if _, err := again.Restore(epoch.Add(2*time.Minute), &b); err != nil {
		t.Fatal(err)
	}
	if st := stand(again, 2*time.Minute, with(from("192.0.2.1", 1), 7)); st.Stage != signal.Clear || !st.Common {
		t.Errorf("after a restart: got %v, common %t; want clear, nobody's own", st.Stage, st.Common)
	}
	if st := stand(table, 26*time.Hour, with(from("192.0.2.1", 1), 7)); !st.Common {
		t.Error("a day later: want it to be nobody's own still")
	}
}

// Where few show a credential, it acts once several of its addresses attack.
func TestOwnCredential(t *testing.T) {
	table := New(4000, seed)
	uses(table, 0, "198.51.100.1", 7)
	for n := range 3 {
		for i := range 4 {
			observe(table, time.Minute, with(from(fmt.Sprintf("203.0.113.%d", n), 1), 7),
				hit(signal.SQLInjection, signal.Certain, uint64(n*8+i)<<9|1))
		}
		st := stand(table, time.Minute, with(from("192.0.2.1", 1), 7))
		if want := n == 2; (st.Stage == signal.Block) != want {
			t.Errorf("after %d addresses: got %v elsewhere; want a block: %t", n+1, st.Stage, want)
		}
		if st := stand(table, time.Minute, with(from(fmt.Sprintf("203.0.113.%d", n), 2), 7)); st.Stage != signal.Block {
			t.Errorf("address %d with other software: got %v; want a block of the pair", n, st.Stage)
		}
	}
}

// A stranger who comes before an app's users of the day does not keep them out: what
// many show is not convicted, whoever used it well so far.
func TestCredentialOfTheMorning(t *testing.T) {
	table := New(4000, seed)
	uses(table, 0, "198.51.100.1", 7)
	for n := range 4 {
		for i := range 4 {
			observe(table, time.Minute, with(from(fmt.Sprintf("203.0.113.%d", n), 1), 7),
				hit(signal.SQLInjection, signal.Certain, uint64(n*8+i)<<9|1))
		}
	}
	blocked := 0
	for i := range 40 {
		if st := stand(table, 2*time.Minute,
			with(from(fmt.Sprintf("198.51.100.%d", i+1), 1), 7)); st.Stage == signal.Block {
			blocked++
		}
	}
	if blocked > 6 {
		t.Errorf("got %d of 40 users blocked; want the key freed as soon as twice as many show it as attack", blocked)
	}
}

// A credential vouches for a client that moves about, not for a crowd, nor for one that
// fails to log in as many.
func TestCredentialVouchesForOne(t *testing.T) {
	table := New(4000, seed)
	uses(table, 0, "198.51.100.1", 7)
	for n := range 12 {
		st := stand(table, time.Minute, with(from(fmt.Sprintf("203.0.113.%d", n), 1), 7))
		if known := n < 4; n != 4 && st.Known != known {
			t.Errorf("address %d: got known %t; want %t", n, st.Known, known)
		}
	}
	uses(table, 0, "198.51.100.2", 8)
	for i := range 20 {
		r := with(from("198.51.100.2", 1), 8)
		stand(table, time.Minute, r)
		answered(table, time.Minute, r, 1, 401, Exchange{Endpoint: 9, Login: true, User: uint64(i)<<20 | 1})
	}
	if st := stand(table, time.Minute, with(from("192.0.2.77", 1), 8)); st.Known {
		t.Error("after 20 failed logins of 20 users: want it trusted no more")
	}
}
