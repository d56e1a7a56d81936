package detect

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/request"
)

var (
	hostile = flag.Bool("hostile", false, "all pairs and triples of signs, instead of a sample")
	parts   = flag.Int("parts", 1, "in how many parts they are measured")
	part    = flag.Int("part", 0, "which of the parts, from 0 on")
)

// plain is text in which no detector's sign or word stands. It does not repeat itself
// soon: a processor learns a sentence by heart.
var plain = func() string {
	words := strings.Fields("our chairs arrived early look lovely beside those apple trees please deliver seven " +
		"white ones because my sister visits her family this month garden summer they were never late again although " +
		"many people wanted such beautiful furniture before autumn began near every small village")
	random, text := rand.New(rand.NewPCG(5, 6)), strings.Builder{}
	for text.Len() < 60<<10 {
		text.WriteString(words[random.IntN(len(words))])
		text.WriteString(" ")
	}
	return text.String()
}()

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
	"db.a.find(", "$((1+1", "if;", "exec;", "<a ", "ls(", "or '", "{{", "${", "../", "%2e", "\\u003c", "';", "\";", "<!--", "<!entity", "xalan/java", "=alert", " onload=", "data:", "http://1", ":1", "etc", "a:1:{", "union select ", "/*", "--", "&#x3c;",
	"`*", "`'", "\n`", "$`+", "\"a`+", "{%41a\x0f", "<%41a;", "a`\xc0\xae", "/*a:", "if;", "&#65;<", "a$&#65;", "``", "$$", "%`", "60", "24", "&a+`"}

// meter measures what looks at values cost.
type meter struct {
	d     *Detector
	r     request.Request
	s     scan
	value request.Value
	next  int // where in plain it goes on
}

