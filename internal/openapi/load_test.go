package openapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes files in a new folder and returns the path of the first.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0])
}

const head = "openapi: 3.0.0\ninfo: {title: a, version: '1'}\n"

func TestLoadErrors(t *testing.T) {
	get := "    get:\n      responses: {'200': {description: ok}}\n"
	parameter := func(s string) string {
		return head + "paths:\n  /a:\n" + get + "      parameters:\n        - " + s + "\n"
	}
	for _, c := range []struct{ doc, want string }{
		{"", "want one"},
		{"{", "line 1"},
		{"{\"openapi\":\n\n nope}", "is \"nope\""},
		{"a: b: c", "line 1"},
		{"[]", "no object"},
		{"swagger: '2.0'", "Swagger"},
		{"openapi: 4.0.0", "want 3.0.x or 3.1.x"},
		{"openapi: 3.0.0\nopenapi: 3.0.0", "line 2: "},
		{"openapi: 3.0.0\npaths: {}", "info"},
		{head + "paths:\n  a:\n" + get, "a.yaml:4"},
		{head + "paths:\n  /a{:\n" + get, "brace"},
		{head + "paths:\n  /a/{id}:\n" + get, "id"},
		{parameter("{name: p, in: query, schema: {type: text}}"), "a.yaml"},
		{parameter("{name: p, in: query, schema: {minimum: x}}"), "a.yaml"},
		{parameter("{name: p, in: query, schema: {$ref: '#/components/schemas/None'}}"), "None"},
		{parameter("{name: p, in: query, schema: {$ref: 'https://example.com/a.yaml#/A'}}"), "refus"},
		{parameter("{name: p, in: query, schema: {$ref: 'file:///etc/passwd'}}"), "refus"},
		{parameter("{name: p, in: query, schema: {$ref: '/etc/passwd'}}"), "refus"},
		{parameter("{name: p, in: query, schema: {$ref: '../../../../../../etc/passwd'}}"), "inside the document's folder"},
		{parameter("{name: p, in: query, schema: {$ref: 'link.yaml'}}"), "inside the document's folder"},
		{parameter("{name: p, in: query, schema: {$ref: 'none.yaml'}}"), "none.yaml"},
		{parameter("{name: p, in: query, schema: {$ref: '#/components/schemas/A'}}") + "components:\n  schemas:\n    A: {$ref: '#/components/schemas/B'}\n    B: {$ref: '#/components/schemas/A'}\n", "A"},
		{parameter("{name: p, in: query, schema: {$ref: '#/components/schemas/A'}}") + "components:\n  schemas:\n    A: {allOf: [{$ref: '#/components/schemas/B'}]}\n    B: {anyOf: [{$ref: '#/components/schemas/A'}, {type: string}]}\n", "refers to itself"},
		{head + "paths: {}\nx-a: &a [1,1,1,1,1,1,1,1,1]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nx-d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nx-e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nx-f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\nx-g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", "more than"},
		{head + "paths: {}\nx-a: &a [*a]\n", "anchor"},
		{"openapi: 3.1.0\ninfo: {title: a, version: '1'}\npaths: {}\nx-a: " + strings.Repeat("[", 5000), "deep"},
		{strings.Repeat(`{"a":`, 100_000), "deep"},
		{strings.Repeat("- ", 100_000), "deep"},
		{strings.Repeat("#", 9<<20), "longer than"},
		{`{"openapi":"` + strings.Repeat("#", 33<<20), "longer than"},
		{`{"openapi":"3.0.0",` + strings.Repeat(" ", 9<<20) + "nope}", "invalid character"},
	} {
		name := write(t, "a.yaml", c.doc)
		if err := os.Symlink("/etc/passwd", filepath.Join(filepath.Dir(name), "link.yaml")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := Load(name)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "a.yaml") || strings.Contains(err.Error(), "root:") {
			t.Errorf("%.200s:\n got %v; want %q", c.doc, err, c.want)
		}
		// Not about speed: what these documents expand to would never end.
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%.100s: took %v", c.doc, took)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error for a file that is not there")
	}
}

