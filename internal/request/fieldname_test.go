package request

import (
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
