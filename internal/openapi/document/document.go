// Package document reads the files of an OpenAPI document, YAML or JSON, into
// plain trees and follows references between them.
//
// It decides nothing about OpenAPI. It never touches the network and reads only
// regular files in the folder of the first one, of bounded number, size, depth
// and node count. A Set belongs to one goroutine.
package document

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Bounds of a Set.
const (
	MaxBytes = 32 << 20 // of one file
	MaxYAML  = 8 << 20  // of one that is no JSON: its tree takes many times as much
	MaxFiles = 64
	MaxDepth = 200
	MaxNodes = 2 << 20 // of all files together, aliases expanded
	maxHops  = 32      // of references that lead to references
)

// Set is a document with the files that it refers to.
type Set struct {
	folder string
	files  map[string]*File // by name relative to folder, slashes
	nodes  int
	// following is how many references are being followed inside one another.
	following int
}

// File is one file of a Set.
type File struct {
	Name string // as people know it
	rel  string // relative to the set's folder, with slashes
	tree any
	data []byte
	yaml *ast.File // parsed again to find lines; nil until it is
}

// Node is a place in a file.
type Node struct {
	File    *File
	Pointer string // RFC 6901, "" for the whole
	Value   any    // map[string]any, []any, string, json.Number, bool or nil
}

// Open reads the first file.
func Open(name string) (*Set, Node, error) {
	s := &Set{folder: filepath.Dir(name), files: map[string]*File{}}
	f, err := os.Open(name)
	if err != nil {
		return nil, Node{}, fmt.Errorf("reading OpenAPI document: %w", err)
	}
	defer f.Close()
	file, err := s.add(name, filepath.Base(name), f)
	if err != nil {
		return nil, Node{}, err
	}
	return s, Node{file, "", file.tree}, nil
}

// Parse makes a set of one file from its bytes; it can refer to no other.
func Parse(name string, data []byte) (*Set, Node, error) {
	s := &Set{files: map[string]*File{}}
	file, err := s.parse(name, path.Base(filepath.ToSlash(name)), data)
	if err != nil {
		return nil, Node{}, err
	}
	return s, Node{file, "", file.tree}, nil
}

func (s *Set) add(name, rel string, f *os.File) (*File, error) {
	if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return s.parse(name, rel, data)
}

func (s *Set) parse(name, rel string, data []byte) (*File, error) {
	if len(s.files) >= MaxFiles {
		return nil, fmt.Errorf("reading %s: the document refers to more than %d files", name, MaxFiles)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("reading %s: longer than %d bytes", name, MaxBytes)
	}
	tree, err := s.decode(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	file := &File{Name: name, rel: rel, tree: tree, data: data}
	s.files[rel] = file
	return file, nil
}

// Tree returns the file that a path relative to the set's folder names.
func (s *Set) Tree(rel string) (any, error) {
	f, err := s.file(rel)
	if err != nil {
		return nil, err
	}
	return f.tree, nil
}

// file returns a file by its name relative to the folder, reading it if need be.
func (s *Set) file(rel string) (*File, error) {
	rel = path.Clean(rel)
	if f := s.files[rel]; f != nil {
		return f, nil
	}
	if s.folder == "" {
		return nil, fmt.Errorf("refusing to read %q: the document may not refer to other files", rel)
	}
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return nil, fmt.Errorf("opening the document's folder: %w", err)
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(rel))
	if err != nil {
		return nil, fmt.Errorf("reading a file inside the document's folder: %w", err)
	}
	defer f.Close()
	return s.add(filepath.Join(s.folder, rel), rel, f)
}

// Follow returns what a reference in file from names.
func (s *Set) Follow(from *File, ref string) (Node, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return Node{}, fmt.Errorf("reading reference %q: not a URI", ref)
	}
	if u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "/") {
		return Node{}, fmt.Errorf("refusing reference %q: only files in the document's folder are read; hint: download it there", ref)
	}
	file := from
	if u.Path != "" {
		if file, err = s.file(path.Join(path.Dir(from.rel), u.Path)); err != nil {
			return Node{}, fmt.Errorf("following reference %q: %w", ref, err)
		}
	}
	if u.Fragment != "" && u.Fragment[0] != '/' {
		return Node{}, fmt.Errorf("following reference %q: anchors are not supported", ref)
	}
	if s.following++; s.following > maxHops {
		s.following = 0
		return Node{}, fmt.Errorf("following reference %q: it leads in a circle", ref)
	}
	n, err := s.walk(Node{file, "", file.tree}, u.Fragment)
	if err != nil {
		return Node{}, fmt.Errorf("following reference %q: %w", ref, err)
	}
	s.following = max(s.following-1, 0)
	return n, nil
}

