package attacker

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

const seed = 42

// from returns a request of the client at address with a software.
func from(address string, software uint64) *request.Request {
	r := &request.Request{Client: addr.Of(netip.MustParseAddr(address))}
	r.Standing.Keys = Keys{ClientKey(seed, r.Client.Key, software), AddressKey(seed, r.Client.Key), 0}
	return r
}

// with gives r a credential.
func with(r *request.Request, credential uint64) *request.Request {
	r.Standing.Keys[Credential] = Key(seed, Credential, credential)
	return r
}

func hit(k signal.Kind, b signal.Band, digest uint64) signal.Signal {
	return signal.Signal{Kind: k, Band: b, Digest: digest}
}

// observe adds evidence and returns the standing after it.
func observe(t *Table, at time.Duration, r *request.Request, found ...signal.Signal) request.Standing {
	t.Observe(epoch.Add(at), DefaultRules(), r, found)
	return r.Standing
}

func stand(t *Table, at time.Duration, r *request.Request) request.Standing {
	t.Stand(epoch.Add(at), DefaultRules(), r)
	return r.Standing
}

func TestNobodyIsClear(t *testing.T) {
	st := stand(New(1000, seed), 0, from("203.0.113.9", 1))
	if st.Stage != signal.Clear || st.Risk != 0 || st.Attacker != "" || st.Accepted {
		t.Errorf("got %+v; want a clear standing", st)
	}
}

// The arithmetic of fusion, computed by hand from the design's formulas.
func TestFuse(t *testing.T) {
	one := func(weight float64) float64 { return weight * 1.25 * (1 - math.Exp(-1.6)) }
	capped := func(sum, limit float64) float64 { return limit * math.Tanh(sum/limit) }
	risk := func(score float64) float64 { return 100 / (1 + math.Exp(-score)) }
	for name, c := range map[string]struct {
		found []signal.Signal
		want  float64
		may   bool
	}{
		"one hint":           {[]signal.Signal{hit(signal.SQLInjection, signal.Hint, 1)}, risk(-4.6 + capped(one(1.4), 2.5)), false},
		"one certain":        {[]signal.Signal{hit(signal.SQLInjection, signal.Certain, 1)}, risk(-4.6 + capped(one(4.8), 4.8)), false},
		"two in one vantage": {[]signal.Signal{hit(signal.UserAgentMismatch, signal.Likely, 0), hit(signal.MissingUserAgent, signal.Hint, 0)}, risk(-4.6 + capped(one(2.4)+one(0.7), 2.5)), false},
		"two vantages":       {[]signal.Signal{hit(signal.UserAgentMismatch, signal.Likely, 0), hit(signal.SQLInjection, signal.Certain, 1)}, risk(-4.6 + capped(one(2.4), 2.5) + capped(one(4.8), 4.8)), true},
	} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		observe(table, 0, r, c.found...)
		v, ok := table.Lookup(epoch, DefaultRules(), r.Standing.Keys[Client])
		if !ok || math.Abs(v.Sum.Risk-c.want) > 0.1 || v.Sum.MayBlock != c.may {
			t.Errorf("%s: got risk %.2f, may block %v (found %v); want %.2f, %v", name, v.Sum.Risk, v.Sum.MayBlock, ok, c.want, c.may)
		}
	}
}

// However often one soft kind is seen, its vantage alone never blocks.
func TestOneSoftVantageNeverBlocks(t *testing.T) {
	for k := signal.Kind(1); k < signal.Kinds; k++ {
		if k.Info().Hard {
			continue
		}
		table, r := New(1000, seed), from("203.0.113.9", 1)
		for i := range 300 {
			observe(table, time.Duration(i)*time.Second, r, hit(k, signal.Hint, uint64(i)))
		}
		if r.Standing.Stage == signal.Block {
			t.Errorf("300 hints of %v: got block, risk %.1f", k, r.Standing.Risk)
		}
	}
}

func TestSecondCertainBlocks(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	if st := observe(table, 0, r, hit(signal.SQLInjection, signal.Certain, 1)); st.Stage == signal.Block {
		t.Fatalf("after one certain payload: got %v; want no block yet", st.Stage)
	}
	if st := observe(table, time.Second, r, hit(signal.SQLInjection, signal.Certain, 1)); st.Stage == signal.Block {
		t.Fatalf("after the same payload again: got %v; want no block", st.Stage)
	}
	st := observe(table, 2*time.Second, r, hit(signal.SQLInjection, signal.Certain, 2))
	if st.Stage != signal.Block || !st.Until.Equal(epoch.Add(5*time.Minute+2*time.Second)) {
		t.Errorf("after a second payload: got %v until %v; want a block of 5 minutes", st.Stage, st.Until)
	}
}

