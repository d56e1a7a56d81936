package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"bartizan/internal/openapi/document"
	"bartizan/internal/openapi/schema"
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
	l := &loader{
		set: set, root: root, schemas: schema.NewBuilder(set, version == "3.0"),
		spec: &Spec{root: newStep(), keys: map[string]bool{}}, notes: map[string]bool{},
	}
	check(set, root, &l.faults)
	l.faults.Add(l.paths())
	l.faults.Add(l.link())
	if err := l.faults.Err(); err != nil {
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

// loader builds a Spec. Rules are numbers until all schemas are compiled.
type loader struct {
	set     *document.Set
	root    document.Node
	schemas *schema.Builder
	spec    *Spec
	notes   map[string]bool
	faults  document.Faults
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
	if err != nil || !l.faults.None() {
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

// each calls visit for the children of n's map by name, sorted, references followed. Its
// errors are gathered.
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
			l.faults.Add(err)
			continue
		}
		l.faults.Add(visit(name, c))
	}
	return nil
}
