package attacker

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const office = "203.0.113.40"

// over returns a request of the office's software over a connection.
func over(conn uint64) *request.Request {
	r := from(office, 1)
	r.Conn.ID = conn
	return r
}

// takesLogins returns a table that knows an endpoint which has refused logins.
func takesLogins() *Table {
	t := New(1<<14, seed)
	t.Entrance(endpoint)
	return t
}

// logIn tries to log in and returns the stage that met the attempt: from interrogate on
// nothing of it reached the upstream.
func logIn(t *Table, at time.Duration, r *request.Request, user uint64, ok bool, handed ...uint64) signal.Stage {
	r.Endpoint.ID, r.Endpoint.Enters = endpoint, true
	stage := stand(t, at, r).Stage
	if stage >= signal.Interrogate {
		return stage
	}
	x := Exchange{Endpoint: endpoint, Login: true, User: user, Guess: user<<1 | 1}
	for _, h := range handed {
		x.Handed = append(x.Handed, Key(seed, Credential, h))
	}
	status := 401
	if ok {
		status = 200
	}
	answered(t, at, r, 1, status, x)
	return stage
}

// enter has n people log in, each over a connection of his own, and use the credential
// 1000 + i.
func enter(t *Table, at time.Duration, n int) {
	for i := range uint64(n) {
		logIn(t, at, over(100+i), 10+i, true, 1000+i)
		r := with(over(100+i), 1000+i)
		stand(t, at, r)
		answered(t, at, r, 1, 200, Exchange{Endpoint: 77})
	}
}

// show has r show evidence once it is known whose it is.
func show(t *Table, at time.Duration, r *request.Request, found ...signal.Signal) request.Standing {
	stand(t, at, r)
	return observe(t, at, r, found...)
}

// Nobody becomes a crowd by what the upstream has not accepted, nor by sessions of one
// account, however many; accounts are people.
func TestCrowdIsNotBought(t *testing.T) {
	for name, c := range map[string]struct {
		buy  func(t *Table, i uint64)
		most float64
	}{
		"tokens that nobody accepted": {func(t *Table, i uint64) {
			answered(t, 0, with(over(1), 5000+i), 1, 200, Exchange{Endpoint: 77})
		}, 0},
		"cookies": {func(t *Table, i uint64) {
			r := over(1)
			r.Cookies = []request.Param{{Name: "sid", Value: fmt.Sprint(i)}}
			answered(t, 0, r, 1, 200, Exchange{Endpoint: 77})
		}, 0},
		"connections": {func(t *Table, i uint64) { answered(t, 0, over(i), 1, 200, Exchange{Endpoint: 77}) }, 0},
		"failed logins": {func(t *Table, i uint64) {
			answered(t, 0, over(1), 1, 401, Exchange{Endpoint: endpoint, Login: true, User: i})
		}, 0},
		"logins where nobody is refused": {func(t *Table, i uint64) {
			answered(t, 0, over(1), 1, 200, Exchange{Endpoint: 78, Login: true, User: i, Handed: []uint64{i | 1}})
		}, 0},
		"sessions of one account that are checked": {func(t *Table, i uint64) {
			t.guarded.mark(77)
			for j := range uint64(5) { // 300 in all: more than are accepted
				login := 5*i + j
				logIn(t, 0, over(login), 10, true, 60_000+login)
				answered(t, 0, with(over(login), 60_000+login), 1, 200, Exchange{Endpoint: 77})
			}
		}, 1.1},
		"sessions of one account": {func(t *Table, i uint64) {
			logIn(t, 0, over(i), 10, true, 6000+i)
			answered(t, 0, with(over(i), 6000+i), 1, 200, Exchange{Endpoint: 77})
		}, 1.1},
	} {
		table := takesLogins()
		for i := range uint64(60) {
			c.buy(table, i+1)
		}
		if n := stand(table, time.Second, over(999)).People; n > c.most {
			t.Errorf("60 %s: got %.1f people; want at most %.1f", name, n, c.most)
		}
	}
	table := takesLogins()
	enter(table, 0, 12)
	if n := stand(table, time.Second, over(999)).People; n < 9 || n > 16 {
		t.Errorf("12 accounts: got %.1f people", n)
	}
}