// walk goes down a JSON pointer, through references on the way.
func (s *Set) walk(n Node, pointer string) (Node, error) {
	if pointer == "" {
		return n, nil
	}
	tokens := strings.Split(pointer[1:], "/")
	for i, token := range tokens {
		next, ok := n.At(unescape(token))
		if !ok {
			return Node{}, fmt.Errorf("%s has no %q", n.File.Name, next.Pointer)
		}
		n = next
		if _, ok := n.ref(); ok && i < len(tokens)-1 {
			var err error
			if n, err = s.Resolve(n); err != nil {
				return Node{}, err
			}
		}
	}
	return n, nil
}

// Resolve follows n's "$ref" until there is none.
func (s *Set) Resolve(n Node) (Node, error) {
	for range maxHops {
		ref, ok := n.ref()
		if !ok {
			return n, nil
		}
		next, err := s.Follow(n.File, ref)
		if err != nil {
			return Node{}, n.Wrap(err)
		}
		n = next
	}
	return Node{}, n.Wrap(errors.New("following references: they lead in a circle"))
}

// Dangling adds the errors of the references at or below n that lead nowhere.
func (s *Set) Dangling(n Node, found *Faults) {
	if ref, ok := n.ref(); ok {
		s.following = 0
		if _, err := s.Follow(n.File, ref); err != nil {
			found.Add(n.Wrap(err))
		}
		return
	}
	if m := n.Map(); m != nil {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if c, _ := n.At(key); !strings.HasPrefix(key, "x-") {
				s.Dangling(c, found)
			}
		}
	}
	for _, c := range n.Items() {
		s.Dangling(c, found)
	}
}

func (n Node) ref() (string, bool) {
	m, _ := n.Value.(map[string]any)
	ref, ok := m["$ref"].(string)
	return ref, ok
}

// At returns the child with this key or index.
func (n Node) At(key string) (Node, bool) {
	child := Node{n.File, n.Pointer + "/" + escape(key), nil}
	switch v := n.Value.(type) {
	case map[string]any:
		c, ok := v[key]
		child.Value = c
		return child, ok
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(v) {
			return child, false
		}
		child.Value = v[i]
		return child, true
	}
	return child, false
}

// Map returns the value as a map, nil if it is none.
func (n Node) Map() map[string]any { m, _ := n.Value.(map[string]any); return m }

// Text returns the child's text, "" if it has none.
func (n Node) Text(key string) string { s, _ := n.Map()[key].(string); return s }

// Flag returns the child's truth, otherwise if it has none.
func (n Node) Flag(key string, otherwise bool) bool {
	if b, ok := n.Map()[key].(bool); ok {
		return b
	}
	return otherwise
}

// Items returns the children of a list.
func (n Node) Items() []Node {
	list, _ := n.Value.([]any)
	out := make([]Node, len(list))
	for i := range list {
		out[i] = Node{n.File, n.Pointer + "/" + strconv.Itoa(i), list[i]}
	}
	return out
}

// Wrap returns err with file, line and pointer of n before it.
func (n Node) Wrap(err error) error {
	if err == nil || errors.As(err, new(*placed)) {
		return err
	}
	return &placed{n.File.Name, n.line(), n.Pointer, err}
}

// placed is an error with its place.
type placed struct {
	file    string
	line    int
	pointer string
	err     error
}

func (p *placed) Error() string {
	place := p.file
	if p.line > 0 {
		place += ":" + strconv.Itoa(p.line)
	}
	if p.pointer != "" {
		place += " (" + p.pointer + ")"
	}
	return place + ": " + p.err.Error()
}

func (p *placed) Unwrap() error { return p.err }

func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func unescape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
}
