package swarm

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// browserRequest is a browser's call as the engine hands it over.
func browserRequest(n int) *request.Request {
	r := &request.Request{ID: "r" + strconv.Itoa(n), Site: "api.example.com", Number: 1, Client: addr.Of(netip.AddrFrom4([4]byte{80, byte(n >> 16), byte(n >> 8), byte(n)}))}
	r.Head = request.Head{Method: "GET", Target: "/api/products/17?sort=price&page=" + strconv.Itoa(n%50), Host: "api.example.com", Proto: "HTTP/2.0", Ordered: true, ContentLength: -1}
	for _, f := range [][2]string{
		{"sec-ch-ua-platform", `"Linux"`}, {"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"},
		{"accept", "application/json"}, {"sec-ch-ua", `"Chromium";v="156", "Not)A;Brand";v="24"`}, {"sec-ch-ua-mobile", "?0"}, {"sec-fetch-site", "same-origin"},
		{"sec-fetch-mode", "cors"}, {"sec-fetch-dest", "empty"}, {"referer", "https://api.example.com/"}, {"accept-encoding", "gzip, deflate, br, zstd"},
		{"accept-language", "en-US,en;q=0.9"}, {"cookie", "session=0f8e7d6c5b4a39281706; theme=dark"},
	} {
		r.Head.Fields = append(r.Head.Fields, request.Field{Name: f[0], Value: f[1]})
	}
	r.Conn.Secure, r.Conn.TLS.JA4 = true, "t13d1517h2_8daaf6152771_cb7bf5808d99"
	r.Conn.H2 = "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p"
	r.Parse()
	r.Software = fingerprint.NewClassifier(1).Classify(fingerprint.Facts{JA4: r.Conn.TLS.JA4, H2: r.Conn.H2, Proto: r.Head.Proto, Secure: true, Fields: r.Head.Fields, Ordered: true})
	r.Endpoint = request.Endpoint{Template: "/api/products/{int}", ID: 77, PathKnown: true, Known: true}
	r.Standing.Keys[0] = uint64(n + 1)
	return r
}

// taught is a swarm that knows some good traffic.
func taught() *Swarm {
	s := New(Options{Seed: 1})
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 3 * minimumRows {
		r := browserRequest(n)
		s.Inspect(epoch, r)
		x := row{client: uint32(random.Uint64())}
		copy(x.at[:], r.Attributes[:])
		s.base.learn(&x)
	}
	return s
}

// manySignatures are n that all nearly match a browser's request.
func manySignatures(s *Swarm, n int) (out []*signature) {
	r := browserRequest(0)
	s.Inspect(epoch, r)
	random := rand.New(rand.NewPCG(2, 2))
	for i := range n {
		g := &signature{Serial: uint32(i + 1), Name: "s", Action: signal.BlockAction, tally: new(tally)}
		for _, a := range random.Perm(Attributes)[:4] {
			g.Literals = append(g.Literals, Literal{Attribute(a), r.Attributes[a]})
		}
		g.Literals[random.IntN(4)].Value = uint32(i) | 1<<31 // nobody sends it
		out = append(out, g)
	}
	return out
}