// A credential that a login hands out is accepted at its first use, and survives a
// restart as its account's.
func TestHandedOut(t *testing.T) {
	table := takesLogins()
	logIn(table, 0, over(1), 10, true, 1000, 1001)
	var b bytes.Buffer
	if err := table.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	after := New(1<<14, seed)
	if _, err := after.Restore(epoch, bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	old := New(1<<14, seed)
	if _, err := old.Restore(epoch, bytes.NewReader(asVersion(t, b.Bytes(), 3))); err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]*Table{"at once": table, "after a restart": after, "from version 3": old} {
		for _, c := range []uint64{1000, 1001} {
			if r := with(over(2), c); !stand(table, time.Second, r).Accepted {
				t.Errorf("%s: credential %d is not accepted", name, c)
			}
		}
		handed := table.handed(millis(epoch), Key(seed, Credential, 1000))
		if want := name != "from version 3"; handed != want {
			t.Errorf("%s: got the account known %v; want %v", name, handed, want)
		}
	}
	if stand(table, time.Second, with(over(2), 1002)).Accepted {
		t.Error("another credential is accepted")
	}
}

// What one of a crowd does is held against him, under each of his names, and against
// nobody else behind the address.
func TestPeopleOfACrowd(t *testing.T) {
	table := takesLogins()
	enter(table, 0, 12)
	bad := func(i uint64) signal.Signal { return hit(signal.SQLInjection, signal.Certain, i<<9|1) }
	for i := range uint64(4) {
		show(table, time.Second, with(over(100), 1000), bad(i)) // somebody logged in
		show(table, time.Second, over(500), bad(i))             // somebody who is not
	}
	for name, c := range map[string]struct {
		r    *request.Request
		want signal.Stage
	}{
		"his credential":              {with(over(7), 1000), signal.Block},
		"his connection without it":   {over(100), signal.Clear}, // it is known whose that is, but he attacked by his session
		"the other's connection":      {over(500), signal.Block},
		"another person":              {with(over(101), 1001), signal.Clear},
		"another person's connection": {over(102), signal.Clear},
	} {
		if st := stand(table, 2*time.Second, c.r); c.want == signal.Block && st.Stage != signal.Block ||
			name != "his connection without it" && c.want == signal.Clear && st.Stage > signal.Watch {
			t.Errorf("%s: got %v, risk %.1f; want %v", name, st.Stage, st.Risk, c.want)
		}
	}
}

// Texts of different people are no proof together, and those of one are.
func TestTextsOfDifferentPeople(t *testing.T) {
	table := takesLogins()
	enter(table, 0, 12)
	for i := range uint64(8) {
		show(table, time.Second, over(500+i), hit(signal.SQLInjection, signal.Likely, i<<9|1))
	}
	if st := stand(table, 2*time.Second, over(600)); st.Proven || st.Stage >= signal.Tarpit {
		t.Errorf("one text of each of eight: got %v, proven %v", st.Stage, st.Proven)
	}
	for i := range uint64(4) {
		show(table, 3*time.Second, over(700), hit(signal.SQLInjection, signal.Likely, i<<9|1))
	}
	if st := stand(table, 4*time.Second, over(700)); !st.Proven {
		t.Errorf("four texts of one: got %v, no proof", st.Stage)
	}
}

