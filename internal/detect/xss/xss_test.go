package xss

import (
	"strings"
	"testing"

	"bartizan/internal/detect/lex"
)

func TestJudge(t *testing.T) {
	for text, want := range map[string]lex.Strength{
		"<script>x</script>":             lex.Certain,
		"<img/onerror=alert(1)/src=x>":   lex.Certain,
		"<a href=\"java\tscript:x()\">":  lex.Certain,
		"\" onclick=\"alert(1)":          lex.Certain,
		"<iframe src=//a.example>":       lex.Likely,
		"';alert(1)//":                   lex.Likely,
		"<b>bold</b> and <i>italic</i>":  lex.None,
		"a < b and c > d":                lex.None,
		"on=1":                           lex.None,
		"the alert (red) was lifted":     lex.None,
		"<p style=\"color:red\">red</p>": lex.None,
	} {
		if got := Judge(text); got.Strength != want {
			t.Errorf("%q: got %+v; want %d", text, got, want)
		}
	}
}

func TestWordsOutsideTags(t *testing.T) {
	if got := Judge("<p>one two <b>three</b></p><script>var four = 'five six'</script>"); got.Words != 3 || got.Markup < 2 {
		t.Errorf("got %d words, %d tags; want 3 words, the script's left out", got.Words, got.Markup)
	}
}

// White space between a name and its value may go on beyond what is read of a tag.
func TestTagIsReadUpToItsBound(t *testing.T) {
	for n := maxTag - 64; n < maxTag+8; n++ {
		for _, value := range []string{"\"b\"", "b", "javascript:b", ""} {
			s := "<a " + strings.Repeat("x", n) + "=" + strings.Repeat(" ", 40) + value + strings.Repeat(" ", maxTag)
			if got := Judge(s); got.Strength == lex.Certain && value != "javascript:b" {
				t.Errorf("%d bytes, then %q: got %+v", n, value, got)
			}
		}
	}
	if got := Judge("<img onerror="); got.Strength != lex.Certain {
		t.Errorf("a handler that the value's end cuts off: got %+v; want certain", got)
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{"<a on", "<script", "j\ta\tvascript:", "<!--", "<style>x{", "'\"`<", "<a href='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Judge(strings.ToLower(s)); got.Strength > lex.Certain || got.Words > 64 {
			t.Errorf("%q: finding out of bounds: %+v", s, got)
		}
	})
}
