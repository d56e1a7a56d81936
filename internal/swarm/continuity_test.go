package swarm

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const minute = 60_000 // ms

// at is a login of a client n minutes after the epoch.
func at(n int64, client uint32, user uint64) *entry {
	return &entry{time: epoch.UnixMilli() + n*minute, client: client, user: user, guess: 9, proven: true}
}

// Who comes back with an account that has a past returns; nobody else does.
func TestWhoReturns(t *testing.T) {
	const least = 10 * minute
	for name, c := range map[string]struct {
		logins []*entry
		want   bool // of client 9
	}{
		"first login":                     {[]*entry{at(0, 9, 1)}, false},
		"with the past that is asked for": {[]*entry{at(0, 1, 1), at(10, 9, 1)}, true},
		"too early":                       {[]*entry{at(0, 1, 1), at(9, 9, 1)}, false},
		"another account":                 {[]*entry{at(0, 1, 1), at(10, 9, 2)}, false},
		"the account's own client":        {[]*entry{at(0, 9, 1), at(10, 9, 1)}, true},
		"fourth client of an hour": {[]*entry{at(0, 1, 1), at(61, 2, 1), at(62, 3, 1), at(63, 4, 1),
			at(64, 9, 1)}, false},
		"the others' later logins cost none": {[]*entry{at(0, 1, 1), at(61, 2, 1), at(62, 2, 1), at(63, 2, 1),
			at(64, 9, 1)}, true},
		"an hour later": {[]*entry{at(0, 1, 1), at(61, 2, 1), at(62, 3, 1), at(63, 4, 1),
			at(121, 9, 1)}, true},
	} {
		x := newContinuity()
		for _, e := range c.logins {
			x.enter(e, least)
		}
		if got := x.returned.has(9); got != c.want || x.back.has(9) != c.want {
			t.Errorf("%s: got %t; want %t", name, got, c.want)
		}
	}
}

// An endpoint that has refused nobody proves nothing, unless the password is the one
// that fitted where some are refused.
func TestUnprovenLogins(t *testing.T) {
	unproven := func(e *entry, guess uint8) *entry { e.proven, e.guess = false, guess; return e }
	for name, c := range map[string]struct {
		first, then *entry
		want        bool
	}{
		"the password that fitted":         {at(0, 1, 1), unproven(at(10, 9, 1), 9), true},
		"another password":                 {at(0, 1, 1), unproven(at(10, 9, 1), 11), false},
		"no password":                      {at(0, 1, 1), unproven(at(10, 9, 1), 0), false},
		"no password that ever fitted":     {unproven(at(0, 1, 1), 9), unproven(at(10, 9, 1), 9), false},
		"accounts invented early and late": {unproven(at(0, 9, 1), 9), at(10, 9, 1), false},
	} {
		x := newContinuity()
		x.enter(c.first, minute)
		x.enter(c.then, minute)
		if got := x.returned.has(9); got != c.want {
			t.Errorf("%s: got %t; want %t", name, got, c.want)
		}
	}
}

