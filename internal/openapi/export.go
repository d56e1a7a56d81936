// Package openapi speaks OpenAPI for the API model: it reads a document and
// validates requests by it, says how document and traffic differ, and writes what
// has been learned as a document.
//
// It decides nothing: what a departure means is for policy and the engine. A Spec
// is immutable and safe for concurrent use; the rest are functions.
package openapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bartizan/internal/apimap"
	"bartizan/internal/request"
)

// Export writes the endpoints of one site as an OpenAPI 3.1 document (JSON).
// Endpoints that the model is not certain of are marked so.
func Export(site string, endpoints []apimap.Endpoint) ([]byte, error) {
	paths := map[string]map[string]outOperation{}
	for _, e := range endpoints {
		if e.Site != site {
			continue
		}
		path, parameters := pathOf(e.Template)
		if paths[path] == nil {
			paths[path] = map[string]outOperation{}
		}
		paths[path][strings.ToLower(e.Method)] = operationOf(e, parameters)
	}
	doc := outDocument{OpenAPI: "3.1.0", Info: outInfo{"Learned from traffic: " + site, "1"}, Paths: paths}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing OpenAPI document: %w", err)
	}
	return append(out, '\n'), nil
}

type outDocument struct {
	OpenAPI string                             `json:"openapi"`
	Info    outInfo                            `json:"info"`
	Paths   map[string]map[string]outOperation `json:"paths"`
}

type outInfo struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

type outOperation struct {
	Summary     string                    `json:"summary"`
	Parameters  []outParameter            `json:"parameters,omitempty"`
	RequestBody *outBody                  `json:"requestBody,omitempty"`
	Responses   map[string]map[string]any `json:"responses"`
	Requests    int                       `json:"x-bartizan-requests"`
	Certain     bool                      `json:"x-bartizan-certain"`
}

type outParameter struct {
	Name     string    `json:"name"`
	In       string    `json:"in"`
	Required bool      `json:"required"`
	Schema   outSchema `json:"schema"`
}

type outBody struct {
	Content map[string]map[string]outSchema `json:"content"`
}

type outSchema struct {
	Type       string               `json:"type,omitempty"`
	Format     string               `json:"format,omitempty"`
	MaxLength  int                  `json:"maxLength,omitempty"`
	Items      *outSchema           `json:"items,omitempty"`
	Properties map[string]outSchema `json:"properties,omitempty"`
	Required   []string             `json:"required,omitempty"`
}

// required is the share of requests from which a parameter counts as required.
const required = 0.999

// pathOf names the variable segments of a template apart: "/users/{int}/orders/{int}"
// gives "/users/{int1}/orders/{int2}".
func pathOf(template string) (path string, parameters []outParameter) {
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		kind := strings.Trim(s, "{}")
		name := kind + strconv.Itoa(len(parameters)+1)
		segments[i] = "{" + name + "}"
		parameters = append(parameters, outParameter{name, "path", true, schemaOf(map[string]string{"int": "integer"}[kind], kind)})
	}
	return strings.Join(segments, "/"), parameters
}

func operationOf(e apimap.Endpoint, parameters []outParameter) outOperation {
	op := outOperation{
		Summary: e.Method + " " + e.Template, Parameters: parameters, Requests: e.Requests, Certain: e.Certain,
		Responses: map[string]map[string]any{"default": {"description": "any"}},
	}
	root := outSchema{Type: "object", Properties: map[string]outSchema{}}
	for _, p := range e.Parameters {
		s := schemaOf(p.Type, p.Type)
		if s.Type == "string" {
			s.MaxLength = 4 * max(p.Longest, 16)
		}
		if p.In == request.InQuery {
			op.Parameters = append(op.Parameters, outParameter{p.Name, "query", p.Required >= required, s})
			continue
		}
		put(&root, strings.Split(p.Name, "."), s, p.Required >= required)
	}
	if len(root.Properties) > 0 && root.Items != nil {
		root.Type = "" // one or many
	}
	if len(root.Properties) > 0 || root.Items != nil {
		op.RequestBody = &outBody{Content: map[string]map[string]outSchema{}}
		for _, t := range append([]string(nil), e.ContentTypes...) {
			op.RequestBody.Content[t] = map[string]outSchema{}
			if isJSON(t) || t == formMedia || strings.HasPrefix(t, multipartMedia) { // what XML is has no such shape
				op.RequestBody.Content[t]["schema"] = root
			}
		}
		if len(e.ContentTypes) == 0 {
			op.RequestBody.Content["application/json"] = map[string]outSchema{"schema": root}
		}
	}
	return op
}

// put places s in the tree at a key path. Parts may end in "[]", for each list that
// the value stands in; a path that begins so is one of a body that is a list.
func put(at *outSchema, path []string, s outSchema, need bool) {
	name := strings.TrimRight(path[0], "[]")
	child := at.Properties[name]
	target := &child
	if name == "" {
		target = at
	}
	for range (len(path[0]) - len(name)) / len("[]") {
		target.Type = "array"
		if target.Items == nil {
			target.Items = new(outSchema)
		}
		target = target.Items
	}
	switch {
	case len(path) > 1:
		target.Type = "object"
		put(target, path[1:], s, need)
	case target.Properties == nil && target.Items == nil:
		target.Type, target.Format, target.MaxLength = s.Type, s.Format, s.MaxLength
	}
	if name == "" {
		return
	}
	if at.Properties == nil {
		at.Properties = map[string]outSchema{}
	}
	at.Properties[name] = child
	if need && len(path) == 1 && name == path[0] && !slices.Contains(at.Required, name) {
		at.Required = append(at.Required, name)
	}
}

// schemaOf turns a kind of the model into a schema; what has no format is text.
func schemaOf(kind, format string) outSchema {
	switch kind {
	case "integer", "number", "boolean":
		return outSchema{Type: kind}
	case "empty":
		return outSchema{} // null, perhaps
	}
	switch format {
	case "uuid", "date", "email":
		return outSchema{Type: "string", Format: format}
	}
	return outSchema{Type: "string"}
}
