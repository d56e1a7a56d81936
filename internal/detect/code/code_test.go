package code

import (
	"strings"
	"testing"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
)

func set() *Set {
	return New([]string{"java.io.File"}, []string{"call_user_func"}, []string{"$_GET"})
}

func TestJudge(t *testing.T) {
	tests := []struct {
		text string
		kind signal.Kind
		want lex.Strength
	}{
		{"{{7*7}}", signal.TemplateInjection, lex.Likely},
		{"{{user.name}}", signal.None, lex.None},
		{"${jndi:ldap://a}", signal.JNDILookup, lex.Certain},
		{"${home}", signal.None, lex.None},
		{"$_get['a']", signal.CodeInjection, lex.Certain},
		{"__import__('os')", signal.CodeInjection, lex.Certain},
		{"o:3:\"foo\":1:{", signal.Deserialisation, lex.Certain},
		{"java.io.file", signal.CodeInjection, lex.Likely},
		{"java.util.list", signal.None, lex.None},
		{"__proto__", signal.PrototypePollution, lex.Likely},
		{"the system (new) works", signal.None, lex.None},
		{"<%= name %>", signal.TemplateInjection, lex.Likely},
	}
	for _, tt := range tests {
		if got := set().Judge(tt.text); got.Kind != tt.kind && tt.want > lex.None || got.Strength != tt.want && !(tt.want == lex.None && got.Strength == lex.Hint) {
			t.Errorf("%q: got %v %d; want %v %d", tt.text, got.Kind, got.Strength, tt.kind, tt.want)
		}
	}
}

func FuzzJudge(f *testing.F) {
	c := set()
	for _, s := range []string{"{{", "${", "<?", "$a(", "o:1:\"", "java.", "#set(", "${${"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := c.Judge(strings.ToLower(s)); got.Strength > lex.Certain || got.Strength > lex.None && got.Kind == signal.None {
			t.Errorf("%q: finding out of bounds: %+v", s, got)
		}
	})
}
