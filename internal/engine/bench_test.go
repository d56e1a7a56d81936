package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// browser is the head of a browser's call, with the fields that browsers send.
const browser = "GET /api/products/17?sort=price&page=2&fields=name%2Cprice HTTP/1.1\r\nHost: api.example.com\r\nConnection: keep-alive\r\n" +
	"sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Accept: application/json\r\nsec-ch-ua: \"Chromium\";v=\"156\", \"Not)A;Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\nSec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://shop.example.com/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\nCookie: session=0f8e7d6c5b4a39281706; theme=dark\r\n\r\n"

const poster = "POST /api/orders HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: shop-app/3.2 (android 16)\r\nAccept: application/json\r\n" +
	"Content-Type: application/json\r\nAuthorization: Bearer 0f8e7d6c5b4a392817060f8e7d6c5b4a\r\nContent-Length: 1024\r\n\r\n"

// document is a JSON order of about 1 KB.
var document = `{"customer":{"id":48151623,"name":"Ada Lovelace","email":"ada@example.com","address":{"street":"12 St James's Square","city":"London","postcode":"SW1Y 4JH"}},"items":[` +
	strings.Repeat(`{"sku":"LMP-00421","name":"Reading lamp, brass","quantity":2,"price":4990,"options":{"colour":"brass","switch":"inline"}},`, 6) +
	`{"sku":"RUG-7","quantity":1,"price":12900}],"note":"Please leave it with the neighbour; ring twice.","coupon":null,"gift":false}`

// varied returns 4,096 versions of a head and a body in which what varies between
// real requests does: numbers, tokens, names and texts. Nothing that the engine
// remembers may make the same request cheap.
func varied(raw, body string) (heads []string, bodies [][]byte) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		w := make([]byte, 4+random.IntN(8))
		for i := range w {
			w[i] = byte('a' + random.IntN(26))
		}
		return string(w)
	}
	for range 4096 {
		number := strconv.Itoa(1 + random.IntN(1e6))
		vary := strings.NewReplacer("/17?", "/"+number+"?", "page=2", "page="+number, "0f8e7d6c5b4a39281706", fmt.Sprintf("%020x", random.Uint64()),
			"48151623", number, "Ada Lovelace", word()+" "+word(), "ada@", word()+"@", "LMP-00421", "LMP-"+number, "4990", number,
			"Reading lamp, brass", word()+" lamp, "+word(), "Please leave it with the neighbour; ring twice.", "Please "+word()+" it with "+word()+"; "+word()+" twice.")
		heads = append(heads, vary.Replace(raw))
		bodies = append(bodies, []byte(vary.Replace(body)))
	}
	return heads, bodies
}

// measure runs whole exchanges of one client, Begin to End. It also reports the
// median, which other tenants of the machine disturb less than the mean.
func measure(b *testing.B, e *Engine, raw, body string) {
	r, scratch := new(request.Request), new(Scratch)
	heads, bodies := varied(raw, body)
	limits := request.HeadLimits{Bytes: 32 << 10, Fields: 100, Target: 16 << 10}
	client := addr.Of(netip.MustParseAddr("203.0.113.9"))
	now := epoch
	var held []byte // as the proxy's buffer, into which the body has just been read
	times := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		now = now.Add(time.Millisecond)
		r.Reset()
		request.ParseHead(heads[i%len(heads)], limits, &r.Head)
		r.Conn = request.Conn{ID: 1, Peer: client}
		r.Client = client
		v := e.Begin(now, r)
		if body != "" {
			held = append(held[:0], bodies[i%len(bodies)]...)
			v = e.Body(now, r, v, held, true, scratch)
		}
		e.Depart(now, r, v, true)
		e.Assign(now, r, 1)
		e.Arrive(now, r, 200)
		e.End(now, r, v, request.Outcome{Answered: true, Status: 200})
		if v.Refused() {
			b.Fatalf("a benign request was refused: %+v", v)
		}
		if len(times) < cap(times) {
			times = append(times, time.Since(began))
		}
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2]), "median-ns")
}

func BenchmarkBenignGET(b *testing.B) { measure(b, newEngine(b, options(policy.Enforce)), browser, "") }

// app is the head of an app's call.
const app = "GET /api/products/17?sort=price&page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: shop-app/3.2 (android 16)\r\nAccept: application/json\r\n" +
	"Accept-Encoding: gzip\r\nAuthorization: Bearer 0f8e7d6c5b4a39281706\r\n\r\n"

func BenchmarkBenignAppGET(b *testing.B) { measure(b, newEngine(b, options(policy.Enforce)), app, "") }

func BenchmarkBenignPOST1K(b *testing.B) {
	measure(b, newEngine(b, options(policy.Enforce)), poster, document)
}

// What all but payload detection costs.
func BenchmarkBenignPOST1KWithoutPayloads(b *testing.B) {
	e := newEngine(b, options(policy.Enforce))
	e.Arm(nil)
	measure(b, e, poster, document)
}

// What limits add: adaptive load, and three rates that all hold.
func BenchmarkBenignAppGETWithRates(b *testing.B) {
	every := policy.Rate{Requests: 1 << 30, Every: time.Second}
	cost := policy.Rate{Cost: time.Hour, Every: time.Second, Per: policy.PerEndpoint}
	measure(b, crowd(b, policy.Enforce, every, every, cost), app, "")
}

func BenchmarkBenignAppGETWithLoad(b *testing.B) { measure(b, crowd(b, policy.Enforce), app, "") }

func BenchmarkBlockedGET(b *testing.B) {
	e := newEngine(b, options(policy.Enforce))
	for range 3 {
		exchange(e, 0, "203.0.113.9", "GET", union+"1", "", "", 200)
		exchange(e, 0, "203.0.113.9", "GET", union+"2", "", "", 200)
	}
	r := new(request.Request)
	b.ReportAllocs()
	for b.Loop() {
		receive(r, "203.0.113.9", "GET", "/", "")
		v := e.Begin(epoch.Add(time.Second), r)
		if !v.Refused() {
			b.Fatal("the client is not blocked")
		}
		e.End(epoch.Add(time.Second), r, v, request.Outcome{})
	}
}

// The guard of the hot path: a benign GET may allocate at most this often.
func TestAllocations(t *testing.T) {
	if racing {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	e, r, scratch := newEngine(t, options(policy.Enforce)), new(request.Request), new(Scratch)
	client := addr.Of(netip.MustParseAddr("203.0.113.9"))
	limits := request.HeadLimits{Bytes: 32 << 10, Fields: 100, Target: 16 << 10}
	run := func(raw, body string) float64 {
		return testing.AllocsPerRun(200, func() {
			r.Reset()
			request.ParseHead(raw, limits, &r.Head)
			r.Client = client
			v := e.Begin(epoch, r)
			if body != "" {
				v = e.Body(epoch, r, v, []byte(body), true, scratch)
			}
			e.End(epoch, r, v, request.Outcome{Answered: true, Status: 200})
		})
	}
	for name, c := range map[string]struct {
		raw, body string
		most      float64
	}{"GET": {browser, "", 10}, "POST 1 KB": {poster, document, 12}} {
		if got := run(c.raw, c.body); got > c.most {
			t.Errorf("%s: got %.1f allocations; want at most %.0f", name, got, c.most)
		}
	}
}
