package detect_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"bartizan/internal/detect"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

var update = flag.Bool("update", false, "write testdata/hidden.txt anew")

// attacksByKind returns the first attacks of each kind in testdata/attacks.txt.
func attacksByKind(t *testing.T) (kinds []string, attacks map[string][]string) {
	t.Helper()
	raw, err := os.ReadFile("testdata/attacks.txt")
	if err != nil {
		t.Fatal(err)
	}
	attacks = map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(f) < 3 || f[0] == "#" || len(attacks[f[0]]) == 3 {
			continue
		}
		if text, err := strconv.Unquote(f[2]); err == nil {
			f[2] = text
		}
		if attacks[f[0]] == nil {
			kinds = append(kinds, f[0])
		}
		attacks[f[0]] = append(attacks[f[0]], f[2])
	}
	return kinds, attacks
}

// hidden returns the bands in which attacks are found at the start, in the middle and at
// the end of 48 KB of a filler: a letter each, a dot where none is found.
func hidden(d *detect.Detector, r *request.Request, filler, kind, attack string) string {
	const half = 24 << 10
	pad := strings.Repeat(filler, half/len(filler))
	var out []byte
	for _, text := range []string{attack + pad + pad, pad + attack + pad, pad + pad + attack} {
		r.Signals = r.Signals[:0]
		d.Body(r, &request.Value{In: request.InJSON, Key: "q", Text: text})
		letter := byte('.')
		for _, s := range r.Signals {
			if s.Kind.String() == kind {
				letter = map[signal.Band]byte{signal.Hint: 'h', signal.Likely: 'l', signal.Certain: 'c'}[s.Band]
			}
		}
		out = append(out, letter)
	}
	return string(out)
}

// weaker reports whether any band of got is below that of want.
func weaker(got, want string) bool {
	const order = ".hlc"
	for i := range want {
		if strings.IndexByte(order, got[i]) < strings.IndexByte(order, want[i]) {
			return true
		}
	}
	return false
}

// An attack before, inside or behind much of the worst filler is found at least as surely
// as before fillers were made cheap: testdata/hidden.txt was written then. A sample, or
// everything with -hostile.
func TestAttacksBetweenFiller(t *testing.T) {
	d, r := newDetector(t), new(request.Request)
	kinds, attacks := attacksByKind(t)
	fillers := append([]string{"nothing much "}, detect.Worst...)
	if *update {
		writeHidden(t, d, r, fillers, kinds, attacks)
	}
	f, err := os.Open("testdata/hidden.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, cases := bufio.NewScanner(f), 0
	for n := 0; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "#") || !*detect.Hostile && n%17 != 0 {
			continue
		}
		var filler, kind string
		var want [3]string
		if _, err := fmt.Sscanf(lines.Text(), "%q %s %s %s %s", &filler, &kind, &want[0], &want[1],
			&want[2]); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		for i, attack := range attacks[kind] {
			cases++
			if got := hidden(d, r, filler, kind, attack); weaker(got, want[i]) {
				t.Errorf("%q between %q: got %s; want %s", attack, filler, got, want[i])
			}
		}
	}
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
}

func writeHidden(t *testing.T, d *detect.Detector, r *request.Request, fillers, kinds []string, attacks map[string][]string) {
	t.Helper()
	var out strings.Builder
	out.WriteString("# Filler, kind, and for each of its first attacks in attacks.txt the band at the start,\n# in " +
		"the middle and at the end of 48 KB of the filler; a dot: none. Written by -update.\n")
	for _, filler := range fillers {
		for _, kind := range kinds {
			fmt.Fprintf(&out, "%q %s", filler, kind)
			for i := range 3 {
				found := "-"
				if i < len(attacks[kind]) {
					found = hidden(d, r, filler, kind, attacks[kind][i])
				}
				out.WriteString(" " + found)
			}
			out.WriteString("\n")
		}
	}
	if err := os.WriteFile("testdata/hidden.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
