package challenge

import (
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
)

var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

const secret = "0123456789abcdef0123456789abcdef"

// rules ask for little work, so that tests are quick.
func rules() Rules {
	r := DefaultRules()
	r.Difficulty = 6
	return r
}

const ja4 = "t13d1312h2_f57a46bbacb6_ab7e3b40a677"

// client returns a request of a client as the engine would hand it over.
func client(address, agent, ja4, target string, fields ...request.Field) *request.Request {
	r := &request.Request{Client: addr.Of(netip.MustParseAddr(address)), Site: "api.example.com"}
	r.Head = request.Head{Method: "GET", Target: target, Host: "api.example.com", Proto: "HTTP/1.1", Ordered: true}
	r.Head.Fields = append([]request.Field{{Name: "Host", Value: "api.example.com"}, {Name: "User-Agent", Value: agent}}, fields...)
	r.Software = fingerprint.NewClassifier(1).Classify(fingerprint.Facts{JA4: ja4, Proto: r.Head.Proto, Secure: ja4 != "", Fields: r.Head.Fields, Ordered: true})
	r.Standing.Risk = 30
	r.Parse()
	return r
}

// sdk is the client of most tests.
func sdk(target string, fields ...request.Field) *request.Request {
	return client("203.0.113.9", "shop-app/3.2", ja4, target, fields...)
}

func header(name, value string) request.Field { return request.Field{Name: name, Value: value} }

func solved(t testing.TB, q Question) string {
	t.Helper()
	answer, ok := Solve(q.Nonce, q.Bits, 1<<24)
	if !ok {
		t.Fatalf("no answer of %d bits in 2^24 tries", q.Bits)
	}
	return answer
}

// earn lets sdk solve a challenge and returns its pass.
func earn(t testing.TB, k *Keeper, now time.Time) string {
	t.Helper()
	r := sdk("/api/x", header(AnswerHeader, solved(t, k.Ask(now, rules(), sdk("/api/x"), false))))
	k.Read(now, rules(), r)
	if !r.Pass.Answers() || !r.Pass.Fresh {
		t.Fatalf("a right answer: got %+v; want a fresh pass", r.Pass)
	}
	pass, _ := k.Grant(rules(), r)
	return pass
}

func result(k *Keeper, now time.Time, r *request.Request) request.PassResult {
	k.Read(now, rules(), r)
	return r.Pass.Result
}

