package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFlow bounds brackets in YAML text, which are counted without looking at
// quotes: the parser recurses for each.
const maxFlow = 1000

// decode reads JSON or YAML.
func (s *Set) decode(data []byte) (any, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if t := bytes.TrimLeft(data, " \t\r\n"); len(t) > 0 && (t[0] == '{' || t[0] == '[') {
		if v, err := s.decodeJSON(data); err == nil || len(data) > MaxYAML || deep(data, MaxDepth, true) {
			return v, err
		}
	}
	if len(data) > MaxYAML {
		return nil, fmt.Errorf("longer than %d bytes of YAML; hint: JSON may have %d", MaxYAML, MaxBytes)
	}
	if deep(data, maxFlow, false) {
		return nil, errTooDeep
	}
	file, err := parseYAML(data)
	if err != nil {
		return nil, err
	}
	c := converter{set: s, anchors: map[string]ast.Node{}}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("got %d documents in it; want one", len(file.Docs))
	}
	return c.value(file.Docs[0].Body, 0)
}

var (
	errTooDeep = errors.New("nested too deeply")
	errTooMany = fmt.Errorf("more than %d values, aliases expanded", MaxNodes)
)

// parseYAML is the library's parser; what makes it panic is no document.
func parseYAML(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML: %v", p)
		}
	}()
	if file, err = parser.ParseBytes(data, 0); err != nil {
		return nil, short(err)
	}
	return file, nil
}

// short makes a line of the parser's error, which begins "[line:column] " and
// goes on with an excerpt.
func short(err error) error {
	message, _, _ := strings.Cut(err.Error(), "\n")
	if place, rest, ok := strings.Cut(message, "] "); ok && strings.HasPrefix(place, "[") {
		line, _, _ := strings.Cut(place[1:], ":")
		message = "line " + line + ": " + rest
	}
	return fmt.Errorf("not YAML: %s", message)
}

func (s *Set) decodeJSON(data []byte) (any, error) {
	if deep(data, MaxDepth, true) {
		return nil, errTooDeep
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		at := d.InputOffset()
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			at = syntax.Offset
		}
		return nil, fmt.Errorf("line %d: %w", 1+bytes.Count(data[:min(int(at), len(data))], []byte("\n")), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the JSON value")
	}
	if s.nodes += count(v); s.nodes > MaxNodes {
		return nil, errTooMany
	}
	return v, nil
}

func count(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, c := range v {
			n += count(c)
		}
	case []any:
		for _, c := range v {
			n += count(c)
		}
	}
	return n
}

// deep reports whether brackets are nested deeper than limit, or list markers
// are strung together on a line.
func deep(data []byte, limit int, quotes bool) bool {
	depth, dashes, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quotes && quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
			continue
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth = max(depth-1, 0)
		case c == '\n':
			dashes = 0
			continue
		}
		if c := data[i]; c == '-' || c == '?' || c == ':' {
			dashes++
		} else if c != ' ' && c != '\t' {
			dashes = 0
		}
		if depth > limit || !quotes && dashes > limit {
			return true
		}
	}
	return false
}

// converter makes plain values of a YAML tree.
type converter struct {
	set     *Set
	anchors map[string]ast.Node
}

func (c *converter) value(n ast.Node, depth int) (any, error) {
	if c.set.nodes++; c.set.nodes > MaxNodes {
		return nil, errTooMany
	}
	if depth > MaxDepth {
		return nil, errTooDeep
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(n.Values, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out := make([]any, 0, len(n.Values))
		for _, item := range n.Values {
			v, err := c.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case *ast.AnchorNode:
		v, err := c.value(n.Value, depth+1)
		c.anchors[text(n.Name)] = n.Value // only now: an alias inside would never end
		return v, err
	case *ast.AliasNode:
		target := c.anchors[text(n.Value)]
		if target == nil {
			return nil, fmt.Errorf("line %d: no anchor %q before it", lineOf(n), text(n.Value))
		}
		return c.value(target, depth+1)
	case *ast.TagNode:
		if t := n.GetToken(); t != nil && t.Value == "!!str" {
			return text(n.Value), nil
		}
		return c.value(n.Value, depth+1)
	}
	return scalar(n)
}

func scalar(n ast.Node) (any, error) {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.IntegerNode:
		return json.Number(fmt.Sprint(n.Value)), nil
	case *ast.FloatNode:
		return json.Number(strconv.FormatFloat(n.Value, 'g', -1, 64)), nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	}
	return nil, fmt.Errorf("line %d: a %s has no place in an OpenAPI document", lineOf(n), strings.ToLower(n.Type().String()))
}

func (c *converter) mapping(pairs []*ast.MappingValueNode, depth int) (any, error) {
	out := make(map[string]any, len(pairs))
	var merged []any
	for _, p := range pairs {
		v, err := c.value(p.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if _, merge := p.Key.(*ast.MergeKeyNode); merge {
			merged = append(merged, v)
			continue
		}
		key := text(p.Key)
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("line %d: key %q is there twice", lineOf(p), key)
		}
		out[key] = v
	}
	mergeInto(out, merged)
	return out, nil
}

// mergeInto is YAML 1.1's merge key: what is there already wins.
func mergeInto(out map[string]any, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			if _, ok := out[k]; !ok {
				out[k] = c
			}
		}
	case []any:
		for _, m := range v {
			if m, ok := m.(map[string]any); ok {
				mergeInto(out, m)
			}
		}
	}
}

// text returns a scalar as it is written.
func text(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.MappingKeyNode:
		return text(n.Value)
	case nil:
		return ""
	}
	if t := n.GetToken(); t != nil {
		return strings.TrimSpace(t.Value)
	}
	return ""
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// line finds the line of n, 0 if it cannot: errors are rare, so the file is
// parsed again.
func (n Node) line() int {
	data := n.File.data
	if t := bytes.TrimLeft(data, "\ufeff \t\r\n"); len(t) > 0 && t[0] == '{' {
		if line := lineOfJSON(data, n.Pointer); line > 0 {
			return line
		}
	}
	if n.File.yaml == nil {
		if len(data) > 1<<20 || deep(data, maxFlow, false) {
			return 0
		}
		file, err := parseYAML(data)
		if err != nil || len(file.Docs) == 0 {
			return 0
		}
		n.File.yaml = file
	}
	at, line := n.File.yaml.Docs[0].Body, 1
	for token := range strings.SplitSeq(strings.TrimPrefix(n.Pointer, "/"), "/") {
		next, l := child(at, unescape(token))
		if next == nil {
			break
		}
		at, line = next, l
	}
	return line
}

// child returns a child with the line that names it.
func child(n ast.Node, key string) (ast.Node, int) {
	switch n := n.(type) {
	case *ast.AnchorNode:
		return child(n.Value, key)
	case *ast.MappingNode:
		for _, p := range n.Values {
			if text(p.Key) == key {
				return p.Value, lineOf(p.Key)
			}
		}
	case *ast.MappingValueNode:
		if text(n.Key) == key {
			return n.Value, lineOf(n.Key)
		}
	case *ast.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Values) {
			return n.Values[i], lineOf(n.Values[i])
		}
	}
	return nil, 0
}