// A stuffer behind n people gets in vain at most 15 + 2n users tried, however he spreads
// them over connections; then about ten a minute at most. The others log in.
func TestStufferBehindPeople(t *testing.T) {
	for _, n := range []int{0, 2, 6, 15, 40} {
		for _, page := range []bool{false, true} {
			table := takesLogins()
			enter(table, 0, n)
			tried, late, conn := 0, 0, uint64(10_000)
			for i := range 1200 { // four a second for five minutes
				at := time.Second + time.Duration(i)*250*time.Millisecond
				conn++
				r := over(conn)
				if page {
					r.Endpoint.ID = 77
					if stand(table, at, r).Stage < signal.Interrogate {
						answered(table, at, r, 1, 200, Exchange{Endpoint: 77})
					}
				}
				if r = over(conn); logIn(table, at, r, uint64(100_000+i), false) < signal.Interrogate {
					if tried++; at > 4*time.Minute {
						late++
					}
				}
			}
			// The threshold, turns ahead, and turns. How many people are there is an estimate.
			minute := 10 * (1 + 1.2*float64(n)/turnCrowd)
			most, last := 1.2*(15+2*float64(n))+turnsAhead+1+5*minute, 1.2*minute
			if !page {
				most, last = 1.2*(15+2*float64(n)), 0
			}
			if float64(tried) > most || float64(late) > last {
				t.Errorf("%d people, page first %v: got %d tries through, %d in the last minute; want at most %.0f, %.0f",
					n, page, tried, late, most, last)
			}
			lost := 0
			for i := range uint64(n) {
				if logIn(table, 302*time.Second, with(over(100+i), 1000+i), 10+i, true) >= signal.Interrogate {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("%d people, page first %v: %d with their sessions could not log in again", n, page, lost)
			}
		}
	}
}

// Where a stuffer comes first, people who do something else before they log in get in.
func TestPeopleBehindAStuffer(t *testing.T) {
	table := takesLogins()
	for i := range uint64(200) {
		logIn(table, time.Duration(i)*250*time.Millisecond, over(10_000+i), 100_000+i, false)
	}
	if st := stand(table, 50*time.Second, over(9)); st.Stage >= signal.Interrogate {
		t.Errorf("somebody who does not log in: got %v", st.Stage)
	}
	in := 0
	for i := range uint64(20) {
		at := 51*time.Second + time.Duration(i)*time.Second
		r := over(100 + i)
		stand(table, at, r)
		answered(table, at, r, 1, 200, Exchange{Endpoint: 77})
		if logIn(table, at, over(100+i), 10+i, true, 1000+i) < signal.Interrogate {
			in++
		}
	}
	if in != 20 {
		t.Errorf("got %d of 20 people in; want all", in)
	}
	if got := logIn(table, 72*time.Second, over(20_000), 7, false); got < signal.Interrogate {
		t.Errorf("the stuffer then: got %v; want him asked", got)
	}
}

// solved gives r a pass that was worked for at some time.
func solved(r *request.Request, id uint64, at time.Duration) *request.Request {
	r.Pass = request.Pass{Result: request.PassValid, How: request.PassSolved, ID: id, Issued: uint32(epoch.Add(at).Unix())}
	return r
}

// window has r be what a browser window asks for.
func window(r *request.Request) *request.Request {
	r.Head.Method = "GET"
	r.Head.Fields = []request.Field{{Name: "Upgrade-Insecure-Requests", Value: "1"}, {Name: "Accept", Value: "text/html"}}
	r.Software.Claimed = fingerprint.Chrome
	return r
}

// Behind a block somebody else in the same browser is asked, and gets on with the pass
// that he works for; who attacks with passes has three.
func TestPassesBehindABlock(t *testing.T) {
	table := New(1<<14, seed)
	attack := func(at time.Duration, r *request.Request, n uint64) request.Standing {
		for i := range uint64(4) {
			show(table, at, r, hit(signal.SQLInjection, signal.Certain, n<<20|i<<9|1))
		}
		return r.Standing
	}
	if st := attack(0, window(over(1)), 1); st.Stage != signal.Block {
		t.Fatalf("got %v; want a block", st.Stage)
	}
	if st := stand(table, time.Second, window(over(1))); st.Stage != signal.Block {
		t.Errorf("the attacker's window: got %v; want the block", st.Stage)
	}
	if st := stand(table, time.Second, over(2)); st.Stage != signal.Block {
		t.Errorf("what is no window: got %v; want the block", st.Stage)
	}
	if st := stand(table, time.Second, window(over(2))); st.Stage != signal.Interrogate {
		t.Errorf("another one's window: got %v; want a question", st.Stage)
	}
	if st := stand(table, 10*time.Second, solved(over(1), 5, -time.Minute)); st.Stage != signal.Block {
		t.Errorf("a pass from before the block: got %v; want the block", st.Stage)
	}
	for i := range 8 { // a good client for ten minutes
		at := 2*time.Second + time.Duration(i)*90*time.Second
		if st := stand(table, at, solved(over(2), 9, 2*time.Second)); at < 5*time.Minute && st.Stage != signal.Watch {
			t.Fatalf("with a pass: got %v; want it watched", st.Stage)
		}
		answered(table, at, solved(over(2), 9, 2*time.Second), 2, 200, Exchange{Endpoint: 77})
	}
}

// Three passes with which somebody attacked are the last that are worth anything while
// the block runs, but for those of who has been a good client for long.
func TestPassesBurn(t *testing.T) {
	table := New(1<<14, seed)
	rules := DefaultRules()
	rules.First = time.Hour
	do := func(at time.Duration, r *request.Request, n uint64) {
		for i := range uint64(4) {
			table.Observe(epoch.Add(at), rules, r, []signal.Signal{hit(signal.SQLInjection, signal.Certain, n<<20|i<<9|1)})
		}
	}
	see := func(at time.Duration, r *request.Request) signal.Stage {
		table.Stand(epoch.Add(at), rules, r)
		return r.Standing.Stage
	}
	do(0, over(1), 1)
	for i := range 12 {
		r := solved(over(2), 9, time.Second)
		see(time.Minute*time.Duration(i+1), r)
		table.Learn(epoch.Add(time.Minute*time.Duration(i+1)), rules, r, &Exchange{Endpoint: 77, Status: 200}, func(int) {})
	}
	through := 0
	for i := range uint64(10) {
		at := 13*time.Minute + time.Duration(i)*time.Second
		if see(at, solved(over(20+i), 100+i, at)) < signal.Interrogate {
			through++
			do(at, solved(over(20+i), 100+i, at), 100+i)
		}
	}
	if through != 3 {
		t.Errorf("got %d of 10 passes worth something; want 3", through)
	}
	if got := see(14*time.Minute, solved(over(2), 9, time.Second)); got != signal.Watch {
		t.Errorf("the pass of a good client: got %v; want it watched", got)
	}
	if got := see(14*time.Minute, window(over(3))); got != signal.Block {
		t.Errorf("another one's window: got %v; want the block: nothing that he earns would help", got)
	}
}

// The estimate of few is good to some thirty, and old values fade.
func TestFew(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 8, 15, 25} {
		var f few
		for i := range n {
			f.add(0, uint64(i)*0x9e3779b97f4a7c15)
			f.add(0, uint64(i)*0x9e3779b97f4a7c15)
		}
		if got := f.count(generation); got < 0.6*float64(n)-0.5 || got > 1.6*float64(n)+0.5 {
			t.Errorf("%d values: got %.1f", n, got)
		}
		if got := f.count(2 * generation); got != 0 {
			t.Errorf("%d values, an hour later: got %.1f; want none", n, got)
		}
	}
}

