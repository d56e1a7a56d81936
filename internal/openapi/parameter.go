package openapi

import (
	"fmt"
	"slices"
	"strings"

	"bartizan/internal/openapi/document"
	"bartizan/internal/openapi/schema"
)

// shape is how a parameter's text becomes a value.
type shape uint8

const (
	single  shape = iota // one scalar
	list                 // several, apart or with a separator between
	encoded              // JSON
	loose                // objects and styles that are not validated
)

// parameter is one documented parameter.
type parameter struct {
	name, in  string
	where     string // "query:page"
	required  bool
	empty     bool // allowEmptyValue
	style     string
	explode   bool
	shape     shape
	separator byte
	rule      *schema.Rule
	kinds     schema.Types // of the value, or of a list's items
	narrow    bool
	place     mixed // of a path parameter: its segment, and which of its names
	segment   int
	index     int
	number    int // among the operation's query parameters
}

// parameters reads those of the path and of the operation, which win.
func (l *loader) parameters(op *operation, path string, skip int, item, n document.Node) error {
	all := map[string]document.Node{}
	for _, from := range []document.Node{item, n} {
		list, _ := from.At("parameters")
		for _, p := range list.Items() {
			p, err := l.set.Resolve(p)
			if err != nil {
				return err
			}
			if p.Text("name") == "" {
				return p.Wrap(fmt.Errorf("a parameter without a name"))
			}
			all[p.Text("in")+":"+p.Text("name")] = p
		}
	}
	if len(all) > maxParameters {
		return n.Wrap(fmt.Errorf("more than %d parameters", maxParameters))
	}
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		p, err := l.parameter(all[k])
		if err != nil {
			return err
		}
		if err := op.take(p, path, skip); err != nil {
			return all[k].Wrap(err)
		}
	}
	return nil
}

func (l *loader) parameter(n document.Node) (*parameter, error) {
	p := &parameter{name: n.Text("name"), in: n.Text("in"), required: n.Flag("required", false), empty: n.Flag("allowEmptyValue", false), style: n.Text("style")}
	p.where = p.in + ":" + p.name
	if p.style == "" {
		p.style = map[string]string{"query": "form", "cookie": "form"}[p.in]
	}
	p.explode = n.Flag("explode", p.style == "form")
	p.separator = map[string]byte{"spaceDelimited": ' ', "pipeDelimited": '|'}[p.style]
	if p.separator == 0 {
		p.separator = ','
	}
	switch p.style {
	case "matrix", "label":
		l.note(n, "parameters of style "+p.style+" are not validated")
	case "deepObject":
		l.note(n, "what is inside a deepObject parameter is not validated")
	}
	s, ok := n.At("schema")
	if content, _ := n.At("content"); !ok && content.Map() != nil {
		p.shape = encoded
		for name := range content.Map() {
			media, _ := content.At(name)
			if s, ok = media.At("schema"); !ok || !isJSON(name) {
				l.note(n, "its content is not validated")
				ok, p.shape = false, loose
			}
		}
	}
	if ok {
		l.rule(s, func(r *schema.Rule) { p.rule = r })
	}
	return p, nil
}

// take puts a parameter where it is looked for.
func (op *operation) take(p *parameter, path string, skip int) error {
	switch p.in {
	case "query":
		p.number = len(op.query)
		op.query[p.name] = p
		if p.required {
			op.required = append(op.required, p)
		}
	case "header":
		switch strings.ToLower(p.name) {
		case "accept", "content-type", "authorization": // OpenAPI: shall be ignored
		default:
			op.headers = append(op.headers, p)
		}
	case "cookie":
		op.cookies = append(op.cookies, p)
	case "path":
		for i, segment := range segmentsOf(path) {
			m, err := mixedOf(segment)
			if k := slices.Index(m.names, p.name); err == nil && k >= 0 && i >= skip {
				p.place, p.segment, p.index = m, i, k
				op.path = append(op.path, p)
				return nil
			}
		}
		return fmt.Errorf("path parameter %q is not in path %q", p.name, path)
	}
	return nil
}

// finish is called when the rules are there.
func (op *operation) finish() {
	for _, p := range op.path {
		p.finish()
	}
	for _, p := range slices.Concat(op.headers, op.cookies) {
		p.finish()
	}
	for _, p := range op.query {
		p.finish()
		if p.shape != loose {
			continue
		}
		switch {
		case p.style == "deepObject":
			op.prefixes = append(op.prefixes, p.name+"[")
		case p.style == "form" && p.explode: // its properties stand in the query themselves
			op.open = op.open || p.rule == nil || !p.rule.Closed()
			if p.rule != nil {
				p.rule.Properties(func(name string, _ *schema.Rule) { op.inner[name] = true })
			}
		}
	}
	op.required = slices.DeleteFunc(op.required, func(p *parameter) bool { return p.shape == loose })
	if op.body != nil {
		for _, m := range op.body.media {
			m.finish()
		}
	}
}

func (p *parameter) finish() {
	if p.shape == encoded || p.shape == loose {
		return
	}
	if p.rule == nil || p.style == "matrix" || p.style == "label" || p.style == "deepObject" {
		p.shape = loose
		return
	}
	p.kinds = p.rule.Types()
	p.narrow = p.rule.Narrow()
	const plain = schema.Types(1<<schema.Null|1<<schema.Boolean|1<<schema.Number|1<<schema.Text) | schema.Integer
	switch {
	case p.kinds&plain != 0:
	case p.kinds.Has(schema.Array):
		p.shape, p.kinds = list, every
		if items := p.rule.Items(); items != nil {
			p.kinds = items.Types()
		}
	default:
		p.shape = loose
	}
}

// every is what a list without a rule for its items holds.
const every = 1<<schema.Null | 1<<schema.Boolean | 1<<schema.Number | 1<<schema.Text | schema.Integer
