// Package layers holds the architecture: who may import whom, and what the core
// may not touch. There is nothing in it but this test.
package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rank orders the core: a package may import only what ranks lower. A
// sub-package has its parent's rank and only the parent may import it.
var rank = map[string]int{
	"digest": 0, "frame": 0, "signal": 1, "addr": 2, "fingerprint": 2, "request": 3,
	"detect": 4, "apimap": 4, "attacker": 4, "swarm": 4, "load": 4, "forecast": 4, "policy": 4, "challenge": 4,
	"engine": 5,
}

// answer is the one edge that others may import.
const answer = "answer"

// impure are direct imports that the core must not have.
var impure = []string{"net", "net/http", "crypto/tls", "os", "log/slog", "database/sql", "mime/multipart", "crypto/rand", "log", "os/exec", "syscall"}

type pkg struct {
	dir     string
	imports []string
}

// packages returns the product's packages below internal, by their path there.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	out := map[string]pkg{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../"))
		p := out[name]
		p.dir = filepath.Dir(path)
		for _, i := range f.Imports {
			p.imports = append(p.imports, strings.Trim(i.Path.Value, `"`))
		}
		out[name] = p
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("found %d packages; the walk is broken", len(out))
	}
	return out
}

func top(name string) string { first, _, _ := strings.Cut(name, "/"); return first }

func TestLayers(t *testing.T) {
	for name, p := range packages(t) {
		from, core := rank[top(name)]
		for _, i := range p.imports {
			to, ok := strings.CutPrefix(i, "bartizan/internal/")
			if !ok {
				continue
			}
			if strings.Contains(to, "/") && top(to) != top(name) {
				t.Errorf("%s imports %s: a sub-package is its parent's own", name, to)
			}
			if top(to) == top(name) {
				continue
			}
			below, isCore := rank[top(to)]
			switch {
			case core && !isCore:
				t.Errorf("%s imports %s: the core must not import an edge", name, to)
			case core && below >= from:
				t.Errorf("%s imports %s: imports must point down", name, to)
			case !core && !isCore && to != answer && !wired(name, to):
				t.Errorf("%s imports %s: edges do not import each other", name, to)
			}
		}
	}
}

// wired are edges that build on another by design: word lists fill a core type,
// and the tools around the engine run on replay's format.
func wired(from, to string) bool {
	return to == "replay" && (from == "scenario" || from == "simulate" || from == "eval")
}

func TestCoreIsPure(t *testing.T) {
	for name, p := range packages(t) {
		if _, core := rank[top(name)]; !core {
			continue
		}
		for _, i := range p.imports {
			if slices.Contains(impure, i) {
				t.Errorf("%s imports %s", name, i)
			}
		}
		noClock(t, name, p.dir)
	}
}

// noClock reports calls of the clock, goroutines and init functions.
func noClock(t *testing.T, name, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: %s starts a goroutine", set.Position(n.Pos()), name)
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: %s has an init function", set.Position(n.Pos()), name)
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick", "NewTimer", "NewTicker", "Sleep", "AfterFunc"}, n.Sel.Name) {
					t.Errorf("%s: %s reads the clock (time.%s)", set.Position(n.Pos()), name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

// Nothing that the core pulls in may bring net/http.
func TestCoreBringsNoHTTP(t *testing.T) {
	args := []string{"list", "-deps"}
	for name := range rank {
		if _, err := os.Stat(filepath.Join("..", name)); err == nil {
			args = append(args, "bartizan/internal/"+name)
		}
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "bartizan/internal/engine") {
		t.Fatalf("go list gave %d packages without the engine", len(deps))
	}
	if slices.Contains(deps, "net/http") {
		t.Error("the core brings net/http")
	}
}

// The sizes that the house style asks for: files under 800 lines, functions
// under 80 (tables are data, not functions).
func TestSizes(t *testing.T) {
	const fileLines, functionLines = 800, 80
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if n := set.Position(f.End()).Line; n > fileLines {
			t.Errorf("%s has %d lines; want at most %d", path, n, fileLines)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || strings.HasSuffix(path, "_test.go") {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > functionLines {
				t.Errorf("%s: %s has %d lines; want at most %d", path, fn.Name.Name, n, functionLines)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
