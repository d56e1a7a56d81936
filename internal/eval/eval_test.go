package eval_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/internal/detect"
	"bartizan/internal/eval"
)

const rows = `{"id":"1","label":"attack","class":"sqli","method":"GET","target":"/a?q=1'+or+'1'='1","headers":[["Host","a.example"]]}
{"id":"2","label":"attack","class":"xss","method":"POST","target":"/a","headers":[["Host","a.example"],["Content-Type","application/json"]],"body":"{\"q\":\"<script>alert(1)</script>\"}"}
{"id":"3","label":"attack","class":"sqli","method":"GET","target":"/a?q=nothing","headers":[],"weak":"a bare word"}
{"id":"4","label":"attack","class":"sqli","method":"GET","target":"/a b c","headers":[["Host","a.example"]],"pl":"2"}
{"id":"5","label":"benign","class":"benign","method":"GET","target":"/a?q=O'Brien","headers":[["Host","a.example"]],"hard":true,"weak":false}
{"id":"6","label":"benign","class":"benign","method":"GET","target":"/a?q=1+or+1=1","headers":[["Host","a.example"]],"pl":2}
`

func newEvaluation(t *testing.T) *eval.Evaluation {
	t.Helper()
	e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{}), Misses: 5, False: 5})
	if err := e.File("dir/own.jsonl.gz", strings.NewReader(rows)); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGroups(t *testing.T) {
	got := newEvaluation(t).Groups()
	want := []eval.Group{
		{File: "own.jsonl.gz", Label: "attack", Class: "sqli", Rows: 1, Certain: 1},
		{File: "own.jsonl.gz", Label: "attack", Class: "sqli", PL: 2, Rows: 1, Unparsed: 1},
		{File: "own.jsonl.gz", Label: "attack", Class: "sqli", Weak: true, Rows: 1},
		{File: "own.jsonl.gz", Label: "attack", Class: "xss", Rows: 1, Certain: 1},
		{File: "own.jsonl.gz", Label: "benign", Class: "benign", PL: 2, Rows: 1, Certain: 1},
		{File: "own.jsonl.gz", Label: "benign", Class: "benign", Hard: true, Rows: 1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("groups differ (-want +got):\n%s", d)
	}
}

func TestJSONAndCompare(t *testing.T) {
	e := newEvaluation(t)
	var b bytes.Buffer
	if err := e.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(b.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"file", "label", "class", "weak", "hard", "pl", "rows", "unparsed", "certain", "likely", "hint"} {
		if _, ok := list[0][k]; !ok {
			t.Errorf("JSON group lacks %q: %v", k, list[0])
		}
	}
	diff, err := e.Compare(bytes.NewReader(b.Bytes()))
	if err != nil || len(diff) != 0 {
		t.Errorf("comparing with itself: got %v, %v; want nothing", diff, err)
	}
	worse := strings.Replace(b.String(), `"certain": 1`, `"certain": 7`, 1)
	if diff, err = e.Compare(strings.NewReader(worse)); err != nil || len(diff) != 1 {
		t.Errorf("comparing with another count: got %v, %v; want one difference", diff, err)
	}
}

func TestTableShowsExamples(t *testing.T) {
	var b bytes.Buffer
	if err := newEvaluation(t).WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "false own.jsonl.gz 6") || strings.Contains(got, "missed") {
		t.Errorf("table:\n%s\nwant the false hit of row 6 and no miss", got)
	}
}

func TestFileRefuses(t *testing.T) {
	for _, line := range []string{"{", `{"label":"x"}`, `{"label":"attack","body_b64":"%"}`} {
		e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{})})
		if err := e.File("f", strings.NewReader(line)); err == nil || !strings.Contains(err.Error(), "f:1:") {
			t.Errorf("%s: got error %v; want one that names the line", line, err)
		}
	}
}