// An error of a schema names its line.
func TestErrorLines(t *testing.T) {
	doc := func(schema string) string {
		return "openapi: 3.1.0\ninfo: {title: a, version: '1'}\npaths:\n  /a:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema:\n              type: object\n              properties:\n                a:\n                  " + schema + "\n      responses: {'200': {description: ok}}\n"
	}
	for schema, want := range map[string]string{
		"minLength: -1":                        "a.yaml:13 (/paths/~1a/post/requestBody/content/application~1json/schema/properties/a/minLength): ",
		"dependentSchemas: {a: {$ref: '#/x'}}": "a.yaml:13 (",
		"allOf: [{type: string}, {contains: {maxItems: 1, minContains: x}}]": "a.yaml:13 (",
		"propertyNames: {$ref: b.yaml}":                                      "a.yaml:13 (",
	} {
		_, err := Load(write(t, "a.yaml", doc(schema)))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n got %v; want %q", schema, err, want)
		}
	}
}

// References lead to other files of the folder, also back.
func TestFiles(t *testing.T) {
	name := write(t,
		"a.yaml", head+"paths:\n  /a:\n    $ref: 'paths/a.yaml'\n  /b:\n    post:\n      requestBody: {content: {application/json: {schema: {$ref: 'schemas.json#/defs/B'}}}}\n      responses: {'200': {description: ok}}\ncomponents:\n  schemas:\n    Name: {type: string, maxLength: 3}\n",
		"paths/a.yaml", "get:\n  parameters:\n    - {name: n, in: query, schema: {$ref: '../a.yaml#/components/schemas/Name'}}\n  responses: {'200': {description: ok}}\n",
		"schemas.json", `{"defs":{"B":{"type":"object","properties":{"next":{"$ref":"#/defs/B"},"name":{"$ref":"a.yaml#/components/schemas/Name"}}}}}`,
	)
	s, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := spell(s.Head(ask("GET /a?n=abcd"))); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	f := s.Body(ask("POST /b", "Content-Type: application/json"), []byte(`{"next":{"next":{"name":"abcd"}}}`), true)
	if got := strings.Join(spell(f), "; "); got != "value body:next.next.name: longer than 3" {
		t.Errorf("got %q", got)
	}
}

// YAML and JSON of one document are one.
func TestYAMLFeatures(t *testing.T) {
	s, err := Parse("a.yaml", []byte("openapi: 3.0.0\ninfo: {title: a, version: 1.0}\nx-common: &common\n  name: n\n  in: query\npaths:\n  /a:\n    get:\n      parameters:\n        - <<: *common\n          schema: &s {type: integer}\n      responses:\n        200:\n          description: |\n            ok\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := spell(s.Head(ask("GET /a?n=x"))); len(got) != 1 || s.Operations() != 1 {
		t.Errorf("got %q", got)
	}
}

// Names that are also words of OpenAPI's are names.
func TestNamesLikeWords(t *testing.T) {
	s, err := Parse("a.yaml", []byte(head+"paths:\n  /schema:\n    get:\n      parameters:\n        - {$ref: '#/components/parameters/example'}\n        - {$ref: '#/components/parameters/schema'}\n      responses: {'200': {description: ok}}\ncomponents:\n  parameters:\n    example: {name: schema, in: query, schema: {type: object, properties: {default: {type: integer}, example: {type: integer}}}}\n    schema: {name: properties, in: query, content: {application/json: {schema: {$ref: '#/components/schemas/schema'}}}}\n  schemas:\n    schema: {type: object, properties: {example: {type: integer}, enum: {type: integer}, nullable: {type: boolean}, $ref: {type: integer}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(spell(s.Head(ask("GET /schema?properties={%22example%22:true,%22enum%22:true,%22nullable%22:1}"))), "; ")
	if want := "value query:properties.example: boolean instead of integer; value query:properties.enum: boolean instead of integer; value query:properties.nullable: number instead of boolean"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}
