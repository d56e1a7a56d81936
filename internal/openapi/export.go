// Package openapi speaks OpenAPI for the API model: it writes what has been
// learned as a document. Reading documents and validating by them is not built yet.
//
// It decides nothing and keeps no state.
package openapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"bartizan/internal/apimap"
	"bartizan/internal/request"
)

// Export writes the endpoints of one site as an OpenAPI 3.1 document (JSON).
// Endpoints that the model is not certain of are marked so.
func Export(site string, endpoints []apimap.Endpoint) ([]byte, error) {
	paths := map[string]map[string]operation{}
	for _, e := range endpoints {
		if e.Site != site {
			continue
		}
		path, parameters := pathOf(e.Template)
		if paths[path] == nil {
			paths[path] = map[string]operation{}
		}
		paths[path][strings.ToLower(e.Method)] = operationOf(e, parameters)
	}
	doc := document{OpenAPI: "3.1.0", Info: info{"Learned from traffic: " + site, "1"}, Paths: paths}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing OpenAPI document: %w", err)
	}
	return append(out, '\n'), nil
}

type document struct {
	OpenAPI string                          `json:"openapi"`
	Info    info                            `json:"info"`
	Paths   map[string]map[string]operation `json:"paths"`
}

type info struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

type operation struct {
	Summary     string                    `json:"summary"`
	Parameters  []parameter               `json:"parameters,omitempty"`
	RequestBody *body                     `json:"requestBody,omitempty"`
	Responses   map[string]map[string]any `json:"responses"`
	Requests    int                       `json:"x-bartizan-requests"`
	Certain     bool                      `json:"x-bartizan-certain"`
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   schema `json:"schema"`
}

type body struct {
	Content map[string]map[string]schema `json:"content"`
}

type schema struct {
	Type       string            `json:"type,omitempty"`
	Format     string            `json:"format,omitempty"`
	MaxLength  int               `json:"maxLength,omitempty"`
	Items      *schema           `json:"items,omitempty"`
	Properties map[string]schema `json:"properties,omitempty"`
	Required   []string          `json:"required,omitempty"`
}

// required is the share of requests from which a parameter counts as required.
const required = 0.999

// pathOf names the variable segments of a template apart: "/users/{int}/orders/{int}"
// gives "/users/{int1}/orders/{int2}".
func pathOf(template string) (path string, parameters []parameter) {
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		kind := strings.Trim(s, "{}")
		name := kind + strconv.Itoa(len(parameters)+1)
		segments[i] = "{" + name + "}"
		parameters = append(parameters, parameter{name, "path", true, schemaOf(map[string]string{"int": "integer"}[kind], kind)})
	}
	return strings.Join(segments, "/"), parameters
}

func operationOf(e apimap.Endpoint, parameters []parameter) operation {
	op := operation{
		Summary: e.Method + " " + e.Template, Parameters: parameters, Requests: e.Requests, Certain: e.Certain,
		Responses: map[string]map[string]any{"default": {"description": "any"}},
	}
	root := schema{Type: "object", Properties: map[string]schema{}}
	for _, p := range e.Parameters {
		s := schemaOf(p.Type, p.Type)
		if s.Type == "string" {
			s.MaxLength = 4 * max(p.Longest, 16)
		}
		if p.In == request.InQuery {
			op.Parameters = append(op.Parameters, parameter{p.Name, "query", p.Required >= required, s})
			continue
		}
		put(&root, strings.Split(p.Name, "."), s, p.Required >= required)
	}
	if len(root.Properties) > 0 || root.Items != nil {
		op.RequestBody = &body{Content: map[string]map[string]schema{}}
		for _, t := range append([]string(nil), e.ContentTypes...) {
			op.RequestBody.Content[t] = map[string]schema{"schema": root}
		}
		if len(e.ContentTypes) == 0 {
			op.RequestBody.Content["application/json"] = map[string]schema{"schema": root}
		}
	}
	return op
}

// put places s in the tree at a key path whose parts may end in "[]".
func put(at *schema, path []string, s schema, need bool) {
	name, list := strings.CutSuffix(path[0], "[]")
	child := at.Properties[name]
	target := &child
	if list {
		child.Type = "array"
		if child.Items == nil {
			child.Items = new(schema)
		}
		target = child.Items
	}
	if len(path) == 1 {
		target.Type, target.Format, target.MaxLength = s.Type, s.Format, s.MaxLength
	} else {
		target.Type = "object"
		if target.Properties == nil {
			target.Properties = map[string]schema{}
		}
		put(target, path[1:], s, need)
	}
	if at.Properties == nil {
		at.Properties = map[string]schema{}
	}
	at.Properties[name] = child
	if need && len(path) == 1 && !list {
		at.Required = append(at.Required, name)
	}
}

// schemaOf turns a kind of the model into a schema; what has no format is text.
func schemaOf(kind, format string) schema {
	switch kind {
	case "integer", "number", "boolean":
		return schema{Type: kind}
	}
	switch format {
	case "uuid", "date", "email":
		return schema{Type: "string", Format: format}
	}
	return schema{Type: "string"}
}