// A flood of accounts that work pushes out others like them, and none that came back.
func TestAccountsAreBounded(t *testing.T) {
	if size := accountSets * int(unsafe.Sizeof(accountSet{})); size > 5<<20 {
		t.Errorf("got %d bytes; want at most 5 MiB", size)
	}
	x := newContinuity()
	const old = 60_000
	for day := range int64(2) {
		for user := range uint64(old) {
			x.enter(at(day*24*60, uint32(user), user), minute)
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	began := time.Now()
	for i := range uint32(600_000) {
		x.enter(at(3*24*60, i, random.Uint64()), minute)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("600,000 logins took %v; want less than 10 s", took)
	}
	kept := 0
	for user := range uint64(old) {
		if _, ok := x.accounts.find(user); ok {
			kept++
		}
	}
	if kept < old*99/100 {
		t.Errorf("got %d of %d accounts that had come back; want at least 99 %%", kept, old)
	}
	if len(x.accounts.sets) != accountSets {
		t.Errorf("got %d sets; want %d", len(x.accounts.sets), accountSets)
	}
}

// However many clients return, the tables keep their size, those of late are known,
// and hardly another one is taken for one of them.
func TestReturnedAreBounded(t *testing.T) {
	x := newContinuity()
	const all = 300_000
	for i := range uint32(all) {
		x.note(epoch.UnixMilli()+int64(i)*20, i) // over 100 minutes
	}
	if n := len(x.returned.at); n != remembered || len(x.returned.order) != remembered {
		t.Errorf("got %d clients; want %d", n, remembered)
	}
	missed, wrong := 0, 0
	for i := range uint32(remembered) {
		if c := all - 1 - i; !x.returned.has(c) || !x.back.has(c) {
			missed++
		}
		if x.back.has(all + i) {
			wrong++
		}
	}
	if missed > 0 || wrong > remembered/20 {
		t.Errorf("got %d of the last missed, %d others taken for one; want 0 and at most 1 in 20", missed, wrong)
	}
	if x.back.mark(epoch.UnixMilli()+3*returnMemory, 1); x.back.has(all - 1) {
		t.Error("who returned three hours ago is still held to have been active of late")
	}
}

func TestGuests(t *testing.T) {
	g := &signature{guests: new(guests)}
	for i := range uint32(300_000) {
		g.guests.add(i, i%100 == 0)
		g.guests.add(7, true) // who calls often counts once
	}
	if len(g.guests.list) > guestsMost || g.inhabited() {
		t.Errorf("got %d clients, inhabited %t; want at most %d, and one in a hundred to be too few",
			len(g.guests.list), g.inhabited(), guestsMost)
	}
	for _, c := range []struct {
		clients, returned int
		want              bool
	}{ // by the binomial distribution
		{10, 10, false}, {20, 4, false}, {20, 5, true}, {100, 11, false}, {100, 12, true}, {500, 37, false},
		{500, 38, true}, {500, 5, false},
	} {
		g := &signature{guests: new(guests)}
		for again := range 3 { // a client counts once, and from when it returned as one that did
			for i := range c.clients {
				g.guests.add(uint32(2*i+2), again > 0 && i < c.returned)
			}
		}
		if got := g.inhabited(); got != c.want || len(g.guests.list) != c.clients || g.guests.known != c.returned {
			t.Errorf("%d of %d: got %t with %d of %d; want %t",
				c.returned, c.clients, got, g.guests.known, len(g.guests.list), c.want)
		}
		again := decodeGuests(g.guests.encode())
		if !slices.Equal(again.list, g.guests.list) || again.known != g.guests.known {
			t.Errorf("%d of %d: got %d of %d back", c.returned, c.clients, again.known, len(again.list))
		}
	}
}

// What a signature with nothing but volume may do, and to whom.
func TestVolumeEngages(t *testing.T) {
	s := New(Options{Seed: 1})
	s.trust.Store(3_600_000)
	s.past.Store(60_000)
	g := &signature{
		Serial: 1, Name: "s-1", Volume: true, Action: signal.ChallengeAction, tally: new(tally),
		Literals: []Literal{{Protocol, s.text(Protocol, "HTTP/2.0")}},
	}
	s.matcher.Store(compile([]*signature{g}))
	stopped := func(r *request.Request) bool { s.Inspect(epoch, r); return r.Match.Action != signal.Pass }
	// A client's canary is the whole client.
	n := 0
	for i := range 20_000 {
		first := stopped(browserRequest(i))
		if !first {
			n++
		}
		if r := browserRequest(i); true {
			if r.ID += "x"; stopped(r) != first {
				t.Fatalf("client %d: got one request through and the other not", i)
			}
		}
	}
	if n < 50 || n > 200 {
		t.Errorf("got %d clients of 20,000 through; want about one in %d", n, canaryClients)
	}
	login := func(i int) *request.Request { r := browserRequest(i); r.Endpoint.Enters = true; return r }
	named := browserRequest(1)
	named.Head.Method, named.Head.Target = "POST", "/v2/login"
	named.Parse()
	vouched, young := browserRequest(1), browserRequest(1)
	vouched.Standing.Known, vouched.Standing.Age = true, 2*time.Minute
	young.Standing.Known, young.Standing.Age = true, 30*time.Second
	s.people.note(epoch.UnixMilli(), fold32(browserRequest(2).Standing.Keys[0]))
	for name, c := range map[string]struct {
		r    *request.Request
		want bool
	}{
		"a stranger": {browserRequest(1), true}, "a login": {login(1), false},
		"a login where nobody is refused":    {named, false},
		"an accepted credential with a past": {vouched, false}, "one without": {young, true},
		"a client that returned": {browserRequest(2), false},
	} {
		if got := stopped(c.r); got != c.want {
			t.Errorf("%s: got stopped %t; want %t", name, got, c.want)
		}
	}
	for range stuffsLeast {
		g.login(&row{tags: loginAttempt | refusesSome, status: 401}, false)
	}
	if !stopped(login(1)) {
		t.Error("logins pass although all fail")
	}
	for range 100 {
		g.login(&row{tags: loginAttempt | refusesSome, status: 200}, false)
	}
	if stopped(login(1)) {
		t.Error("logins are stopped although most succeed")
	}
	for range 300 {
		g.login(&row{tags: loginAttempt, status: 200}, false)
	}
	if !stopped(named) {
		t.Error("logins pass where nobody is refused and nobody returns")
	}
	if g.Action = signal.BlockAction; true {
		g.Volume = false
	}
	if !stopped(browserRequest(2)) {
		t.Error("an account with a past buys out of a block")
	}
}

// Logins come to Tick by Learn, and no more than there is room for.
func TestLoginsAreLearned(t *testing.T) {
	s := New(Options{Seed: 1})
	send := func(now time.Time, n int, x Exchange, change func(*request.Request)) {
		r := browserRequest(n)
		r.Login = request.Login{Password: true, User: 5, Guess: 6}
		r.Endpoint.Enters = true
		if change != nil {
			change(r)
		}
		s.Learn(now, r, x)
		s.Tick(now)
	}
	fine := Exchange{Status: 200, Login: true}
	send(epoch, 1, fine, nil)
	later := epoch.Add(10 * time.Minute)
	for n, c := range map[int]struct {
		x      Exchange
		change func(*request.Request)
		want   bool
	}{
		2: {fine, nil, true},
		3: {Exchange{Status: 401, Login: true}, nil, false},
		4: {Exchange{Status: 200, Login: true, Refused: true}, nil, false},
		5: {Exchange{Status: 503, Login: true}, nil, false},
		6: {Exchange{Status: 200}, nil, false},
		7: {fine, func(r *request.Request) { r.Login.User = 0 }, false},
		8: {fine, func(r *request.Request) { r.Standing.Stage = signal.Interrogate }, false},
	} {
		send(later, n, c.x, c.change)
		if got := s.people.returned.has(fold32(uint64(n + 1))); got != c.want {
			t.Errorf("client %d: got %t; want %t", n, got, c.want)
		}
	}
	for range 3 * inboxRows {
		s.inbox = s.inbox[:0]
		r := browserRequest(1)
		r.Login.User = 5
		s.Learn(later, r, fine)
	}
	if len(s.enters) != inboxRows {
		t.Errorf("got %d logins that wait; want %d", len(s.enters), inboxRows)
	}
}

func FuzzPeople(f *testing.F) {
	x := newContinuity()
	x.enter(at(0, 1, 1), minute)
	x.note(epoch.UnixMilli(), 3)
	f.Add(x.encode())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		x := newContinuity()
		if x.decode(b) != nil {
			return
		}
		if len(x.returned.at) > remembered {
			t.Errorf("got %d clients; want at most %d", len(x.returned.at), remembered)
		}
		again := newContinuity()
		if err := again.decode(x.encode()); err != nil || !bytes.Equal(again.encode(), x.encode()) {
			t.Errorf("got %v, or other accounts; want what was read", err)
		}
	})
}
