package engine

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"bartizan/internal/addr"
	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/wordlist"
)

// BenchmarkPeer inspects the requests that bench/payload also gives to Coraza:
// head parser, decoders and detectors, without clients and policy. Each round
// changes all numbers and a letter of each longer word, so that nothing can be
// remembered from the round before.
func BenchmarkPeer(b *testing.B) {
	all, err := wordlist.Lists()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"get-small", "get-10-parameters", "json-1.2k", "json-16k"} {
		raw, err := os.ReadFile("../../bench/payload/" + name + ".http")
		if err != nil {
			b.Fatal(err)
		}
		rounds := fresh(string(raw))
		b.Run(name, func(b *testing.B) { inspectAll(b, detect.New(1, all), rounds) })
	}
}

// fresh returns 512 versions of a request with other values of the same form.
func fresh(raw string) (out [][2]string) {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	for i := range 512 {
		digits := strconv.Itoa(10000 + i)
		vary := func(s string) string {
			word := 0
			return strings.Map(func(c rune) rune {
				switch {
				case c >= '1' && c <= '9':
					word++
					return rune('1' + (int(digits[word%5]-'0')+int(c))%9)
				case c >= 'a' && c <= 'z':
					if word++; word%7 == 0 {
						return 'a' + (c-'a'+rune(i))%26
					}
				}
				return c
			}, s)
		}
		lines := strings.Split(head, "\r\n")
		for j, l := range lines { // field names and framing stay
			if name, value, ok := strings.Cut(l, ": "); ok && name != "Content-Length" && name != "Host" && name != "Content-Type" && name != "User-Agent" {
				lines[j] = name + ": " + vary(value)
			}
		}
		if method, rest, ok := strings.Cut(lines[0], " "); ok {
			target, proto, _ := strings.Cut(rest, " ")
			lines[0] = method + " " + vary(target) + " " + proto
		}
		out = append(out, [2]string{strings.Join(lines, "\r\n") + "\r\n\r\n", varyValues(body, vary)})
	}
	return out
}

// varyValues changes a JSON document's values and leaves its keys.
func varyValues(body string, vary func(string) string) string {
	parts := strings.Split(body, `":`)
	for i := 1; i < len(parts); i++ {
		cut := strings.LastIndexByte(parts[i], '"')
		if i == len(parts)-1 || cut < 0 {
			continue
		}
		parts[i] = vary(parts[i][:cut]) + parts[i][cut:]
	}
	return strings.Join(parts, `":`)
}

func inspectAll(b *testing.B, d *detect.Detector, rounds [][2]string) {
	r, scratch := new(request.Request), new(request.Scratch)
	limits := request.HeadLimits{Bytes: 32 << 10, Fields: 100, Target: 16 << 10}
	client := addr.Of(netip.MustParseAddr("203.0.113.9"))
	p := compile(b, options(policy.Enforce))
	bodies := make([][]byte, len(rounds))
	for i, q := range rounds {
		bodies[i] = []byte(q[1])
	}
	visit := func(v *request.Value) bool {
		d.Body(r, v)
		return true
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q, body := rounds[i%len(rounds)], bodies[i%len(rounds)]
		r.Reset()
		request.ParseHead(q[0], limits, &r.Head)
		r.Client = client
		r.Parse()
		d.Head(r)
		if len(body) > 0 {
			request.WalkBody(r.Header("Content-Type"), body, true, scratch, visit)
		}
		if p.Judge(epoch, r).Reason == policy.Exploit {
			b.Fatalf("a benign request is taken for an exploit: %+v", r.Signals)
		}
	}
}
