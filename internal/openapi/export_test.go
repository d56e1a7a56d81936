package openapi

import (
	"encoding/json"
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
