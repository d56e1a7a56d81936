package schema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"bartizan/internal/openapi/document"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Builder gathers the schemas of a document. What it compiles is one JSON Schema
// 2020-12 resource of its own making, in which OpenAPI 3.0's dialect is
// translated and every reference is local; so the library never loads anything.
type Builder struct {
	set   *document.Set
	old   bool // OpenAPI 3.0
	defs  []any
	where []document.Node
	index map[string]int
	inner [][]int // definitions that a definition applies to the same value
	about map[string]*about
	notes map[string]bool
}

// about is what JSON Schema has no word for, by the place of the schema.
type about struct {
	nullable bool
	bare     bool           // nothing but a reference
	property string         // discriminator's
	mapping  map[string]int // its definitions
}

// NewBuilder returns an empty builder. old says that the document is OpenAPI 3.0.
func NewBuilder(set *document.Set, old bool) *Builder {
	return &Builder{set: set, old: old, index: map[string]int{}, about: map[string]*about{}, notes: map[string]bool{}}
}

// Add takes a schema in and returns its number.
func (b *Builder) Add(n document.Node) int {
	key := n.File.Name + "#" + n.Pointer
	if i, ok := b.index[key]; ok {
		return i
	}
	i := len(b.where)
	b.index[key] = i
	b.where = append(b.where, n)
	return i
}

