package request

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestFieldName(t *testing.T) {
	for _, c := range []struct {
		name, finds, misses string
		top                 bool
	}{
		{name: "template", finds: "template|Template|TEMPLATE|template.a|template[].b|template[]|template[a]|template[0][x]|template.0|[].template|[][].template.x|" +
			"data[].template|variables.template|soapenv:template|x.ns:template|template\x00x|%74emplate|%2574emplate|tem-plate|t_emplate| template|a[template]|" +
			"a%5Btemplate%5D|0.template|list.3.template",
			misses: "|templates|mytemplate|template2|templat|temp.late|a.templates.x|x|.|[]|%|%7"},
		{name: "user.name", finds: "user.name|USER[Name]|user[].name|users.user.name.first|user[0][name]", misses: "user|name|user.x.name|username|user_name"},
		{name: "user_name", finds: "user_name|userName|user-name|user.name|user[name]|USERNAME|user name", misses: "user|name|user.first.name"},
		{name: "$.id", finds: "id|ID|[].id|id.x|id[]", misses: "items[].id|user.id"},
		{name: "id", top: true, finds: "id|Id|id[]|id[a]", misses: "filter[id]|x.id"},
		{name: "items.0.name", finds: "items.0.name|items[0][name]", misses: "items.1.name|items.name"},
		{name: "size", finds: "ſize|SIZE", misses: "sise"},
		{name: "a.a.b", finds: "a.a.a.a.b|a.a.a.b.a|A[a][b]", misses: "a.a.a.a|a.b|a.ab"},
		{name: "a_", finds: "a|a_|a.x", misses: "ab"},
		{name: "_a_b", finds: "a.b|ab|x.a.b|_a_b", misses: "a|b"},
		{name: "größe", finds: "Größe|GRÖSSE.größe|x[GRÖßE]", misses: "groesse|größer"},
		{name: "task", finds: "tas\u212a", misses: "tast"},
	} {
		f, err := NewFieldName(c.name, c.top)
		if err != nil {
			t.Fatal(err)
		}
		for key := range strings.SplitSeq(c.finds, "|") {
			if !f.Matches(key) {
				t.Errorf("%s: does not find %q", c.name, key)
			}
		}
		for key := range strings.SplitSeq(c.misses, "|") {
			if f.Matches(key) {
				t.Errorf("%s: finds %q", c.name, key)
			}
		}
		if n := testing.AllocsPerRun(10, func() { f.Matches("some.other[].key") }); n > 0 {
			t.Errorf("%s: got %.0f allocations; want none", c.name, n)
		}
	}
	for _, name := range []string{"", "$.", "..", "[]", "_", strings.Repeat("a", 64)} {
		if _, err := NewFieldName(name, false); err == nil {
			t.Errorf("NewFieldName(%q): got no error", name)
		}
	}
	if new(FieldName).Matches("") || new(FieldName).Matches("a") {
		t.Error("the zero value finds something")
	}
}

// tokensOf returns the tokens of a key, ended last.
func tokensOf(key string, digits bool) (out []rune) {
	c := nameCursor{s: key, digits: digits}
	if c.skip(); c.i >= len(c.s) {
		return nil
	}
	for {
		out = append(out, c.next())
		if out[len(out)-1] == ended {
			return out
		}
	}
}

// plainly is Matches as one would write it: from each place where a part begins it
// compares, with and without what may be left out.
func (f *FieldName) plainly(key string) bool {
	tokens := tokensOf(key, f.digits)
	var from func(want, tokens []rune) bool
	from = func(want, tokens []rune) bool {
		switch {
		case len(want) == 0:
			return len(tokens) > 0 && (tokens[0] == part || tokens[0] == ended)
		case want[0] == maybe:
			return from(want[1:], tokens) || len(tokens) > 0 && tokens[0] == part && from(want[1:], tokens[1:])
		}
		return len(tokens) > 0 && tokens[0] == want[0] && from(want[1:], tokens[1:])
	}
	for i := range tokens {
		if (i == 0 || tokens[i-1] == part) && from(f.want, tokens[i:]) {
			return true
		}
		if f.top {
			return false
		}
	}
	return false
}

// The bits say what comparing plainly says.
func TestFieldNameOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(letters string, n int) string {
		var b strings.Builder
		for range random.IntN(n) {
			b.WriteByte(letters[random.IntN(len(letters))])
		}
		return b.String()
	}
	found := 0
	for range 300_000 {
		name := text("aaabb.._", 7)
		f, err := NewFieldName(name, random.IntN(3) == 0)
		if err != nil {
			continue
		}
		key := text("aaaAbb..[]_0", 12)
		got, want := f.Matches(key), f.plainly(key)
		if got != want && !fold(key, name) { // a name is itself, whatever it is made of
			t.Fatalf("%q, top %t, at %q: got %t; want %t", name, f.top, key, got, want)
		}
		if want {
			found++
		}
	}
	if found < 10_000 {
		t.Errorf("only %d were found: this tests nothing", found)
	}
}

func FuzzFieldName(f *testing.F) {
	f.Add("template", "data[].Template.x")
	f.Add("user_name", "user%2Ename")
	f.Add("$.\u212a", "k.\xff%")
	f.Fuzz(func(t *testing.T, name, key string) {
		if f, err := NewFieldName(name, false); err == nil && f.Matches(key) != f.plainly(key) && !fold(key, strings.TrimPrefix(name, "$.")) {
			t.Errorf("%q at %q: got %t", name, key, f.Matches(key))
		}
	})
}
