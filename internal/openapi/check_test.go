package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bartizan/internal/openapi/document"
	"bartizan/internal/request"
)

// All faults of a document are listed, in order of lines, the same each time.
func TestAllFaultsAtOnce(t *testing.T) {
	doc := head + `paths:
  /first:
    get:
      parameters:
        - {name: a, in: nowhere, schema: {type: string}}
      responses: {'200': {description: ok}}
  /second/{id}:
    get:
      responses: {'200': {description: ok}}
    post:
      parameters:
        - {name: id, in: path, required: true, schema: {type: text}}
      responses: {'200': {description: ok}}
  /third:
    get:
      parameters:
        - {$ref: '#/components/parameters/None'}
      responses: {'200': {description: ok}}
    put:
      parameters: 7
      responses: {'200': {description: ok}}
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/None'}}}}
      responses: {'200': {description: ok}}
  /a/{x}:
    get:
      parameters: [{name: x, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: ok}}
  /a/{y}:
    get:
      parameters: [{name: y, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: ok}}
    delete:
      parameters: [{name: y, in: path, required: true, schema: {minLength: -1}}]
      responses: {'200': {description: ok}}
components:
  parameters:
    Bad: {name: [1], in: query}
`
	name := write(t, "a.yaml", doc)
	_, err := Load(name)
	if err == nil {
		t.Fatal("got no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		"a.yaml:5 (/paths/~1first/get)", "a.yaml:10 (/paths/~1second~1{id}/get)", "a.yaml:14 (/paths/~1second~1{id}/post/parameters/0/schema/type)",
		"a.yaml:19 (/paths/~1third/get/parameters/0)", "a.yaml:21 (/paths/~1third/put)", "a.yaml:25 (/paths/~1third/post/requestBody/content/application~1json/schema)",
		"a.yaml:32 (/paths/~1a~1{y}/get): conflicting paths", "a.yaml:36 (/paths/~1a~1{y}/delete/parameters/0/schema/minLength)", "a.yaml:40 (/components/parameters/Bad)",
	} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("fault %d: want %q in\n%s", i, want, err)
		}
	}
	for range 5 {
		if _, again := Load(name); again.Error() != err.Error() {
			t.Fatalf("another time got\n%v\nthe first\n%v", again, err)
		}
	}
}

// Many faults are counted, and of JSON the lines are told, however long it is.
func TestFaultsOfLongDocuments(t *testing.T) {
	var b strings.Builder
	b.WriteString("{\"openapi\": \"3.0.3\",\n\"info\": {\"title\": \"a\", \"version\": \"1\", \"description\": \"" + strings.Repeat("x{[\\\"", 500_000) + "\"},\n\"paths\": {\n")
	for i := range 60 {
		fmt.Fprintf(&b, "\"/p%02d\": {\"get\": {\"parameters\": 7, \"responses\": {\"200\": {\"description\": \"\"}}}},\n", i)
	}
	b.WriteString("\"/last\": {}\n}}")
	_, err := Parse("a.json", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "a.json:4 (/paths/~1p00/get") || !strings.Contains(err.Error(), "a.json:53 (/paths/~1p49/get") || !strings.HasSuffix(err.Error(), "and 10 more") {
		t.Errorf("got %v", err)
	}
}

// Paths that differ by their parameters' names are one path with the methods of both.
func TestPathsOfOtherNamesAreMerged(t *testing.T) {
	spec, err := Load(write(t, "a.yaml", head+`paths:
  /orgs/{org}/attestations/{subject_digest}:
    get:
      parameters:
        - {name: org, in: path, required: true, schema: {type: string}}
        - {name: subject_digest, in: path, required: true, schema: {type: string, minLength: 5}}
      responses: {'200': {description: ok}}
  /orgs/{name}/attestations/{attestation_id}:
    delete:
      parameters:
        - {name: name, in: path, required: true, schema: {type: string}}
        - {name: attestation_id, in: path, required: true, schema: {type: integer}}
      responses: {'204': {description: ok}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"GET /orgs/a/attestations/sha256": "", "GET /orgs/a/attestations/sha": "path:subject_digest", "DELETE /orgs/a/attestations/7": "",
		"DELETE /orgs/a/attestations/sha256": "path:attestation_id", "PUT /orgs/a/attestations/7": "DELETE,GET",
	} {
		method, target, _ := strings.Cut(line, " ")
		r := &request.Request{Head: request.Head{Method: method, Target: target}}
		r.Parse()
		f := spec.Head(r)
		got := strings.Join(f.Allow, ",")
		for _, p := range f.Problems {
			got = p.Where
		}
		if got != want || !f.PathDocumented {
			t.Errorf("%s: got %q, documented %t; want %q", line, got, f.PathDocumented, want)
		}
	}
}

// A document of the size of the largest public ones, with long descriptions, is read.
func TestLargeDocument(t *testing.T) {
	if testing.Short() {
		t.Skip("loads 13 MB")
	}
	paths, schemas := map[string]any{}, map[string]any{}
	text := strings.Repeat("What this endpoint does, with [a link](https://docs.example.com/rest) and more. ", 90)
	parameter := func(name, in string) any {
		return map[string]any{"name": name, "in": in, "required": in == "path", "schema": map[string]any{"type": "string"}, "description": "the " + name}
	}
	answers := map[string]any{"200": map[string]any{"description": text[:800], "content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/S1"}, "examples": map[string]any{"a": map[string]any{"value": text[:2000]}}}}}}
	for i := range 600 {
		schemas[fmt.Sprintf("S%d", i)] = map[string]any{"type": "object", "description": text[:600], "properties": map[string]any{"id": map[string]any{"type": "integer"}, "next": map[string]any{"$ref": fmt.Sprintf("#/components/schemas/S%d", (i+1)%600)}}}
		item := map[string]any{}
		for _, method := range []string{"get", "put"} {
			item[method] = map[string]any{"description": text, "parameters": []any{parameter("owner", "path"), parameter("page", "query")}, "responses": answers}
		}
		item["put"].(map[string]any)["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": fmt.Sprintf("#/components/schemas/S%d", i)}}}}
		paths[fmt.Sprintf("/repos/{owner}/things%d", i)] = item
		paths[fmt.Sprintf("/repos/{name}/things%d", i)] = map[string]any{"delete": map[string]any{"parameters": []any{parameter("name", "path")}, "responses": answers}}
	}
	data, err := json.MarshalIndent(map[string]any{"openapi": "3.0.3", "info": map[string]any{"title": "a", "version": "1"}, "paths": paths, "components": map[string]any{"schemas": schemas}}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if len(data) < 13<<20 || len(data) > document.MaxBytes {
		t.Fatalf("the document has %d bytes; want 13 MiB or more", len(data))
	}
	start := time.Now()
	spec, err := Parse("large.json", data)
	if err != nil {
		t.Fatal(err)
	}
	if spec.Operations() != 1800 {
		t.Errorf("got %d operations; want 1800", spec.Operations())
	}
	t.Logf("%d bytes in %v", len(data), time.Since(start))
}
