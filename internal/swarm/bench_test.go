package swarm

import (
	"math/rand/v2"
	"net/netip"
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
