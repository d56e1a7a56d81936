package openapi

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"bartizan/internal/openapi/document"
	"bartizan/internal/openapi/schema"
)

var methods = []string{"delete", "get", "head", "options", "patch", "post", "put", "trace"}

// paths reads all operations.
func (l *loader) paths() error {
	if err := l.queryKeys(); err != nil {
		return err
	}
	servers, err := l.serverPaths(l.root, []string{""})
	if err != nil {
		return err
	}
	paths, ok, err := l.get(l.root, "paths")
	if err != nil || !ok {
		return err
	}
	return l.each(paths, func(path string, item document.Node) error {
		if !strings.HasPrefix(path, "/") {
			return item.Wrap(fmt.Errorf("path %q does not begin with a slash", path))
		}
		return l.item(path, item, servers)
	})
}

func (l *loader) item(path string, item document.Node, servers []string) error {
	servers, err := l.serverPaths(item, servers)
	if err != nil {
		return err
	}
	for _, method := range methods {
		n, ok, err := l.get(item, method)
		if err != nil {
			l.faults.Add(err)
		}
		if !ok || l.faults.At(n) {
			continue
		}
		own, err := l.serverPaths(n, servers)
		l.faults.Add(err)
		for _, prefix := range own {
			l.faults.Add(l.operation(method, prefix+path, len(segmentsOf(prefix)), item, n))
		}
	}
	return nil
}

// queryKeys notes API keys that stand in the query: they are no parameters.
func (l *loader) queryKeys() error {
	components, _, err := l.get(l.root, "components")
	if err != nil {
		return err
	}
	schemes, _, err := l.get(components, "securitySchemes")
	if err != nil {
		return err
	}
	return l.each(schemes, func(_ string, s document.Node) error {
		if s.Text("type") == "apiKey" && s.Text("in") == "query" {
			l.spec.keys[s.Text("name")] = true
		}
		return nil
	})
}

// serverPaths returns the base paths that n's servers give, or otherwise.
func (l *loader) serverPaths(n document.Node, otherwise []string) ([]string, error) {
	list, ok := n.At("servers")
	if !ok || len(list.Items()) == 0 {
		return otherwise, nil
	}
	var out []string
	for _, s := range list.Items() {
		urls := expand(s, s.Text("url"))
		for _, text := range urls {
			base := strings.TrimSuffix(serverPath(text), "/")
			if !slices.Contains(out, base) {
				out = append(out, base)
			}
		}
		if len(out) > maxPrefixes {
			return nil, s.Wrap(fmt.Errorf("servers have more than %d base paths", maxPrefixes))
		}
	}
	return out, nil
}

// expand puts the values of variables into a server's URL.
func expand(server document.Node, text string) []string {
	urls := []string{text}
	variables, _ := server.At("variables")
	for name := range variables.Map() {
		v, _ := variables.At(name)
		values := []string{v.Text("default")}
		list, _ := v.At("enum")
		for _, item := range list.Items() {
			if s, ok := item.Value.(string); ok && !slices.Contains(values, s) {
				values = append(values, s)
			}
		}
		var next []string
		for _, u := range urls {
			for _, value := range values {
				if len(next) <= 4*maxPrefixes {
					next = append(next, strings.ReplaceAll(u, "{"+name+"}", value))
				}
			}
		}
		urls = next
	}
	return urls
}

// serverPath returns the path of a server's URL, decoded.
func serverPath(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		_, path, _ := strings.Cut(rest, "/")
		text = "/" + path
	}
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	if text != "" && text[0] != '/' {
		text = "/" + strings.TrimPrefix(text, "./")
	}
	return text
}

// operation is one method of one path.
type operation struct {
	method, id string
	deprecated bool
	query      map[string]*parameter
	prefixes   []string        // of deepObject names: "filter["
	inner      map[string]bool // names that an exploded object parameter brings
	open       bool            // any query parameter may come
	path       []*parameter
	headers    []*parameter
	cookies    []*parameter
	required   []*parameter // of the query
	keys       map[string]bool
	body       *bodySpec
}

// operation reads a method and gives it a place in the tree.
func (l *loader) operation(method, path string, skip int, item, n document.Node) error {
	if n.Map() == nil {
		return n.Wrap(errors.New("not an operation"))
	}
	if len(l.spec.operations) >= maxOperations {
		return n.Wrap(fmt.Errorf("more than %d operations", maxOperations))
	}
	op := &operation{method: strings.ToUpper(method), id: n.Text("operationId"), deprecated: n.Flag("deprecated", false), query: map[string]*parameter{}, inner: map[string]bool{}, keys: l.spec.keys}
	leaf, err := l.spec.root.add(path)
	if err != nil {
		return item.Wrap(err)
	}
	if !leaf.put(op) {
		l.note(n, "another path with the same places comes first")
		return nil
	}
	l.spec.operations = append(l.spec.operations, op)
	if err := l.parameters(op, path, skip, item, n); err != nil {
		return err
	}
	body, ok, err := l.get(n, "requestBody")
	if err != nil || !ok {
		return err
	}
	return l.body(op, body)
}

// body reads a request body.
func (l *loader) body(op *operation, n document.Node) error {
	op.body = &bodySpec{required: n.Flag("required", false)}
	content, _, err := l.get(n, "content")
	if err != nil {
		return err
	}
	return l.each(content, func(media string, c document.Node) error {
		media, _, _ = strings.Cut(strings.ToLower(media), ";")
		m := &mediaSpec{name: strings.TrimSpace(media)}
		op.body.media = append(op.body.media, m)
		s, ok := c.At("schema")
		if !ok {
			return nil
		}
		switch {
		case m.json(), m.name == formMedia, strings.HasPrefix(m.name, multipartMedia), strings.Contains(m.name, "*"):
			l.rule(s, func(r *schema.Rule) { m.rule = r })
		default:
			l.note(c, "bodies of this type are not validated")
		}
		return nil
	})
}