// Notes returns what the schemas say that is not validated, sorted.
func (b *Builder) Notes() []string {
	out := make([]string, 0, len(b.notes))
	for n := range b.notes {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

func (b *Builder) note(n document.Node, what string) {
	if len(b.notes) < 100 {
		b.notes[n.File.Name+" ("+n.Pointer+"): "+what] = true
	}
}

const resource = "mem:///schemas.json"

// Compile compiles what has been added. Rules stand at their numbers.
func (b *Builder) Compile() ([]*Rule, error) {
	faults := new(document.Faults)
	for i := 0; i < len(b.where); i++ { // translating adds what is referred to
		b.inner = append(b.inner, nil)
		out, err := b.translate(b.where[i], i, "/$defs/"+strconv.Itoa(i), true)
		if err != nil {
			faults.Add(err)
			out = true
		}
		b.defs = append(b.defs, out)
	}
	faults.Add(b.circles())
	defs := make(map[string]any, len(b.defs))
	for i, d := range b.defs {
		defs[strconv.Itoa(i)] = d
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(b.pattern)
	c.RegisterFormat(&jsonschema.Format{Name: "int32", Validate: func(any) error { return nil }})
	c.RegisterFormat(&jsonschema.Format{Name: "int64", Validate: func(any) error { return nil }})
	if err := c.AddResource(resource, map[string]any{"$defs": defs}); err != nil {
		return nil, fmt.Errorf("compiling schemas: %w", err)
	}
	link := linker{b: b, rules: map[*jsonschema.Schema]*Rule{}}
	for i := range b.defs {
		s, err := c.Compile(resource + "#/$defs/" + strconv.Itoa(i))
		if err != nil {
			if b.place(err, i, faults) {
				break
			}
			continue
		}
		link.tops = append(link.tops, s)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return link.all(), nil
}

// place turns the library's error into those that name the document's own places. It
// reports whether they are about all schemas.
func (b *Builder) place(err error, i int, faults *document.Faults) (all bool) {
	bad, v := (*jsonschema.SchemaValidationError)(nil), (*jsonschema.ValidationError)(nil)
	if !errors.As(err, &bad) {
		faults.Add(b.where[i].Wrap(fmt.Errorf("compiling schema: %w", err)))
		return false
	}
	if !errors.As(bad.Err, &v) {
		faults.Add(b.where[i].Wrap(err))
		return false
	}
	deepest := map[string]*jsonschema.ValidationError{} // by definition and place
	gather(v, deepest)
	for _, v := range deepest {
		n := b.where[i]
		if at := v.InstanceLocation; len(at) > 1 && at[0] == "$defs" {
			if k, err := strconv.Atoi(at[1]); err == nil && k < len(b.where) {
				n = b.where[k]
				for _, token := range at[2:] {
					if c, ok := n.At(token); ok {
						n = c
					}
				}
			}
		}
		_, reason, _ := strings.Cut(v.Error(), "': ")
		if reason == "" {
			reason = v.Error()
		}
		faults.Add(n.Wrap(fmt.Errorf("not a schema: %s", lastLine(reason))))
	}
	return true
}

// gather collects the errors without causes, of each place the longest, and none
// of a place that lies above another's: the deepest place says most.
func gather(v *jsonschema.ValidationError, into map[string]*jsonschema.ValidationError) {
	for _, c := range v.Causes {
		gather(c, into)
	}
	if len(v.Causes) > 0 || len(into) >= 1000 {
		return
	}
	at := strings.Join(v.InstanceLocation, "/")
	for n := range v.InstanceLocation {
		delete(into, strings.Join(v.InstanceLocation[:n], "/"))
	}
	for other := range into {
		if strings.HasPrefix(other, at+"/") {
			return
		}
	}
	old, text := into[at], v.Error()
	if old == nil || len(text) > len(old.Error()) || len(text) == len(old.Error()) && text < old.Error() {
		into[at] = v // of alternatives the one that lists what there may be
	}
}

func lastLine(s string) string {
	if i := strings.LastIndex(s, "\n"); i >= 0 {
		s = s[i+1:]
	}
	if _, after, ok := strings.Cut(s, "': "); ok {
		s = after
	}
	return s
}

// circles refuses schemas that apply to a value only what leads back to them.
func (b *Builder) circles() error {
	state := make([]uint8, len(b.defs)) // 1 on the way, 2 done
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case 1:
			return b.where[i].Wrap(errors.New("the schema refers to itself without going into a property or an item"))
		case 2:
			return nil
		}
		state[i] = 1
		for _, k := range b.inner[i] {
			if err := visit(k); err != nil {
				return err
			}
		}
		state[i] = 2
		return nil
	}
	for i := range b.defs {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}

// How keywords are taken over.
var (
	schemaWords = []string{"not", "if", "then", "else", "additionalProperties", "items", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
	listWords   = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	mapWords    = []string{"properties", "patternProperties", "dependentSchemas"}
	dataWords   = []string{"type", "enum", "const", "multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "required", "maxLength", "minLength", "pattern", "format", "maxItems", "minItems", "uniqueItems", "minContains", "maxContains", "maxProperties", "minProperties", "dependentRequired", "readOnly"}
	inPlace     = []string{"not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"}
)

// translate makes a 2020-12 schema of definition def's schema at n. loc is where
// it will stand; same says that it applies to the definition's own value.
func (b *Builder) translate(n document.Node, def int, loc string, same bool) (any, error) {
	if v, ok := n.Value.(bool); ok {
		return v, nil
	}
	m := n.Map()
	if m == nil {
		return nil, n.Wrap(errors.New("not a schema: neither an object nor true or false"))
	}
	out := make(map[string]any, len(m))
	if ref, ok := m["$ref"].(string); ok {
		target, err := b.set.Follow(n.File, ref)
		if err != nil {
			return nil, n.Wrap(err)
		}
		i := b.Add(target)
		out["$ref"] = "#/$defs/" + strconv.Itoa(i)
		if same {
			b.inner[def] = append(b.inner[def], i)
		}
		if b.old || len(m) == 1 { // 3.0 ignores what stands beside a reference
			b.about[loc] = &about{bare: true}
			return out, nil
		}
	}
	for _, w := range dataWords {
		if v, ok := m[w]; ok {
			out[w] = v
		}
	}
	for _, w := range []string{"$dynamicRef", "$recursiveRef", "$id"} {
		if _, ok := m[w]; ok {
			b.note(n, w+" is not followed")
		}
	}
	if err := b.children(n, out, def, loc, same); err != nil {
		return nil, err
	}
	return out, b.special(n, out, loc)
}

// children translates the schemas in a schema.
func (b *Builder) children(n document.Node, out map[string]any, def int, loc string, same bool) error {
	for _, w := range slices.Concat(schemaWords, listWords, mapWords) {
		c, ok := n.At(w)
		if !ok {
			continue
		}
		stays := same && slices.Contains(inPlace, w)
		at := loc + "/" + w
		var err error
		switch {
		case slices.Contains(listWords, w):
			list := []any{}
			for i, item := range c.Items() {
				v, err := b.translate(item, def, at+"/"+strconv.Itoa(i), stays)
				if err != nil {
					return err
				}
				list = append(list, v)
			}
			out[w] = list
		case slices.Contains(mapWords, w):
			out[w], err = b.members(c, def, at, stays)
		default:
			out[w], err = b.translate(c, def, at, stays)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) members(n document.Node, def int, loc string, same bool) (any, error) {
	if n.Map() == nil {
		return nil, n.Wrap(errors.New("not a map of schemas"))
	}
	out := map[string]any{}
	for _, name := range sortedKeys(n.Map()) {
		c, _ := n.At(name)
		v, err := b.translate(c, def, loc+"/"+strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"), same)
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// special takes over what is OpenAPI's own.
func (b *Builder) special(n document.Node, out map[string]any, loc string) error {
	a := about{}
	if b.old {
		a.nullable = n.Flag("nullable", false)
		exclusive(out, "exclusiveMinimum", "minimum")
		exclusive(out, "exclusiveMaximum", "maximum")
	}
	d, ok := n.At("discriminator")
	_, one := out["oneOf"]
	_, any := out["anyOf"]
	if ok && (one || any) {
		if err := b.discriminator(n, d, &a); err != nil {
			return err
		}
	}
	if a.nullable || a.mapping != nil {
		b.about[loc] = &a
	}
	return nil
}

// exclusive turns 3.0's flag beside a limit into a limit.
func exclusive(out map[string]any, flag, bound string) {
	set, ok := out[flag].(bool)
	if !ok {
		return
	}
	delete(out, flag)
	if v, ok := out[bound]; ok && set {
		out[flag] = v
		delete(out, bound)
	}
}

// discriminator notes which branch a property's value chooses.
func (b *Builder) discriminator(n, d document.Node, a *about) error {
	a.property, a.mapping = d.Text("propertyName"), map[string]int{}
	for _, w := range []string{"oneOf", "anyOf"} {
		list, _ := n.At(w)
		for _, item := range list.Items() {
			ref := item.Text("$ref")
			if ref == "" {
				a.mapping = nil // a branch that no name leads to
				return nil
			}
			target, err := b.set.Follow(n.File, ref)
			if err != nil {
				return item.Wrap(err)
			}
			a.mapping[ref[strings.LastIndexByte(ref, '/')+1:]] = b.Add(target)
		}
	}
	mapping, _ := d.At("mapping")
	for name := range mapping.Map() {
		ref := mapping.Text(name)
		if !strings.ContainsAny(ref, "#/.") {
			ref = "#/components/schemas/" + ref
		}
		target, err := b.set.Follow(n.File, ref)
		if err != nil {
			return mapping.Wrap(err)
		}
		a.mapping[name] = b.Add(target)
	}
	return nil
}

var unicodeEscape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)

// pattern compiles a regular expression with Go's engine, which is linear in the
// text whatever the pattern (RE2). What it cannot express accepts everything.
func (b *Builder) pattern(s string) (jsonschema.Regexp, error) {
	re, err := regexp.Compile(unicodeEscape.ReplaceAllString(s, `\x{$1}`))
	if err != nil {
		if len(b.notes) < 100 {
			b.notes[fmt.Sprintf("pattern %q is not validated: %v", s, err)] = true
		}
		return anything{s}, nil
	}
	return re, nil
}

// anything is a pattern that is not validated.
type anything struct{ pattern string }

func (a anything) String() string          { return a.pattern }
func (a anything) MatchString(string) bool { return true }
