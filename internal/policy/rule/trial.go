package rule

import (
	"bartizan/internal/request"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// Trial is one comparison of a condition that looks at a query parameter, a cookie or a
// header, with a value that meets it and one that does not: to try in which shapes of a
// request it holds.
type Trial struct {
	Function, Name string // "query" and "debug"
	Source         string // the comparison, behind not where the condition has it so
	Value, Other   string
	Known          bool // a value that meets it is known
	met            Condition
}

// Met reports whether r meets the comparison.
func (t *Trial) Met(r *request.Request) bool { return t.met(r) }

// Trials returns the comparisons of a condition that Compile takes. all is as there.
func Trials(condition string, all bool) []Trial {
	program, err := expr.Compile(condition, expr.Env(environment()), expr.AsBool(),
		expr.DisableAllBuiltins(), expr.Optimize(false), expr.MaxNodes(maxNodes))
	if err != nil {
		return nil
	}
	var out []Trial
	collect(program.Node(), all, false, &out)
	return out
}

func collect(n ast.Node, all, negated bool, out *[]Trial) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		collect(n.Node, all, negated != (n.Operator == "not" || n.Operator == "!"), out)
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			collect(n.Left, all, negated, out)
			collect(n.Right, all, negated, out)
			return
		}
		t, ok := trial(n, all, negated)
		if ok {
			*out = append(*out, t)
		}
	}
}

func trial(n *ast.BinaryNode, all, negated bool) (Trial, bool) {
	call, ok := n.Left.(*ast.CallNode)
	if !ok || len(call.Arguments) != 1 {
		return Trial{}, false
	}
	function, isName := call.Callee.(*ast.IdentifierNode)
	name, isText := call.Arguments[0].(*ast.StringNode)
	if !isName || !isText || function.Value != "query" && function.Value != "cookie" && function.Value != "header" {
		return Trial{}, false
	}
	t := Trial{Function: function.Value, Name: name.Value, Source: n.String()}
	if negated {
		t.Source = "not (" + t.Source + ")"
	}
	var err error
	if t.met, _, err = Compile(t.Source, all); err != nil {
		return Trial{}, false
	}
	met, other := false, false
	for _, v := range append(constants(n.Right), "x", "1", "zzz", "0", "") {
		if t.met(carrying(t.Function, t.Name, v)) {
			if !met {
				t.Value, met = v, true
			}
		} else if !other {
			t.Other, other = v, true
		}
	}
	t.Known = met
	return t, true
}

// constants returns the texts that a comparison is with.
func constants(n ast.Node) (out []string) {
	switch n := n.(type) {
	case *ast.StringNode:
		out = []string{n.Value, n.Value + "x"}
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			out = append(out, constants(item)...)
		}
	}
	return out
}

// carrying returns a request with one value.
func carrying(function, name, value string) *request.Request {
	r := new(request.Request)
	switch function {
	case "query":
		r.Query = []request.Param{{Name: name, Value: value}}
	case "cookie":
		r.Cookies = []request.Param{{Name: name, Value: value}}
	case "header":
		r.Head.Fields = []request.Field{{Name: name, Value: value}}
	}
	return r
}