func TestFourLikelyBlock(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 3 {
		if st := observe(table, time.Duration(i)*time.Second, r, hit(signal.XSS, signal.Likely, uint64(i+1)<<8)); st.Stage == signal.Block {
			t.Fatalf("after %d likely payloads: got a block", i+1)
		}
	}
	if st := observe(table, 4*time.Second, r, hit(signal.XSS, signal.Likely, 99<<8)); st.Stage != signal.Block {
		t.Errorf("after four likely payloads: got %v, risk %.1f; want a block", st.Stage, st.Risk)
	}
}

// Blocks grow on repetition, are capped, and begin anew after long good conduct.
func TestBlocksGrow(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	at, digest := time.Duration(0), uint64(1)
	for _, want := range []time.Duration{5 * time.Minute, 20 * time.Minute, 80 * time.Minute, 320 * time.Minute, 1280 * time.Minute, 24 * time.Hour, 24 * time.Hour} {
		var st request.Standing
		for range 3 {
			st = observe(table, at, r, hit(signal.SQLInjection, signal.Certain, digest<<8))
			digest++
		}
		if got := st.Until.Sub(epoch.Add(at)); st.Stage != signal.Block || got != want {
			t.Fatalf("block at %v: got %v for %v; want %v", at, st.Stage, got, want)
		}
		at += want + time.Second
		if st := stand(table, at, r); st.Stage >= signal.Interrogate {
			t.Fatalf("after a block of %v: got %v, risk %.1f; want at most watch", want, st.Stage, st.Risk)
		}
	}
	at += 49 * time.Hour
	for i := range 3 {
		observe(table, at, r, hit(signal.SQLInjection, signal.Certain, uint64(1000+i)<<8))
	}
	if got := r.Standing.Until.Sub(epoch.Add(at)); got != 5*time.Minute {
		t.Errorf("block after two clean days: got %v; want %v", got, 5*time.Minute)
	}
}

func TestEvidenceFades(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	high := observe(table, 0, r, hit(signal.ScannerAgent, signal.Likely, 0), hit(signal.ProbePath, signal.Likely, 1)).Risk
	if low := stand(table, 12*time.Hour, r).Risk; low > high/3 || r.Standing.Stage != signal.Clear {
		t.Errorf("twelve hours later: got risk %.1f (was %.1f), stage %v; want it to have faded", low, high, r.Standing.Stage)
	}
}

func TestUnblockClearsEverything(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 3 {
		observe(table, 0, r, hit(signal.SQLInjection, signal.Certain, uint64(i+1)<<8))
	}
	if r.Standing.Stage != signal.Block {
		t.Fatal("the client is not blocked to begin with")
	}
	if n := table.Unblock(Pardon{Address: netip.MustParseAddr("203.0.113.9")}); n != 2 {
		t.Errorf("got %d records cleared; want the client's and the address's", n)
	}
	if st := stand(table, time.Second, r); st.Stage != signal.Clear || st.Risk != 0 {
		t.Errorf("after unblock: got %v, risk %.1f; want clear", st.Stage, st.Risk)
	}
	for i := range 3 {
		observe(table, time.Minute, r, hit(signal.SQLInjection, signal.Certain, uint64(i+10)<<8))
	}
	if got := r.Standing.Until.Sub(epoch.Add(time.Minute)); got != 5*time.Minute {
		t.Errorf("next block: got %v; want a first one of 5m", got)
	}
	if n := table.Unblock(Pardon{}); n != 0 {
		t.Errorf("an empty pardon cleared %d records", n)
	}
}

func TestUnblockByName(t *testing.T) {
	table, a, b := New(1000, seed), from("203.0.113.9", 1), from("203.0.113.10", 1)
	for _, r := range []*request.Request{a, b} {
		observe(table, 0, r, hit(signal.SQLInjection, signal.Certain, 1))
	}
	if n := table.Unblock(Pardon{Name: Name(a.Standing.Keys[Client])}); n != 1 {
		t.Errorf("got %d records cleared; want 1", n)
	}
	if st := stand(table, time.Second, b); st.Stage == signal.Clear {
		t.Error("the other client was cleared too")
	}
}

