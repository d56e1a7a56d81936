// Command scorer measures whether a small linear model over hashed n-grams finds
// attacks that the grammars miss, leaving one source of the corpora out at a
// time: what it knows of a source it has never seen is all that counts. It is an
// experiment, not a part of the product; RATIONALE.md tells what came out.
//
//	scorer FILE...        (corpora, gzip)
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/wordlist"
)

const (
	dimensions = 1 << 18
	longest    = 5   // bytes of an n-gram
	maxValue   = 256 // bytes of a value that are looked at
	maxRows    = 6000
	rate       = 0.1
)

type row struct {
	Label, Method, Target, Body string
	Headers                     [][2]string
	Weak                        any
}

// sample is one row: its values, and whether the detectors caught it.
type sample struct {
	values []string
	attack bool
	caught bool
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: scorer FILE...")
	}
	lists, err := wordlist.Lists()
	if err != nil {
		log.Fatal(err)
	}
	d := detect.New(1, lists)
	sources := map[string][]sample{}
	var names []string
	for _, name := range os.Args[1:] {
		s, err := read(name, d)
		if err != nil {
			log.Fatal(err)
		}
		base := strings.TrimSuffix(filepath.Base(name), ".jsonl.gz")
		sources[base], names = s, append(names, base)
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "left out\tattacks missed by grammars\tof these found\tbenign rows\tof these hit\t")
	for _, out := range names {
		missed, found, benign, hit := leaveOut(sources, names, out)
		fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%s\t\n", out, missed, percent(found, missed), benign, percent(hit, benign))
	}
	t.Flush()
	speed(sources[names[0]])
}

func percent(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

func read(name string, d *detect.Detector) ([]sample, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var out []sample
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var x row
		if json.Unmarshal(lines.Bytes(), &x) != nil || x.Weak != nil && x.Weak != false && x.Weak != "" {
			continue
		}
		out = append(out, sampleOf(x, d))
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(len(out), maxRows)], lines.Err()
}

func sampleOf(x row, d *detect.Detector) sample {
	r, scratch := new(request.Request), new(request.Scratch)
	r.Head = request.Head{Method: x.Method, Target: x.Target}
	kind := ""
	for _, h := range x.Headers {
		r.Head.Fields = append(r.Head.Fields, request.Field{Name: h[0], Value: h[1]})
		if strings.EqualFold(h[0], "Content-Type") {
			kind = h[1]
		}
	}
	r.Parse()
	s := sample{attack: x.Label == "attack"}
	take := func(v *request.Value) bool {
		if v.In != request.InHeader && len(v.Text) > 2 {
			s.values = append(s.values, strings.Clone(v.Text[:min(len(v.Text), maxValue)]))
		}
		return len(s.values) < 64
	}
	r.WalkHead(take)
	d.Head(r)
	request.WalkBody(kind, []byte(x.Body), true, scratch, func(v *request.Value) bool {
		d.Body(r, v)
		return take(v)
	})
	s.caught = slices.ContainsFunc(r.Signals, func(s signal.Signal) bool { return s.Band >= signal.Likely })
	return s
}

// features hashes the n-grams of a lower-cased value; f is called for each once.
func features(v string, f func(uint32)) {
	v = strings.ToLower(v)
	for i := range len(v) {
		h := uint32(2166136261)
		for n := 0; n < longest && i+n < len(v); n++ {
			h = (h ^ uint32(v[i+n])) * 16777619
			f((h ^ h>>15) & (dimensions - 1))
		}
	}
}

type model []float32

func (m model) score(v string) float64 {
	sum, n := 0.0, 0
	features(v, func(i uint32) { sum += float64(m[i]); n++ })
	return sum / math.Sqrt(float64(n+1))
}

// row scores a row by its worst value.
func (m model) row(s sample) float64 {
	worst := math.Inf(-1)
	for _, v := range s.values {
		worst = max(worst, m.score(v))
	}
	return worst
}

// train fits logistic regression by stochastic gradient: of an attack the value
// that looks worst so far is taken for the hostile one.
func train(samples []sample) model {
	m := make(model, dimensions)
	r := rand.New(rand.NewPCG(3, 4))
	for range 3 {
		for _, k := range r.Perm(len(samples)) {
			s := samples[k]
			if len(s.values) == 0 {
				continue
			}
			v := s.values[r.IntN(len(s.values))]
			want := 0.0
			if s.attack {
				want = 1
				v = slices.MaxFunc(s.values, func(a, b string) int { return int(math.Copysign(1, m.score(a)-m.score(b))) })
			}
			step := want - 1/(1+math.Exp(-m.score(v)))
			n := 0
			features(v, func(uint32) { n++ })
			step *= rate * 10 / math.Sqrt(float64(n+1))
			features(v, func(i uint32) { m[i] += float32(step) })
		}
	}
	return m
}

// leaveOut trains without one source and measures on it, at the threshold that
// hits one in a thousand of the other sources' benign rows.
func leaveOut(sources map[string][]sample, names []string, out string) (missed, found, benign, hit int) {
	var rest []sample
	for _, n := range names {
		if n != out {
			rest = append(rest, sources[n]...)
		}
	}
	m := train(rest)
	var scores []float64
	for _, s := range rest {
		if !s.attack {
			scores = append(scores, m.row(s))
		}
	}
	slices.Sort(scores)
	limit := scores[len(scores)*999/1000]
	for _, s := range sources[out] {
		over := m.row(s) > limit
		switch {
		case !s.attack:
			benign++
			if over {
				hit++
			}
		case !s.caught:
			missed++
			if over {
				found++
			}
		}
	}
	return missed, found, benign, hit
}

// speed prints what scoring costs.
func speed(samples []sample) {
	m, bytes, start := make(model, dimensions), 0, time.Now()
	for time.Since(start) < time.Second {
		for _, s := range samples {
			for _, v := range s.values {
				m.score(v)
				bytes += len(v)
			}
		}
	}
	fmt.Printf("cost: %.2f us per 100 bytes\n", time.Since(start).Seconds()*1e6/float64(bytes)*100)
}
