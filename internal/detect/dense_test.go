package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// dense are lines of honest text that is full of signs; %[1]d and %[2]d vary.
var dense = map[string]string{
	"minified script": `function f%[1]d(a,b){var c=a[b]||{},d=c.x%[2]d?c.y:[];return d.length>%[1]d&&(c.z=!0),d.map(function(e){return e*%[2]d})}`,
	"a style sheet":   `.box-%[1]d>a:hover,#m%[2]d li:nth-child(2n+1){margin:0 %[1]dpx;color:#%06[2]x;background:url("/i/%[1]d.png")}`,
	"base64":          `TG9yZW0gaXBzdW0gZG9sb3Ig%[1]dc2l0IGFtZXQ%[2]d/+aBcD==`,
	"a table":         "| %[1]d | chair **%[2]d** | `white` | [link](/c/%[1]d) |\n",
	"CSV":             "%[1]d;\"Chair, \"\"white\"\"\";%[2]d,50;'n/a';=;\n",
	"LaTeX":           "\\frac{%[1]d}{x^{%[2]d}} & \\sum_{i=0}^{n} a_{i%[1]d} \\\\\n",
	"a log":           "2024-05-0%[1]d 12:00:%[2]d,1 [main] INFO c.e.Shop - order=%[1]d user=<ann> took %[2]d ms\n",
	"formulas":        "=SUM(A%[1]d:B%[2]d)*IF(C%[1]d>0,D%[2]d/100,\"\")\n",
	"expressions":     "^(?:[a-z]{%[1]d,%[2]d}|\\d+)(?=[^\"']*$)\n",
	"a rule":          "------------------------------------------------------------------------------",
}

// Honest text full of signs costs little more than hostile values may, and shows no more than
// hints, at 4 and at 60 KB.
func TestHonestDenseText(t *testing.T) {
	m := &meter{d: New(1, Lists{})}
	random := rand.New(rand.NewPCG(8, 9))
	for name, line := range dense {
		for _, size := range []int{4 << 10, 60 << 10} {
			var b strings.Builder
			for b.Len() < size {
				if strings.Contains(line, "%") {
					fmt.Fprintf(&b, line, random.IntN(9)+1, random.IntN(1000))
				} else {
					b.WriteString(line)
				}
			}
			text := b.String()[:size]
			if x := m.cost(text, size); x > 2*maxCost {
				t.Errorf("%s, %d bytes: %.1f times plain text", name, size, x)
			} else {
				t.Logf("%s, %d bytes: %.1f times plain text", name, size, x)
			}
			m.r.Signals = m.r.Signals[:0]
			m.d.look(&m.r, &m.s, &request.Value{In: request.InJSON, Key: "q", Text: text})
			for _, s := range m.r.Signals {
				if s.Band > signal.Hint || s.Kind == signal.Unread {
					t.Errorf("%s, %d bytes: %v %v: %s", name, size, s.Kind, s.Band, s.Note)
				}
			}
		}
	}
}