// An answer is good from its client, for its path class, in time, with the work,
// and else it is not.
func TestAnswer(t *testing.T) {
	k := New([]byte(secret), 1)
	q := k.Ask(epoch, rules(), sdk("/api/orders/7"), false)
	answer := solved(t, q)
	nonce, _, _ := strings.Cut(answer, ".")
	lazy := ""
	for n := 0; lazy == "" || Zeros(lazy) >= q.Bits; n++ {
		lazy = nonce + "." + strconv.Itoa(n)
	}
	page := k.Ask(epoch, rules(), sdk("/"), true)
	for name, c := range map[string]struct {
		r     *request.Request
		after time.Duration
		want  request.PassResult
	}{
		"right":                     {sdk("/api/orders/8", header(AnswerHeader, answer)), 0, request.PassValid},
		"name in lower case":        {sdk("/api/orders/8", header("bartizan-answer", answer)), time.Second, request.PassValid},
		"without work":              {sdk("/api/orders/7", header(AnswerHeader, lazy)), 0, request.PassWrong},
		"of another path class":     {sdk("/admin/users", header(AnswerHeader, answer)), 0, request.PassWrong},
		"of another address":        {client("203.0.113.10", "shop-app/3.2", ja4, "/api/orders/7", header(AnswerHeader, answer)), 0, request.PassWrong},
		"of another network":        {client("198.51.100.9", "shop-app/3.2", ja4, "/api/orders/7", header(AnswerHeader, answer)), 0, request.PassElsewhere},
		"of another product":        {client("203.0.113.9", "other/1", ja4, "/api/orders/7", header(AnswerHeader, answer)), 0, request.PassStolen},
		"of another TLS library":    {client("203.0.113.9", "shop-app/3.2", "t13d5911h1_a33745022dd6_1f22a2ca17c4", "/api/orders/7", header(AnswerHeader, answer)), 0, request.PassStolen},
		"at the last moment":        {sdk("/api/orders/7", header(AnswerHeader, answer)), 2*time.Minute + Skew, request.PassReplayed}, // given above: no retry
		"too late":                  {sdk("/api/orders/7", header(AnswerHeader, answer)), 2*time.Minute + Skew + time.Second, request.PassExpired},
		"before it was asked":       {sdk("/api/orders/7", header(AnswerHeader, answer)), -Skew - time.Second, request.PassExpired},
		"no answer":                 {sdk("/api/orders/7", header(AnswerHeader, nonce)), 0, request.PassNone},
		"another spelling":          {sdk("/api/orders/7", header(AnswerHeader, nonce+".0"+answer[len(nonce)+1:])), 0, request.PassNone},
		"signature changed":         {sdk("/api/orders/7", header(AnswerHeader, flip(answer, tokenSize-2))), 0, request.PassForged},
		"difficulty changed":        {sdk("/api/orders/7", header(AnswerHeader, flip(answer, 2))), 0, request.PassForged},
		"a page's, without a probe": {sdk("/", header(AnswerHeader, solved(t, page))), 0, request.PassWrong},
		"a page's":                  {sdk("/", header(AnswerHeader, solved(t, page)), header(ProbeHeader, "0")), 0, request.PassValid},
		"a page's, driven":          {sdk("/", header(AnswerHeader, solved(t, page)), header(ProbeHeader, "1")), 0, request.PassWrong},
		"a page's, odd":             {sdk("/", header(AnswerHeader, solved(t, page)), header(ProbeHeader, "8")), 0, request.PassWrong},
		"a pass as an answer":       {sdk("/", header(AnswerHeader, k.Cookie(epoch, rules(), sdk("/"))+".1")), 0, request.PassWrong},
		"a challenge as a pass":     {sdk("/", header(PassHeader, nonce)), 0, request.PassWrong},
	} {
		fresh := New([]byte(secret), 2) // knows nothing of what other rows have spent
		if name == "at the last moment" {
			fresh.spent.take(epoch, mustOpen(t, k, nonce).id)
		}
		if got := result(fresh, epoch.Add(c.after), c.r); got != c.want {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
}

func mustOpen(t testing.TB, k *Keeper, s string) token {
	t.Helper()
	tok, seal := k.open(s)
	if seal != genuine {
		t.Fatalf("%q: got seal %d; want it genuine", s, seal)
	}
	return tok
}

// flip changes one letter of a token into another that decodes.
func flip(s string, at int) string {
	c := byte('A')
	if s[at] == c {
		c = 'E'
	}
	return s[:at] + string(c) + s[at+1:]
}

// A pass is good for its software and network, over a restart and on every node
// with the key, and nowhere else.
func TestPass(t *testing.T) {
	k := New([]byte(secret), 1)
	pass := earn(t, k, epoch)
	other := New([]byte("another key, which is secret too"), 1)
	revoked := rules()
	revoked.Epoch++
	for name, c := range map[string]struct {
		keeper *Keeper
		rules  Rules
		r      *request.Request
		after  time.Duration
		want   request.PassResult
	}{
		"right":                   {k, rules(), sdk("/admin", header(PassHeader, pass)), time.Minute, request.PassValid},
		"as a cookie":             {k, rules(), sdk("/", header("Cookie", "a=b; bartizan-pass="+pass)), time.Minute, request.PassValid},
		"beside a bad cookie":     {k, rules(), sdk("/", header("Cookie", "bartizan-pass=x; bartizan-pass="+pass)), time.Minute, request.PassValid},
		"another address nearby":  {k, rules(), client("203.0.200.1", "shop-app/3.3", ja4, "/", header(PassHeader, pass)), time.Minute, request.PassValid},
		"after a restart":         {New([]byte(secret), 2), rules(), sdk("/", header(PassHeader, pass)), time.Minute, request.PassValid},
		"another network":         {k, rules(), client("198.51.100.9", "shop-app/3.2", ja4, "/", header(PassHeader, pass)), time.Minute, request.PassElsewhere},
		"without TLS":             {k, rules(), client("203.0.113.9", "shop-app/3.2", "", "/", header(PassHeader, pass)), time.Minute, request.PassElsewhere},
		"other software":          {k, rules(), client("203.0.113.9", "curl/8.1", ja4, "/", header(PassHeader, pass)), time.Minute, request.PassStolen},
		"other TLS":               {k, rules(), client("203.0.113.9", "shop-app/3.2", "t13d5911h1_a33745022dd6_1f22a2ca17c4", "/", header(PassHeader, pass)), time.Minute, request.PassStolen},
		"revoked":                 {k, revoked, sdk("/", header(PassHeader, pass)), time.Minute, request.PassExpired},
		"of another key":          {other, rules(), sdk("/", header(PassHeader, pass)), time.Minute, request.PassExpired},
		"over":                    {k, rules(), sdk("/", header(PassHeader, pass)), time.Hour + Skew + time.Second, request.PassExpired},
		"by a clock just behind":  {k, rules(), sdk("/", header(PassHeader, pass)), -Skew, request.PassValid},
		"by a clock far behind":   {k, rules(), sdk("/", header(PassHeader, pass)), -Skew - time.Second, request.PassExpired},
		"forged":                  {k, rules(), sdk("/", header(PassHeader, flip(pass, 70))), time.Minute, request.PassForged},
		"garbled":                 {k, rules(), sdk("/", header(PassHeader, pass[:40])), time.Minute, request.PassNone},
		"masked, as in recording": {k, rules(), sdk("/", header("Cookie", "bartizan-pass=~0123456789abcdef")), time.Minute, request.PassNone},
	} {
		c.keeper.Read(epoch.Add(c.after), c.rules, c.r)
		if got := c.r.Pass.Result; got != c.want {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
}

// Over TLS only the cookie counts that no other host can plant, and a forged one
// is proof; on plaintext it is not, for it may be a neighbour's doing.
func TestCookieNames(t *testing.T) {
	k := New([]byte(secret), 1)
	pass := earn(t, k, epoch)
	for name, c := range map[string]struct {
		scheme, cookie string
		want           request.PassResult
	}{
		"TLS":                    {"https", "__Host-bartizan-pass=" + pass, request.PassValid},
		"TLS, plain name":        {"https", "bartizan-pass=" + pass, request.PassNone},
		"TLS, forged":            {"https", "__Host-bartizan-pass=" + flip(pass, 70), request.PassForged},
		"TLS, forged plain name": {"https", "bartizan-pass=" + flip(pass, 70), request.PassNone},
		"plaintext":              {"http", "bartizan-pass=" + pass, request.PassValid},
		"plaintext, forged":      {"http", "bartizan-pass=" + flip(pass, 70), request.PassWrong},
		"plaintext, planted":     {"http", "bartizan-pass=" + flip(pass, 70) + "; bartizan-pass=" + pass, request.PassValid},
	} {
		r := sdk("/", header("Cookie", c.cookie))
		r.Head.Scheme = c.scheme
		if got := result(k, epoch, r); got != c.want {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
}

// A retry earns the same pass; the same answer much later, or often, is a replay.
func TestReplay(t *testing.T) {
	k := New([]byte(secret), 1)
	answer := solved(t, k.Ask(epoch, rules(), sdk("/api/x"), false))
	give := func(after time.Duration) (request.PassResult, string) {
		r := sdk("/api/x", header(AnswerHeader, answer))
		k.Read(epoch.Add(after), rules(), r)
		if r.Pass.Result != request.PassValid {
			return r.Pass.Result, ""
		}
		pass, _ := k.Grant(rules(), r)
		return r.Pass.Result, pass
	}
	_, first := give(0)
	if got, again := give(2 * time.Second); got != request.PassValid || again != first || first == "" {
		t.Errorf("a retry: got %v with pass %.20q; want the same pass %.20q", got, again, first)
	}
	if got, _ := give(time.Minute); got != request.PassReplayed {
		t.Errorf("a minute later: got %v; want replayed", got)
	}
	answer = solved(t, k.Ask(epoch, rules(), sdk("/api/x"), false))
	for range retries {
		give(0)
	}
	if got, _ := give(0); got != request.PassReplayed {
		t.Errorf("the fourth time at once: got %v; want replayed", got)
	}
	r := sdk("/api/x", header(AnswerHeader, answer), header(PassHeader, first))
	if got := result(k, epoch.Add(time.Minute), r); got != request.PassValid {
		t.Errorf("an old answer beside a good pass: got %v; want the pass to count", got)
	}
}

// A bot farm that shares one pass is noticed, and the pass is nobody's then.
func TestFarm(t *testing.T) {
	k := New([]byte(secret), 1)
	pass := earn(t, k, epoch)
	bot := func(n int) request.PassResult {
		return result(k, epoch, client(fmt.Sprintf("203.0.%d.%d", n/250, n%250), "shop-app/3.2", ja4, "/", header(PassHeader, pass)))
	}
	for range 100 {
		if got := result(k, epoch, sdk("/", header(PassHeader, pass))); got != request.PassValid {
			t.Fatalf("one client, many requests: got %v; want valid", got)
		}
	}
	farmed := 0
	for n := range 50 {
		if bot(n) == request.PassFarmed {
			farmed++
		}
	}
	if farmed < 50-MostUsers {
		t.Errorf("50 bots with one pass: got %d noticed; want all but %d", farmed, MostUsers)
	}
	if got := result(k, epoch, sdk("/", header(PassHeader, pass))); got != request.PassFarmed {
		t.Errorf("who earned it: got %v; want it to be nobody's", got)
	}
	if got := result(k, epoch, sdk("/", header(PassHeader, earn(t, k, epoch)))); got != request.PassValid {
		t.Errorf("a new pass: got %v; want valid", got)
	}
}

// A hundred thousand challenges that nobody answers hold no memory.
func TestOutstandingChallengesHoldNothing(t *testing.T) {
	k := New([]byte(secret), 1)
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	seen := map[uint64]bool{}
	before := used()
	var last Question
	for n := range 100_000 {
		r := sdk("/api/x")
		r.Client = addr.Of(netip.AddrFrom4([4]byte{203, byte(n >> 16), byte(n >> 8), byte(n)}))
		last = k.Ask(epoch, rules(), r, n%2 == 0)
	}
	if grown := int64(used()) - int64(before); grown > 64<<10 {
		t.Errorf("100,000 outstanding challenges hold %d bytes; want none", grown)
	}
	for range 1000 {
		seen[mustOpen(t, k, k.Ask(epoch, rules(), sdk("/"), false).Nonce).id] = true
	}
	if len(seen) != 1000 || last.Nonce == "" {
		t.Errorf("got %d different nonces of 1,000", len(seen))
	}
}

func TestDifficultyGrowsWithRisk(t *testing.T) {
	r := DefaultRules()
	for risk, want := range map[float64]int{0: 17, 30: 17, 45: 19, 60: 21, 99: 21} {
		if got := r.bits(risk); got != want {
			t.Errorf("risk %g: got %d bits; want %d", risk, got, want)
		}
	}
	r.Difficulty = 27
	if got := r.bits(60); got != MostBits {
		t.Errorf("got %d bits; want at most %d", got, MostBits)
	}
	r = DefaultRules()
	for bits, want := range map[int]time.Duration{17: time.Hour, 18: time.Hour, 19: 30 * time.Minute, 21: 15 * time.Minute, 28: 15 * time.Minute} {
		if got := r.lasting(request.PassSolved, bits); got != want {
			t.Errorf("%d bits: got a pass for %v; want %v", bits, got, want)
		}
	}
}

// Who runs no script may wait, but not less, and only at this page's address.
func TestWaiting(t *testing.T) {
	k := New([]byte(secret), 1)
	q := k.Ask(epoch, rules(), sdk("/shop"), true)
	if q.Wait != 10*time.Second || q.Bits > PageBits {
		t.Errorf("got %+v; want 10 s and at most %d bits", q, PageBits)
	}
	for name, c := range map[string]struct {
		r     *request.Request
		nonce string
		after time.Duration
		want  bool
	}{
		"too early":     {sdk("/"), q.Nonce, 8 * time.Second, false},
		"somebody else": {client("203.0.113.77", "shop-app/3.2", ja4, "/"), q.Nonce, 12 * time.Second, false},
		"not a page's":  {sdk("/"), k.Ask(epoch, rules(), sdk("/"), false).Nonce, 12 * time.Second, false},
		"garbage":       {sdk("/"), "x", 12 * time.Second, false},
		"too late":      {sdk("/"), q.Nonce, time.Hour, false},
		"right":         {sdk("/"), q.Nonce, 10 * time.Second, true},
	} {
		if got := k.Waited(epoch.Add(c.after), rules(), c.r, c.nonce); got != c.want || got != c.r.Pass.Answers() {
			t.Errorf("%s: got %v with pass %v; want %v", name, got, c.r.Pass, c.want)
		}
	}
}

func TestRedirect(t *testing.T) {
	k := New([]byte(secret), 1)
	token, cookie := k.Redirect(epoch, rules(), sdk("/shop?a=b"), "/shop?a=b"), k.Cookie(epoch, rules(), sdk("/shop"))
	for name, c := range map[string]struct {
		r          *request.Request
		token, to  string
		ours, kept bool
	}{
		"cookie lost":    {sdk("/"), token, "/shop?a=b", true, false},
		"elsewhere":      {sdk("/"), token, "https://evil.example/", false, false},
		"forged":         {sdk("/"), flip(token, 75), "/shop?a=b", false, false},
		"no token":       {sdk("/"), "", "/shop?a=b", false, false},
		"cookie kept":    {sdk("/", header("Cookie", PassCookie+"="+cookie)), token, "/shop?a=b", true, true},
		"other software": {client("203.0.113.9", "curl/8", ja4, "/", header("Cookie", PassCookie+"="+cookie)), token, "/shop?a=b", false, false},
	} {
		k.Read(epoch.Add(time.Second), rules(), c.r)
		if ours, kept := k.Followed(epoch.Add(time.Second), rules(), c.r, c.token, c.to); ours != c.ours || kept != c.kept {
			t.Errorf("%s: got ours %v, kept %v; want %v, %v", name, ours, kept, c.ours, c.kept)
		}
	}
}

func TestStats(t *testing.T) {
	k := New([]byte(secret), 1)
	pass := earn(t, k, epoch)
	k.Ask(epoch, rules(), sdk("/"), true)
	k.Redirect(epoch, rules(), sdk("/"), "/")
	result(k, epoch, sdk("/", header(PassHeader, pass)))
	result(k, epoch, sdk("/", header(PassHeader, flip(pass, 70))))
	s := k.Stats()
	if s.Asked != 1 || s.Pages != 1 || s.Redirects != 1 || s.Earned[request.PassSolved] != 1 || s.Results[request.PassValid] != 2 || s.Results[request.PassForged] != 1 {
		t.Errorf("got %+v; want one of each question, one pass earned, two valid and one forged", s)
	}
}

// A request without any costs no allocation.
func TestReadAllocatesNothing(t *testing.T) {
	k, r := New([]byte(secret), 1), sdk("/", header("Cookie", "a=b; c=d"))
	if got := testing.AllocsPerRun(100, func() { k.Read(epoch, rules(), r) }); got > 0 {
		t.Errorf("got %.1f allocations; want none", got)
	}
}
