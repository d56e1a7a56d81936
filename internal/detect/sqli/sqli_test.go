package sqli

import (
	"strings"
	"testing"

	"bartizan/internal/detect/lex"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		text string
		want lex.Strength
		left bool
	}{
		{"a' or 'b'='b", lex.Certain, true},
		{"it's late, and i have to go' or 1=1 -- ", lex.Certain, true},
		{"1 or 1=1", lex.Certain, false},
		{"1) union select a,b", lex.Certain, false},
		{"1;drop table a", lex.Certain, false},
		{"(select 1 from a)", lex.Likely, false},
		{"select a from b where c = 1", lex.Hint, false},
		{"o'brien", lex.None, false},
		{"'quoted' and \"quoted\"", lex.None, false},
		{"1 and 2", lex.None, false},
		{"5'11\" tall", lex.None, false},
		{"", lex.None, false},
	}
	for _, tt := range tests {
		got := Judge(tt.text)
		if got.Strength != tt.want || tt.want == lex.Certain && got.Left != tt.left {
			t.Errorf("%q: got %+v; want strength %d, left %v", tt.text, got, tt.want, tt.left)
		}
	}
}

// Comments, white space and letter case of a dialect change nothing.
func TestJudgeReadsAsDatabasesDo(t *testing.T) {
	for _, text := range []string{"1/**/or/**/1=1", "1\nor\t1=1", "1 or/*!50000 1*/=1", "1\u00a0or 1=1", "1 or 0x1=1", "1 or 1.0=1", "1||1=1"} {
		if got := Judge(strings.ToLower(text)); got.Strength != lex.Certain {
			t.Errorf("%q: got %+v; want certain", text, got)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{"' or 1=1--", "((((", "case when", "select", "1'\"`", "/*", "@@", "::int", "';", "x' in boolean mode"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToLower(s)
		if got := Judge(s); got.At < 0 || got.At > len(s) || got.Strength > lex.Certain {
			t.Errorf("%q: finding out of bounds: %+v", s, got)
		}
	})
}
