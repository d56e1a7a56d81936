package openapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"bartizan/internal/openapi/document"
	"bartizan/internal/openapi/schema"

	"github.com/getkin/kin-openapi/openapi3"
)

// Bounds of a document, beside those of its files.
const (
	maxOperations = 10_000
	maxParameters = 200 // of one operation
	maxPrefixes   = 16  // base paths that servers give
)

// Load reads an OpenAPI 3.0 or 3.1 document, YAML or JSON, with the files in
// its folder that it refers to, and compiles it. Errors name file, line and place.
func Load(name string) (*Spec, error) {
	set, root, err := document.Open(name)
	if err != nil {
		return nil, err
	}
	return load(set, root)
}

// Parse is Load for one file's bytes, which can refer to no other; name is for errors.
func Parse(name string, data []byte) (*Spec, error) {
	set, root, err := document.Parse(name, data)
	if err != nil {
		return nil, err
	}
	return load(set, root)
}

func load(set *document.Set, root document.Node) (*Spec, error) {
	version, err := versionOf(root)
	if err != nil {
		return nil, err
	}
	if err := check(set, root); err != nil {
		return nil, err
	}
	l := &loader{
		set: set, root: root, schemas: schema.NewBuilder(set, version == "3.0"),
		spec: &Spec{root: newStep(), keys: map[string]bool{}}, notes: map[string]bool{},
	}
	if err := l.paths(); err != nil {
		return nil, err
	}
	if err := l.link(); err != nil {
		return nil, err
	}
	return l.spec, nil
}

// versionOf returns "3.0" or "3.1". It mends two fields that YAML reads as
// numbers where people leave the quotes out.
func versionOf(root document.Node) (string, error) {
	m := root.Map()
	if m == nil {
		return "", root.Wrap(errors.New("not an OpenAPI document: no object"))
	}
	mend(m, "openapi")
	if info, ok := m["info"].(map[string]any); ok {
		mend(info, "version")
	}
	v := root.Text("openapi")
	switch {
	case v == "3.0" || strings.HasPrefix(v, "3.0."):
		return "3.0", nil
	case v == "3.1" || strings.HasPrefix(v, "3.1."):
		return "3.1", nil
	case root.Text("swagger") != "":
		return "", root.Wrap(errors.New("not OpenAPI 3.0 or 3.1 but Swagger; hint: convert it, for instance with swagger2openapi"))
	}
	return "", root.Wrap(fmt.Errorf("field \"openapi\" is %q; want 3.0.x or 3.1.x", v))
}

func mend(m map[string]any, key string) {
	if n, ok := m[key].(json.Number); ok {
		m[key] = n.String()
	}
}

// check has the library look for what makes no sense. It is given what we have
// read, so that the two cannot read differently, and reads no file itself. Schemas
// are left out: it checks each again wherever it is referred to, which took a
// minute for 3,000 operations over 1,500 schemas. Compiling checks those that matter.
func check(set *document.Set, root document.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = root.Wrap(fmt.Errorf("checking document: %v", p))
		}
	}()
	data, err := json.Marshal(outline(root.Value, false))
	if err != nil {
		return root.Wrap(fmt.Errorf("checking document: %w", err))
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
		if bad := set.Dangling(root); bad != nil {
			return bad
		}
		return guess(root, err)
	}
	err = doc.Validate(context.Background(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(), openapi3.DisableSchemaPatternValidation())
	return guess(root, err)
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
		if len(name) > len(best) && (strings.Contains(message, `"`+name+`"`) || strings.Contains(message, " "+name+":") || strings.Contains(message, " "+strings.ToUpper(name)+":")) {
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

// loader builds a Spec. Rules are numbers until all schemas are compiled.
type loader struct {
	set     *document.Set
	root    document.Node
	schemas *schema.Builder
	spec    *Spec
	notes   map[string]bool
	pending []func(rules []*schema.Rule)
}

func (l *loader) note(n document.Node, what string) {
	if len(l.notes) < 100 {
		l.notes[n.File.Name+" ("+n.Pointer+"): "+what] = true
	}
}

// rule has set called with the compiled schema at n.
func (l *loader) rule(n document.Node, set func(*schema.Rule)) {
	i := l.schemas.Add(n)
	l.pending = append(l.pending, func(rules []*schema.Rule) { set(rules[i]) })
}

// link compiles the schemas and hands them out.
func (l *loader) link() error {
	rules, err := l.schemas.Compile()
	if err != nil {
		return err
	}
	for _, p := range l.pending {
		p(rules)
	}
	for _, op := range l.spec.operations {
		op.finish()
	}
	for n := range l.notes {
		l.spec.notes = append(l.spec.notes, n)
	}
	l.spec.notes = append(l.spec.notes, l.schemas.Notes()...)
	sort.Strings(l.spec.notes)
	return nil
}

// get returns a child with its references followed.
func (l *loader) get(n document.Node, key string) (document.Node, bool, error) {
	c, ok := n.At(key)
	if !ok {
		return c, false, nil
	}
	c, err := l.set.Resolve(c)
	return c, err == nil, err
}

// each calls visit for the children of n's map by name, sorted, references followed.
func (l *loader) each(n document.Node, visit func(name string, c document.Node) error) error {
	names := make([]string, 0, len(n.Map()))
	for name := range n.Map() {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if strings.HasPrefix(name, "x-") {
			continue
		}
		c, _, err := l.get(n, name)
		if err != nil {
			return err
		}
		if err := visit(name, c); err != nil {
			return err
		}
	}
	return nil
}
