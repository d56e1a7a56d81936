package openapi

import (
	"testing"

	"bartizan/internal/apimap"
	"bartizan/internal/request"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	s := shop(t, "shop30.yaml")
	d := Compare(s, []apimap.Endpoint{
		{Method: "GET", Template: "/v1/items", Requests: 900, Parameters: []apimap.Parameter{
			{Name: "page", In: request.InQuery, Type: "integer"}, {Name: "tags", In: request.InQuery, Type: "word"}, {Name: "api_key", In: request.InQuery, Type: "token"}, {Name: "filter[color]", In: request.InQuery, Type: "word"}}},
		{Method: "GET", Template: "/v1/items/{int}", Requests: 500, Parameters: []apimap.Parameter{{Name: "debug", In: request.InQuery, Type: "boolean"}}},
		{Method: "POST", Template: "/v1/items", Requests: 50, ContentTypes: []string{"application/json", "text/plain"}, Parameters: []apimap.Parameter{
			{Name: "name", In: request.InJSON, Type: "phrase"}, {Name: "price", In: request.InJSON, Type: "word"}, {Name: "parts[].sku", In: request.InJSON, Type: "word"}, {Name: "parts[].color", In: request.InJSON, Type: "word"}}},
		{Method: "DELETE", Template: "/v1/items/{int}", Requests: 2},
		{Method: "POST", Template: "/v1/admin/{name}", Requests: 3},
		{Method: "PATCH", Template: "/v1/items/{int}", Requests: 1},
		{Method: "PUT", Template: "/v1/items/{int}", Requests: 9, Certain: true},
	})
	type row struct{ Method, Template, Learned string }
	rows := func(list []Usage) (out []row) {
		for _, u := range list {
			out = append(out, row{u.Method, u.Template, u.Learned})
		}
		return out
	}
	if diff := cmp.Diff([]row{{"GET", "/v1/items", "/v1/items"}, {"DELETE", "/v1/items/{id}", "/v1/items/{int}"}, {"PUT", "/v1/items/{id}", "/v1/items/{int}"}}, rows(d.Used)); diff != "" {
		t.Errorf("used:\n%s", diff)
	}
	if diff := cmp.Diff([]row{{"POST", "", "/v1/admin/{name}"}, {"PATCH", "/v1/items/{id}", "/v1/items/{int}"}}, rows(d.Undocumented)); diff != "" {
		t.Errorf("undocumented:\n%s", diff)
	}
	if n := len(d.Unused); n != s.Operations()-5 {
		t.Errorf("got %d unused of %d: %v", n, s.Operations(), rows(d.Unused))
	}
	var changes []Change
	for _, u := range d.Drifting {
		changes = append(changes, u.Changes...)
	}
	want := []Change{
		{"body:price", "word instead of number"}, {"body:parts[].color", "not documented"}, {"header:Content-Type", "text/plain is not documented"},
		{"query:debug", "not documented"},
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("drifting:\n%s", diff)
	}
}

// What the document calls a text and clients send as a number has drifted; a text that
// looks like a number has not.
func TestDriftOfTypes(t *testing.T) {
	s, err := Load(write(t, "a.yaml", head+`paths:
  /a:
    post:
      parameters:
        - {name: zip, in: query, schema: {type: string}}
        - {name: day, in: query, schema: {type: string, format: date}}
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                quantity: {type: string}
                id: {type: string, format: uuid}
                zip: {type: string}
                flag: {type: string, nullable: true}
                either: {anyOf: [{type: string}, {type: integer}]}
                count: {type: integer}
                name: {type: string}
      responses: {'200': {description: ok}}
`))
	if err != nil {
		t.Fatal(err)
	}
	d := Compare(s, []apimap.Endpoint{{Method: "POST", Template: "/a", Requests: 4459, Parameters: []apimap.Parameter{
		{Name: "zip", In: request.InQuery, Type: "integer"}, {Name: "day", In: request.InQuery, Type: "integer"},
		{Name: "quantity", In: request.InJSON, Type: "integer", Literal: true}, {Name: "id", In: request.InJSON, Type: "integer"},
		{Name: "zip", In: request.InJSON, Type: "integer"}, {Name: "flag", In: request.InJSON, Type: "boolean", Literal: true},
		{Name: "either", In: request.InJSON, Type: "integer", Literal: true}, {Name: "count", In: request.InJSON, Type: "integer", Literal: true},
		{Name: "name", In: request.InJSON, Type: "phrase"},
	}}})
	want := []Change{
		{"query:day", "integer instead of string of format date"}, {"body:quantity", "integer instead of string"},
		{"body:id", "integer instead of string of format uuid"}, {"body:flag", "boolean instead of null or string"},
	}
	if len(d.Drifting) != 1 {
		t.Fatalf("got %d drifting; want one", len(d.Drifting))
	}
	if diff := cmp.Diff(want, d.Drifting[0].Changes); diff != "" {
		t.Errorf("%s", diff)
	}
}
