package swarm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Every attribute has a name of its own and words.
func TestAttributesAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for a := range Attribute(Attributes) {
		if a.String() == "" || seen[a.String()] || attributes[a].words == "" {
			t.Errorf("attribute %d is called %q", a, a)
		}
		seen[a.String()] = true
		if back, ok := AttributeNamed(a.String()); !ok || back != a {
			t.Errorf("AttributeNamed(%q) = %v, %t", a, back, ok)
		}
	}
}

// A flood in which everything varies fills every table to its bound and no further.
func TestFloodIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("a flood takes seconds")
	}
	s := New(Options{Seed: 1})
	random := rand.New(rand.NewPCG(1, 1))
	now := epoch
	for i := range 400_000 {
		r := browserRequest(i)
		for a := range r.Attributes {
			r.Attributes[a] = random.Uint32()
		}
		r.Client.Addr = r.Client.Addr.Next()
		r.Standing.Keys[0] = random.Uint64()
		if i%5 == 0 {
			r.Standing.Stage = signal.Block
		}
		s.Learn(now, r, Exchange{Status: 200 + 204*(i%2)})
		if i%100 == 0 {
			now = now.Add(250 * time.Millisecond)
			s.Tick(now)
		}
	}
	for name, c := range map[string][2]int{
		"recent": {len(s.recent.rows), recentRows}, "failed": {len(s.failed.rows), failedRows}, "odd": {len(s.odd.rows), oddRows}, "seeds": {len(s.seeds.rows), seedRows},
		"templates": {len(s.scopes.templates), templatesMax}, "strata": {len(s.base.strata), strataMax}, "groups": {len(s.base.groups), groupsMax},
		"uniform": {len(s.base.uniform.rows), uniformRows}, "waiting": {s.base.waiting.n, waitingRows}, "flagged": {len(s.flagged.at), remembered},
		"signatures": {len(s.list), signaturesMax}, "campaigns": {len(s.campaigns), campaignsMax}, "members": {s.members, membersAll},
	} {
		if c[0] > c[1] {
			t.Errorf("%s holds %d; want at most %d", name, c[0], c[1])
		}
	}
	if len(s.recent.rows) < recentRows || len(s.scopes.templates) < templatesMax {
		t.Error("the flood filled nothing: the test is weak")
	}
}

func TestInboxIsBounded(t *testing.T) {
	s := New(Options{Seed: 1})
	r := browserRequest(1)
	for range 2 * inboxRows {
		s.Learn(epoch, r, Exchange{Status: 200})
	}
	if s.Tick(epoch); s.Stats().Lost != inboxRows || s.Stats().Rows != inboxRows {
		t.Errorf("got %d rows, %d lost; want %d each", s.Stats().Rows, s.Stats().Lost, inboxRows)
	}
}

// What is known-good is never blocked, a canary goes through, all else is blocked.
func TestEngage(t *testing.T) {
	s := New(Options{Seed: 1})
	s.trust.Store(1000)
	g := &signature{Serial: 1, Name: "s-1", Action: signal.BlockAction, tally: new(tally), Literals: []Literal{{Protocol, s.text(Protocol, "HTTP/2.0")}}}
	s.matcher.Store(compile([]*signature{g}))
	passed, blocked := 0, 0
	for i := range 5000 {
		r := browserRequest(i)
		switch s.Inspect(epoch, r); r.Match.Action {
		case signal.BlockAction:
			blocked++
		case signal.Pass:
			if !r.Match.Canary {
				t.Fatal("a match passed that is no canary")
			}
			passed++
		}
	}
	if passed < 5000/canaries/3 || passed > 5000*3/canaries || passed+blocked != 5000 {
		t.Errorf("got %d canaries and %d blocked of 5000; want about 1 in %d canaries", passed, blocked, canaries)
	}
	good := browserRequest(1)
	good.Standing = request.Standing{Established: true, Age: time.Hour}
	if s.Inspect(epoch, good); good.Match.Action != signal.ChallengeAction {
		t.Errorf("a known-good client: got %v; want challenge", good.Match.Action)
	}
	g.Action = signal.ChallengeAction
	if s.Inspect(epoch, good); good.Match.Action != signal.Pass {
		t.Errorf("a known-good client and less than a block: got %v; want pass", good.Match.Action)
	}
}

