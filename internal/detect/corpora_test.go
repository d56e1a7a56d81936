package detect_test

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/request"
	"bartizan/internal/signal"
	"bartizan/internal/wordlist"
)

// row is one line of the development corpora.
type row struct {
	ID, Label, Class, Method, Target string
	Headers                          [][2]string
	Body                             string
	BodyB64                          string `json:"body_b64"`
	Weak, Hard                       any
}

func newDetector(tb testing.TB) *detect.Detector {
	tb.Helper()
	l, err := wordlist.Lists()
	if err != nil {
		tb.Fatal(err)
	}
	return detect.New(1, l)
}

// judge runs a row through the detector and returns its signals.
func judge(d *detect.Detector, r *request.Request, sc *request.Scratch, x *row) []signal.Signal {
	r.Reset()
	r.Head = request.Head{Method: x.Method, Target: x.Target, Fields: r.Head.Fields[:0]}
	for _, h := range x.Headers {
		r.Head.Fields = append(r.Head.Fields, request.Field{Name: h[0], Value: h[1]})
	}
	r.Parse()
	d.Head(r)
	body := []byte(x.Body)
	if x.BodyB64 != "" {
		body, _ = base64.StdEncoding.DecodeString(x.BodyB64)
	}
	request.WalkBody(r.Header("Content-Type"), body, true, sc, func(v *request.Value) bool {
		d.Body(r, v)
		return true
	})
	return r.Signals
}

// tally counts the best band of each row of one kind.
type tally struct{ rows, certain, likely, hint int }

func (t *tally) add(signals []signal.Signal) (best signal.Band, found bool) {
	t.rows++
	for _, s := range signals {
		best, found = max(best, s.Band), true
	}
	switch {
	case !found:
	case best == signal.Certain:
		t.certain++
	case best == signal.Likely:
		t.likely++
	default:
		t.hint++
	}
	return best, found
}

func (t *tally) share(n int) float64 { return 100 * float64(n) / float64(max(t.rows, 1)) }

// TestCorpora prints recall and false positives on the corpora in the directory
// that BARTIZAN_CORPORA names, and holds benign rows to a bound. BARTIZAN_SHOW
// is "benign" or "missed", optionally with a file's name: it prints such rows.
func TestCorpora(t *testing.T) {
	dir := os.Getenv("BARTIZAN_CORPORA")
	if dir == "" {
		t.Skip("BARTIZAN_CORPORA is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpora in %q: %v", dir, err)
	}
	show, only, _ := strings.Cut(os.Getenv("BARTIZAN_SHOW"), ":")
	d := newDetector(t)
	var all, allHard, attacks tally
	var spent time.Duration
	fmt.Printf("%-22s %8s %8s %8s | %8s %8s %8s %8s | %6s %8s %8s\n", "file", "attacks", "c+l %", "certain%", "benign", "certain", "likely", "hint", "hard", "certain", "likely")
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".jsonl.gz")
		var attack, benign, hard tally
		eachRow(t, f, func(x *row, r *request.Request, sc *request.Scratch) {
			start := time.Now()
			signals := judge(d, r, sc, x)
			spent += time.Since(start)
			switch {
			case x.Weak != nil:
			case x.Label == "attack":
				best, found := attack.add(signals)
				attacks.add(signals)
				if show == "missed" && (only == "" || only == name) && (!found || best == signal.Hint) {
					fmt.Println("MISSED", x.Class, x.ID, x.Target, clip(x.Body), signals)
				}
			case x.Hard != nil:
				best, _ := hard.add(signals)
				allHard.add(signals)
				if show == "hard" && (only == "" || only == name) && best >= signal.Likely {
					fmt.Println("HARD", x.ID, x.Method, x.Target, signals)
				}
			default:
				best, found := benign.add(signals)
				if name != "grananqvist_params" { // what it calls benign and we do not is attacks: "|/usr/bin/id"
					all.add(signals)
				}
				if show == "benign" && (only == "" || only == name) && found && best >= signal.Likely {
					fmt.Println("BENIGN", x.ID, x.Method, x.Target, signals)
				}
			}
		})
		fmt.Printf("%-22s %8d %8.1f %8.1f | %8d %8d %8d %8d | %6d %8d %8d\n", name, attack.rows, attack.share(attack.certain+attack.likely), attack.share(attack.certain),
			benign.rows, benign.certain, benign.likely, benign.hint, hard.rows, hard.certain, hard.likely)
	}
	fmt.Printf("%-22s %8d %8.1f %8.1f | %8d %8d %8d %8d | %6d %8d %8d  time %v\n", "all", attacks.rows, attacks.share(attacks.certain+attacks.likely), attacks.share(attacks.certain),
		all.rows, all.certain, all.likely, all.hint, allHard.rows, allHard.certain, allHard.likely, spent.Round(time.Millisecond))
	if all.share(all.certain) > 0.01 || all.share(all.likely) > 0.1 {
		t.Errorf("benign rows: %.3f %% certain, %.3f %% likely; want at most 0.01, 0.1", all.share(all.certain), all.share(all.likely))
	}
}

// TestGateCorpora holds the gate to the oracle on the corpora.
func TestGateCorpora(t *testing.T) {
	dir := os.Getenv("BARTIZAN_CORPORA")
	if dir == "" {
		t.Skip("BARTIZAN_CORPORA is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpora in %q: %v", dir, err)
	}
	lists, err := wordlist.Lists()
	if err != nil {
		t.Fatal(err)
	}
	d, oracle := detect.New(1, lists), detect.Oracle(1, lists)
	for _, f := range files {
		wrong := 0
		eachRow(t, f, func(x *row, r *request.Request, sc *request.Scratch) {
			got := verdicts(judge(d, r, sc, x))
			if want := verdicts(judge(oracle, r, sc, x)); got != want && wrong < 12 {
				wrong++
				t.Errorf("%s %s %s: got %s; want %s, as without the gate", x.ID, x.Target, clip(x.Body), got, want)
			}
		})
	}
}

// verdicts writes signals in the order of their places.
func verdicts(signals []signal.Signal) string {
	var out []string
	for _, s := range signals {
		out = append(out, fmt.Sprintf("%v %v at %s", s.Kind, s.Band, s.Where))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func clip(s string) string { return s[:min(len(s), 300)] }

func eachRow(t *testing.T, file string, visit func(*row, *request.Request, *request.Scratch)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r, sc := new(request.Request), new(request.Scratch)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var x row
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		visit(&x, r, sc)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
