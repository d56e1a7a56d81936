package openapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"bartizan/internal/openapi/document"

	"github.com/getkin/kin-openapi/openapi3"
)

// check has the library look for what makes no sense, and adds all of it to found. The
// library is given what we have read, so that the two cannot read differently, and reads
// no file itself. Schemas are left out: it checks each again wherever it is referred to,
// which took a minute for 3,000 operations over 1,500 schemas. Compiling checks those
// that matter.
func check(set *document.Set, root document.Node, found *document.Faults) {
	defer func() {
		if p := recover(); p != nil {
			found.Add(root.Wrap(fmt.Errorf("checking document: %v", p)))
		}
	}()
	outlined, _ := outline(root.Value, false).(map[string]any)
	set.Dangling(outlinedNode(root, outlined), found)
	decodeParts(root, outlined, found)
	paths, _ := outlined["paths"].(map[string]any)
	dropFaulty(root, paths, found)
	for _, round := range rounds(root, paths, found) {
		outlined["paths"] = round
		if paths == nil {
			delete(outlined, "paths")
		}
		checkRound(set, root, outlined, found)
	}
}

// outlinedNode is root with its outline for a value: references that only a schema has
// are looked at by who compiles it.
func outlinedNode(root document.Node, outlined map[string]any) document.Node {
	root.Value = outlined
	return root
}

// rounds parts the paths into sets in which no two differ only by the names of their
// parameters: the library refuses such, routers merge them. What they cannot merge, a
// method of both, is a fault.
func rounds(root document.Node, paths map[string]any, found *document.Faults) []map[string]any {
	out := []map[string]any{{}}
	type seen struct {
		times int
		path  map[string]string // by method
	}
	like := map[string]*seen{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		key := unnamed(path)
		s := like[key]
		if s == nil {
			s = &seen{path: map[string]string{}}
			like[key] = s
		}
		for _, method := range methods {
			item, _ := paths[path].(map[string]any)
			if _, ok := item[method]; !ok {
				continue
			}
			if first := s.path[method]; first != "" {
				n, _ := root.At("paths")
				n, _ = n.At(path)
				n, _ = n.At(method)
				found.Add(n.Wrap(fmt.Errorf("conflicting paths %q and %q both have this method", first, path)))
			}
			s.path[method] = path
		}
		if s.times == len(out) {
			out = append(out, map[string]any{})
		}
		out[s.times][path] = paths[path]
		s.times++
	}
	return out
}

// unnamed returns a path without the names of its parameters.
func unnamed(path string) string {
	var b strings.Builder
	for path != "" {
		before, rest, open := strings.Cut(path, "{")
		b.WriteString(before)
		if !open {
			break
		}
		b.WriteString("{}")
		_, path, _ = strings.Cut(rest, "}")
	}
	return b.String()
}

// parts are the sections of a document whose entries are read one by one, and as what.
var parts = []struct {
	section string
	empty   func() any
}{
	{"parameters", func() any { return new(openapi3.ParameterRef) }},
	{"requestBodies", func() any { return new(openapi3.RequestBodyRef) }},
	{"responses", func() any { return new(openapi3.ResponseRef) }},
	{"headers", func() any { return new(openapi3.HeaderRef) }},
	{"securitySchemes", func() any { return new(openapi3.SecuritySchemeRef) }},
	{"links", func() any { return new(openapi3.LinkRef) }},
	{"callbacks", func() any { return new(openapi3.CallbackRef) }},
}

// decodeParts adds what of the document has the wrong form: the library stops at the
// first of it. Components that do are left out.
func decodeParts(root document.Node, outlined map[string]any, found *document.Faults) {
	try := func(n document.Node, v any, into any) {
		data, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			found.Add(guess(n, err))
		}
	}
	components, _ := outlined["components"].(map[string]any)
	for _, p := range parts {
		section, _ := components[p.section].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(section)) {
			n, _ := root.At("components")
			n, _ = n.At(p.section)
			n, _ = n.At(name)
			if try(n, section[name], p.empty()); found.At(n) {
				delete(section, name)
			}
		}
	}
	paths, _ := outlined["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		n, _ := root.At("paths")
		n, _ = n.At(path)
		item, ok := paths[path].(map[string]any)
		if !ok || strings.HasPrefix(path, "x-") {
			continue
		}
		rest := maps.Clone(item)
		for _, method := range methods {
			if op, ok := item[method]; ok {
				at, _ := n.At(method)
				try(at, op, new(openapi3.Operation))
				delete(rest, method)
			}
		}
		try(n, rest, new(openapi3.PathItem))
	}
}

