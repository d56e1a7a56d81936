package replay

import (
	"regexp"
	"strings"

	"bartizan/internal/request"
)

// graphArgument finds an argument of GraphQL with a string or a variable:
// password: "secret", password: $p.
var graphArgument = regexp.MustCompile(`([A-Za-z_][0-9A-Za-z_]*)\s*:\s*(?:"""((?s:.*?))"""|"((?:[^"\\\n]|\\.)*)"|\$([A-Za-z_][0-9A-Za-z_]*))`)

// graphQL reports whether a value may be an operation of GraphQL.
func graphQL(v *request.Value) bool {
	key := v.Key[strings.LastIndexByte(v.Key, '.')+1:]
	return (key == "query" || v.In == request.InText) && strings.IndexByte(v.Text, '{') >= 0 && strings.IndexByte(v.Text, ':') >= 0
}

// graphSecrets returns the secrets that an operation spells out, and the variables
// that it takes others from.
func graphSecrets(operation string) (literals, variables []string) {
	for _, m := range graphArgument.FindAllStringSubmatch(operation, 100) {
		literal := m[2] + m[3]
		switch {
		case !request.SecretField(m[1]):
		case m[4] != "":
			variables = append(variables, m[4])
		case literal != "" && !masked(literal):
			literals = append(literals, literal)
		}
	}
	return literals, variables
}
