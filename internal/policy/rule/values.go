package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"bartizan/internal/signal"
)

// values finds texts that a name is compared with and can never have: a rule with a misspelt
// one would be silent for ever.
type values struct{ err error }

// Visit implements ast.Visitor.
func (v *values) Visit(n *ast.Node) {
	b, ok := (*n).(*ast.BinaryNode)
	if !ok || v.err != nil || !slices.Contains([]string{"==", "!=", "in"}, b.Operator) {
		return
	}
	v.compared(b.Left, b.Right)
	v.compared(b.Right, b.Left)
}

func (v *values) compared(name, value ast.Node) {
	id, ok := name.(*ast.IdentifierNode)
	if !ok {
		return
	}
	switch value := value.(type) {
	case *ast.StringNode:
		v.check(id.Value, value.Value)
	case *ast.ArrayNode:
		for _, x := range value.Nodes {
			v.compared(name, x)
		}
	case *ast.ConstantNode:
		switch list := value.Value.(type) {
		case map[string]struct{}:
			for s := range list {
				v.check(id.Value, s)
			}
		case []string:
			for _, s := range list {
				v.check(id.Value, s)
			}
		}
	}
}

func (v *values) check(name, value string) {
	switch {
	case name == "stage":
		for s := range signal.Stage(signal.Stages) {
			if s.String() == value {
				return
			}
		}
		v.err = fmt.Errorf("stage is never %q: want clear, watch, interrogate, tarpit or block", value)
	case name == "intent" && value != "":
		if _, ok := signal.Intents[value]; !ok {
			v.err = fmt.Errorf("intent is never %q%s", value, meant(value))
		}
	}
}

// meant says which class somebody may mean who writes its name, or a part of it.
func meant(value string) string {
	var classes []string
	for class, name := range signal.Intents {
		if strings.EqualFold(class, value) || strings.EqualFold(name, value) {
			return fmt.Sprintf("; did you mean %q (%s)?", class, name)
		}
		classes = append(classes, class)
	}
	slices.Sort(classes)
	for _, class := range classes {
		if name := signal.Intents[class]; len(value) > 3 && name != "" && similar(value, name) {
			return fmt.Sprintf("; did you mean %q (%s)?", class, name)
		}
	}
	return ": want a class of the OWASP Automated Threat Handbook, \"OAT-001\" to \"OAT-021\", or \"" + signal.Unclassified + "\""
}

// similar reports whether two words have the same letters but for two.
func similar(a, b string) bool {
	count := map[rune]int{}
	for _, c := range strings.ToLower(a) {
		count[c]++
	}
	for _, c := range strings.ToLower(b) {
		count[c]--
	}
	off := 0
	for _, n := range count {
		off += max(n, -n)
	}
	return off <= 2 && strings.EqualFold(a[:1], b[:1])
}
