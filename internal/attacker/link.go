package attacker

import (
	"math"
	"sync"
	"time"

	"bartizan/internal/attacker/identity"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// maxFacets bounds what links clients.
const maxFacets = 16_384

// What links lower, in nats: whoever has evidence of its own and is linked to a
// suspect reaches each stage but a block this much earlier.
const linkedOdds = 1.5

// manyOwners is from how many accepted credentials on a client says nothing by
// one of them: people behind one address, a partner's gateway. The design's 9 nats
// less 3 for each doubling stay above 6 up to two.
const manyOwners = 2.5

// Link notes what r's client has in common with others, once for each request,
// after Stand and after the botnet signatures were asked; and raises the standing
// of a client with evidence of its own that is linked to a suspect.
func (t *Table) Link(now time.Time, rules Rules, r *request.Request) {
	st := &r.Standing
	suspect := st.Stage >= signal.Interrogate
	if !suspect && !t.links.Any() {
		return
	}
	ms, client := millis(now), st.Keys[Client]
	risk, owners := 0.0, 0.0
	t.with(ms, Client, client, nil, func(c *record) { risk, owners = float64(c.risk), c.others.count(ms) })
	note := func(f identity.Facet, founds bool) {
		if founds && risk >= rules.Interrogate {
			t.links.Mark(ms, f, client, risk)
		} else {
			t.links.Use(ms, f, client)
		}
	}
	if st.Accepted && owners < manyOwners {
		first := uint64(0)
		t.with(ms, Credential, st.Keys[Credential], nil, func(c *record) { first = c.before })
		note(identity.Facet{Kind: identity.Credential, Key: st.Keys[Credential]}, first == client)
	}
	if p := r.Pass; p.ID != 0 && (p.Result == request.PassValid || p.Result == request.PassFarmed || p.Result == request.PassElsewhere) {
		note(identity.Facet{Kind: identity.Pass, Key: p.ID}, true)
	}
	if r.Match.Serial != 0 {
		note(identity.Facet{Kind: identity.Signature, Key: uint64(r.Match.Serial)}, true)
	}
	if risk >= rules.Interrogate {
		if account := t.accounts.of(client); account != 0 {
			t.links.Mark(ms, identity.Facet{Kind: identity.Account, Key: account}, client, risk)
		}
	}
	if r.Uncommon {
		note(identity.Facet{Kind: identity.Software, Key: r.Software.Key}, true)
	}
	t.lower(ms, rules, r)
}

// accounts remembers who was the first to log in to an account. One that a suspect
// was the first to enter is his, and who enters it too is linked to him. Accounts
// are known by keyed digests.
type accounts struct {
	entered filter // that anybody has entered: good for a million, 512 KiB
	mu      sync.Mutex
	first   map[uint64]uint64 // the latest account that a client was the first to enter
	order   []uint64          // clients of first, a ring
	next    int
}

// mostFirst bounds the clients that are remembered with an account, about 4 MiB.
const mostFirst = 65_536

func newAccounts() accounts {
	return accounts{entered: newFilter(22), first: map[uint64]uint64{}, order: make([]uint64, 0, mostFirst)}
}

// enter notes that a client has logged in to an account.
func (a *accounts) enter(client, account uint64) {
	if a.entered.has(account) {
		return
	}
	a.entered.mark(account)
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.first[client]
	a.first[client] = account
	switch {
	case known:
	case len(a.order) < mostFirst:
		a.order = append(a.order, client)
	default:
		delete(a.first, a.order[a.next])
		a.order[a.next] = client
		a.next = (a.next + 1) % mostFirst
	}
}

// of returns the account that a client was the first to enter, 0 if there is none.
func (a *accounts) of(client uint64) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.first[client]
}

// entered notes that r's client has logged in to an account.
func (t *Table) entered(now int64, r *request.Request, name uint64) {
	account := Key(t.seed, user, name)
	t.accounts.enter(r.Standing.Keys[Client], account)
	t.links.Use(now, identity.Facet{Kind: identity.Account, Key: account}, r.Standing.Keys[Client])
}

// lower raises a linked client's standing, if it has evidence of its own. A link
// alone does nothing, and nothing is blocked by it.
func (t *Table) lower(now int64, rules Rules, r *request.Request) {
	st := &r.Standing
	if st.Stage < signal.Watch || st.Stage >= signal.Tarpit || st.Vouched || st.Known || st.Acting != Client.String() {
		return
	}
	if t.links.Suspicion(now, st.Keys[Client]) < rules.Interrogate {
		return
	}
	odds := math.Log(st.Risk/(100-min(st.Risk, 99.999))) + linkedOdds
	if stage := rules.stage(100/(1+math.Exp(-odds)), false); stage > st.Stage {
		st.Stage, st.Linked = stage, true
	}
}

// Links returns what links the client of key to others, for people.
func (t *Table) Links(now time.Time, key uint64) []identity.Link {
	return t.links.Attacker(millis(now), key, 16)
}
