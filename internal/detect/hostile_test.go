package detect

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/request"
)

var hostile = flag.Bool("hostile", false, "all pairs and triples of signs, instead of a sample")

// written is text as people write it: with apostrophes, quotes and brackets.
const written = `We'd like to order two chairs (white), and one table; it's for my mother-in-law's garden. "Could you deliver before noon?" she asked - we're out from 2 p.m. on, so please ring twice! Thanks & regards, Ann O'Hara. `

// signs are those at which any detector begins, by the gate's own tables: bytes, each
// by itself and behind a letter, and the forms of an encoded byte.
func signs() (list []string) {
	for c := range 128 {
		if byteBits[c] != 0 {
			list = append(list, string(rune(c)), "a"+string(rune(c)))
		}
	}
	return append(list, "a", " ", "%41", "\\u0041", "&#65;", "\xc0\xae", "é", "on")
}

// gateVocabulary is all words that wake a detector.
func gateVocabulary() (list []string) {
	for _, g := range gateWords {
		list = append(list, g.words...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// worst are shapes at which something was once asked of the whole value at each
// place, or of the same stretch again and again.
var worst = []string{"*)(a=1", ")(a=", "$where:", "$(cat ", ";cat ", ";$a", "`id` ", "<script", "<script a ", "function(", "new(", "x('system')(", "__class__ ", "process.env ", "md5(", "print(", "echo (", "a)::int ", "a `b", "//*|", "\n#;", "\n--a;", "/**/;", "select@", "exec$", "execé", "|//a]", "(//a",
	"db.a.find(", "$((1+1", "if;", "exec;", "<a ", "ls(", "or '", "{{", "${", "../", "%2e", "\\u003c", "';", "\";", "<!--", "<!entity", "xalan/java", "=alert", " onload=", "data:", "http://1", ":1", "etc", "a:1:{", "union select ", "/*", "--", "&#x3c;"}

// meter measures what looks at values cost.
type meter struct {
	d     *Detector
	r     request.Request
	s     scan
	value request.Value
}

// of returns the least time of some looks at a value made of unit.
func (m *meter) of(unit string, size, runs int) time.Duration {
	m.value = request.Value{In: request.InJSON, Key: "q", Text: strings.Repeat(unit, size/len(unit))}
	least := time.Hour
	for range runs {
		m.r.Signals = m.r.Signals[:0]
		began := time.Now()
		m.d.look(&m.r, &m.s, &m.value)
		least = min(least, time.Since(began))
	}
	return least
}

// growth is how many times as much four times the bytes cost. What is linear gives
// about 4, what is quadratic 16 (a value is looked at in pieces of 8 KiB). A busy
// machine gives anything, so the least times of up to 40 rounds are compared.
func (m *meter) growth(unit string) (ratio float64) {
	short, long := time.Hour, time.Hour
	for range 40 {
		short, long = min(short, m.of(unit, 2000, 4)), min(long, m.of(unit, 8000, 2))
		if ratio = float64(long) / float64(short); ratio <= maxGrowth {
			break
		}
	}
	return ratio
}

const maxGrowth = 9

// A value made of nothing but beginnings costs what its length costs.
func TestBeginningsAreLinear(t *testing.T) {
	m := &meter{d: New(1, Lists{})}
	units := slices.Clone(worst)
	all, vocabulary := signs(), gateVocabulary()
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		pick := func(from []string) string { return from[random.IntN(len(from))] }
		units = append(units, pick(all)+pick(all)+pick(all), pick(all)+pick(vocabulary)+pick(all))
	}
	for _, unit := range units {
		if ratio := m.growth(unit); ratio > maxGrowth {
			t.Errorf("%q: four times the bytes cost %.1f times as much; want about 4", unit, ratio)
		}
	}
}

// All pairs and triples, at 4 and 60 KB: at most thirty times what text of that length
// costs, and linear. It takes minutes: make hostile.
func TestAllBeginnings(t *testing.T) {
	if !*hostile {
		t.Skip("takes minutes; make hostile runs it")
	}
	m := &meter{d: New(1, Lists{})}
	short, long := m.of(written, 4<<10, 200), m.of(written, 60<<10, 20)
	t.Logf("text: %v at 4 KB, %v at 60 KB", short, long)
	count, most := 0, 0.0
	judge := func(unit string) {
		count++
		x := float64(m.of(unit, 4<<10, 1)) / float64(short)
		if x < 2 {
			return // the rest is for those that cost more
		}
		x = min(x, float64(m.of(unit, 4<<10, 5))/float64(short))
		y := float64(m.of(unit, 60<<10, 3)) / float64(long)
		if most < x {
			most = x
			t.Logf("%q: %.1f times text at 4 KB, %.1f at 60 KB", unit, x, y)
		}
		if x > 30 || y > 30 {
			t.Errorf("%q: %.1f times text at 4 KB, %.1f at 60 KB; want at most 30", unit, x, y)
		}
		if ratio := m.growth(unit); ratio > maxGrowth {
			t.Errorf("%q: four times the bytes cost %.1f times as much; want about 4", unit, ratio)
		}
	}
	all := signs()
	for _, unit := range worst {
		judge(unit)
	}
	for _, w := range gateVocabulary() {
		for _, a := range all {
			judge(w + a)
			judge(a + w)
		}
	}
	for _, a := range all {
		for _, b := range all {
			judge(a + b)
			for _, c := range all {
				if len(a) == 1 || len(b) == 1 || len(c) == 1 {
					judge(a + b + c)
				}
			}
		}
	}
	t.Logf("%d units; the most costly is %.1f times text", count, most)
}

// BenchmarkBeginnings shows what the worst shapes cost beside text.
func BenchmarkBeginnings(b *testing.B) {
	m := &meter{d: New(1, Lists{})}
	for _, unit := range append([]string{"nothing much ", written}, worst...) {
		b.Run(unit[:min(len(unit), 24)], func(b *testing.B) {
			b.SetBytes(60 << 10)
			for b.Loop() {
				m.of(unit, 60<<10, 1)
			}
		})
	}
}
