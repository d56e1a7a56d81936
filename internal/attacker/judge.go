package attacker

import (
	"cmp"
	"slices"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// established: from this many good answers (decayed) a client counts as a good one.
const established = 5

// visit is how long a call counts as the one before.
const visit = 30 * 60 * 1000 // ms

// rotates is from how many distinct software evidence must have come for an
// address to act by itself (the count is an estimate): one attacker in one
// browser must not shut out who else is behind his address.
const rotates = 2.5

// sight is what the records of one request say that depends on which of them speaks.
type sight struct {
	previous     uint64
	age, gap     time.Duration
	varied, same bool
	asked        asked
	stage        signal.Stage // of the client's own record
	rule         ruling
}

// Stand fills r.Standing from the records of r's keys, which must be set.
func (t *Table) Stand(now time.Time, rules Rules, r *request.Request) {
	ms, st := millis(now), &r.Standing
	*st = request.Standing{Keys: st.Keys, Parent: st.Parent, People: st.People, Named: st.Named, Turn: st.Turn, Elsewhere: st.Elsewhere}
	t.split(ms, rules, r)
	st.Shared = st.People >= some
	see := t.client(ms, rules, r)
	var own ruling
	b := t.bears(ms, rules, r, &own)
	see.age = max(see.age, time.Duration(b.age)*time.Millisecond)
	st.Accepted, st.Common = b.accepted, b.common
	known := b.vouches && b.standing.Stage < signal.Interrogate
	others := t.address(ms, rules, r)
	if st.Parent != 0 {
		t.parent(ms, rules, r, &see)
	}
	t.fromCredential(st, &b.standing, r, others > 0)
	st.Previous, st.Age, st.Gap, st.Known, st.Varied, st.Same = see.previous, see.age, see.gap, known, see.varied, see.same
	if own.id != 0 || st.Shared && st.Accepted {
		see.rule = own
	}
	if st.Elsewhere != 0 {
		t.elsewhere(ms, rules, r, &see.asked, &see.rule)
	}
	st.Rule, st.RuleUntil = see.rule.id, see.rule.until
	see.asked.stand(ms, st)
	t.networks.neighbours(ms, r, see.stage)
	if t.links.Any() {
		t.lower(ms, rules, r)
	}
	vouch(st, rules, r.Pass)
}

// client raises the standing by the record of r's client.
func (t *Table) client(now int64, rules Rules, r *request.Request) (see sight) {
	st := &r.Standing
	t.with(now, Client, st.Keys[Client], nil, func(c *record) {
		see.asked = c.asked
		see.rule.of(c, now)
		c.parole(now, rules)
		c.stand(st, rules)
		if c.anotherMay(r) {
			ask(st, rules)
		}
		see.stage = c.stage
		st.Served = c.rates.fine >= established && c.stage <= signal.Watch
		st.Established = st.Served && c.stage == signal.Clear
		c.past.serve(st.Served)
		see.age = time.Duration(now-c.first) * time.Millisecond
		st.Guesses, st.Counts = c.guesses(), c.counts()
		if c.called != 0 {
			see.gap = time.Duration(now-c.called) * time.Millisecond
		}
		if now-c.called < visit {
			see.previous, see.same = c.before, c.seen.last == caller(r)
		}
		see.varied = now-1000*int64(c.varied) < visit || see.previous != 0 && see.previous != r.Endpoint.ID
	})
	return see
}

// address raises the standing by the record of r's address, and returns how many good
// clients are behind it.
func (t *Table) address(now int64, rules Rules, r *request.Request) (others float64) {
	st := &r.Standing
	t.with(now, Address, st.Keys[Address], nil, func(a *record) {
		a.parole(now, rules)
		others = a.others.count(now)
		if !st.Established && others == 0 && a.users.count(now) >= rotates {
			a.stand(st, rules)
		}
	})
	return others
}

// fromCredential weighs the standing of r's credential against that of its client. good
// says that good clients are behind the address.
func (t *Table) fromCredential(st, credential *request.Standing, r *request.Request, good bool) {
	own := st.Accepted && !st.Common
	switch {
	case st.Shared && st.Parent == 0 && own && credential.Stage < signal.Interrogate:
		// Several people use this address and software; this one has shown a
		// credential of its own and nothing against it.
		st.Stage, st.Risk, st.Until, st.Attacker, st.Actor = credential.Stage, credential.Risk, credential.Until,
			credential.Attacker, credential.Actor
		return
	case st.Shared && st.Parent == 0 && !own:
		st.Stage = min(st.Stage, t.shared(r))
	}
	if st.Common && (st.Established || good) {
		return // good clients are behind the address, and its key is theirs too
	}
	if st.Accepted && credential.Risk > st.Risk {
		st.Stage, st.Risk, st.Attacker, st.Actor, st.Acting = credential.Stage, credential.Risk, credential.Attacker,
			credential.Actor, credential.Acting
		st.Until, st.Intent, st.Phase, st.Proven = credential.Until, credential.Intent, credential.Phase, credential.Proven
	}
}

// shared returns the stage that one of several people behind an address and
// software may at most have. Somebody among them attacks, and nobody can tell
// who: the rest are asked, not shut out. Whoever shows a credential where
// credentials are checked is let through: the upstream tells a false one, and
// else nobody new could ever be accepted.
func (t *Table) shared(r *request.Request) signal.Stage {
	if r.Standing.Keys[Credential] != 0 && !r.Standing.Common && t.guarded.has(r.Endpoint.ID) {
		return signal.Watch
	}
	return signal.Interrogate
}

// stand raises st to the record's stage and risk.
func (r *record) stand(st *request.Standing, rules Rules) {
	if r.stage < st.Stage || r.stage == st.Stage && float64(r.risk) <= st.Risk {
		return
	}
	st.Stage, st.Risk, st.Attacker, st.Actor, st.Acting = r.stage, float64(r.risk), Name(r.key), r.key, r.scope.String()
	st.Until, st.Intent, st.Phase = time.Time{}, "", ""
	if r.stage >= signal.Watch {
		in := r.intent(r.updated)
		st.Intent, st.Phase = in.Class, in.Phase
	}
	if r.stage == signal.Block {
		st.Until = time.UnixMilli(r.until).UTC()
	}
	st.Proven = r.stage >= signal.Tarpit && r.proven()
}

// proven reports whether hard evidence is held.
func (r *record) proven() bool {
	for i := range r.held {
		if e := &r.held[i]; e.kind != signal.None && e.mass() >= 0.1 && e.kind.Info().Hard {
			return true
		}
	}
	return false
}

// Observe adds evidence to the records of r, brings r.Standing up to date and
// appends stages that changed to r.Changes. What the software says of itself is
// said with every request, what the address is stays so, and how it answers
// questions is counted before it is evidence: these are held, not counted.
func (t *Table) Observe(now time.Time, rules Rules, r *request.Request, found []signal.Signal) {
	if len(found) == 0 {
		return
	}
	proof, place := strongest(found), uint8(0)
	if proof != nil {
		place = uint8(digest.Mix(r.Endpoint.ID, digest.String(t.seed, proof.Where))) | 1
	}
	keys := t.against(r)
	if slices.ContainsFunc(found, unlikePages) {
		keys = r.Standing.Keys
	}
	t.update(now, rules, r, keys, proof != nil && proof.Band == signal.Certain, func(rec *record) {
		for _, s := range found {
			if personal(s.Kind) && owned(r, rec) || s.Kind.Info().Vantage == signal.API && rec.repeats(proof) {
				continue
			}
			if v := s.Kind.Info().Vantage; v == signal.Fingerprint || v == signal.Reputation || v == signal.Challenge {
				rec.hold(s.Kind, s.Band)
			} else {
				rec.add(s, portion(millis(now), rec))
			}
			if s.Kind == signal.LoginBatch && rec.scope == Client {
				for _, u := range r.Graph.Users[:r.Graph.Known] {
					rec.users.add(millis(now), u)
				}
			}
		}
		if proof != nil && owned(r, rec) {
			return
		}
		if proof != nil && rec.proofs.note(millis(now), proof, place) {
			rec.hold(signal.ExploitRepeated, signal.Hint)
		}
	})
}

// strongest returns the payload signal of the highest band, nil if there is none
// above a hint: one request is one proof, however many of its values are hostile. Odd
// values are none: a program that is broken may send one after the other. Nor are paths
// that scanners ask for: the answer says whether they are (probe.go).
func strongest(found []signal.Signal) (proof *signal.Signal) {
	for i := range found {
		s := &found[i]
		if s.Kind.Info().Vantage == signal.Payload && s.Kind != signal.OddValue && s.Kind != signal.ProbePath &&
			s.Band > signal.Hint && (proof == nil || s.Band > proof.Band) {
			proof = s
		}
	}
	return proof
}

// update runs f on the records of keys, and of the credential at this address, and
// restages each. attacks says that this address attacks, whatever it did before.
func (t *Table) update(now time.Time, rules Rules, r *request.Request, keys Keys, attacks bool, f func(*record)) {
	ms, by, burnt := millis(now), whose(r), false
	add := func(rec *record) {
		rec.parole(ms, rules)
		if rec.scope == Address {
			rec.users.add(ms, cmp.Or(r.Standing.Parent, keys[Client]))
		}
		rec.proofs.of(by, crowd(ms, rec) >= several)
		f(rec)
		if c, ok := rec.restage(ms, rules); ok {
			r.Changes = append(r.Changes, c)
			if c.From < signal.Interrogate && c.To >= signal.Interrogate {
				rec.proofs.whose = uint8(by)
			}
			burnt = burnt || c.To >= signal.Interrogate && r.Standing.Parent != 0 && r.Pass.Answers()
		}
	}
	t.with(ms, Client, keys[Client], r, add)
	if p := r.Standing.Parent; p != 0 && r.Standing.Elsewhere == 0 {
		t.with(ms, Client, p, nil, func(rec *record) {
			if burnt {
				rec.burn()
			}
			add(rec)
		})
	}
	t.with(ms, Address, keys[Address], r, add)
	if t.with(ms, Credential, keys[Credential], nil, func(*record) {}) {
		t.with(ms, Credential, t.pair(r), r, func(rec *record) {
			add(rec)
			attacks = attacks || rec.stage >= signal.Interrogate
		})
		t.with(ms, Credential, keys[Credential], nil, func(rec *record) {
			rec.past |= pastPair
			if attacks {
				rec.attacked(ms, keys[Address])
			}
			if rec.convicted(ms) {
				add(rec)
				return
			}
			rec.parole(ms, rules)
			f(rec) // counts when several addresses attack
		})
	}
	t.Stand(now, rules, r)
}

// restage fuses the record and moves it to the stage that its risk calls for.
func (r *record) restage(now int64, rules Rules) (request.Change, bool) {
	sum := fuse(r, false)
	r.risk = float32(sum.Risk)
	to := r.oneItem(now, rules.stage(sum.Risk, sum.MayBlock), rules, &sum)
	if r.stage == signal.Block && r.until > now {
		to = signal.Block
	}
	from := r.stage
	if to == from {
		return request.Change{}, false
	}
	r.stage = to
	if to == signal.Block {
		r.sentence(now, rules)
	}
	return r.change(from), true
}

// sentence starts a block. Who stayed clear for the longest block's time starts anew.
func (r *record) sentence(now int64, rules Rules) {
	if now-r.until > rules.Max.Milliseconds() {
		r.blocks = 0
	}
	r.blocks += min(1, 255-r.blocks)
	r.until = now + rules.duration(int(r.blocks)).Milliseconds()
}

func (r *record) change(from signal.Stage) request.Change {
	c := request.Change{Scope: uint8(r.scope), Key: r.key, Address: r.prefix(), From: from, To: r.stage, Risk: float64(r.risk), Blocks: int(r.blocks)}
	if r.stage == signal.Block {
		c.Until = time.UnixMilli(r.until).UTC()
	}
	return c
}

// parole ends a block whose time is up: the evidence that led to it is halved
// until it no longer interrogates, so that the client starts on probation. One
// more proof, and it is blocked again for longer.
func (r *record) parole(now int64, rules Rules) {
	if r.stage != signal.Block || r.until > now {
		if r.stage != signal.Block {
			r.settle(rules)
		}
		return
	}
	for range 8 {
		if r.risk = float32(fuse(r, false).Risk); float64(r.risk) < rules.Interrogate {
			break
		}
		for i := range r.held {
			r.held[i].weigh(r.held[i].mass() / 2)
		}
	}
	r.rates.errors, r.rates.missing, r.rates.failed = 0, 0, 0
	r.past &^= pastBurnt
	r.missing, r.users = distinct{}, distinct{}
	r.stage = rules.stage(float64(r.risk), false)
}

// settle lets risk and stage fall as the evidence fades; they rise in restage only.
func (r *record) settle(rules Rules) {
	if r.stage == signal.Clear && r.risk < 2 {
		return
	}
	sum := fuse(r, false)
	r.risk = float32(sum.Risk)
	r.stage = min(r.stage, rules.stage(sum.Risk, sum.MayBlock))
}

func (r *record) prefix() string { return addr.KeyOf(r.network.addr()).String() }