// answered lets r be answered n times with status.
func answered(t *Table, at time.Duration, r *request.Request, n, status int, x Exchange) {
	x.Status = status
	for i := range n {
		t.Learn(epoch.Add(at+time.Duration(i)*time.Millisecond), DefaultRules(), r, &x, func(int) {})
	}
}

// 10,000 errors of one path are a broken client, no attacker.
func TestErrorsAloneNeverChallenge(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 422, 429} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		for i := range 1000 {
			answered(table, time.Duration(i)*time.Second, r, 10, status, Exchange{Missing: 7})
		}
		if st := stand(table, 1000*time.Second, r); st.Stage > signal.Watch {
			t.Errorf("10,000 answers %d: got %v, risk %.1f; want at most watch", status, st.Stage, st.Risk)
		}
	}
}

func TestUpstreamFaultsTeachNothing(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	answered(table, 0, r, 1000, 503, Exchange{Login: true, User: 5})
	if st := stand(table, time.Second, r); st.Risk > 1.1 || len(r.Signals) > 0 {
		t.Errorf("after 1,000 answers 503: got risk %.1f, signals %v; want none", st.Risk, r.Signals)
	}
}

func TestStuffingFromOneAddress(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 60 {
		answered(table, time.Duration(i)*time.Second, r, 1, 401, Exchange{Login: true, User: uint64(i+1) * 0x9e3779b97f4a7c15})
	}
	if st := stand(table, time.Minute, r); st.Stage != signal.Block {
		t.Errorf("60 users tried and refused: got %v, risk %.1f; want a block", st.Stage, st.Risk)
	}
}

// Who looks for what reads like attacks, in words and in one field, and takes his
// time, is not blocked for their number; every other way of it is.
func TestCuriosity(t *testing.T) {
	for name, c := range map[string]struct {
		spoken bool
		fields int
		gap    time.Duration
		band   signal.Band
		want   signal.Stage
	}{
		"looks things up":  {true, 1, 20 * time.Second, signal.Likely, signal.Watch},
		"certain":          {true, 1, 20 * time.Second, signal.Certain, signal.Block},
		"wordless":         {false, 1, 20 * time.Second, signal.Likely, signal.Block},
		"hasty":            {true, 1, time.Second, signal.Likely, signal.Block},
		"one field a time": {true, 5, 20 * time.Second, signal.Likely, signal.Block},
	} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		for i := range 20 {
			h := hit(signal.SQLInjection, c.band, uint64(i+1)*0x9e3779b97f4a7c15)
			h.Spoken, h.Where = c.spoken, "query:"+string(rune('a'+i%c.fields))
			observe(table, time.Duration(i)*c.gap, r, h)
		}
		if st := stand(table, 20*c.gap, r); st.Stage != c.want {
			t.Errorf("%s: got %v, risk %.1f; want %v", name, st.Stage, st.Risk, c.want)
		}
	}
}

// Forty people behind one address and browser who mistype five times and get in then are
// no fan-out of users; and a program that was given a wrong password tries one.
func TestWhoGetsInIsNotTried(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 40 {
		x := Exchange{Login: true, User: uint64(i+1) * 0x9e3779b97f4a7c15}
		answered(table, time.Duration(2*i)*time.Second, r, 5, 401, x)
		answered(table, time.Duration(2*i+1)*time.Second, r, 1, 200, x)
	}
	if _, found := shows(r, signal.LoginFanout); found {
		t.Error("40 people who got in: got a fan-out; want none")
	}
	table, r = New(1000, seed), from("203.0.113.9", 1)
	for i := range 250 {
		answered(table, time.Duration(i)*time.Second, r, 1, 401, Exchange{Login: true, User: 7, Guess: 9})
		answered(table, time.Duration(i)*time.Second, r, 1, 401, Exchange{Endpoint: 3})
	}
	if band, _ := shows(r, signal.LoginFailure); band != signal.Hint {
		t.Errorf("one password 250 times: got failures that are %v; want a hint", band)
	}
}

// What is refused because it departs from the API is not a second proof.
func TestDeparturesAreNoErrors(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 300 {
		answered(table, time.Duration(i)*time.Second, r, 1, 405, Exchange{Departs: true})
	}
	if _, found := shows(r, signal.ErrorRatio); found {
		t.Error("300 departures that were refused: got a ratio of errors; want none")
	}
}

