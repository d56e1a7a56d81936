package challenge

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"bartizan/internal/request"
)

// Whatever is sent, only what seal wrote opens.
func FuzzToken(f *testing.F) {
	k := New([]byte(secret), 1)
	f.Add(k.Cookie(epoch, rules(), sdk("/")))
	f.Add(k.Ask(epoch, rules(), sdk("/"), false).Nonce)
	f.Add(strings.Repeat("A", tokenSize))
	f.Fuzz(func(t *testing.T, s string) {
		tok, seal := k.open(s)
		if seal == garbled {
			return
		}
		if again := k.seal(tok); seal == genuine && again != s {
			t.Errorf("%q opens and is sealed as %q; want one spelling", s, again)
		}
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatalf("%q is no base64 and opened: %v", s, err)
		}
		if string(tok.append(nil)) != string(b[:plainSize]) {
			t.Errorf("%q: what was read is not what it says", s)
		}
	})
}

// No answer or pass makes Read fail, and none is good that was not asked for.
func FuzzRead(f *testing.F) {
	k := New([]byte(secret), 1)
	f.Add(solved(f, k.Ask(epoch, rules(), sdk("/api/x"), false)), "0")
	f.Add("a.1", "255")
	f.Fuzz(func(t *testing.T, s, probe string) {
		for _, fields := range [][]request.Field{{header(AnswerHeader, s), header(ProbeHeader, probe)}, {header(PassHeader, s)}, {header("Cookie", PassCookie+"="+s)}} {
			r := sdk("/api/x", fields...)
			k.Read(epoch.Add(time.Hour), rules(), r)
			if r.Pass.Answers() {
				t.Errorf("%q: got %+v; want nothing that old to be good", s, r.Pass)
			}
		}
	})
}

func BenchmarkAsk(b *testing.B) {
	k, r := New([]byte(secret), 1), sdk("/api/orders")
	b.ReportAllocs()
	for b.Loop() {
		k.Ask(epoch, rules(), r, false)
	}
}

func BenchmarkReadNothing(b *testing.B) {
	k, r := New([]byte(secret), 1), sdk("/api/orders", header("Cookie", "a=b; c=d"), header("Accept-Encoding", "gzip"))
	b.ReportAllocs()
	for b.Loop() {
		k.Read(epoch, rules(), r)
	}
}

func BenchmarkReadPass(b *testing.B) {
	k := New([]byte(secret), 1)
	r := sdk("/api/orders", header(PassHeader, earn(b, k, epoch)))
	b.ReportAllocs()
	for b.Loop() {
		r.Pass = request.Pass{}
		k.Read(epoch, rules(), r)
	}
}

func BenchmarkReadAnswer(b *testing.B) {
	k := New([]byte(secret), 1)
	r := sdk("/api/orders", header(AnswerHeader, solved(b, k.Ask(epoch, rules(), sdk("/api/orders"), false))))
	b.ReportAllocs()
	for b.Loop() {
		r.Pass = request.Pass{}
		k.Read(epoch, rules(), r)
	}
}

func BenchmarkSolve(b *testing.B) {
	nonce := strings.Repeat("x", tokenSize)
	for b.Loop() {
		Solve(nonce, 64, 1000)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/hash")
}
