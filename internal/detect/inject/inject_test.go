package inject

import (
	"strings"
	"testing"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		text string
		name bool
		kind signal.Kind
		want lex.Strength
	}{
		{"*)(uid=*", false, signal.LDAPInjection, lex.Likely},
		{"(&(objectclass=person)(cn=ann))", false, signal.None, lex.None},
		{"a[$ne]", true, signal.NoSQLInjection, lex.Likely},
		{"at[$gte]", true, signal.NoSQLInjection, lex.Hint},
		{"<!entity a system \"b\">", false, signal.XXE, lex.Certain},
		{"<!doctype html>", false, signal.None, lex.None},
		{"<!--#exec cmd=\"id\"-->", false, signal.ServerInclude, lex.Certain},
		{"<!-- # note -->", false, signal.None, lex.None},
		{"a\r\nset-cookie: b=c", false, signal.HeaderInjection, lex.Likely},
		{"a\nbcc: b@c.example", false, signal.MailInjection, lex.Likely},
		{"parent::node()", false, signal.XPathInjection, lex.Likely},
		{"std::vector", false, signal.None, lex.None},
	}
	for _, tt := range tests {
		if got := Judge(tt.text, tt.name); got.Kind != tt.kind || got.Strength != tt.want {
			t.Errorf("%q: got %v %d; want %v %d", tt.text, got.Kind, got.Strength, tt.kind, tt.want)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{")(", "[$", "<!", "\n:", "::", "//*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Judge(strings.ToLower(s), true); got.Strength > lex.Certain || got.Strength > lex.None && got.Kind == signal.None {
			t.Errorf("%q: finding out of bounds: %+v", s, got)
		}
	})
}
