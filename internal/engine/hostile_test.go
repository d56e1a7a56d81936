package engine

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bartizan/internal/policy"
)

// carriers put content into a request, each in another place or form.
var carriers = map[string]func(unit string) (target, headers, body string){
	"JSON": func(unit string) (string, string, string) { return "/a", aJSON, inJSON(unit) },
	"JSON, gzip": func(unit string) (string, string, string) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(inJSON(unit)))
		z.Close()
		return "/a", aJSON + "\r\nContent-Encoding: gzip", b.String()
	},
	"a form": func(unit string) (string, string, string) {
		return "/a", aForm, "q=" + url.QueryEscape(repeated(unit, 60<<10))
	},
	"a part": func(unit string) (string, string, string) {
		return "/a", aParts,
			"--A\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n" + repeated(unit, 60<<10) + "\r\n--A--\r\n"
	},
	"a query": func(unit string) (string, string, string) {
		return "/a?q=" + url.QueryEscape(repeated(unit, 8<<10)), "A: b", ""
	},
	"400 fields": func(unit string) (string, string, string) {
		var b strings.Builder
		for i := range 400 {
			fmt.Fprintf(&b, "X-%d: %s%d\r\n", i, strings.Map(visible, repeated(unit, 100)), i)
		}
		return "/a", strings.TrimSuffix(b.String(), "\r\n"), ""
	},
}

func inJSON(unit string) string {
	b, _ := json.Marshal(map[string]string{"q": repeated(unit, 60<<10)})
	return string(b)
}

// visible leaves out what cannot stand in a field.
func visible(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}

// A request full of beginnings of attacks costs at most thirty times what it costs with
// plain text in it, wherever they stand.
func TestHostileContentIsBounded(t *testing.T) {
	const plain = "our chairs arrived early and look lovely beside those apple trees please deliver seven white ones " +
		"because my sister visits her family this month "
	if racing {
		t.Skip("it slows some code more than other")
	}
	e := decoding(t, options(policy.Observe))
	for name, carrier := range carriers {
		for _, unit := range []string{"*)(a=1", "\n#;", "${", "`*", "`'", "\"a`+", "'+a<", "{%a(", "exec;", "a`\u00e9"} {
			text, hostile, ratio := time.Hour, time.Hour, 0.0
			for range 25 {
				text = min(text, quickest(e, func(int) (string, string, string) { return carrier(plain) }, 0, 4))
				hostile = min(hostile, quickest(e, func(int) (string, string, string) { return carrier(unit) }, 0, 2))
				if ratio = float64(hostile) / float64(text); ratio <= 30 {
					break
				}
			}
			if ratio > 30 {
				t.Errorf("%s of %q: %.1f times plain text; want at most 30", name, unit, ratio)
			} else {
				t.Logf("%s of %q: %.1f times plain text", name, unit, ratio)
			}
		}
	}
}