// A forgetful person tries one name a few times.
func TestForgottenPassword(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	for i := range 8 {
		answered(table, time.Duration(i)*10*time.Second, r, 1, 401, Exchange{Login: true, User: 77})
	}
	if st := stand(table, 2*time.Minute, r); st.Stage > signal.Watch {
		t.Errorf("8 wrong passwords: got %v, risk %.1f; want at most watch", st.Stage, st.Risk)
	}
}

const endpoint = 0xabcdef

// A token is believed only where the endpoint is known to refuse others.
func TestCredentialNeedsAGuardedEndpoint(t *testing.T) {
	table, r := New(1000, seed), with(from("203.0.113.9", 1), 5)
	answered(table, 0, r, 3, 200, Exchange{Endpoint: endpoint})
	if stand(table, time.Second, r); r.Standing.Accepted {
		t.Error("a token on a public endpoint was believed")
	}
	answered(table, 0, from("198.51.100.1", 2), 1, 401, Exchange{Endpoint: endpoint})
	answered(table, 2*time.Second, r, 1, 200, Exchange{Endpoint: endpoint})
	if stand(table, 3*time.Second, r); !r.Standing.Accepted {
		t.Error("a token that a guarded endpoint took was not believed")
	}
}

// Behind one address and one browser, the block of one spares those who have
// shown credentials of their own.
func TestSharedClientSparesAccepted(t *testing.T) {
	table := New(1000, seed)
	answered(table, 0, from("198.51.100.1", 2), 1, 401, Exchange{Endpoint: endpoint})
	for c := range uint64(5) {
		answered(table, time.Second, with(from("203.0.113.9", 1), c+1), 2, 200, Exchange{Endpoint: endpoint})
	}
	bad := from("203.0.113.9", 1)
	for i := range 3 {
		observe(table, 2*time.Second, bad, hit(signal.SQLInjection, signal.Certain, uint64(i+1)<<8))
	}
	if v, ok := table.Lookup(epoch, DefaultRules(), bad.Standing.Keys[Client]); !ok || v.Stage != signal.Block {
		t.Fatalf("the shared client: got %v; want it blocked", v.Stage)
	}
	if st := stand(table, 3*time.Second, with(from("203.0.113.9", 1), 3)); st.Stage != signal.Clear || !st.Shared || !st.Accepted {
		t.Errorf("a colleague with an accepted credential: got %+v; want clear", st)
	}
	for name, r := range map[string]*request.Request{"no credential": from("203.0.113.9", 1), "a random token": with(from("203.0.113.9", 1), 999)} {
		if st := stand(table, 3*time.Second, r); st.Stage != signal.Interrogate {
			t.Errorf("%s: got %v; want to be asked, neither let through nor shut out", name, st.Stage)
		}
	}
}

// An address acts against new software only while no good client is behind it.
func TestAddressActsAloneOnly(t *testing.T) {
	attack := func(table *Table) {
		for i := range 4 {
			observe(table, 2*time.Second, from("203.0.113.9", uint64(100+i)), hit(signal.SQLInjection, signal.Certain, uint64(i+1)<<8))
		}
	}
	alone := New(1000, seed)
	attack(alone)
	if st := stand(alone, 3*time.Second, from("203.0.113.9", 500)); st.Stage != signal.Block || st.Acting != "address" {
		t.Errorf("rotating software, nobody else there: got %v by %q; want the address blocked", st.Stage, st.Acting)
	}
	shared := New(1000, seed)
	attack(shared)
	answered(shared, 4*time.Second, from("203.0.113.9", 1), established+1, 200, Exchange{})
	if st := stand(shared, 5*time.Second, from("203.0.113.9", 500)); st.Stage != signal.Clear {
		t.Errorf("a good client is behind the address: got %v for a newcomer; want clear", st.Stage)
	}
}

// One attacker in one browser does not shut out a newcomer behind his address.
func TestOneAttackerIsNotHisAddress(t *testing.T) {
	table := New(1000, seed)
	for i := range 10 {
		observe(table, time.Duration(i)*time.Second, from("203.0.113.9", 1), hit(signal.SQLInjection, signal.Certain, uint64(i+1)<<8))
	}
	if st := stand(table, 11*time.Second, from("203.0.113.9", 1)); st.Stage != signal.Block {
		t.Errorf("the attacker: got %v; want a block", st.Stage)
	}
	if st := stand(table, 11*time.Second, from("203.0.113.9", 2)); st.Stage != signal.Clear {
		t.Errorf("somebody else at his address: got %v; want clear", st.Stage)
	}
}