// A connection speaks for the account that was entered over it, whatever credentials it
// shows besides; one that carries several speaks for nobody, for good.
func TestBind(t *testing.T) {
	for name, c := range map[string]struct {
		bind  []uint64
		named bool
		who   uint64
	}{
		"an account":                 {[]uint64{11, 11}, true, 11},
		"a credential":               {[]uint64{20}, true, 20},
		"a credential, its account":  {[]uint64{20, 11, 20}, true, 11},
		"an account, a credential":   {[]uint64{11, 20}, true, 11},
		"two accounts":               {[]uint64{11, 13, 13, 11}, false, 7},
		"two credentials, somebody":  {[]uint64{20, 22, 11}, false, 7},
		"nobody":                     {nil, false, 7},
		"what no login is known for": {[]uint64{0}, false, 7},
	} {
		table, r := New(1000, seed), over(7)
		r.Standing.Parent = r.Standing.Keys[Client]
		for _, account := range c.bind {
			table.bind(millis(epoch), r, account)
		}
		if who, named := table.onConnection(millis(epoch), r, r.Standing.Parent); named != c.named || who != c.who {
			t.Errorf("%s: got %d, named %v; want %d, %v", name, who, named, c.who, c.named)
		}
	}
}

// Who logs in to an account without end fills the table with no credentials.
func TestHandedOutWithoutEnd(t *testing.T) {
	table := takesLogins()
	for i := range uint64(2000) {
		logIn(table, time.Duration(i)*time.Millisecond, over(1), 10, true, 10_000+i)
	}
	if n := table.Stats().Records; n > handsMost+20 {
		t.Errorf("got %d records; want no more than %d", n, handsMost+20)
	}
}
