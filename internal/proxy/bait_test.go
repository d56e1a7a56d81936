package proxy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"bartizan/internal/request"
)

var bait = Bait{Link: "/export/9k2m", Field: "contact_7x"}

func TestBaited(t *testing.T) {
	field, link := string(bait.places()[0].put), string(bait.places()[1].put)
	for in, want := range map[string]string{
		"":                        "",
		"<p>no form</p>":          "<p>no form</p>",
		"<form><input></form>":    "<form><input>" + field + "</form>",
		"<BODY>x</BODY></html>":   "<BODY>x" + link + "</BODY></html>",
		"a<b</form":               "a<b</form",
		"<<</body>":               "<<" + link + "</body>",
		"</form></form></body>":   field + "</form>" + field + "</form>" + link + "</body>",
		"</for" + "m >":           "</form >",
		strings.Repeat("<", 5000): strings.Repeat("<", 5000),
	} {
		for name, split := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "error with data": iotest.DataErrReader} {
			got, err := io.ReadAll(&baited{from: split(strings.NewReader(in)), places: bait.places()})
			if err != nil || string(got) != want {
				t.Errorf("%.40q, %s: got %.200q, %v; want %.200q", in, name, got, err, want)
			}
		}
	}
}

func TestBaitedEnd(t *testing.T) {
	got, err := io.ReadAll(&baited{from: strings.NewReader("User-agent: *\nAllow: /"), end: []byte("\nDisallow: /x\n")})
	if err != nil || string(got) != "User-agent: *\nAllow: /\nDisallow: /x\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// An answer that breaks off must be seen to break off, and nothing of it be lost.
func TestBaitedError(t *testing.T) {
	broken := errors.New("broken")
	got, err := io.ReadAll(&baited{from: io.MultiReader(strings.NewReader("<p></fo"), iotest.ErrReader(broken)), places: bait.places(), end: []byte("end")})
	if !errors.Is(err, broken) || string(got) != "<p></fo" {
		t.Errorf("got %q, %v; want what was read, and the error", got, err)
	}
}

// No more is held back than the beginning of a tag: a page appears as it comes.
func TestBaitedHoldsLittle(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, "<html><body>first part")
	}()
	b := &baited{from: r, places: bait.places()}
	buf := make([]byte, 100)
	n, err := b.Read(buf)
	if err != nil || string(buf[:n]) != "<html><body>first part" {
		t.Errorf("got %q, %v; want all that came", buf[:n], err)
	}
}

// Forms are seen in whatever pieces a page comes, tags that never end hold nothing
// back, and the paths of a site's forms are bounded.
func TestFormsOfPage(t *testing.T) {
	at := func(path string) *request.Request {
		r := new(request.Request)
		r.Head.Method, r.Head.Target, r.Head.Host = "POST", path, "shop.example:8080"
		r.Parse()
		return r
	}
	long := strings.Repeat("x", maxFormTag)
	for in, want := range map[string]string{
		`<form action="/a?b=c">`:                        "/a",
		`<FORM method=post action=/a>`:                  "/a",
		`<form title=">" action='/a'>`:                  "/a",
		`<form a"b action=/a><p title="x>">`:            "/a",
		`<form action="http://shop.example/a">`:         "/a",
		`<form action="a">`:                             "/dir/a",
		`<form>`:                                        "/dir/page",
		`<form action="">`:                              "/dir/page",
		`<form/action=/a>`:                              "/a",
		`<formula action=/a>`:                           "",
		`<form action="http://shop.example.evil.test">`: "",
		`<form action="http://[">`:                      "",
		`<form action="/a" `:                            "",
		`<form title="` + long + `" action="/a">`:       "",
	} {
		for _, split := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r },
			iotest.OneByteReader} {
			f := new(forms)
			b := &baited{from: split(strings.NewReader("<body>" + in)), places: bait.places(),
				page: pageOf(f, at("/dir/page"))}
			got, err := io.ReadAll(b)
			if err != nil || string(got) != "<body>"+in {
				t.Errorf("%.60q: got %.60q, %v; want the page as it was", in, got, err)
			}
			if len(f.young) != min(len(want), 1) || want != "" && !f.has(at(want)) {
				t.Errorf("%.60q: got %v; want %q", in, f.young, want)
			}
		}
	}
	f := new(forms)
	for i := range 5 * maxForms {
		f.add(at("/" + strings.Repeat("a", i/200) + "/" + strings.Repeat("b", i%200)))
	}
	if n := len(f.young) + len(f.old); n > 2*maxForms || n < maxForms {
		t.Errorf("got %d forms; want at most %d", n, 2*maxForms)
	}
}