func BenchmarkInspect(b *testing.B) {
	for _, n := range [...]int{0, 8, 1000} {
		b.Run(strconv.Itoa(n)+" signatures", func(b *testing.B) {
			s := taught()
			s.matcher.Store(compile(manySignatures(s, n)))
			r := browserRequest(1)
			b.ReportAllocs()
			for b.Loop() {
				s.Inspect(epoch, r)
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	s := taught()
	r := browserRequest(1)
	s.Inspect(epoch, r)
	at := (*[Attributes]uint32)(r.Attributes[:])
	for _, n := range [...]int{8, 64, 1000} {
		b.Run(strconv.Itoa(n)+" signatures", func(b *testing.B) {
			m := compile(manySignatures(s, n))
			b.ReportAllocs()
			for b.Loop() {
				if m.find(at) != nil {
					b.Fatal("a signature matches that nobody can match")
				}
			}
		})
	}
}

func BenchmarkDerive(b *testing.B) {
	s := taught()
	r := browserRequest(1)
	s.Inspect(epoch, r)
	at := (*[Attributes]uint32)(r.Attributes[:])
	b.ReportAllocs()
	for b.Loop() {
		s.counts.derive(at)
	}
}

func BenchmarkLearn(b *testing.B) {
	s := taught()
	r := browserRequest(1)
	s.Inspect(epoch, r)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%inboxRows == 0 {
			s.inbox = s.inbox[:0]
		}
		s.Learn(epoch, r, Exchange{Status: 200})
	}
}

// people are requests of many kinds of software at many endpoints.
func people(s *Swarm, n int) []row {
	random := rand.New(rand.NewPCG(7, 7))
	out := make([]row, n)
	for i := range out {
		r := &out[i]
		kind := random.Uint32N(40) * random.Uint32N(40) / 40
		for a := range derived {
			r.at[a] = uint32(a)<<20 | kind<<8 | random.Uint32N(1+uint32(a)%4) | 1<<31
		}
		r.at[Template], r.at[Age] = 1<<31|random.Uint32N(30), random.Uint32N(4)
		r.at[HeaderOrder] = 1<<31 | kind
		r.client, r.status = random.Uint32N(20_000), 200
		if random.IntN(20) == 0 {
			r.status = 404
		}
		if random.IntN(2) == 0 {
			r.flags |= trusted
		}
		r.addr = [16]byte{10: 0xff, 11: 0xff, 12: 80, 13: byte(r.client >> 16), 14: byte(r.client >> 8), 15: byte(r.client)}
		s.counts.derive(&r.at)
	}
	return out
}

// quarter is what arrives in 250 ms at 2,000 requests a second.
const quarter = 500

// practised is a swarm with every table full, and traffic that goes on.
func practised() (s *Swarm, next func()) {
	s = New(Options{Seed: 1})
	traffic := people(s, 1<<17)
	for i := range traffic {
		s.base.learn(&traffic[i])
	}
	now, at := epoch, 0
	return s, func() {
		now = now.Add(250 * time.Millisecond)
		for range quarter {
			r := traffic[at%len(traffic)]
			r.time = now.UnixMilli()
			s.inbox = append(s.inbox, r)
			at++
		}
		s.Tick(now)
	}
}

// BenchmarkTick is what the search costs beside the requests, at 2,000 a second:
// ns/op over 250 ms is the share of a core.
func BenchmarkTick(b *testing.B) {
	s, next := practised()
	for range 1000 {
		next()
	}
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
	b.ReportMetric(100*float64(b.Elapsed().Nanoseconds())/float64(b.N)/250e6, "%core")
	b.ReportMetric(float64(len(s.base.uniform.rows)), "good-rows")
}

// BenchmarkAlarm is one search in a pool that half of the traffic's kinds share.
func BenchmarkAlarm(b *testing.B) {
	s, next := practised()
	for range 400 {
		next()
	}
	bots := people(s, 2000)
	for i := range bots {
		bots[i].at[HeaderOrder], bots[i].at[RarityOrder], bots[i].status, bots[i].flags = 1<<31|77777, unseen, 401, 0
		bots[i].addr[13], bots[i].addr[14] = byte(i), byte(i>>8)
	}
	p := &pool{scope: &scope{kind: ofOddFailures}, excess: 1000}
	for i := range bots {
		p.rows = append(p.rows, &bots[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		whole := *p
		s.searchPools(epoch.UnixMilli(), &whole)
		s.list, s.campaigns = nil, nil
	}
}

// What a full Swarm holds.
func BenchmarkMemory(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, next := practised()
	for range 1000 {
		next()
	}
	random := rand.New(rand.NewPCG(3, 3))
	for i := range 4 * failedRows { // what good traffic alone does not fill
		r := row{client: uint32(i), status: 404, time: epoch.UnixMilli()}
		for a := range r.at {
			r.at[a] = random.Uint32()
		}
		s.failed.add(&r)
		s.odd.add(&r)
		s.seeds.add(&r)
		s.flagged.note(0, r.client)
		s.faulted.note(0, r.client)
		s.people.note(0, r.client)
		s.people.enter(&entry{time: int64(i), user: uint64(i), proven: true}, minute)
		s.base.sample(&r)
		s.scopes.of(r.at[Template])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		runtime.KeepAlive(s)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
}
