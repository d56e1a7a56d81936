package attacker

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"time"

	"bartizan/internal/attacker/identity"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// link stands and links r as the engine does for each request.
func link(t *Table, at time.Duration, r *request.Request) request.Standing {
	t.Stand(epoch.Add(at), DefaultRules(), r)
	t.Link(epoch.Add(at), DefaultRules(), r)
	return r.Standing
}

// accepted has the upstream take r's credential where it has refused others.
func accepted(t *Table, at time.Duration, r *request.Request) {
	answered(t, at, from("192.0.2.200", 77), 1, 401, Exchange{Endpoint: 5})
	answered(t, at, r, 1, 200, Exchange{Endpoint: 5})
}

// suspect makes a client one that is interrogated.
func suspect(t *Table, at time.Duration, r *request.Request) {
	observe(t, at, r, hit(signal.UserAgentMismatch, signal.Likely, 0), hit(signal.SQLInjection, signal.Likely, 1<<8))
}

// A client with a little evidence of its own is asked earlier if it is linked to a
// suspect, whichever thing they have in common; one without any is not.
func TestLinksLowerThresholds(t *testing.T) {
	for name, give := range map[string]func(*request.Request){
		"a pass":      func(r *request.Request) { r.Pass = request.Pass{Result: request.PassFarmed, ID: 9} },
		"a signature": func(r *request.Request) { r.Match.Serial, r.Match.Signature = 4, "s-4" },
	} {
		table := New(1000, seed)
		bad, friend, bystander := from("203.0.113.9", 1), from("198.51.100.1", 2), from("198.51.100.2", 2)
		for _, r := range []*request.Request{bad, friend} {
			give(r)
		}
		suspect(table, 0, bad)
		observe(table, 0, bad, hit(signal.PathSpread, signal.Likely, 0), hit(signal.LoginFanout, signal.Likely, 0))
		if st := link(table, time.Second, bad); st.Stage < signal.Interrogate {
			t.Fatalf("%s: the suspect is at %v", name, st.Stage)
		}
		if st := link(table, 2*time.Second, friend); st.Stage != signal.Clear {
			t.Errorf("%s: a friend without evidence: got %v; want clear", name, st.Stage)
		}
		for _, r := range []*request.Request{friend, bystander} {
			observe(table, 3*time.Second, r, hit(signal.ScannerAgent, signal.Hint, 0), hit(signal.PathSpread, signal.Hint, 0))
		}
		with, without := link(table, 4*time.Second, friend), link(table, 4*time.Second, bystander)
		if with.Stage <= without.Stage || !with.Linked || without.Linked || with.Risk != without.Risk {
			t.Errorf("%s: got %v (linked %v) beside %v without a link; want a stage more and the same risk", name, with.Stage, with.Linked, without.Stage)
		}
		if with.Stage >= signal.Block {
			t.Errorf("%s: a link blocked", name)
		}
	}
}

// A token links those who use it if the suspect was the first to show it; the owner
// of a stolen one, and whoever shares an address or a gateway, stay out of it.
func TestCredentialLinks(t *testing.T) {
	table := New(1000, seed)
	bad, other := with(from("203.0.113.9", 1), 50), with(from("198.51.100.1", 2), 50)
	accepted(table, 0, bad)
	suspect(table, time.Second, bad)
	link(table, 2*time.Second, bad)
	link(table, 3*time.Second, other)
	if l := table.Links(epoch.Add(4*time.Second), other.Standing.Keys[Client]); len(l) != 1 || len(l[0].Clients) != 2 || l[0].Kind.String() != "credential" {
		t.Errorf("his own token from elsewhere: got %+v; want a link of both", l)
	}

	owner, thief := with(from("198.51.100.7", 3), 60), with(from("203.0.113.10", 1), 60)
	accepted(table, 0, owner)
	accepted(table, time.Minute, thief)
	suspect(table, time.Minute+time.Second, thief)
	link(table, time.Minute+2*time.Second, thief)
	link(table, time.Minute+3*time.Second, owner)
	if l := table.Links(epoch.Add(2*time.Minute), owner.Standing.Keys[Client]); len(l) != 0 {
		t.Errorf("the owner of a stolen token: got %+v; want no link", l)
	}

	for c := range uint64(5) { // a gateway, of which somebody attacks
		r := with(from("192.0.2.1", 9), 100+c)
		accepted(table, 0, r)
		if c == 4 {
			suspect(table, time.Second, r)
		}
		link(table, 2*time.Second, r)
	}
	person := with(from("198.51.100.9", 4), 101)
	link(table, 3*time.Second, person)
	if l := table.Links(epoch.Add(4*time.Second), person.Standing.Keys[Client]); len(l) != 0 {
		t.Errorf("a person who also comes by a gateway: got %+v; want no link", l)
	}
	if table.Unblock(Pardon{Name: Name(bad.Standing.Keys[Client])}); len(table.Links(epoch.Add(4*time.Second), other.Standing.Keys[Client])) != 0 {
		t.Error("after an unblock the link is still there")
	}
}

