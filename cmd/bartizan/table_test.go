package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever stands in its cells, a table fits the width and loses no word of the last.
func TestTableFits(t *testing.T) {
	var tb table
	words := strings.Repeat("sixteen letters ", 30)
	tb.add("name", "value", "why")
	tb.add(strings.Repeat("x", 200), strings.Repeat("ü", 50), words)
	tb.add("a", "b", strings.Repeat("y", 250))
	tb.add("only one")
	tb.add()
	var out strings.Builder
	if err := tb.print(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
			t.Errorf("got a line of %d columns; want at most %d: %q", n, columns, line)
		}
	}
	if got := strings.Count(out.String(), "sixteen"); got != 30 {
		t.Errorf("got %d of 30 words", got)
	}
	if got := strings.Count(out.String(), "y"); got != 252 { // "why" and "only" have one each
		t.Errorf("got %d y; want 252", got)
	}
	if !strings.HasPrefix(out.String(), "name ") || !strings.Contains(out.String(), "…") {
		t.Errorf("got %q", out.String())
	}
}
