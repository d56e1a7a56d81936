package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Fault is one fault of a configuration.
type Fault struct {
	File string
	Line int    // 0 if unknown
	Path string // "sites[0].mode"
	Err  error
}

func (f Fault) Error() string {
	at := f.File
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Path != "" {
		return fmt.Sprintf("%s: %s: %v", at, f.Path, f.Err)
	}
	return fmt.Sprintf("%s: %v", at, f.Err)
}

func (f Fault) Unwrap() error { return f.Err }

// source remembers on which line each path stands.
type source struct {
	file  string
	lines map[string]int
}

// at returns the line of path, or of the nearest part of it that is there.
func (s source) at(path string) int {
	for path != "" {
		if line, ok := s.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// located joins faults in the order of their lines.
func (s source) located(faults []Fault) error {
	for i := range faults {
		faults[i].File, faults[i].Line = s.file, s.at(faults[i].Path)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// maxFile bounds the file's size: configuration is written by people.
const maxFile = 8 << 20

// parse reads the file. faults are those of single keys and values; what the others
// say is in File all the same. err is what keeps the file from being read at all.
func parse(name string, raw []byte) (f File, src source, faults []Fault, err error) {
	f = Default()
	src = source{name, map[string]int{}}
	if len(raw) > maxFile {
		return f, src, nil, Fault{File: name, Err: fmt.Errorf("is larger than %s", Size(maxFile))}
	}
	tree, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return f, src, nil, syntax(name, err)
	}
	if len(tree.Docs) == 0 || tree.Docs[0].Body == nil {
		return f, src, nil, nil
	}
	if len(tree.Docs) > 1 {
		return f, src, nil, Fault{File: name, Err: errors.New("holds more than one YAML document")}
	}
	w := walker{src: src}
	w.node("", tree.Docs[0].Body, reflect.TypeOf(f))
	if err := yaml.NodeToValue(tree.Docs[0].Body, &f); err != nil && !errors.Is(err, io.EOF) && len(w.faults) == 0 {
		return f, src, nil, syntax(name, err)
	}
	return f, src, w.faults, nil
}

// positioned is what errors of the YAML library can tell.
type positioned interface {
	GetToken() *token.Token
	GetMessage() string
}

func syntax(name string, err error) error {
	var p positioned
	if errors.As(err, &p) && p.GetToken() != nil {
		return Fault{File: name, Line: p.GetToken().Position.Line, Err: errors.New(p.GetMessage())}
	}
	return Fault{File: name, Err: err}
}

// walker checks keys against the types they fill, expands ${NAME} and notes lines.
type walker struct {
	src    source
	faults []Fault
}

func (w *walker) fail(path string, line int, err error) {
	w.src.lines[path] = line
	w.faults = append(w.faults, Fault{Path: path, Err: err})
}

// scalarReader is a scalar type of ours, which knows no position itself.
type scalarReader interface{ UnmarshalYAML([]byte) error }

func (w *walker) node(path string, n ast.Node, t reflect.Type) {
	if t != nil {
		if r, ok := reflect.New(t).Interface().(scalarReader); ok {
			if err := r.UnmarshalYAML([]byte(n.String())); err != nil {
				w.fail(path, n.GetToken().Position.Line, err)
			}
			return
		}
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			w.pair(path, v, t)
		}
	case *ast.MappingValueNode:
		w.pair(path, n, t)
	case *ast.SequenceNode:
		var elem reflect.Type
		if t != nil && t.Kind() == reflect.Slice {
			elem = t.Elem()
		}
		for i, v := range n.Values {
			at := fmt.Sprintf("%s[%d]", path, i)
			w.src.lines[at] = v.GetToken().Position.Line
			w.node(at, v, elem)
		}
	case *ast.StringNode:
		s, err := expand(n.Value, os.LookupEnv)
		if err != nil {
			w.fail(path, n.GetToken().Position.Line, err)
		}
		if s != n.Value {
			n.Value = s
			n.Token.Value = s
		}
	}
}

func (w *walker) pair(path string, v *ast.MappingValueNode, t reflect.Type) {
	key := v.Key.GetToken().Value
	at := strings.TrimPrefix(path+"."+key, ".")
	line := v.Key.GetToken().Position.Line
	w.src.lines[at] = line
	if t == nil || t.Kind() != reflect.Struct {
		w.node(at, v.Value, nil)
		return
	}
	field, ok := fieldOf(t, key)
	if !ok {
		w.fail(at, line, unknown(key, t))
		return
	}
	w.node(at, v.Value, field.Type)
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name == key {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

// unknown names the nearest valid key.
func unknown(key string, t reflect.Type) error {
	best, distance := "", len(key)/2+2
	var all []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		all = append(all, name)
		if d := edits(key, name); d < distance {
			best, distance = name, d
		}
	}
	if best != "" {
		return fmt.Errorf("unknown key; did you mean %s?", best)
	}
	return fmt.Errorf("unknown key; valid are %s", strings.Join(all, ", "))
}

// edits is the Levenshtein distance (1965) of two short names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