// login has r's client log in to an account.
func login(t *Table, at time.Duration, r *request.Request, account uint64) {
	answered(t, at, r, 1, 200, Exchange{Endpoint: 9, Login: true, User: account})
}

// An account that a suspect was the first to enter links those who enter it
// afterwards; one that its owner had entered before links nobody.
func TestAccountLinks(t *testing.T) {
	table := New(1000, seed)
	bad, friend := from("203.0.113.9", 1), from("198.51.100.1", 2)
	login(table, 0, bad, 70)
	suspect(table, time.Second, bad)
	link(table, time.Second, bad)
	login(table, 2*time.Second, friend, 70)
	l := table.Links(epoch.Add(3*time.Second), friend.Standing.Keys[Client])
	if len(l) != 1 || len(l[0].Clients) != 2 || l[0].Kind != identity.Account || l[0].Clients[1].At != epoch.Add(2*time.Second).UTC() {
		t.Errorf("his own account from elsewhere: got %+v; want both, the friend since the login", l)
	}

	owner, thief := from("198.51.100.7", 3), from("203.0.113.10", 1)
	login(table, 0, owner, 71)
	login(table, time.Minute, thief, 71)
	suspect(table, time.Minute, thief)
	link(table, time.Minute, thief)
	login(table, 2*time.Minute, owner, 71)
	if l := table.Links(epoch.Add(2*time.Minute), owner.Standing.Keys[Client]); len(l) != 0 {
		t.Errorf("the owner of a stolen account: got %+v; want no link", l)
	}
}

// Rare software that mostly suspects use links those who use it; software that
// others use as much, or that is common, does not.
func TestSoftwareLinks(t *testing.T) {
	for name, c := range map[string]struct {
		suspects, others int
		uncommon         bool
		want             bool
	}{
		"three suspects":           {3, 1, true, true},
		"two are too few":          {2, 1, true, false},
		"as many others and more":  {3, 4, true, false},
		"a common fingerprint":     {9, 1, false, false},
		"a new release, one of it": {1, 20, true, false},
	} {
		table := New(1000, seed)
		client := func(net string, i int) *request.Request {
			r := from(fmt.Sprintf("%s.%d", net, i+1), 44)
			r.Software.Key, r.Uncommon = 44, c.uncommon
			return r
		}
		for i := range c.suspects {
			r := client("203.0.113", i)
			suspect(table, 0, r)
			link(table, time.Second, r)
		}
		for i := range c.others {
			link(table, 2*time.Second, client("198.51.100", i))
		}
		l := table.Links(epoch.Add(3*time.Second), client("198.51.100", 0).Standing.Keys[Client])
		if got := len(l) == 1 && l[0].Kind == identity.Software; got != c.want || len(l) > 1 {
			t.Errorf("%s: got %+v; want a link: %v", name, l, c.want)
		}
	}
}

// Links survive a restart, and a damaged snapshot of them is refused whole.
func TestLinksSurviveARestart(t *testing.T) {
	old := New(1000, seed)
	bad, friend := from("203.0.113.9", 1), from("198.51.100.1", 2)
	login(old, 0, bad, 70)
	suspect(old, time.Second, bad)
	link(old, time.Second, bad)
	login(old, 2*time.Second, friend, 70)
	var kept bytes.Buffer
	if err := old.Snapshot(&kept); err != nil {
		t.Fatal(err)
	}
	next := New(1000, seed)
	if _, err := next.Restore(epoch.Add(time.Minute), bytes.NewReader(kept.Bytes())); err != nil {
		t.Fatal(err)
	}
	key := friend.Standing.Keys[Client]
	was, is := old.Links(epoch.Add(time.Minute), key), next.Links(epoch.Add(time.Minute), key)
	if len(was) != 1 || !reflect.DeepEqual(was, is) {
		t.Errorf("got %+v; want %+v", is, was)
	}
	g := identity.New(10)
	if err := g.Restore(0, bytes.Repeat([]byte{200}, 30)); err == nil || g.Any() {
		t.Errorf("damaged links: got %v; want an error and nothing taken over", err)
	}
}
