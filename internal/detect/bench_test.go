package detect

import (
	"strings"
	"testing"

	"bartizan/internal/request"
)

// honest is JSON with what honest text has: apostrophes, brackets, links.
const honest = `{"order":{"id":"7f3c2a","customer":{"name":"Ann O'Hara","email":"ann@example.com","note":"Please ring twice; the dog is loud & friendly."},` +
	`"items":[{"sku":"AB-1","title":"Garden chair (white)","price":19.95,"qty":2},{"sku":"AB-2","title":"Table 120x80","price":89.0,"qty":1}],"paid":true,"url":"https://example.com/a?b=1&c=2"}}`

// BenchmarkFresh measures what nothing remembers: every value is looked at.
// Benign bodies of 1 to 64 KB show that cost is linear; hostile ones are held
// to five times the benign cost a byte.
func BenchmarkFresh(b *testing.B) {
	bodies := []struct{ name, text string }{
		{"benign-01KB", repeat(honest, 1<<10)}, {"benign-04KB", repeat(honest, 4<<10)}, {"benign-16KB", repeat(honest, 16<<10)}, {"benign-64KB", repeat(honest, 60<<10)},
		{"hostile-mixed", one("' or <a on ../etc/ ;cat $(")}, {"hostile-dots", one("../")}, {"hostile-tags", one("<a ")}, {"hostile-quotes", one("'")}, {"hostile-or-calls", one("or a( ")},
		{"hostile-braces", one("{{a ")}, {"hostile-handlers", one("<a on on on")}, {"hostile-semicolons", one(";cat a ")}, {"hostile-unions", one("union select a ")},
		{"hostile-escapes", one("%25%32%35")}, {"hostile-operators", one("=<>!|&+-*/")}, {"hostile-comments", one("/*")}, {"hostile-dollars", one("${")}, {"hostile-brackets", one("(")}, {"hostile-parameters", "[" + strings.Repeat(`"' or",`, 7000) + "1]"},
	}
	d := New(1, Lists{})
	for _, body := range bodies {
		raw := []byte(body.text)
		b.Run(body.name, func(b *testing.B) {
			r, sc, s := new(request.Request), new(request.Scratch), new(scan)
			visit := func(v *request.Value) bool { d.look(r, s, v); return true }
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				r.Signals = r.Signals[:0]
				request.WalkBody("application/json", raw, true, sc, visit)
			}
		})
	}
}

func repeat(item string, n int) string {
	return "[" + strings.Repeat(item+",", max(n/len(item), 1)) + "1]"
}

func one(s string) string { return `["` + strings.Repeat(s, (60<<10)/len(s)) + `"]` }