// A flood of fresh clients must not wash a block away, nor pass the ceiling.
func TestFloodKeepsThePunished(t *testing.T) {
	table := New(20_000, seed)
	bad := from("203.0.113.9", 1)
	for i := range 3 {
		observe(table, 0, bad, hit(signal.SQLInjection, signal.Certain, uint64(i+1)<<8))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300_000 {
		a := r.Uint32()
		fresh := from(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}).String(), 1)
		table.Learn(epoch.Add(time.Duration(i)*time.Microsecond*200), DefaultRules(), fresh, &Exchange{Status: 200}, func(int) {})
	}
	st := table.Stats()
	if st.Records > st.Capacity || st.Capacity > 20_000 || st.Evictions == 0 || st.Bytes > int64(st.Capacity*RecordSize) {
		t.Errorf("after the flood: got %+v; want the ceiling of 20,000 held", st)
	}
	if got := stand(table, time.Minute, bad); got.Stage != signal.Block {
		t.Errorf("after the flood: got %v; want the block to stand", got.Stage)
	}
	if st.Pardons != 0 {
		t.Errorf("got %d punished records evicted; want 0", st.Pardons)
	}
}

func TestClockGoingBackHarmsNothing(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	observe(table, time.Hour, r, hit(signal.SQLInjection, signal.Certain, 1))
	before := r.Standing.Risk
	if st := observe(table, 0, r, hit(signal.MissingUserAgent, signal.Hint, 0)); st.Risk < before {
		t.Errorf("an hour back: got risk %.1f; want at least %.1f", st.Risk, before)
	}
}

func TestQuiet(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	observe(table, 0, r, hit(signal.MissingUserAgent, signal.Hint, 0))
	key := r.Standing.Keys[Client]
	reported, swallowed := 0, 0
	for i := range 100 {
		if ok, n := table.Quiet(epoch.Add(time.Duration(i)*time.Second), 10*time.Second, key); ok {
			reported, swallowed = reported+1, swallowed+n
		}
	}
	if reported != 10 || swallowed != 81 {
		t.Errorf("100 events in 100 s: got %d reported, %d swallowed; want 10 and 81", reported, swallowed)
	}
}

// distinct must stay within a tenth of the truth up to 300 values.
func TestDistinct(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 3, 5, 15, 30, 100, 300} {
		sum := 0.0
		for range 50 {
			var d distinct
			for range n {
				v := r.Uint64()
				d.add(0, v)
				d.add(0, v)
			}
			sum += d.count(0)
		}
		if got := sum / 50; math.Abs(got-float64(n)) > 0.1*float64(n)+0.3 {
			t.Errorf("%d distinct values: got %.1f on average", n, got)
		}
	}
	var d distinct
	d.add(0, 1)
	if got := d.count(2*generation + 1); got != 0 {
		t.Errorf("two generations later: got %.1f; want 0", got)
	}
}

func BenchmarkStandUnknown(b *testing.B) {
	table, r := New(1<<20, seed), from("203.0.113.9", 1)
	b.ReportAllocs()
	for b.Loop() {
		table.Stand(epoch, DefaultRules(), r)
	}
}

func BenchmarkLearn(b *testing.B) {
	table, rules := New(1<<20, seed), DefaultRules()
	r := make([]*request.Request, 1<<16)
	for i := range r {
		r[i] = from(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), 1)
	}
	b.ReportAllocs()
	now := epoch
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Microsecond)
		table.Learn(now, rules, r[i&(len(r)-1)], &Exchange{Status: 200}, func(int) {})
	}
}

// Who has called several endpoints of late is told from who calls one and no other.
func TestVaried(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	r.Endpoint.ID = 7
	answered(table, 0, r, 5, 200, Exchange{Endpoint: 7})
	if stand(table, time.Second, r).Varied {
		t.Error("one endpoint alone: got varied")
	}
	answered(table, 2*time.Second, r, 1, 200, Exchange{Endpoint: 8})
	answered(table, 3*time.Second, r, 5, 200, Exchange{Endpoint: 7})
	if !stand(table, 4*time.Second, r).Varied {
		t.Error("another one between: got not varied")
	}
	if stand(table, time.Hour, r).Varied {
		t.Error("an hour later: got varied still")
	}
}