// of returns the least time of some looks at a value made of unit.
func (m *meter) of(unit string, size, runs int) time.Duration {
	m.value = request.Value{In: request.InJSON, Key: "q", Text: strings.Repeat(unit, max(size/len(unit), 1))[:min(size, max(size/len(unit), 1)*len(unit))]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := time.Hour
	for range runs {
		m.r.Signals = m.r.Signals[:0]
		began := cpuTime()
		m.d.look(&m.r, &m.s, &m.value)
		least = min(least, cpuTime()-began)
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

// maxCost is how many times what plain text costs a value of its length may cost.
const maxCost = 30

// text returns the least time of some looks at plain text, each at another stretch of it.
func (m *meter) text(size, looks int) time.Duration {
	least := time.Hour
	for range looks {
		if m.next+size > len(plain) {
			m.next = 0
		}
		least = min(least, m.of(plain[m.next:m.next+size], size, 1))
		m.next += size
	}
	return least
}

// cost is how many times as much as plain text a value made of unit costs. It takes
// turns, and compares least times of up to 25 rounds: others use this machine, too.
func (m *meter) cost(unit string, size int) (ratio float64) {
	if RaceDetector {
		return 0 // it slows some code more than other
	}
	text, hostile := time.Hour, time.Hour
	looks := max(1, (8<<10)/size)
	for range 25 {
		text, hostile = min(text, m.text(size, 2*looks)), min(hostile, m.of(unit, size, looks))
		if ratio = float64(hostile) / float64(text); ratio <= maxCost {
			break
		}
	}
	return ratio
}

// hold judges one unit: at most maxCost times plain text at 4 and at 60 KB, and linear.
// What costs little at 4 KB, half of what is looked at in one piece, is not measured
// again. It returns the higher of both ratios.
func (m *meter) hold(t *testing.T, unit string) float64 {
	t.Helper()
	short := m.cost(unit, 4<<10)
	if short < maxCost/2 {
		return short
	}
	long := m.cost(unit, 60<<10)
	if short > maxCost || long > maxCost {
		t.Errorf("%q: %.1f times plain text at 4 KB, %.1f at 60 KB; want at most %d", unit, short, long, maxCost)
	}
	if ratio := m.growth(unit); ratio > maxGrowth {
		t.Errorf("%q: four times the bytes cost %.1f times as much; want about 4", unit, ratio)
	}
	return max(short, long)
}

// Plain text is what no detector looks at.
func TestPlainTextWakesNoDetector(t *testing.T) {
	d, s := New(1, Lists{}), new(scan)
	v := request.Value{In: request.InJSON, Key: "q", Text: plain}
	s.begin(&v, v.Text)
	s.gate = d.words.gate(v.Text)
	for i, gate := range []func(*scan) bool{sqlGate, xssGate, traversalGate, d.commandGate, codeGate, injectGate, addressGate, d.knownGate} {
		if gate(s) {
			t.Errorf("detector %d looks at it", i)
		}
	}
}

// All pairs and triples of signs, and words with signs: a sample, or everything with
// -hostile (make hostile), in as many parts as -parts says.
func TestAllBeginnings(t *testing.T) {
	m := &meter{d: New(1, Lists{})}
	units := slices.Clone(worst)
	if *hostile {
		units = slices.AppendSeq(units, everything)
	} else {
		random := rand.New(rand.NewPCG(3, 4))
		pick := func(from []string) string { return from[random.IntN(len(from))] }
		all, vocabulary := signs(), gateVocabulary()
		for range 60 {
			units = append(units, pick(all)+pick(all)+pick(all), pick(all)+pick(all), pick(vocabulary)+pick(all), pick(all)+pick(vocabulary))
		}
	}
	most := 0.0
	for i, unit := range units {
		if i%*parts != *part {
			continue
		}
		if x := m.hold(t, unit); x > most {
			most = x
			t.Logf("%q: %.1f times plain text", unit, x)
		}
	}
	t.Logf("%d units; the most costly is %.1f times plain text", len(units) / *parts, most)
}

// everything yields all pairs of signs, all triples of those of signs that stand for
// others, and all words of the gate with a sign before or behind them.
func everything(yield func(string) bool) {
	all := signs()
	for _, w := range append(gateVocabulary(), all...) {
		for _, a := range all {
			if !yield(w+a) || !yield(a+w) {
				return
			}
		}
	}
	few := slices.DeleteFunc(all, alike)
	for _, a := range few {
		for _, b := range few {
			for _, c := range few {
				if !yield(a + b + c) {
					return
				}
			}
		}
	}
}

// alike reports whether another sign stands for this one: digits but four, and control
// bytes that no grammar names.
func alike(sign string) bool {
	c := sign[len(sign)-1]
	return len(sign) < 3 && (c >= '3' && c <= '9' || c > 1 && c < 0x1f && (c < '\t' || c > '\r'))
}

// Who mixes the beginnings, so that nothing repeats itself, has to send each byte, and
// gets more for it than by repeating one: all encodings are undone, and a processor does
// not guess what comes. That is bounded, too.
func TestMixedBeginnings(t *testing.T) {
	m := &meter{d: New(1, Lists{})}
	all, random := signs(), rand.New(rand.NewPCG(6, 7))
	for _, from := range [][]string{all, worst, gateVocabulary(), slices.Concat(all, all, all, worst), {"`+a&", "'+a<", "+;a`", "a`\xc0\xae"}} {
		var text strings.Builder
		for text.Len() < 60<<10 {
			text.WriteString(from[random.IntN(len(from))])
			if random.IntN(8) == 0 {
				text.WriteString(" ")
			}
		}
		if x := m.cost(text.String()[:60<<10], 60<<10); x > maxMixed {
			t.Errorf("%q and others, mixed: %.1f times plain text; want at most %d", from[0], x, maxMixed)
		} else {
			t.Logf("%q and others, mixed: %.1f times plain text", from[0], x)
		}
	}
}

// maxMixed is how many times what plain text costs a mixture of beginnings may cost.
const maxMixed = 150

// What repeats itself is left out in the middle and nowhere else.
func TestSqueeze(t *testing.T) {
	s := new(scan)
	for _, c := range []struct{ before, unit, after string }{
		{"", "ab", ""}, {"1' or '1'='1", "*)(a=1", "<script>alert(1)</script>"}, {plain[:700], "x", plain[:700]},
		{"a", "0123456789abcdef0123456789abcde", "b"},
	} {
		run := strings.Repeat(c.unit, 6000/len(c.unit))
		text := c.before + run + c.after
		got := strings.Clone(s.squeeze(text))
		switch cut := len(text) - len(got); {
		case cut == 0 || cut%(2*len(c.unit)) != 0 || len(got) < keptRun:
			t.Errorf("%q: %d bytes are left out; want a multiple of twice the unit", c.unit, cut)
		case got != c.before+run[cut:]+c.after:
			t.Errorf("%q: something else was left out: %.40q ... %.40q", c.unit, got, got[max(len(got)-40, 0):])
		}
	}
	for _, text := range []string{plain[:8000], strings.Repeat("a", keptRun), "", "a"} {
		if got := s.squeeze(text); got != text {
			t.Errorf("%.20q: %d bytes are left out", text, len(text)-len(got))
		}
	}
}

// BenchmarkBeginnings shows what the worst shapes cost beside text.
func BenchmarkBeginnings(b *testing.B) {
	m := &meter{d: New(1, Lists{})}
	for _, unit := range append([]string{plain, "nothing much ", written}, worst...) {
		b.Run(unit[:min(len(unit), 12)], func(b *testing.B) {
			b.SetBytes(60 << 10)
			for b.Loop() {
				m.of(unit, 60<<10, 1)
			}
		})
	}
}