// dropFaulty leaves the operations out whose faults are known, so that those of others
// are found.
func dropFaulty(root document.Node, paths map[string]any, found *document.Faults) {
	for path, item := range paths {
		item, _ := item.(map[string]any)
		n, _ := root.At("paths")
		n, _ = n.At(path)
		for _, method := range methods {
			if at, ok := n.At(method); ok && found.At(at) {
				delete(item, method)
			}
		}
		if found.At(n) && len(item) > 0 && faultyBesides(n, found) {
			delete(paths, path)
		}
	}
}

// faultyBesides reports whether a path has a fault that is none of an operation's.
func faultyBesides(n document.Node, found *document.Faults) bool {
	for key := range n.Map() {
		if at, ok := n.At(key); ok && !slices.Contains(methods, key) && found.At(at) {
			return true
		}
	}
	return false
}

// checkRound has the library check one set of paths.
func checkRound(set *document.Set, root document.Node, outlined map[string]any, found *document.Faults) {
	data, err := json.Marshal(outlined)
	if err != nil {
		found.Add(root.Wrap(fmt.Errorf("checking document: %w", err)))
		return
	}
	l := openapi3.NewLoader()
	l.IsExternalRefsAllowed = true
	l.ReadFromURIFunc = func(_ *openapi3.Loader, u *url.URL) ([]byte, error) {
		if u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "/") {
			return nil, fmt.Errorf("refusing reference to %q: only files in the document's folder are read", u)
		}
		tree, err := set.Tree(u.Path)
		if err != nil {
			return nil, err
		}
		return json.Marshal(outline(tree, false))
	}
	doc, err := l.LoadFromDataWithPath(data, &url.URL{Path: filepath.Base(root.File.Name)})
	if err != nil {
		if found.None() { // else it is one of those
			found.Add(guess(root, err))
		}
		return
	}
	err = doc.Validate(context.Background(), openapi3.EnableMultiError(), openapi3.DisableExamplesValidation(),
		openapi3.DisableSchemaDefaultsValidation(), openapi3.DisableSchemaPatternValidation())
	if many := (openapi3.MultiError)(nil); errors.As(err, &many) {
		for _, e := range many {
			found.Add(placed(root, e))
		}
		return
	}
	found.Add(placed(root, err))
}

// named are the fields whose keys are names that the document's author chose.
var named = []string{"paths", "webhooks", "pathItems", "parameters", "responses", "requestBodies", "headers", "securitySchemes", "links", "callbacks", "content", "encoding", "variables"}

// outline copies a tree without its schemas and examples. names says that the
// keys of v are names.
func outline(v any, names bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, c := range v {
			switch {
			case names:
				out[key] = outline(c, false)
			case key == "schema":
				out[key] = map[string]any{}
			case key == "schemas" || key == "example" || key == "examples":
			default:
				out[key] = outline(c, slices.Contains(named, key))
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, c := range v {
			out[i] = outline(c, false)
		}
		return out
	}
	return v
}

// placed places an error of the library's, exactly where it says where it is.
func placed(root document.Node, err error) error {
	if missing := (*openapi3.PathParametersError)(nil); errors.As(err, &missing) {
		n, _ := root.At("paths")
		n, _ = n.At(missing.Path)
		if op, ok := n.At(strings.ToLower(missing.Method)); ok {
			return op.Wrap(fmt.Errorf("checking document: the parameters of the path and those documented differ: %s",
				strings.Join(missing.Missing, ", ")))
		}
	}
	return guess(root, err)
}

// guess places an error of the library's, which knows names and no lines.
func guess(root document.Node, err error) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	if i := strings.LastIndex(message, " in /"); i >= 0 { // the library knows the place
		n := root
		for token := range strings.SplitSeq(message[i+5:], "/") {
			if c, ok := n.At(strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")); ok {
				n = c
			}
		}
		_, message, _ = strings.Cut(message[:i], "json error: ")
		message, _, _ = strings.Cut(strings.TrimPrefix(message, "json: "), ", yaml error")
		return n.Wrap(fmt.Errorf("checking document: %s", firstLine(message)))
	}
	at := root
	for _, section := range []string{"paths", "components"} {
		if !strings.Contains(message, section) {
			continue
		}
		n, ok := root.At(section)
		for ok {
			at = n
			n, ok = mentioned(n, message)
		}
		break
	}
	return at.Wrap(fmt.Errorf("checking document: %s", firstLine(message)))
}

// mentioned returns the child whose name the message quotes or spells, the longest.
func mentioned(n document.Node, message string) (document.Node, bool) {
	best := ""
	for name := range n.Map() {
		if (len(name) > len(best) || len(name) == len(best) && name < best) && (strings.Contains(message, `"`+name+`"`) || strings.Contains(message, " "+name+":") || strings.Contains(message, " "+strings.ToUpper(name)+":")) {
			best = name
		}
	}
	if best == "" || strings.Count(n.Pointer, "/") > 6 {
		return n, false
	}
	return n.At(best)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), 400)]
}
