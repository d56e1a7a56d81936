package openapi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"bartizan/internal/apimap"
	"bartizan/internal/request"

	"github.com/google/go-cmp/cmp"
)

func TestExport(t *testing.T) {
	out, err := Export("api", []apimap.Endpoint{
		{Site: "api", Method: "GET", Template: "/users/{int}/orders/{uuid}", Requests: 900, Certain: true, Parameters: []apimap.Parameter{{Name: "page", In: request.InQuery, Type: "integer", Required: 1}}},
		{Site: "api", Method: "POST", Template: "/orders", Requests: 7, ContentTypes: []string{"application/json"}, Parameters: []apimap.Parameter{
			{Name: "note", In: request.InJSON, Type: "text", Required: 0.5, Longest: 100}, {Name: "items[].sku", In: request.InJSON, Type: "word", Required: 1, Longest: 9}, {Name: "to.email", In: request.InJSON, Type: "email", Required: 1, Longest: 20}}},
		{Site: "other", Method: "GET", Template: "/x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	paths := got["paths"].(map[string]any)
	if len(paths) != 2 || got["openapi"] != "3.1.0" {
		t.Fatalf("got %s", out)
	}
	get := paths["/users/{int1}/orders/{uuid2}"].(map[string]any)["get"].(map[string]any)
	if n := len(get["parameters"].([]any)); n != 3 || get["x-bartizan-certain"] != true {
		t.Errorf("got %d parameters: %v", n, get)
	}
	post := paths["/orders"].(map[string]any)["post"].(map[string]any)["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"]
	want := map[string]any{"type": "object", "properties": map[string]any{
		"note":  map[string]any{"type": "string", "maxLength": 400.0},
		"items": map[string]any{"type": "array", "items": map[string]any{"type": "object", "properties": map[string]any{"sku": map[string]any{"type": "string", "maxLength": 64.0}}, "required": []any{"sku"}}},
		"to":    map[string]any{"type": "object", "properties": map[string]any{"email": map[string]any{"type": "string", "format": "email", "maxLength": 80.0}}, "required": []any{"email"}},
	}}
	if d := cmp.Diff(want, post); d != "" {
		t.Errorf("schema of POST /orders (-want +got):\n%s", d)
	}
}

// What is written can be read, and takes what it was learned from.
func TestExportIsValid(t *testing.T) {
	field := func(in request.Location, name, kind string) apimap.Parameter {
		return apimap.Parameter{Name: name, In: in, Type: kind, Required: 1}
	}
	post := func(template, media string, fields ...apimap.Parameter) apimap.Endpoint {
		return apimap.Endpoint{Site: "api", Method: "POST", Template: template, ContentTypes: []string{media}, Parameters: fields}
	}
	out, err := Export("api", []apimap.Endpoint{
		post("/list", "application/json", field(request.InJSON, "[].a", "integer"), field(request.InJSON, "[].tags[]", "word")),
		post("/numbers", "application/json", field(request.InJSON, "[]", "integer")),
		post("/batch", "application/json", field(request.InJSON, "[].a", "integer"), field(request.InJSON, "a", "integer")),
		post("/nested", "application/json", field(request.InJSON, "m.x[][]", "integer"), field(request.InJSON, "e", "empty")),
		post("/upload", "multipart/form-data", field(request.InPart, "file", "text"), field(request.InText, "file", "word")),
		post("/soap", "text/xml", field(request.InText, "id", "integer")),
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "learned.json")
	if err := os.WriteFile(name, out, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(name)
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	for _, c := range []struct {
		path, media, body string
		good              bool
	}{
		{"/list", "application/json", `[{"a":1,"tags":["x"]},{"a":2,"tags":[]}]`, true},
		{"/list", "application/json", `[{"a":"x"}]`, false},
		{"/numbers", "application/json", `[1,2]`, true},
		{"/numbers", "application/json", `["x"]`, false},
		{"/batch", "application/json", `[{"a":1}]`, true},
		{"/batch", "application/json", `{"a":1}`, true},
		{"/batch", "application/json", `{"a":"x"}`, false},
		{"/nested", "application/json", `{"m":{"x":[[1,2],[3]]},"e":null}`, true},
		{"/nested", "application/json", `{"m":{"x":[1]},"e":null}`, false},
		{"/soap", "text/xml", `<id>4</id>`, true},
	} {
		r := &request.Request{}
		r.Head.Method, r.Head.Target, r.Head.Fields = "POST", c.path, []request.Field{{Name: "Content-Type", Value: c.media}}
		r.Parse()
		s.Head(r)
		if f := s.Body(r, []byte(c.body), true); (len(f.Problems) == 0) != c.good {
			t.Errorf("%s %s: got %+v; want good %v", c.path, c.body, f, c.good)
		}
	}
}
