package eval_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"bartizan/internal/detect"
	"bartizan/internal/eval"
)

type unseenRow struct {
	ID, Label, Class, Lang, Ref string
	Year                        int
	Method, Target, Body        string
	BodyB64                     string `json:"body_b64"`
	Headers                     [][2]string
}

// readUnseen reads one of the sets that nothing is tuned to.
func readUnseen(t *testing.T, name string) []unseenRow {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []unseenRow
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var r unseenRow
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s:%d: %v", name, n, err)
		}
		rows = append(rows, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// checkUnseen holds a set to its form: as many rows as the documents say, each
// once, of one label, and requests that the gateway can read.
func checkUnseen(t *testing.T, name, label string, rows []unseenRow) {
	t.Helper()
	if len(rows) != 300 {
		t.Errorf("%s: %d rows; want 300", name, len(rows))
	}
	ids, requests := map[string]bool{}, map[string]string{}
	for _, r := range rows {
		request, err := json.Marshal([]any{r.Method, r.Target, r.Headers, r.Body, r.BodyB64})
		if err != nil {
			t.Fatal(err)
		}
		switch _, err = base64.StdEncoding.DecodeString(r.BodyB64); {
		case err != nil:
			t.Errorf("%s: body_b64: %v", r.ID, err)
		case r.ID == "" || ids[r.ID]:
			t.Errorf("%s: identifier %q is empty or taken", name, r.ID)
		case requests[string(request)] != "":
			t.Errorf("%s: the same request as %s", r.ID, requests[string(request)])
		case r.Label != label || r.Class == "" || r.Method == "" || r.Target == "":
			t.Errorf("%s: label %q, class %q, method %q, target %q; want label %s and all of them", r.ID, r.Label,
				r.Class,
				r.Method, r.Target, label)
		}
		ids[r.ID], requests[string(request)] = true, r.ID
	}
	e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{})})
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := e.File(name, f); err != nil {
		t.Fatal(err)
	}
	for _, g := range e.Groups() {
		if g.Unparsed > 0 {
			t.Errorf("%s: %d requests of class %s have no head that can be read", name, g.Unparsed, g.Class)
		}
	}
}

func TestHonestForm(t *testing.T) {
	rows := readUnseen(t, "honest.jsonl")
	checkUnseen(t, "honest.jsonl", "benign", rows)
	languages := map[string]int{}
	for _, r := range rows {
		if r.Lang != "" {
			languages[r.Lang]++
		}
	}
	if len(languages) < 10 {
		t.Errorf("languages %v; want ten", languages)
	}
}

func TestPublishedForm(t *testing.T) {
	rows := readUnseen(t, "published.jsonl")
	checkUnseen(t, "published.jsonl", "attack", rows)
	for _, r := range rows {
		if r.Ref == "" || r.Year < 2023 || r.Year > 2026 {
			t.Errorf("%s: reference %q of %d; want one of 2023 to 2026", r.ID, r.Ref, r.Year)
		}
	}
}
