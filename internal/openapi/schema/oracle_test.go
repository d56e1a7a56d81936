package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bartizan/internal/openapi/document"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compile makes one rule of a schema in JSON; old is OpenAPI 3.0's dialect.
func compile(t testing.TB, schema string, old bool) (*Rule, error) {
	t.Helper()
	set, root, err := document.Parse("test.json", []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(set, old)
	b.Add(root)
	rules, err := b.Compile()
	if err != nil {
		return nil, err
	}
	return rules[0], nil
}

// valid is what we say; ok is false where the instance was not JSON.
func valid(r *Rule, instance string) (fits, ok bool) {
	var e Evaluation
	if e.Parse([]byte(instance)) != "" || e.Full() {
		return false, false
	}
	quiet := e.Fits(r)
	e.steps = 0
	e.Run(r, "body")
	if loud := len(e.Problems) == 0; loud != quiet && e.twice == 0 {
		panic(fmt.Sprintf("quiet says %v, loud %v of %s", quiet, e.Problems, instance))
	}
	return quiet, true
}

// oracle is what the library says.
func oracle(t testing.TB, schema string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:///oracle.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///oracle.json")
	if err != nil {
		return nil
	}
	return s
}

// maker makes random schemas and values of few names and numbers, so that they meet.
type maker struct{ *rand.Rand }

func (m maker) pick(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) value(depth int) any {
	switch n := m.IntN(8); {
	case n == 0:
		return nil
	case n == 1:
		return m.IntN(2) == 0
	case n < 4 || depth == 0:
		return json.Number(m.pick("0", "1", "2", "3", "1.0", "1.5", "-1", "1e1", "10", "0.30"))
	case n < 5:
		return m.pick("", "a", "b", "ab", "abc", "2026-01-01", "x@y.example")
	case n < 6:
		list := []any{}
		for range m.IntN(4) {
			list = append(list, m.value(depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range m.IntN(4) {
		object[m.pick("a", "b", "c", "d")] = m.value(depth - 1)
	}
	return object
}

func (m maker) schema(depth int) any {
	if m.IntN(20) == 0 {
		return m.IntN(3) > 0
	}
	s := map[string]any{}
	for range 1 + m.IntN(3) {
		m.word(s, depth)
	}
	return s
}

func (m maker) schemas(depth int) []any {
	out := []any{}
	for range 1 + m.IntN(3) {
		out = append(out, m.schema(depth-1))
	}
	return out
}

func (m maker) named(depth int, names ...string) map[string]any {
	out := map[string]any{}
	for range 1 + m.IntN(3) {
		out[m.pick(names...)] = m.schema(depth - 1)
	}
	return out
}

func (m maker) word(s map[string]any, depth int) {
	words := []string{"type", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format", "required", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "dependentRequired"}
	if depth > 0 {
		words = append(words, "$ref", "$ref", "properties", "properties", "items", "prefixItems", "additionalProperties", "patternProperties", "propertyNames", "contains", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems")
	}
	switch w := words[m.IntN(len(words))]; w {
	case "type":
		s[w] = []any{m.pick("object", "array", "string"), m.pick("number", "integer", "boolean", "null", "object", "array")}
		if list := s[w].([]any); list[0] == list[1] {
			s[w] = list[0]
		}
	case "enum":
		s[w] = []any{m.value(1), m.value(1), m.value(1)}
	case "const":
		s[w] = m.value(1)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		s[w] = json.Number(m.pick("0", "1", "1.5", "3", "10"))
	case "multipleOf":
		s[w] = json.Number(m.pick("1", "2", "0.1", "1.5"))
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		s[w] = json.Number(m.pick("0", "1", "2"))
	case "pattern":
		s[w] = m.pick("^a", "b$", "^[ab]+$")
	case "format":
		s[w] = m.pick("date", "email", "unknown")
	case "$ref":
		s[w] = m.pick("#/$defs/X", "#/$defs/Y", "#")
	case "required":
		s[w] = []any{m.pick("a", "b", "c")}
	case "uniqueItems":
		s[w] = true
	case "dependentRequired":
		s[w] = map[string]any{m.pick("a", "b"): []any{m.pick("c", "d")}}
	case "properties", "dependentSchemas":
		s[w] = m.named(depth, "a", "b", "c")
	case "patternProperties":
		s[w] = m.named(depth, "^a", "[bc]")
	case "prefixItems", "allOf", "anyOf", "oneOf":
		s[w] = m.schemas(depth)
	case "contains":
		s[w] = m.schema(depth - 1)
		if m.IntN(2) == 0 {
			s["minContains"] = json.Number(m.pick("0", "1", "2"))
		}
		if m.IntN(2) == 0 {
			s["maxContains"] = json.Number(m.pick("1", "2"))
		}
	case "if":
		s["if"], s["then"], s["else"] = m.schema(depth-1), m.schema(depth-1), m.schema(depth-1)
	default:
		s[w] = m.schema(depth - 1)
	}
}

// The library validates slowly and without a bound; we must say what it says.
func TestOracle(t *testing.T) {
	schemas := 1500
	if testing.Short() {
		schemas = 500
	}
	fits, not, circles := 0, 0, 0
	for seed := range uint64(schemas) {
		m := maker{rand.New(rand.NewPCG(seed, 1))}
		schema, ok := m.schema(3).(map[string]any)
		if !ok {
			continue
		}
		schema["$defs"] = map[string]any{"X": m.schema(2), "Y": m.schema(2)}
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		theirs := oracle(t, string(text))
		ours, err := compile(t, string(text), false)
		if err != nil && strings.Contains(err.Error(), "refers to itself") {
			circles++ // there, an error of each validation
			continue
		}
		if (theirs == nil) != (err != nil) {
			t.Fatalf("%s: the library compiles it: %v; we: %v", text, theirs != nil, err)
		}
		if theirs == nil {
			continue
		}
		for range 20 {
			instance, err := json.Marshal(m.value(3))
			if err != nil {
				t.Fatal(err)
			}
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(instance)))
			if err != nil {
				t.Fatal(err)
			}
			want := theirs.Validate(v) == nil
			if got, ok := valid(ours, string(instance)); !ok || got != want {
				t.Fatalf("schema %s\ninstance %s\ngot %v, %v; want %v: %v", text, instance, got, ok, want, theirs.Validate(v))
			}
			if want {
				fits++
			} else {
				not++
			}
		}
	}
	t.Logf("%d fit, %d do not, %d schemas refer to themselves", fits, not, circles)
	if fits < 1000 || not < 1000 || circles > schemas/2 {
		t.Errorf("got %d that fit, %d that do not and %d circles of %d schemas", fits, not, circles, schemas)
	}
}

// OpenAPI 3.0's own words.
func TestOldDialect(t *testing.T) {
	for _, c := range []struct {
		schema, instance string
		want             bool
	}{
		{`{"type":"string","nullable":true}`, `null`, true},
		{`{"type":"string","nullable":true}`, `1`, false},
		{`{"type":"string"}`, `null`, false},
		{`{"type":"string","nullable":true,"enum":["a"]}`, `null`, true},
		{`{"allOf":[{"type":"object"}],"nullable":true}`, `null`, true},
		{`{"minimum":1,"exclusiveMinimum":true}`, `1`, false},
		{`{"minimum":1,"exclusiveMinimum":false}`, `1`, true},
		{`{"maximum":1,"exclusiveMaximum":true}`, `1`, false},
		{`{"required":["id"],"properties":{"id":{"readOnly":true}}}`, `{}`, true},
		{`{"allOf":[{"required":["id"]},{"properties":{"id":{"readOnly":true}}}]}`, `{}`, true},
		{`{"required":["id"],"properties":{"id":{}}}`, `{}`, false},
	} {
		r, err := compile(t, c.schema, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := valid(r, c.instance); got != c.want {
			t.Errorf("%s of %s: got %v; want %v", c.instance, c.schema, got, c.want)
		}
	}
}

// What is JSON for us is for the library, and means the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,true,null,"\u00e9\ud83d\ude00\n"]}`, `{"a":1,"a":2}`, `[[[]]]`, `01`, `"\ud800"`, "\"\xff\"", ` 1 `, `{"":{}}`, `-`, `1.`, `[1,]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Evaluation
		broken := e.Parse(data)
		var v any
		d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(data), "\ufeff")))
		d.UseNumber()
		err := d.Decode(&v)
		good := err == nil && !d.More() && json.Valid([]byte(strings.TrimPrefix(string(data), "\ufeff")))
		if good != (broken == "") && !strings.HasPrefix(broken, "nested") && !e.Full() {
			t.Fatalf("%q: got %q; encoding/json says %v", data, broken, err)
		}
		if broken == "" && !e.Full() && e.twice == 0 && strings.ToValidUTF8(string(data), "") == string(data) && !e.equal(0, v) {
			t.Fatalf("%q: not the value that encoding/json reads", data)
		}
	})
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]bool{"1": true, "-0": true, "1.0": true, "1.5": false, "1e2": true, "1.25e2": true, "1.25e1": false, "100e-2": true, "10e-2": false, "0e-9": true, "0.0": true, "1e-99999999999": false, "1e99999999999": true} {
		if got := integer(text); got != want {
			t.Errorf("integer %s: got %v; want %v", text, got, want)
		}
	}
	for text, want := range map[string]bool{"1": true, "007": true, "-01.5": true, "": false, "-": false, "--1": false, "0": true, "00": true, "1e5": true, "0x1": false, "1 ": false, "+1": false, ".5": false, "NaN": false} {
		if got := IsNumber(text); got != want {
			t.Errorf("IsNumber %q: got %v; want %v", text, got, want)
		}
	}
}
