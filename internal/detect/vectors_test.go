package detect_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// vectors reads the lines of a file in testdata without comments.
func vectors(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "# ") {
			out = append(out, line)
		}
	}
	if len(out) < 50 {
		t.Fatalf("%s has %d vectors; the reading is broken", name, len(out))
	}
	return out
}

func TestAttackVectors(t *testing.T) {
	kinds := map[signal.Kind]int{}
	for _, line := range vectors(t, "attacks.txt") {
		name, rest, _ := strings.Cut(line, " ")
		band, text, _ := strings.Cut(rest, " ")
		kind, ok := signal.KindNamed(name)
		if !ok {
			t.Fatalf("%q: unknown kind", line)
		}
		if u, err := strconv.Unquote(text); err == nil && text[0] == '"' && strings.Contains(text, `\`) {
			text = u
		}
		in := request.InQuery
		if kind == signal.PrototypePollution || kind == signal.NoSQLInjection && strings.HasSuffix(text, "]") {
			in = request.InQueryName
		}
		kinds[kind]++
		if got, found := best(t, in, "q", text, kind); !found || got.String() != band && band == "certain" || found && got == signal.Hint {
			t.Errorf("%q: %s is %v (found %v); want at least %s", text, name, got, found, band)
		}
	}
	if len(kinds) < 18 {
		t.Errorf("vectors of %d kinds; want most", len(kinds))
	}
}

func TestBenignVectors(t *testing.T) {
	d := newDetector(t)
	for _, text := range vectors(t, "benign.txt") {
		for _, in := range []request.Location{request.InQuery, request.InForm, request.InJSON, request.InHeader, request.InCookie} {
			var r request.Request
			d.Body(&r, &request.Value{In: in, Key: "x-note", Text: text})
			for _, s := range r.Signals {
				if s.Band > signal.Hint {
					t.Errorf("%v %q: %v %v; want at most a hint", in, text, s.Kind, s.Band)
				}
			}
		}
	}
}