func TestLimitLetsItsRatePass(t *testing.T) {
	g := tally{}
	passed := 0
	for i := range 1000 { // ten a second for 100 s, two of them allowed
		if _, ok := g.admit(epoch.Add(time.Duration(i)*100*time.Millisecond), 2); ok {
			passed++
		}
	}
	if passed < 200 || passed > 200+limitBurst {
		t.Errorf("got %d of 1000 passed; want 200 and the burst", passed)
	}
	var wait time.Duration
	ok := true
	for range limitBurst + 1 {
		wait, ok = g.admit(epoch.Add(100*time.Second), 2)
	}
	if ok || wait <= 0 || wait > time.Second {
		t.Errorf("got %t, wait %v; want a short wait", ok, wait)
	}
}

func TestOperatorsActs(t *testing.T) {
	s := New(Options{Seed: 1})
	if err := s.Write(epoch, []Written{{Name: "no-curl", When: map[string]string{"agent_family": "curl", "authorization": "none"}, Action: signal.BlockAction}}); err != nil {
		t.Fatal(err)
	}
	r := browserRequest(1)
	if s.Inspect(epoch, r); r.Match.Signature != "" {
		t.Errorf("a browser matches %q", r.Match.Signature)
	}
	r.Software.Claimed = curlFamily(t)
	if r.Cookies = nil; true {
		s.Inspect(epoch, r)
	}
	if r.Match.Signature != "no-curl" || r.Match.Action != signal.BlockAction {
		t.Errorf("got %+v; want no-curl to block", r.Match)
	}
	for act, want := range map[Act]signal.Action{Hold: signal.Pass, Approve: signal.BlockAction, ToChallenge: signal.ChallengeAction, ToBlock: signal.BlockAction} {
		if err := s.Do(epoch, "no-curl", act); err != nil {
			t.Fatal(err)
		}
		if s.Inspect(epoch, r); r.Match.Action != want {
			t.Errorf("after %s: got %v; want %v", act, r.Match.Action, want)
		}
	}
	if err := s.Do(epoch, "no-curl", Retire); err != nil {
		t.Fatal(err)
	}
	if s.Inspect(epoch, r); r.Match.Signature != "" {
		t.Errorf("a retired signature matches")
	}
	for _, c := range []struct {
		name string
		act  Act
		want string
	}{{"s-99", Hold, "no signature"}, {"no-curl", "delete", "unknown act"}} {
		if err := s.Do(epoch, c.name, c.act); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Do(%q, %q): got %v; want %q", c.name, c.act, err, c.want)
		}
	}
	for want, when := range map[string]map[string]string{"unknown attribute": {"ja5": "x"}, "unknown value": {"authorization": "maybe"}, "no condition": {}} {
		if err := s.Write(epoch, []Written{{Name: "w", When: when}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Write(%v): got %v; want %q", when, err, want)
		}
	}
}

// One slow row must not cost an allocation or a lock that others wait for.
func TestInspectAllocatesNothing(t *testing.T) {
	s, r := taught(), browserRequest(1)
	s.Inspect(epoch, r)
	if got := testing.AllocsPerRun(100, func() { s.Inspect(epoch, r) }); got != 0 {
		t.Errorf("got %.1f allocations; want none", got)
	}
}

func TestSentences(t *testing.T) {
	s := New(Options{Seed: 1})
	r := browserRequest(1)
	s.Inspect(epoch, r)
	at := r.Attributes
	got := s.sentence([]Literal{{Method, at[Method]}, {Template, at[Template]}, {AgentFamily, at[AgentFamily]}, {RarityJA4, unseen}, {CookieNames, 0}})
	if want := "GET /api/products/{int}, calls itself chrome, JA4 never seen in good traffic, no cookies"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if got := fmt.Sprint(percent(0.00008), "|", percent(0.0123)); got != "0.0080 %|1.2 %" {
		t.Errorf("got %q", got)
	}
}

func curlFamily(t *testing.T) fingerprint.Family {
	t.Helper()
	f, _ := fingerprint.Agent("curl/8.5.0")
	return f
}
