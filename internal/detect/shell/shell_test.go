package shell

import (
	"strings"
	"testing"

	"bartizan/internal/detect/lex"
)

func TestJudge(t *testing.T) {
	c := NewCommands([]string{"bin/strace"}, []string{"Get-Content"})
	for text, want := range map[string]lex.Strength{
		"a;cat /etc/hosts":        lex.Certain,
		"a;c'a't /etc/hosts":      lex.Certain,
		"a|id":                    lex.Certain,
		"a;$ifs":                  lex.Certain,
		"/???/c?t /etc/hosts":     lex.Certain,
		"get-content c:\\a":       lex.Likely,
		"a;strace -p 1":           lex.Certain,
		"find the cat; it is red": lex.None,
		"name;id;sort":            lex.Hint,
		"cats & dogs":             lex.None,
		"a=1&id=5":                lex.None,
		"python 3.12; java 21":    lex.None,
	} {
		if got := c.Judge(text, false); got.Strength != want {
			t.Errorf("%q: got %+v; want %d", text, got, want)
		}
	}
}

func FuzzJudge(f *testing.F) {
	c := NewCommands(nil, nil)
	for _, s := range []string{";cat", "`id`", "$(", "{a,b}", "/???/", "for %a in (", "if exist", "c'a't", "^"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToLower(s) // longer than it was where it is no UTF-8
		for _, name := range []bool{false, true} {
			if got := c.Judge(s, name); got.Strength > lex.Certain || got.At > len(s) {
				t.Errorf("%q: finding out of bounds: %+v", s, got)
			}
		}
	})
}
