package eval_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/internal/detect"
	"bartizan/internal/eval"
)

const list = ` [
 {"method":"GET","url":"/?p=%27%20or%201%3D1--#top","headers":{"User-Agent":"x","Connection":"close"},"data":""},
 {"method":"POST","url":"https://shop.example/a b?q=<script>alert(1)</script>",
  "headers":{":authority":"h","X-A":"1\r\nX-B: 2","Content-Length":7},"data":"p=hello"},
 {"url":"/","headers":null,"data":null,"label":"legitimate"},
 {"url":"/b","headers":{},"body":"ok","malicious":false}
]
`

func TestListOfComparisonProject(t *testing.T) {
	var b bytes.Buffer
	if err := eval.Lines(&b, "Data/Malicious/sql-injection.json", strings.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	type line struct {
		ID, Label, Class, Method, Target string
		Headers                          [][2]string
		Body                             []byte `json:"body_b64"`
		Weak, Hard                       bool
	}
	var got []line
	for d := json.NewDecoder(&b); ; {
		var l line
		if err := d.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	want := []line{
		{ID: "sql-injection#0", Label: "attack", Class: "sql-injection", Method: "GET",
			Target:  "/?p=%27%20or%201%3D1--",
			Headers: [][2]string{{"User-Agent", "x"}, {"Connection", "close"}}, Body: []byte{}},
		{ID: "sql-injection#1", Label: "attack", Class: "sql-injection", Method: "POST",
			Target:  "/a%20b?q=%3Cscript%3Ealert(1)%3C/script%3E",
			Headers: [][2]string{{"X-A", "1 X-B: 2"}, {"Content-Length", "7"}, {"Host", "shop.example"}},
			Body:    []byte("p=hello")},
		{ID: "sql-injection#2", Label: "benign", Class: "benign", Method: "GET", Target: "/", Body: []byte{}},
		{ID: "sql-injection#3", Label: "benign", Class: "benign", Method: "GET", Target: "/b", Body: []byte("ok")},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("lines differ (-want +got):\n%s", d)
	}
}

// What is read from a list is judged as the same rows as lines are.
func TestListIsJudgedAsLinesAre(t *testing.T) {
	e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{})})
	if err := e.File("Malicious/sqli.json", strings.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	want := []eval.Group{
		{File: "sqli.json", Label: "attack", Class: "sqli", Rows: 2, Certain: 2},
		{File: "sqli.json", Label: "benign", Class: "benign", Rows: 2},
	}
	if d := cmp.Diff(want, e.Groups()); d != "" {
		t.Errorf("groups differ (-want +got):\n%s", d)
	}
}

func TestListNamesFolder(t *testing.T) {
	const one = `[{"method":"GET","url":"/"}]`
	for name, label := range map[string]string{
		"/srv/attack/Legitimate/shop.json": "benign", "Legitimate/travel/shop.json": "benign",
		"malicious/xss.json.gz": "attack",
	} {
		e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{})})
		if err := e.File(name, strings.NewReader(one)); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := e.Groups()[0].Label; got != label {
			t.Errorf("%s: label %s; want %s", name, got, label)
		}
	}
}

func TestListRefuses(t *testing.T) {
	const good = `{"url":"/"},`
	for name, x := range map[string]struct{ text, want string }{
		"no url":  {`[` + good + `{"method":"GET"}]`, "Legitimate/f.json: entry 1: no url"},
		"data":    {`[` + good + `{"url":"/","data":{"a":1}}]`, "Legitimate/f.json: entry 1: "},
		"headers": {`[{"url":"/","headers":["a"]}]`, "Legitimate/f.json: entry 0: headers are no object"},
		"nested": {`[{"url":"/","headers":{"a":["b"]}}]`, `Legitimate/f.json: entry 0: header "a" is neither a text ` +
			`nor a number`},
		"no object":  {`[` + good + `7]`, "Legitimate/f.json: entry 1: "},
		"cut off":    {`[` + good, "Legitimate/f.json: entry 1: "},
		"no bracket": {`[{"url":"/"}`, "Legitimate/f.json: entry 1: "},
	} {
		e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{})})
		if err := e.File("Legitimate/f.json", strings.NewReader(x.text)); err == nil || !strings.Contains(err.Error(),
			x.want) {
			t.Errorf("%s: got error %v; want %q in it", name, err, x.want)
		}
	}
	e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{})})
	if err := e.File("some/f.json", strings.NewReader(`[{"url":"/"}]`)); err == nil || !strings.Contains(err.Error(),
		"some/f.json: entry 0: neither") {
		t.Errorf("no label: got error %v; want one that says so", err)
	}
}

// An entry without an end is refused at the bound, not read to its end.
func TestListIsBounded(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`[{"url":"/","data":"`), &letters{})
	e := eval.New(eval.Options{Detector: detect.New(1, detect.Lists{})})
	if err := e.File("Legitimate/f.json", endless); err == nil ||
		!strings.Contains(err.Error(), "entry 0: longer than") {
		t.Errorf("got error %v; want one that names the bound", err)
	}
}

// letters never end.
type letters struct{}

func (*letters) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

func TestTotals(t *testing.T) {
	var b bytes.Buffer
	if err := newEvaluation(t).WriteTotals(&b); err != nil {
		t.Fatal(err)
	}
	want := "bartizan certain or likely\t3\t2\t2\t1\t0.0\nbartizan certain\t3\t2\t2\t1\t0.0\n"
	if got := b.String(); got != want {
		t.Errorf("totals %q; want %q", got, want)
	}
}
